import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { OK, type Reply } from "../core/reply.ts";
import { WORKLOADS, type WorkloadName } from "../sim/workloads/workloads.ts";
import { ChaosClients, type Door } from "./clients.ts";
import { exitCodeOf, judgeChaos, longestGap } from "./verdict.ts";

/** A register store of three doors, right in all it says unless `lose` says that a write is only acknowledged. */
function store(lose: (write: number) => boolean, breakAfter = Infinity) {
  const values = new Map<string, Uint8Array>();
  let writes = 0;
  const answer = (name: string, key: string, value: Uint8Array | undefined): Reply => {
    if (name === "GET") return values.get(key) ?? null;
    if (name === "DEL") return values.delete(key) ? 1 : 0;
    if (name === "SETNX" && values.has(key)) return 0;
    if (name === "SET" || name === "SETNX") {
      if (!lose(++writes)) values.set(key, value!);
      return name === "SET" ? OK : 1;
    }
    if (name === "INCR") {
      const count = Number(new TextDecoder().decode(values.get(key))) + 1;
      values.set(key, new TextEncoder().encode(String(count)));
      return count;
    }
    return OK;
  };
  const connect = async () => {
    const connection = {
      open: true,
      calls: 0,
      queue: null as Reply[] | null,
      close: () => void (connection.open = false),
      async call([name, key, value]: readonly Uint8Array[]): Promise<Reply> {
        const command = new TextDecoder().decode(name).toUpperCase();
        // Clients see each other's transactions as a whole: nothing here takes a turn in between.
        if (connection.calls++ >= breakAfter) {
          connection.open = false;
          throw new Error("connection lost");
        }
        if (command === "MULTI") connection.queue = [];
        if (command === "EXEC") return connection.queue!;
        const reply = answer(command, new TextDecoder().decode(key), value);
        if (command !== "MULTI") connection.queue?.push(reply);
        return reply;
      },
    };
    return connection;
  };
  return ["n1", "n2", "n3"].map((name): Door => ({ name, connect }));
}

async function observe(doors: readonly Door[], milliseconds: number, name: WorkloadName = "many-keys") {
  const workload = WORKLOADS[name].make("t:");
  const started = performance.now();
  const now = (): number => performance.now() - started;
  const clients = new ChaosClients({ seed: 1, clients: 1, workload, doors, now });
  clients.start();
  await sleep(milliseconds);
  await clients.stop();
  const recoveredAt = now();
  for (const door of doors) await clients.inTurn(door, workload.keys.map(workload.lastRead));
  return { workload, events: clients.events, recoveredAt, problems: [] };
}

const exitCode = (observation: Parameters<typeof judgeChaos>[0]): number =>
  exitCodeOf(judgeChaos(observation).map(({ verdict }) => verdict));

describe("clients and verdict together", () => {
  test("given a store that keeps what it says, then everything holds", async () => {
    expect(
      exitCode(
        await observe(
          store(() => false),
          800,
        ),
      ),
    ).toBe(0);
  });

  test("given a store that acknowledges a write and forgets it, then something is violated", async () => {
    const observation = await observe(
      store((write) => write % 10 === 0),
      800,
    );
    expect(exitCode(observation)).toBe(1);
  });

  test("given connections that break, then what is unclear is info, the process ends there, and others go on", async () => {
    const { events } = await observe(
      store(() => false, 5),
      500,
    );
    const unclear = events.filter(({ type }) => type === "info");
    expect(unclear.length).toBeGreaterThan(0);
    for (const { process } of unclear)
      expect(events.findLast((event) => event.process === process)?.type).toBe("info");
    expect(new Set(events.map(({ node }) => node)).size).toBe(3);
  });

  test("given a workload with versions, then the history has them, and the session guarantees are judged", async () => {
    const observation = await observe(
      store(() => false),
      2000,
      "sessions",
    );
    const acknowledged = observation.events.filter(({ type }) => type === "ok");
    expect(acknowledged.every(({ version }) => typeof version === "number")).toBe(true);
    expect(exitCode(observation)).toBe(0);
  });

  test("given nodes that cannot be reached, then nothing was checked, and that is not ok", async () => {
    const nowhere: Door = { name: "n1", connect: () => Promise.reject(new Error("refused")) };
    expect(exitCode(await observe([nowhere], 100))).toBe(3);
  });

  test("given a problem beside the history, then that decides", async () => {
    const observation = await observe(
      store(() => false),
      800,
    );
    expect(exitCode({ ...observation, problems: ["n2 ended by itself"] })).toBe(1);
  });

  test("given a cluster that never healed, then an otherwise perfect history does not help", async () => {
    const observation = await observe(
      store(() => false),
      800,
    );
    expect(exitCode({ ...observation, recoveredAt: null, problems: ["n2: does not answer"] })).toBe(1);
  });
});

test("the longest time without an acknowledged operation counts the beginning and the end", () => {
  const ok = (time: number) => ({ process: 0, type: "ok", f: "read", key: "k", value: null, time }) as const;
  expect(longestGap([ok(300), ok(400)], 500)).toEqual({ milliseconds: 300, at: 0 });
  expect(longestGap([ok(100), ok(400)], 500)).toEqual({ milliseconds: 300, at: 100 });
  expect(longestGap([ok(100)], 900)).toEqual({ milliseconds: 800, at: 100 });
});
