/** Stories of whole nodes, in virtual time. */
import { describe, expect, test } from "vitest";
import { SYSTEM_GROUP } from "../core/ids.ts";
import type { SimulatedHost } from "../sim/simulated-host.ts";
import { plain, Story } from "../sim/stories.testkit.ts";
import { commandCall } from "../sim/workloads/workload.ts";
import { partitions } from "../transport/network-faults.ts";

describe("founding and joining", () => {
  test("three empty nodes found a cluster together, whatever node answers", () => {
    const story = new Story();
    expect(story.do("n1", "set a 1")).toBe("OK");
    expect(story.do("n2", "get a")).toBe("1");
    expect(story.do("n3", "incr a")).toBe(2);
    const status = story.host("n1").node!.status();
    expect(status.nodes.map((node) => [node.id, node.name])).toEqual([
      [1, "n1"],
      [2, "n2"],
      [3, "n3"],
    ]);
    expect(status.keyspaces[0]).toMatchObject({ name: "default", shards: 8, replicas: 3 });
  });

  test("leaders are spread over the nodes, and go back after a failure", () => {
    const story = new Story();
    const leading = () =>
      story.cluster.hosts.map(
        (host) =>
          host.node?.status().replicas.filter((replica) => replica.role === "leader" && replica.group > 0)
            .length ?? 0,
      );
    const isEven = () => [...leading()].sort().join() === "2,3,3";
    story.until("an even spread", isEven);
    story.host("n1").crash();
    story.until("the others to lead", () => leading().reduce((a, b) => a + b, 0) === 8);
    expect(isEven()).toBe(false);
    story.host("n1").start();
    story.ready();
    story.until("an even spread again", isEven, 60_000);
  });

  test("a node alone founds nothing while others of its list cannot be asked, and says whom it waits for", () => {
    const story = new Story();
    const lonely = new Story({ nodes: 1 });
    expect(lonely.do("n1", "set a 1")).toBe("OK");
    story.host("n1").wipe();
    story.host("n2").crash();
    story.host("n3").crash();
    story.host("n1").start();
    story.pass(5000);
    const { ready, waiting } = story.host("n1").node!.status();
    expect(ready).toBe(false);
    expect(waiting?.reason).toContain("n2 (n2:7412), n3 (n3:7412)");
    expect(story.do("n1", "get a")).toMatch(/^CLUSTERDOWN .*waiting for/);
  });

  test("given a founder that lost its directory, when it starts, then it joins under a new id instead of founding anew", () => {
    const story = new Story();
    story.do("n2", "set kept yes");
    story.host("n1").wipe();
    story.host("n1").start();
    story.ready();
    expect(story.host("n1").node!.status().id).toBe(4);
    story.until("all shards to be held by the new node", () =>
      story
        .host("n1")
        .node!.status()
        .replicas.every((replica) => replica.voters.includes(4 as never)),
    );
    // Until the joint configurations are left behind, the lost directory still counts.
    story.pass(3000);
    story.host("n2").crash();
    expect(story.do("n1", "get kept")).toBe("yes");
  });

  test("a node that joins is told about everything; one that is removed is left with nothing", () => {
    const story = new Story();
    story.do("n1", "set a 1");
    story.cluster.addHost("n4").start();
    story.ready();
    expect(story.do("n4", "get a")).toBe("1");
    expect(story.admin("n4", { type: "node-remove", node: "n2" })).toMatchObject({ ok: true });
    story.until("n2 to be gone", () =>
      story
        .host("n1")
        .node!.status()
        .nodes.every((node) => node.name !== "n2"),
    );
    story.host("n2").crash();
    expect(story.do("n4", "get a")).toBe("1");
    expect(
      story
        .host("n4")
        .node!.status()
        .replicas.filter((replica) => replica.keyspace === "default"),
    ).toHaveLength(8);
  });
});

test("a keyspace with one replica is spread over a node that joined, while it is written to, and nothing is lost", () => {
  const story = new Story({ nodes: 1 });
  const keys = Array.from({ length: 40 }, (_, i) => `key-${i}`);
  for (const key of keys) story.do("n1", `set ${key} first`);
  story.cluster.addHost("n2").start();
  story.ready();
  const heldBy = (name: string) =>
    story
      .host(name)
      .node!.status()
      .replicas.filter((replica) => replica.keyspace === "default").length;
  expect([heldBy("n1"), heldBy("n2")]).toEqual([8, 0]);
  expect(story.admin("n2", { type: "keyspace-spread", name: "default" })).toMatchObject({ ok: true });
  for (const key of keys) expect(story.do("n1", `set ${key} second`)).toBe("OK");
  story.until("half of the shards to have moved", () => heldBy("n1") === 4 && heldBy("n2") === 4);
  for (const key of keys) expect(story.do("n2", `get ${key}`)).toBe("second");
});

describe("members under new ids", () => {
  test("a node that was down while another came back as a new one, and led, finds it", () => {
    const story = new Story({ nodes: 5 });
    story.host("n3").crash();
    story.host("n2").wipe();
    story.host("n2").start();
    story.ready();
    const hasNewId = () => story.host("n2").node?.status().id === 6;
    story.until("n2 to be node 6", hasNewId);
    story.until("n2 to lead the system group", () => {
      const { replicas } = story.host("n2").node!.status();
      const system = replicas.find(({ keyspace }) => keyspace === "(system)");
      if (system?.role === "leader") return true;
      story.admin("n1", { type: "transfer-leader", group: SYSTEM_GROUP, to: "n2" });
      return false;
    });
    // n3 knows of no node 6 and refuses its connections: it has to ask the others who there is.
    story.host("n3").start();
    story.ready();
    expect(story.do("n3", "set a 1")).toBe("OK");
  });
});

describe("a restart on the smaller side of a partition", () => {
  test("given a node that restarts alone, then it serves the merging keyspaces that it knows and nothing else, and all converge", () => {
    const story = new Story();
    const create = (name: string, replication: "gossip" | "raft") =>
      story.admin("n1", { type: "keyspace-create", spec: { name, replication, shards: 2 } });
    create("likes", "gossip");
    create("accounts", "raft");
    story.until("every node to hold them", () =>
      story.cluster.hosts.every((host) => host.node!.status().replicas.length === 13),
    );
    expect(story.do("n3", "incr likes:a")).toBe(1);
    story.pass(10_000);
    for (const host of story.cluster.hosts) host.crash("process");
    story.host("n3").start();
    story.pass(1000);
    expect(story.host("n3").node!.ready).toBe(false);

    expect(story.do("n3", "incr likes:a")).toBe(2);
    expect(story.do("n3", "get likes:a")).toBe("2");
    expect(story.do("n3", "get likes:nothing")).toBe(null);
    for (const ordered of ["set accounts:a 1", "get plain", "get unknown:a", "set other:a 1"])
      expect(story.do("n3", ordered)).toMatch(/^CLUSTERDOWN .*waiting for/);
    // It is not known yet whether all of these are in a keyspace that merges.
    expect(story.do("n3", "del likes:a plain")).toMatch(/^CLUSTERDOWN .*waiting for/);

    story.host("n1").start();
    story.host("n2").start();
    story.ready();
    story.until("the others to have it", () =>
      ["n1", "n2", "n3"].every((name) => story.do(name, "get likes:a") === "2"),
    );
    expect(story.do("n1", "incr likes:a")).toBe(3);
    expect(story.do("n3", "set accounts:a 1")).toBe("OK");
  });

  test("given a keyspace that was dropped while a node was away, then what that node took for it alone is gone with it", () => {
    const story = new Story();
    const spec = { name: "likes", replication: "gossip", shards: 1 } as const;
    story.admin("n1", { type: "keyspace-create", spec });
    story.until("every node to hold it", () =>
      story.cluster.hosts.every((host) => host.node!.status().replicas.length === 10),
    );
    story.pass(10_000);
    story.host("n3").crash("process");
    story.admin("n1", { type: "keyspace-drop", name: "likes" });
    story.pass(1000);
    story.host("n1").crash("process");
    story.host("n2").crash("process");
    story.host("n3").start();
    story.pass(1000);
    expect(story.do("n3", "incr likes:a")).toBe(1);
    story.host("n1").start();
    story.host("n2").start();
    story.ready();
    story.until("its replica to be deleted", () => story.host("n3").node!.status().replicas.length === 9);
    expect(story.do("n3", "get likes:a")).toBe(null);
  });
});

describe("keyspaces", () => {
  test("a key belongs to the keyspace before its first colon, where there is one", () => {
    const story = new Story();
    story.do("n1", "set users:1 before");
    expect(story.admin("n2", { type: "keyspace-create", spec: { name: "users", shards: 2 } })).toMatchObject({
      ok: true,
    });
    story.until("every node to know it", () =>
      story.cluster.hosts.every((host) => host.node!.keyspaces().length === 2),
    );
    // Keys of that name were in `default`; from now on they are looked for in their own keyspace.
    expect(story.do("n3", "get users:1")).toBe(null);
    expect(story.do("n3", "set users:1 after")).toBe("OK");
    expect(story.do("n1", "get users:1")).toBe("after");
  });

  test("a node that was away while a keyspace was created takes none of its keys for the default keyspace's", () => {
    const answers = new Set<unknown>();
    for (let seed = 1; seed <= 5; seed++) {
      const story = new Story({ seed, defaultShards: 1, network: { delayMin: 1, delayMax: 40 } });
      story.host("n2").crash();
      story.admin("n1", { type: "keyspace-create", spec: { name: "b", shards: 1 } });
      const isKnown = () =>
        story
          .host("n1")
          .node!.keyspaces()
          .some(({ name }) => name === "b");
      story.until("the keyspace", isKnown);
      expect(story.do("n1", "set b:k 1")).toBe("OK");
      story.host("n2").start();
      for (let passed = 0; passed < 1000; passed += 5) {
        story.host("n2").node?.execute(commandCall("get", "b:k"), {}, (reply) => answers.add(plain(reply)));
        story.pass(5);
      }
    }
    expect([...answers].filter((answer) => !String(answer).startsWith("CLUSTERDOWN"))).toEqual(["1"]);
  });

  test("a dropped keyspace is gone with its data, and one of the same name starts empty", () => {
    const story = new Story();
    const create = () => story.admin("n1", { type: "keyspace-create", spec: { name: "k", shards: 2 } });
    create();
    story.do("n1", "set k:1 x");
    expect(story.admin("n2", { type: "keyspace-drop", name: "k" })).toMatchObject({ ok: true });
    story.until("its replicas to be deleted", () =>
      story.cluster.hosts.every((host) => host.node!.status().replicas.length === 9),
    );
    create();
    story.until("every node to know it", () =>
      story.cluster.hosts.every((host) => host.node!.keyspaces().length === 2),
    );
    expect(story.do("n3", "get k:1")).toBe(null);
    for (const host of story.cluster.hosts) host.crash();
    for (const host of story.cluster.hosts) host.start();
    story.ready();
    expect(story.do("n3", "get k:1")).toBe(null);
  });

  test("values and keys over the keyspace's limits are refused, and nothing changes", () => {
    const story = new Story();
    const limits = { maxKeyBytes: 16, maxValueBytes: 10 };
    story.admin("n1", { type: "keyspace-create", spec: { name: "small", shards: 1, limits } });
    expect(story.do("n1", "set small:1 12345678901")).toMatch(/^ERR A value has 11 bytes; 'small' allows 10/);
    expect(story.do("n1", "set small:12345678901 1")).toMatch(/^ERR A key has 17 bytes; 'small' allows 16/);
    story.do("n1", "set small:1 1234567890");
    expect(story.do("n1", "append small:1 x")).toMatch(/string exceeds maximum allowed size/);
    expect(story.do("n1", "get small:1")).toBe("1234567890");
  });

  test("commands over several shards come together where that is not atomic anyway, and are refused where it is", () => {
    const story = new Story();
    for (let i = 0; i < 12; i++) story.do("n1", `set k${i} ${i}`);
    expect(story.do("n2", "mget k0 k1 nothing k11")).toEqual(["0", "1", null, "11"]);
    expect(story.do("n3", "exists k0 k1 k2 nothing k3")).toBe(4);
    expect(story.do("n1", "del k0 k1 k2 k3 k4 k5")).toBe(6);
    expect(story.do("n1", "mset k0 a k1 b k2 c")).toMatch(/^CROSSSLOT /);
    expect(story.do("n1", "get k0")).toBe(null);
    expect(story.do("n1", "mset {t}a 1 {t}b 2")).toBe("OK");
  });
});

describe("expiry", () => {
  test("a key expires by the order of the log, on its own, and is really freed", () => {
    const story = new Story();
    story.do("n1", "set gone x px 500");
    story.do("n1", "sadd members a b c");
    story.do("n1", "pexpire members 500");
    expect(story.do("n2", "get gone")).toBe("x");
    story.pass(600);
    expect(story.do("n3", "get gone")).toBe(null);
    expect(story.do("n3", "scard members")).toBe(0);
    const group = story.host("n1").node!.groupOfKey(new TextEncoder().encode("gone"))!;
    expect(group).toBeGreaterThan(0);
  });

  test("an expiry that came due while everything was down is done after the restart", () => {
    const story = new Story();
    story.do("n1", "set gone x px 3000");
    for (const host of story.cluster.hosts) host.crash();
    story.pass(10_000);
    for (const host of story.cluster.hosts) host.start();
    story.ready();
    story.pass(500);
    expect(story.do("n2", "get gone")).toBe(null);
  });
});

describe("limits and failures", () => {
  test("more requests than may be under way are refused, definitely, and the others are answered", () => {
    const story = new Story({ limits: { maxInFlight: 10 } });
    const asked = Array.from({ length: 15 }, (_, i) => story.ask("n1", `set k${i} v`));
    const refused = asked.filter((request) => String(request.answer).startsWith("OVERLOADED"));
    expect(refused).toHaveLength(5);
    expect(refused[0]!.answer).toMatch(/It was not done/);
    story.until("the answers", () => asked.every((request) => request.done));
    expect(asked.filter((request) => request.answer === "OK")).toHaveLength(10);
  });

  test("without a majority a write is refused once its time is up, and says whether it may have been done", () => {
    const story = new Story();
    const leader = story.leaderOf("a");
    for (const host of story.cluster.hosts) if (host !== leader) host.crash();
    const write = story.do(leader.name, "set a 1");
    expect(write).toMatch(/^TIMEOUT .*It may have been done/);
    story.pass(5000);
    expect(story.do(leader.name, "set a 2")).toMatch(/^CLUSTERDOWN .*It was not done/);
    expect(story.do(leader.name, "get a")).toMatch(/^CLUSTERDOWN/);
  });

  test("given a leader whose disk is full, then it refuses writes until another leads, and takes part again with space", () => {
    const story = new Story();
    const leader = story.leaderOf("fill");
    leader.disk.setCapacity(leader.disk.used());
    const big = "x".repeat(20_000);
    const isFull = () => leader.node!.status().storage.problem === "the disk is full";
    for (let i = 0; !isFull(); i++) {
      story.ask(leader.name, `set fill ${big}${i}`);
      story.pass(20);
    }
    expect(story.do(leader.name, "set fill refused")).toMatch(/^DISKFULL .*It was not done/);
    story.until("another leader", () => ![leader, undefined].includes(story.findLeader("fill")));
    expect(story.do(leader.name, "set fill accepted")).toBe("OK");
    expect(story.leaderOf("fill")).not.toBe(leader);
    leader.disk.setCapacity(Number.POSITIVE_INFINITY);
    story.until("the disk to be healthy", () => leader.node!.status().storage.healthy);
    story.pass(1000);
    expect(story.do(leader.name, "get fill", { consistency: "stale" })).toBe("accepted");
    expect(story.do(leader.name, "get fill")).toBe("accepted");
  });

  test("given a node whose disk fails a sync, then its replicas stop and say so, and the others serve", () => {
    const story = new Story();
    story.do("n1", "set before 1");
    story.host("n1").disk.failNextSync();
    const answers = Array.from({ length: 10 }, (_, i) => story.ask("n2", `set k${i} v`));
    story.until("the failure to show", () => story.host("n1").node!.status().storage.healthy === false);
    story.until("the answers", () => answers.every((request) => request.done));
    const failed = story.host("n1").node!.status();
    expect(failed.storage.problem).toMatch(/sync/);
    expect(failed.replicas.every((replica) => replica.role === "failed")).toBe(true);
    story.pass(3000);
    for (let i = 0; i < 10; i++) expect(story.do("n2", `set k${i} again`)).toBe("OK");
    // The failed node is still a way to the others.
    expect(story.do("n1", "get before")).toBe("1");
  });

  test("given a follower that catches up for a long time, then its leader answers the reads that it is asked", () => {
    const story = new Story({
      limits: { compactAtBytes: 2000, compactForcedAtBytes: 6000, snapshotChunkBytes: 100 },
    });
    const lagging = story.cluster.hosts.find((host) => host !== story.leaderOf("{a}"))!;
    const leader = story.leaderOf("{a}");
    lagging.crash();
    for (let i = 0; i < 60; i++) story.do(leader.name, `set {a}${i} ${"x".repeat(500)}`);
    story.pass(5000);
    // A piece of the snapshot takes 60 ms from now on, and it has hundreds.
    story.cluster.network.setFaults({ ...story.cluster.network.faults, delayMin: 30, delayMax: 30 });
    lagging.start();
    story.ready();
    const lag = () =>
      lagging.node!.status().replicas.find(({ group }) => group === groupOf(lagging, "{a}"))!.appliedIndex;
    const before = lag();
    expect(String(story.do(lagging.name, "get {a}59"))).toHaveLength(500);
    expect(lag()).toBe(before);
    story.until("the follower to catch up", () => lag() > before + 50, 120_000);
    expect(String(story.do(lagging.name, "get {a}59"))).toHaveLength(500);
  });

  test("given a reader that has seen a write, then a replica that lags behind does not show it an older state", () => {
    const story = new Story();
    const leader = story.leaderOf("a").name;
    const follower = story.cluster.hosts.find(({ name }) => name !== leader)!.name;
    story.do(leader, "set a old");
    story.pass(1000);
    // From the leader's commit on, a follower needs 50 ms to hear of it.
    story.cluster.network.setFaults({ ...story.cluster.network.faults, delayMin: 50, delayMax: 50 });
    const written = story.ask(leader, "set a new");
    story.until("the write", () => written.done);
    expect(written.index).toBeGreaterThan(0);
    expect(story.do(follower, "get a", { consistency: "sequential" })).toBe("old");
    const own = story.ask(follower, "get a", { consistency: "sequential", atLeast: written.index! });
    story.until("the read", () => own.done);
    expect(own.answer).toBe("new");
    expect(own.index).toBeGreaterThanOrEqual(written.index!);
  });

  test("given a new keyspace, then no node takes its keys for ones of the default keyspace", () => {
    const story = new Story();
    // Followers hear of a commit with the next heartbeat, and here later than that.
    story.cluster.network.setFaults({ ...story.cluster.network.faults, delayMin: 100, delayMax: 100 });
    expect(story.admin("n1", { type: "keyspace-create", spec: { name: "users", shards: 2 } }).ok).toBe(true);
    const names = story.cluster.hosts.map((host) =>
      host.node!.keyspaceOfKey(new TextEncoder().encode("users:1")),
    );
    expect(names).toEqual(["users", "users", "users"]);
    expect(story.admin("n2", { type: "keyspace-drop", name: "users" }).ok).toBe(true);
    const after = story.cluster.hosts.map((host) =>
      host.node!.keyspaceOfKey(new TextEncoder().encode("users:1")),
    );
    expect(after).toEqual(["default", "default", "default"]);
  });

  test("given a bound on staleness, then a replica asks its leader only where it has not done so for so long", () => {
    const story = new Story();
    const leader = story.leaderOf("a").name;
    const follower = story.cluster.hosts.find(({ name }) => name !== leader)!.name;
    story.do(leader, "set a old");
    story.pass(1000);
    story.cluster.network.setFaults({ ...story.cluster.network.faults, delayMin: 50, delayMax: 50 });
    story.do(leader, "set a new");
    const stale = (maxStaleness: number) => ({ consistency: "stale", maxStaleness, timeout: 1500 }) as const;
    expect(story.do(follower, "get a", { consistency: "stale" })).toBe("old");
    expect(story.do(follower, "get a", stale(200))).toBe("new");

    // Alone, it can still vouch for what it has just heard, and for nothing later.
    const hosts = story.cluster.hosts.map(({ name }) => name);
    story.cluster.network.block(partitions.isolate(hosts, follower));
    story.do(leader, "set a newer");
    expect(story.do(follower, "get a", stale(1000))).toBe("new");
    story.pass(1000);
    expect(story.do(follower, "get a", stale(500))).toMatch(/NOLEADER|TIMEOUT|leader|deadline/i);
  });

  test("given a node that restarts after it deleted a group, then its log does not grow for that group's sake", () => {
    const limits = { compactAtBytes: 2000, compactForcedAtBytes: 6000, logRetainBytes: 128 * 1024 };
    const story = new Story({ limits });
    const host = story.host("n1");
    story.admin("n1", { type: "keyspace-create", spec: { name: "brief", replication: "raft", shards: 2 } });
    const held = () => host.node!.status().replicas.filter(({ keyspace }) => keyspace === "brief").length;
    story.until("the keyspace", () => held() === 2);
    story.admin("n1", { type: "keyspace-drop", name: "brief" });
    story.until("the keyspace to be gone", () => held() === 0);
    story.pass(100);
    host.crash("process");
    host.start();
    story.ready();
    for (let i = 0; i < 1000; i++) {
      story.do("n1", `set k${i % 7} ${"x".repeat(1000)}`);
      story.pass(20);
    }
    expect(host.node!.metrics().gauges["log_bytes"]).toBeLessThan(3 * limits.logRetainBytes);
  });

  test("a corrupted log refuses to start, naming the segment and the offset", () => {
    const story = new Story();
    for (let i = 0; i < 50; i++) story.do("n1", `set k${i} v`);
    const host = story.host("n2");
    host.crash("process");
    const segment = host.disk.paths().find((path) => path.startsWith("log/"))!;
    host.disk.flipBit(segment, 700, 3);
    host.start();
    story.pass(2000);
    expect(host.refusal).toMatch(/log\/\d+\.log.*offset \d+/);
    expect(story.do("n1", "get k7")).toBe("v");
  });
});

test("one seed replays one history", () => {
  const run = () => {
    const story = new Story({ seed: 77 });
    for (let i = 0; i < 20; i++) story.do(`n${(i % 3) + 1}`, `incr counter${i % 4}`);
    return story.cluster.scheduler.hash;
  };
  expect(run()).toBe(run());
});

function groupOf(host: SimulatedHost, key: string): number {
  return host.node!.groupOfKey(new TextEncoder().encode(key))!;
}
