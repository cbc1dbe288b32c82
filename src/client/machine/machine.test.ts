import { describe, expect, test } from "vitest";
import { binaryBytes } from "../../core/bytes.ts";
import { nodeId } from "../../core/ids.ts";
import { FakeCluster, NO_FAULTS } from "../cluster.testkit.ts";
import type { ClientDriver } from "../driver.ts";
import { SESSION_WINDOW } from "../../data/delivery.ts";
import { command, readOf, Watched, writeTo } from "./calls.testkit.ts";

/** Requests that are no session openings. */
const requests = (cluster: FakeCluster) =>
  cluster.seen.filter(
    ({ request: { operation } }) => operation.kind !== "command" || operation.name !== ".session-open",
  );

/** A session is open from here on. */
function expectWarm(cluster: FakeCluster, driver: ClientDriver): void {
  const warm = new Watched(driver, writeTo("hits:warm", 0));
  cluster.scheduler.run(50);
  expect(warm.result).toBe("ok");
}

describe("the client's machine", () => {
  test("many calls share one session of their shard and do not wait for each other", () => {
    const cluster = new FakeCluster(1, { default: 1, hits: 1 });
    const driver = cluster.driver();
    const calls = Array.from({ length: 100 }, (_, i) => new Watched(driver, writeTo(`hits:${i}`, 0)));
    cluster.scheduler.run(20);
    expect(calls.every(({ result }) => result === "ok")).toBe(true);
    const tokens = requests(cluster).map(({ request: { envelope } }) => envelope);
    expect(tokens).toHaveLength(100);
    expect(new Set(tokens.map((envelope) => JSON.stringify(envelope))).size).toBe(100);
    expect(cluster.shards.find(({ sessions }) => sessions.size > 0)!.sessions.size).toBe(1);
  });

  test("writes go to the leader, also after it has changed", () => {
    const cluster = new FakeCluster(2, { default: 1, hits: 1 });
    const driver = cluster.driver();
    const shard = cluster.shards[1]!;
    const first = new Watched(driver, writeTo("hits:a", 0));
    cluster.scheduler.run(50);
    shard.leader = nodeId((shard.leader! % 3) + 1);
    cluster.faults = { ...NO_FAULTS, refuseForward: 1 };
    const second = new Watched(driver, writeTo("hits:a", 50));
    cluster.scheduler.run(1_000);
    expect([first.result, second.result, cluster.value("hits", "hits:a")]).toEqual(["ok", "ok", "2"]);
    expect(requests(cluster).at(-1)!.node).toBe(shard.leader);
  });

  test("a keyspace that was dropped and created again is found, with a session and without one", () => {
    const cluster = new FakeCluster(2, { default: 1, hits: 1 });
    const driver = cluster.driver();
    const first = new Watched(driver, writeTo("hits:a", 0));
    cluster.scheduler.run(50);
    cluster.dropKeyspace("hits");
    cluster.createKeyspace({ name: "hits", shards: 3 });
    // The client hears of it after its first attempts have come to nothing.
    const writes = Array.from({ length: 20 }, (_, i) => new Watched(driver, writeTo(`hits:${i}`, 50)));
    const read = new Watched(driver, readOf("hits:7", 50));
    cluster.scheduler.run(3_000);
    expect([first, read, ...writes].map(({ result }) => result)).toEqual(Array(22).fill("ok"));
    expect(Array.from({ length: 20 }, (_, i) => cluster.value("hits", `hits:${i}`))).toEqual(
      Array(20).fill("1"),
    );
    expect(driver.status()).toMatchObject({ calls: 0, waiting: 0, inFlight: 0, attempts: 0, alarms: 0 });
  });

  test("an idempotency key needs no session, and survives lost replies", () => {
    const cluster = new FakeCluster(3);
    cluster.faults = { ...NO_FAULTS, dropReply: 0.6 };
    const driver = cluster.driver({ attemptTimeout: 100 });
    const idempotency = {
      kind: "idempotency",
      key: binaryBytes("order-17"),
      lifetime: 60_000,
    } as const;
    const twice = [1, 2].map(() => new Watched(driver, writeTo("hits:a", 0, { idempotency })));
    cluster.scheduler.run(10_000);
    expect(twice.map(({ result }) => result)).toEqual(["ok", "ok"]);
    expect(cluster.value("hits", "hits:a")).toBe("1");
    expect(cluster.shards.every(({ sessions }) => sessions.size === 0)).toBe(true);
  });

  test("an expired session is replaced; nobody notices", () => {
    const cluster = new FakeCluster(4, { default: 1, hits: 1 });
    const driver = cluster.driver();
    const results: string[] = [];
    for (let round = 0; round < 3; round++) {
      const now = cluster.scheduler.now();
      const calls = [1, 2, 3].map(() => new Watched(driver, writeTo("hits:a", now)));
      cluster.scheduler.run(now + 1_000);
      results.push(...calls.map(({ result }) => result));
      cluster.shards[1]!.sessions.clear();
    }
    expect(results).toEqual(Array.from({ length: 9 }, () => "ok"));
    expect(cluster.value("hits", "hits:a")).toBe("9");
  });

  test("a session that expired between an unanswered attempt and its repetition leaves the outcome unknown", () => {
    const cluster = new FakeCluster(5, { default: 1, hits: 1 });
    const driver = cluster.driver({ attemptTimeout: 100 });
    const warm = new Watched(driver, writeTo("hits:a", 0));
    cluster.scheduler.run(50);
    cluster.faults = { ...NO_FAULTS, dropReply: 1 };
    const call = new Watched(driver, writeTo("hits:a", 50));
    cluster.scheduler.run(100);
    cluster.faults = NO_FAULTS;
    cluster.shards[1]!.sessions.clear();
    cluster.scheduler.run(1_000);
    expect([warm.result, call.result, cluster.value("hits", "hits:a")]).toEqual(["ok", "unknown", "2"]);
  });

  test("given up and fenced: after a later write, the shard refuses copies of the earlier one", () => {
    const cluster = new FakeCluster(6, { default: 1, hits: 1 });
    const driver = cluster.driver();
    expectWarm(cluster, driver);
    cluster.faults = { ...NO_FAULTS, delayRequest: 1, longDelay: 60_000 };
    const late = new Watched(driver, writeTo("hits:late", 50, { deadline: 60 }));
    cluster.scheduler.run(70);
    cluster.faults = NO_FAULTS;
    const next = new Watched(driver, writeTo("hits:next", 70));
    cluster.scheduler.run(120_000);
    expect([late.result, next.result]).toEqual(["timeout", "ok"]);
    expect(requests(cluster).filter(({ request }) => request.timeout <= 10)).toHaveLength(1);
    expect(cluster.value("hits", "hits:late")).toBeNull();
  });

  test("one stuck write does not let the session's window overflow", () => {
    const cluster = new FakeCluster(7, { default: 1, hits: 1 });
    const driver = cluster.driver({ attemptTimeout: 1_000_000 });
    expectWarm(cluster, driver);
    cluster.faults = { ...NO_FAULTS, dropRequest: 1 };
    const stuck = new Watched(driver, writeTo("hits:stuck", 50, { deadline: 5_000 }));
    cluster.scheduler.run(60);
    cluster.faults = NO_FAULTS;
    const calls = Array.from({ length: 3_000 }, () => new Watched(driver, writeTo("hits:a", 60)));
    cluster.scheduler.run(4_000);
    expect(calls.filter(({ result }) => result === "ok")).toHaveLength(SESSION_WINDOW - 1);
    cluster.scheduler.run(9_000);
    expect(stuck.result).toBe("timeout");
    expect(calls.filter(({ result }) => result === "ok")).toHaveLength(3_000);
    expect(cluster.violations).toEqual([]);
  });

  test("too many open calls: a definite overloaded at once; the others go on", () => {
    const cluster = new FakeCluster(8);
    const driver = cluster.driver({ maxCalls: 10 });
    const calls = Array.from({ length: 12 }, () => new Watched(driver, writeTo("hits:a", 0)));
    expect(calls.map(({ result }) => result).slice(9)).toEqual(["open", "overloaded", "overloaded"]);
    cluster.scheduler.run(100);
    expect(cluster.value("hits", "hits:a")).toBe("10");
  });

  test("aborted before it is sent: definite. Aborted after: unknown", () => {
    const cluster = new FakeCluster(9);
    const driver = cluster.driver();
    const unsent = new Watched(driver, writeTo("hits:a", 0));
    driver.abort(unsent.id, "enough");
    cluster.scheduler.run(50);
    cluster.faults = { ...NO_FAULTS, dropReply: 1 };
    const sent = new Watched(driver, writeTo("hits:a", 50, { repetition: "at-most-once" }));
    cluster.scheduler.run(60);
    driver.abort(sent.id, "enough");
    cluster.scheduler.run(20_000);
    expect([unsent.result, sent.result]).toEqual(["aborted", "unknown"]);
    expect(cluster.value("hits", "hits:a")).toBe("1");
  });

  test("closing tells every caller what is known, and leaves no timer", () => {
    const cluster = new FakeCluster(10);
    const driver = cluster.driver({ maxInFlight: 1 });
    const sent = new Watched(driver, writeTo("hits:a", 0, { repetition: "at-least-once" }));
    const waiting = new Watched(driver, writeTo("hits:a", 0, { repetition: "at-least-once" }));
    cluster.scheduler.runUntil(() => cluster.seen.length > 0, 100);
    driver.close();
    expect([sent.result, waiting.result]).toEqual(["unknown", "aborted"]);
    expect(driver.status()).toMatchObject({ calls: 0, alarms: 0, attempts: 0 });
    expect(new Watched(driver, readOf("hits:a", 0)).result).toBe("aborted");
  });

  test("without any topology the deadline is definite", () => {
    const cluster = new FakeCluster(11);
    const driver = cluster.driver();
    const call = new Watched(driver, writeTo("hits:a", 0, { deadline: 0.1 }));
    cluster.scheduler.run(10);
    expect(call.result).toBe("unreachable");
    expect(cluster.seen).toEqual([]);
  });

  test("a slow read is asked of a second node, a write never", () => {
    const cluster = new FakeCluster(12, { default: 1, hits: 1 });
    const driver = cluster.driver({ attemptTimeout: 5_000 });
    cluster.scheduler.run(10);
    cluster.faults = { ...NO_FAULTS, dropReply: 1 };
    const read = new Watched(driver, readOf("hits:a", 10, { hedgeAfter: 30 }));
    const write = new Watched(driver, writeTo("hits:a", 10, { repetition: "at-least-once", hedgeAfter: 30 }));
    cluster.scheduler.run(4_000);
    const reads = requests(cluster).filter(({ request }) => !request.write);
    expect(reads).toHaveLength(2);
    expect(new Set(reads.map(({ node }) => node)).size).toBe(2);
    expect(requests(cluster)).toHaveLength(3);
    cluster.faults = NO_FAULTS;
    cluster.scheduler.run(9_000);
    expect([read.result, write.result]).toEqual(["ok", "ok"]);
  });

  test("keys of two shards in one operation are refused before anything is sent", () => {
    const cluster = new FakeCluster(13);
    const driver = cluster.driver();
    cluster.scheduler.run(10);
    const keys = ["hits:a", "hits:b", "hits:c"].map((key) => new TextEncoder().encode(key));
    const call = new Watched(
      driver,
      writeTo("", 10, {
        target: { kind: "keys", keyspace: "hits", keys },
        operation: { kind: "transaction", watched: [], calls: [command("incr", "hits:a")] },
      }),
    );
    const stray = new Watched(
      driver,
      writeTo("", 10, {
        target: { kind: "keys", keyspace: "default", keys: [new TextEncoder().encode("hits:a")] },
      }),
    );
    expect([call.result, stray.result]).toEqual(["cross-shard", "bad-request"]);
    expect(cluster.seen).toEqual([]);
  });

  test("a node that is down is avoided, and asked again when it is back", () => {
    const cluster = new FakeCluster(14, { default: 1, hits: 1 });
    const driver = cluster.driver();
    cluster.scheduler.run(10);
    const leader = cluster.shards[1]!.leader!;
    cluster.crash(leader);
    const call = new Watched(driver, writeTo("hits:a", 10));
    cluster.scheduler.run(5_000);
    expect(call.result).toBe("ok");
    expect(cluster.seen.every(({ node }) => node !== leader)).toBe(true);
    cluster.restart(leader);
    cluster.shards[1]!.leader = leader;
    cluster.faults = { ...NO_FAULTS, refuseForward: 1 };
    const later = new Watched(driver, writeTo("hits:a", 5_000));
    cluster.scheduler.run(9_000);
    expect([later.result, cluster.seen.at(-1)!.node]).toEqual(["ok", leader]);
  });

  test("a node that has just started and does not know the keyspace yet: asked again, and nobody notices", () => {
    const cluster = new FakeCluster(15, { default: 1, hits: 1 });
    const driver = cluster.driver();
    cluster.scheduler.run(10);
    cluster.starting.add(cluster.shards[1]!.leader!);
    const calls = [writeTo("hits:a", 10), readOf("hits:a", 10)].map((call) => new Watched(driver, call));
    cluster.scheduler.run(300);
    expect(calls.map(({ result }) => result)).toEqual(["open", "open"]);
    cluster.starting.clear();
    cluster.scheduler.run(2_000);
    expect(calls.map(({ result }) => result)).toEqual(["ok", "ok"]);
  });

  test.each(["with a session", "without"])(
    "a keyspace that was dropped is told as that, long before the deadline (%s)",
    (session) => {
      const cluster = new FakeCluster(16, { default: 1, hits: 1 });
      const driver = cluster.driver();
      cluster.scheduler.run(10);
      if (session === "with a session") expectWarm(cluster, driver);
      cluster.dropKeyspace("hits");
      const calls = [writeTo("hits:a", 50), readOf("hits:a", 50)].map((call) => new Watched(driver, call));
      cluster.scheduler.run(1_000);
      expect(calls.map(({ result }) => result)).toEqual(["unknown-keyspace", "unknown-keyspace"]);
    },
  );
});
