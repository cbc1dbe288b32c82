/** What the product promises, tried on real processes: kill -9, stopped processes, lost directories, moving members. */
import { rmSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { TestCluster, sleep, until } from "./cluster.testkit.ts";
import { Writers } from "./writers.testkit.ts";

describe("a cluster of three processes", () => {
  let cluster: TestCluster;

  beforeEach(async () => {
    cluster = await TestCluster.create(3);
    cluster.start();
    await cluster.untilReady();
  });

  afterEach(() => cluster.end());

  test("given writers on every node, when leaders are killed with -9 one after the other, then every acknowledged write is there", async () => {
    const writers = new Writers(cluster, 8);
    for (let kill = 0; kill < 3; kill++) {
      const sofar = writers.acknowledged.length;
      await until(async () => writers.acknowledged.length > sofar + 100, 60_000, "writes");
      const victim = await cluster.busiestLeader();
      await victim.signal("SIGKILL");
      const before = writers.acknowledged.length;
      await until(async () => writers.acknowledged.length > before + 50, 30_000, "writes to go on");
      victim.start();
      await cluster.untilReady();
    }
    await writers.stop();
    for (const node of cluster.nodes) expect(await writers.missing(node)).toEqual([]);
  });

  test("given writers, when all three are killed at once and start again, then everything acknowledged is there", async () => {
    const writers = new Writers(cluster, 8);
    await until(async () => writers.acknowledged.length > 300, 60_000, "writes");
    await Promise.all(cluster.nodes.map((node) => node.signal("SIGKILL")));
    await writers.stop();
    cluster.start();
    await cluster.untilReady();
    expect(await writers.missing(cluster.nodes[0]!)).toEqual([]);
  });

  test("given a leader stopped for ten seconds, when it goes on, then it serves no stale read and loses no write", async () => {
    const leader = await cluster.busiestLeader();
    const other = cluster.nodes.find((node) => node !== leader)!;
    const stale = leader.client();
    const fresh = other.client();
    await until(
      async () => stale.status === "ready" && fresh.status === "ready",
      10_000,
      "the clients to connect",
    );
    const keys = Array.from({ length: 24 }, (_, i) => `pause:${i}`);
    for (const key of keys) await fresh.set(key, "old");

    await leader.signal("SIGSTOP");
    // Asked while it is stopped: answered only when it goes on, and by then the value is another one.
    const reads = keys.map((key) => stale.get(key));
    await sleep(1000);
    for (const key of keys) {
      await until(
        async () => (await fresh.set(key, "new").catch(() => null)) === "OK",
        30_000,
        `a write of ${key}`,
      );
    }
    await sleep(9000);
    await leader.signal("SIGCONT");
    const values = await Promise.allSettled(reads);
    const answered = values.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    expect(answered.filter((value) => value !== "new")).toEqual([]);
    await cluster.untilReady();
    for (const key of keys) expect(await stale.get(key)).toBe("new");
    stale.disconnect();
    fresh.disconnect();
  });

  test("given a node whose directory was deleted, when it starts again under load, then it gets everything back", async () => {
    const writers = new Writers(cluster, 6);
    await until(async () => writers.acknowledged.length > 200, 60_000, "writes");
    const victim = cluster.nodes[2]!;
    await victim.signal("SIGKILL");
    rmSync(victim.directory, { recursive: true });
    victim.start();
    await cluster.untilReady();
    await until(
      async () => {
        const status = await victim.status();
        const shards = status?.replicas.filter((replica) => replica.keyspace === "default") ?? [];
        return shards.length === 8 && shards.every((replica) => replica.voters.includes(status!.id!));
      },
      60_000,
      "the new directory to vote in every shard",
    );
    await writers.stop();
    // Whatever is acknowledged survives without the two others' memory of it: only the new directory and one more are up.
    await cluster.nodes[0]!.signal("SIGKILL");
    const missing = await writers.missing(victim);
    expect(missing).toEqual([]);
  });

  test("given load, when a fourth node joins and the first is removed, then its shards move and nothing is lost", async () => {
    const writers = new Writers(cluster, 6);
    await until(async () => writers.acknowledged.length > 100, 60_000, "writes");
    const fourth = await cluster.join("n4");
    await cluster.untilReady();
    const [first, second] = cluster.nodes;
    expect(await second!.admin({ type: "node-remove", node: "n1" })).toMatchObject({ ok: true });
    await until(
      async () => {
        const status = await second!.status();
        return status !== null && !status.nodes.some((node) => node.name === "n1");
      },
      60_000,
      "the first node to be gone",
    );
    await first!.signal("SIGTERM");
    await writers.stop();
    const status = await fourth.status();
    expect(status?.replicas.filter((replica) => replica.keyspace === "default")).toHaveLength(8);
    expect(await writers.missing(fourth)).toEqual([]);
  });
});
