/** `kvorum bench` against a node in this process. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { BenchSummary } from "../../bench/summary.ts";
import { counter, createNode, type EmbeddedNode, register } from "../../index.ts";
import { fakeProcess } from "../context.testkit.ts";

let directory: string;
let node: EmbeddedNode;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "kvorum-bench-"));
  node = await createNode({ dataDir: join(directory, "n1"), respPort: 0, httpPort: 0 });
  await node.ready();
  const keyspaces = {
    users: register<string>(),
    likes: counter({ replication: "gossip" }),
    small: register<string>({ limits: { maxValueBytes: 64 } }),
  };
  const db = await node.connect({ keyspaces, ensure: true });
  db.close();
});

afterAll(async () => {
  await node.close();
  rmSync(directory, { recursive: true });
});

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function bench(line: string): Promise<Ran> {
  const { run, out, err } = fakeProcess({ env: { KVORUM_URL: `http://${node.addresses.http}` } });
  const code = await run("bench", ...line.split(" "));
  return { code, out: out(), err: err() };
}

async function measured(line: string): Promise<BenchSummary> {
  const { code, out, err } = await bench(`${line} --json --warmup 0`);
  expect(err).toBe("");
  expect(code).toBe(0);
  return JSON.parse(out) as BenchSummary;
}

const keysLeft = async (): Promise<number> => {
  const { keyspaces } = node.status();
  const counted = await Promise.all(
    keyspaces.map(async ({ name }) => {
      const answer = await fetch(`http://${node.addresses.http}/v1/keyspaces/${name}/keys`);
      return ((await answer.json()) as { keys: unknown[] }).keys.length;
    }),
  );
  return counted.reduce((sum, count) => sum + count, 0);
};

describe("each workload over each protocol does what it should, and leaves nothing behind", () => {
  it.each(["typed", "resp"])("%s", async (protocol) => {
    for (const workload of [
      "set",
      "get --distribution zipfian",
      "mixed --read-ratio 0.5",
      "incr",
      "sadd",
      "incr --keyspace likes",
      "set --keyspace users",
    ]) {
      const line = `${workload} --protocol ${protocol} --clients 4 --pipeline 2 --keys 50 --requests 100`;
      const summary = await measured(line);
      expect(summary).toMatchObject({ ok: 100, failed: 0, failures: [] });
      expect(summary.latency!.count).toBe(100);
      expect(summary.nodes[0]!.version).toMatch(/^kvorum \d/);
    }
    expect(await keysLeft()).toBe(0);
  });
});

it("sends at the rate that is asked for, and no faster", async () => {
  const summary = await measured("set --rate 200 --duration 500ms --keys 20");
  // How many of them were answered in time depends on the machine.
  expect(summary.ok + summary.failed + summary.generator.backlog).toBe(100);
  expect(summary.command).toBe(
    `kvorum bench set --url http://${node.addresses.http} --keys 20 --duration 0.5s --warmup 0s --rate 200 --seed 1`,
  );
});

it("prints a summary, writes a report, and says what stays", async () => {
  const file = join(directory, "bench.html");
  const { code, out, err } = await bench(
    `get --clients 2 --keys 10 --requests 200 --warmup 0 --keep --report ${file}`,
  );
  expect(code).toBe(0);
  expect(out).toMatch(/^kvorum bench get on default at n1: 2 callers over 1 typed client, closed loop/);
  expect(out).toMatch(/^throughput {2}[\d,]+\/s, 200 requests/m);
  expect(out).toMatch(/^latency +200 /m);
  expect(err).toContain("10 keys that begin with kvorum-bench-s- stay in the keyspace default.\n");
  expect(readFileSync(file, "utf8")).toContain("kvorum bench get: ");
  expect(await keysLeft()).toBe(10);
  expect((await bench("set --clients 2 --keys 10 --requests 200 --warmup 0")).code).toBe(0);
  expect(await keysLeft()).toBe(0);
});

it("compares with an earlier run, and says when that was another load", async () => {
  const file = join(directory, "before.json");
  const line = "set --clients 2 --keys 10 --requests 100 --warmup 0";
  writeFileSync(file, (await bench(`${line} --json`)).out);
  expect((await bench(`${line} --against ${file}`)).out).toMatch(
    /^against \S+before\.json: throughput ×\d+\.\d\d {2}p50 ×\d+\.\d\d {2}p90 ×\S+ {2}p99 ×\S+$/m,
  );
  const other = await bench(`${line} --value-size 200 --against ${file}`);
  expect(other.out).toMatch(/warning: that was another load: valueSize 200, before 100/);
  writeFileSync(file, "{}");
  expect(await bench(`${line} --against ${file}`)).toMatchObject({
    code: 2,
    err: expect.stringContaining("is no result of kvorum bench"),
  });
});

it("measures nothing when Ctrl-C comes while it writes the keys to read, and deletes those", async () => {
  const process = fakeProcess({ env: { KVORUM_URL: `http://${node.addresses.http}` } });
  const ended = process.run("bench", "get", "--duration", "10m", "--keys", "2000000");
  const started = performance.now();
  while (!process.err().includes("writing the keys")) {
    expect(performance.now() - started).toBeLessThan(20_000);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  process.signal("SIGINT");
  expect(await ended).toBe(1);
  expect(process.err()).toContain("nothing was measured");
  expect(await keysLeft()).toBe(0);
});

it("ends early on Ctrl-C, with what was measured by then, and cleans up", async () => {
  const process = fakeProcess({ env: { KVORUM_URL: `http://${node.addresses.http}` } });
  const ended = process.run("bench", "set", "--duration", "10m", "--warmup", "0", "--keys", "50");
  const started = performance.now();
  while (!process.err().includes("/s")) {
    expect(performance.now() - started).toBeLessThan(20_000);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  process.signal("SIGINT");
  expect(await ended).toBe(0);
  expect(process.out()).toMatch(/^latency +[\d,]+ /m);
  expect(await keysLeft()).toBe(0);
});

describe("what cannot be done is told, with what to do", () => {
  it.each([
    ["set --keyspace nope", 1, /there is no keyspace "nope", only .*kvorum keyspace create nope/s],
    ["set --keyspace user", 1, /Did you mean users\?/],
    [
      "get --keyspace likes --consistency stale",
      2,
      /"likes" is replicated by gossip.*Leave --consistency out/s,
    ],
    ["dance", 2, /the workload is not "dance".*There are: set, get, mixed, incr, sadd/s],
    ["set --report bench.pdf", 2, /neither.*bench\.html/s],
    ["set --url 127.0.0.1:1", 3, /no node answers.*kvorum dev/s],
    ["set --resp 127.0.0.1:1", 3, /no node answers.*--resp/s],
    ["set --resp nowhere", 2, /"nowhere" is not HOST:PORT/],
  ])("%s", async (line, code, why) => {
    const ran = await bench(line);
    expect(ran.code).toBe(code);
    expect(ran.err).toMatch(why);
  });

  it("a run in which nothing succeeds fails", async () => {
    const { code, out, err } = await bench("set --keyspace small --requests 3 --clients 1 --warmup 0");
    expect(code).toBe(1);
    expect(out).toMatch(/too-large +3 +surely none/);
    expect(err).toMatch(/no request succeeded/);
  });
});
