/**
 * The same commands to Debian's redis-server and to us, over real sockets, and the replies compared. More, other ones:
 * DIFFERENTIAL_RUNS=2000 DIFFERENTIAL_SEED=$RANDOM npx vitest run test/differential
 * With DIFFERENTIAL_ADDRESS=127.0.0.1:7410 a running cluster is compared, which is flushed.
 */
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  startServer,
  type RunningServer,
  TestClient,
  type Wire,
} from "../../src/server/resp/client.testkit.ts";
import { FakeNode } from "../../src/server/resp/fake-node.testkit.ts";
import { type Command, CONVERSATION, KEYS, sequences } from "./commands.testkit.ts";
import { differences } from "./comparison.testkit.ts";
import { redisIsInstalled, startRedis, type RunningRedis } from "./redis.testkit.ts";

const RUNS = Number(process.env.DIFFERENTIAL_RUNS ?? 60);
const SEED = Number(process.env.DIFFERENTIAL_SEED ?? 7);
const LENGTH = 120;
const ADDRESS = process.env.DIFFERENTIAL_ADDRESS;

const VERSIONS = ["2", "3"] as const;

describe.skipIf(!redisIsInstalled())("as Redis", () => {
  let redis: RunningRedis;
  let kvorum: Pick<RunningServer, "connect" | "close">;

  beforeAll(async () => {
    redis = await startRedis();
    kvorum =
      ADDRESS === undefined
        ? await startServer({ node: new FakeNode() })
        : { connect: () => TestClient.connect(ADDRESS), close: () => Promise.resolve() };
  });

  afterAll(async () => {
    await kvorum.close();
    await redis.close();
  });

  async function clients(version: string): Promise<readonly [TestClient, TestClient]> {
    const both = [await redis.connect(), await kvorum.connect()] as const;
    for (const client of both) await client.call("HELLO", version);
    return both;
  }

  /** The differences between the replies to a pipeline. */
  async function compare(
    both: readonly [TestClient, TestClient],
    commands: readonly Command[],
  ): Promise<string[]> {
    const [theirs, ours] = await Promise.all(both.map((client) => client.pipeline(...commands)));
    return differences(commands, theirs!, ours!);
  }

  test.each(VERSIONS)(
    "every data command answers the same, in RESP%s",
    async (version) => {
      const both = await clients(version);
      await fc.assert(
        fc.asyncProperty(sequences(LENGTH), async (commands) => {
          // RESET would leave RESP3; an unfinished transaction or watch of a shrunk sequence must not leak.
          for (const client of both) await client.pipeline(["DISCARD"], ["UNWATCH"], ["FLUSHALL"]);
          expect(await compare(both, commands)).toEqual([]);
          const state = KEYS.flatMap((key): Command[] => [
            ["TYPE", key],
            ["GET", key],
            ["HGETALL", key],
            ["SMEMBERS", key],
            ["PTTL", key],
          ]);
          expect(
            await compare(both, [["DISCARD"], ["EXISTS", ...KEYS], ["DBSIZE"], ["KEYS", "*"], ...state]),
          ).toEqual([]);
          const [theirs, ours] = await Promise.all(both.map(scanEverything));
          expect(ours).toEqual(theirs);
        }),
        { numRuns: RUNS, seed: SEED + Number(version) },
      );
      for (const client of both) await client.close();
    },
    60_000 + RUNS * 1000,
  );

  test.each(VERSIONS)("conversations about the connection go the same, in RESP%s", async (version) => {
    const both = await clients(version);
    expect(await compare(both, CONVERSATION)).toEqual([]);
    for (const client of both) await client.close();
  });

  test("lines instead of arrays are read the same", async () => {
    const lines = [
      'set a{t} "x y"',
      "get a{t}",
      "GET 'a{t}'",
      'set a{t} "\\x41\\n"',
      "get a{t}",
      "",
      "   ",
      "set a{t} ''",
      "strlen a{t}",
      "nosuch a b",
    ];
    const [theirs, ours] = await Promise.all(
      (await clients("2")).map((client) => {
        client.write(lines.map((line) => `${line}\r\n`).join(""));
        return client.readMany(lines.filter((line) => line.trim() !== "").length);
      }),
    );
    expect(ours).toEqual(theirs);
  });

  test.each([
    "*x\r\n",
    "*1\r\n+PING\r\n",
    "*1\r\n$-2\r\n",
    "*1\r\n$x\r\n",
    'set a "b\r\n',
    "x".repeat(70_000),
  ])("what cannot be read is refused the same: %j", async (garbage) => {
    const both = await clients("2");
    for (const client of both) client.write(garbage);
    const [theirs, ours] = await Promise.all(both.map((client) => client.closed));
    expect(ours).toEqual(theirs);
  });
});

/** All keys by SCAN, and all elements by HSCAN and SSCAN. */
async function scanEverything(client: TestClient): Promise<Wire> {
  const found: Record<string, readonly Wire[]> = { keys: await walk(client, ["SCAN"], ["COUNT", "2"]) };
  for (const key of KEYS) {
    const type = await client.call("TYPE", key);
    if (type === "+set") found[key] = await walk(client, ["SSCAN", key], ["COUNT", "2"]);
    if (type === "+hash") found[key] = await walk(client, ["HSCAN", key], ["COUNT", "2"]);
  }
  return found;
}

async function walk(client: TestClient, command: Command, options: Command): Promise<Wire[]> {
  const found: Wire[] = [];
  let cursor = "0";
  do {
    const [next, page] = (await client.call(...command, cursor, ...options)) as [string, Wire[]];
    found.push(...page);
    cursor = next;
  } while (cursor !== "0");
  return found.sort();
}
