import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { nodeId } from "../../../core/ids.ts";
import type { KeyspaceInfo } from "../../../node/api.ts";
import { hashSlot, SLOTS, shardOfSlot } from "../../../placement/hash-slot.ts";
import { Security } from "../../security/security.ts";
import { makeUser, quickPasswords } from "../../security/security.testkit.ts";
import { memoryLog, type RunningServer, startServer, type TestClient, type Wire } from "../client.testkit.ts";
import { FakeNode } from "../fake-node.testkit.ts";
import { type ClusterNode, slotMap } from "./slot-map.ts";

const N1 = "0000000100112233445566778899aabbccddeeff";
const N2 = "0000000200112233445566778899aabbccddeeff";
const N3 = "0000000300112233445566778899aabbccddeeff";
const DISABLED = "-ERR This instance has cluster support disabled";

/** Three nodes, four shards: n1 leads the first and the last, n2 the second, n3 the third. */
function threeNodes(): FakeNode {
  const node = new FakeNode({ shards: 4, atOnce: true });
  const member = (number: number) => ({
    resp: `10.0.0.${number}:7410`,
    http: "",
    peer: `10.0.0.${number}:7412`,
    cluster: `10.0.0.${number}:7413`,
  });
  const other = (number: number) => ({
    id: nodeId(number),
    name: `n${number}`,
    up: true,
    membership: null,
    ...member(number),
  });
  node.addresses = member(1);
  node.others = [other(2), other(3)];
  const [, second, third] = node.shards();
  node.leaders.set(second!.group, nodeId(2));
  node.leaders.set(third!.group, nodeId(3));
  return node;
}

/** A key of the default keyspace that lies in this shard of four. */
function keyIn(shard: number, prefix = "k"): string {
  for (let i = 0; ; i++) {
    const key = `${prefix}${i}`;
    if (shardOfSlot(hashSlot(Buffer.from(key)), 4) === shard) return key;
  }
}

const slotOf = (key: string): number => hashSlot(Buffer.from(key));
const moved = (key: string, node: number, port = 7413): string =>
  `-MOVED ${slotOf(key)} 10.0.0.${node}:${port}`;

let node: FakeNode;
let plain: RunningServer;
let cluster: RunningServer;
let client: TestClient;

beforeEach(async () => {
  node = threeNodes();
  plain = await startServer({ node });
  cluster = await startServer({ node, clusterKeyspace: "default" });
  client = await cluster.connect();
});

afterEach(() => Promise.all([plain.close(), cluster.close()]));

describe("plain clients", () => {
  test("are never redirected, whatever else they ask", async () => {
    const other = await plain.connect();
    expect(await other.call("READONLY")).toBe("+OK");
    expect(await other.call("READWRITE")).toBe("+OK");
    expect(await other.call("ASKING")).toBe("+OK");
    for (const subcommand of ["SLOTS", "SHARDS", "NODES", "INFO", "MYID"])
      expect(await other.call("CLUSTER", subcommand)).toBe(DISABLED);
    expect(await other.call("CLUSTER", "KEYSLOT", "a")).toBe(DISABLED);
    expect(await other.call("CLUSTER", "COUNTKEYSINSLOT", 1)).toBe(DISABLED);
    expect(await other.call("CLUSTER", "GETKEYSINSLOT", 1, 1)).toBe(DISABLED);
    for (const shard of [0, 1, 2, 3]) expect(await other.call("SET", keyIn(shard), "x")).toBe("+OK");
    expect(String(await other.call("INFO", "server"))).toContain("redis_mode:standalone");
    expect(String(await other.call("INFO", "cluster"))).toContain("cluster_enabled:0");
  });

  test("may ask for redirects, which then lead to plain ports; RESET and OFF take that back", async () => {
    const other = await plain.connect();
    const key = keyIn(1);
    expect(await other.call("KVORUM", "CLUSTER")).toBe("off");
    expect(await other.call("KVORUM", "CLUSTER", "ON", "nosuch")).toBe("-ERR there is no keyspace 'nosuch'");
    expect(await other.call("KVORUM", "CLUSTER", "ON")).toBe("+OK");
    expect(await other.call("KVORUM", "CLUSTER")).toEqual(["on", "default"]);
    expect(await other.call("SET", key, "x")).toBe(moved(key, 2, 7410));
    expect(await other.call("KVORUM", "CLUSTER", "OFF")).toBe("+OK");
    expect(await other.call("SET", key, "x")).toBe("+OK");
    await other.call("KVORUM", "CLUSTER", "ON");
    await other.call("RESET");
    expect(await other.call("SET", key, "x")).toBe("+OK");
  });
});

describe("redirects at the port for cluster-aware clients", () => {
  test("name the leader's own port of that kind; what is led here is done here", async () => {
    const [here, n2, n3] = [keyIn(0), keyIn(1), keyIn(2)];
    expect(await client.call("SET", here, 1)).toBe("+OK");
    expect(await client.call("SET", n2, 1)).toBe(moved(n2, 2));
    expect(await client.call("GET", n3)).toBe(moved(n3, 3));
    expect(await client.call("HSCAN", n3, 0)).toBe(moved(n3, 3));
    expect(await client.call("WATCH", n2)).toBe(moved(n2, 2));
    expect(cluster.server.stats.redirects).toBe(4);
  });

  test("READONLY reads what this node has, and still sends writes away", async () => {
    const key = keyIn(1);
    await client.call("READONLY");
    expect(await client.call("GET", key)).toBeNull();
    expect(node.lastOptions.consistency).toBe("sequential");
    expect(await client.call("SET", key, 1)).toBe(moved(key, 2));
    await client.call("READWRITE");
    expect(await client.call("GET", key)).toBe(moved(key, 2));
  });

  test("keys of other keyspaces are forwarded: their leaders have no place in the client's slot map", async () => {
    const other = node.shards().find(({ keyspace, shard }) => keyspace === "other" && shard === 0)!;
    node.leaders.set(other.group, nodeId(3));
    const key = ["other:a", "other:b", "other:c", "other:d"].find((name) => slotOf(name) < SLOTS / 2)!;
    expect(await client.call("SET", key, 1)).toBe("+OK");
    expect(await client.call("KVORUM", "CLUSTER", "ON", "other")).toBe("+OK");
    expect(await client.call("SET", key, 1)).toBe(moved(key, 3));
    expect(await client.call("SET", keyIn(1), 1)).toBe("+OK");
  });

  test("several keys are redirected together when they lie in one shard, and taken apart here when they do not", async () => {
    const [a, b] = [keyIn(1), keyIn(1, "l")];
    expect(await client.call("MGET", a, b)).toBe(moved(a, 2));
    expect(await client.call("MGET", a, keyIn(2))).toEqual([null, null]);
    expect(await client.call("MGET", a, "other:x")).toEqual([null, null]);
  });

  test("a transaction is refused where it is queued, and as a whole where the leader changes before EXEC", async () => {
    const key = keyIn(1);
    expect(await client.pipeline(["MULTI"], ["SET", key, 1], ["EXEC"])).toEqual([
      "+OK",
      moved(key, 2),
      "-EXECABORT Transaction discarded because of previous errors.",
    ]);
    const here = keyIn(0);
    expect(await client.pipeline(["MULTI"], ["SET", here, 1])).toEqual(["+OK", "+QUEUED"]);
    node.leaders.set(node.groupOf(here), nodeId(3));
    expect(await client.call("EXEC")).toBe(moved(here, 3));
    expect(await client.call("EXEC")).toBe("-ERR EXEC without MULTI");
    await client.call("READONLY");
    expect(await client.pipeline(["MULTI"], ["GET", here], ["DISCARD"])).toEqual([
      "+OK",
      moved(here, 3),
      "+OK",
    ]);
  });

  test("nobody is sent to a node that is down, or that has no port for such clients", async () => {
    const [down, portless] = [keyIn(1), keyIn(2)];
    const { cluster: _none, ...third } = node.others[1]!;
    node.others = [{ ...node.others[0]!, up: false }, third];
    expect(await client.call("SET", down, 1)).toBe("+OK");
    expect(await client.call("SET", portless, 1)).toBe("+OK");
  });

  test("an IPv6 address is told as Redis tells it", async () => {
    const key = keyIn(1);
    node.others = [{ ...node.others[0]!, cluster: "[fe80::2]:7413" }];
    expect(await client.call("SET", key, 1)).toBe(`-MOVED ${slotOf(key)} fe80::2:7413`);
  });
});

describe("CLUSTER", () => {
  const range = (first: number, last: number, number: number, id: string, metadata: Wire): Wire => [
    first,
    last,
    [`10.0.0.${number}`, 7413, id, metadata],
  ];

  test("SLOTS in RESP2 and RESP3", async () => {
    const slots = (metadata: Wire): Wire => [
      range(0, 4095, 1, N1, metadata),
      range(4096, 8191, 2, N2, metadata),
      range(8192, 12287, 3, N3, metadata),
      range(12288, 16383, 1, N1, metadata),
    ];
    expect(await client.call("CLUSTER", "SLOTS")).toEqual(slots([]));
    await client.call("HELLO", 3);
    expect(await client.call("CLUSTER", "SLOTS")).toEqual(slots({ map: [] }));
  });

  test("SHARDS in RESP2 and RESP3", async () => {
    const reply = (await client.call("CLUSTER", "SHARDS")) as Wire[];
    expect(reply[0]).toEqual([
      "slots",
      [0, 4095, 12288, 16383],
      "nodes",
      [
        ["id", N1, "port", 7413, "ip", "10.0.0.1", "endpoint", "10.0.0.1"].concat([
          "role",
          "master",
          "replication-offset",
          0 as never,
          "health",
          "online",
        ]),
      ],
    ]);
    await client.call("HELLO", 3);
    const maps = (await client.call("CLUSTER", "SHARDS")) as { map: [string, Wire][] }[];
    expect(maps.map(({ map }) => map[0])).toEqual([
      ["slots", [0, 4095, 12288, 16383]],
      ["slots", [4096, 8191]],
      ["slots", [8192, 12287]],
    ]);
  });

  test("NODES, MYID, INFO", async () => {
    node.others = [node.others[0]!, { ...node.others[1]!, up: false }];
    expect(await client.call("CLUSTER", "NODES")).toBe(
      `${N1} 10.0.0.1:7413@7412 myself,master - 0 0 0 connected 0-4095 8192-16383\n` +
        `${N2} 10.0.0.2:7413@7412 master - 0 0 0 connected 4096-8191\n` +
        `${N3} 10.0.0.3:7413@7412 master,fail - 0 0 0 disconnected\n`,
    );
    expect(await client.call("CLUSTER", "MYID")).toBe(N1);
    const info = String(await client.call("CLUSTER", "INFO"));
    for (const line of ["state:ok", "slots_assigned:16384", "known_nodes:3", "size:2"])
      expect(info).toContain(`cluster_${line}\r\n`);
  });

  test("KEYSLOT, COUNTKEYSINSLOT, GETKEYSINSLOT", async () => {
    expect(await client.call("CLUSTER", "KEYSLOT", "{a}b")).toBe(slotOf("a"));
    const keys = ["{a}1", "{a}2", "{a}3"];
    await client.call("READONLY");
    const other = await plain.connect();
    for (const key of [...keys, "other:{a}1"]) await other.call("SET", key, 1);
    expect(await client.call("CLUSTER", "COUNTKEYSINSLOT", slotOf("a"))).toBe(3);
    expect(await client.call("CLUSTER", "GETKEYSINSLOT", slotOf("a"), 2)).toEqual(keys.slice(0, 2));
    expect(await client.call("CLUSTER", "GETKEYSINSLOT", slotOf("a"), 0)).toEqual([]);
    expect(await client.call("CLUSTER", "COUNTKEYSINSLOT", SLOTS)).toBe("-ERR Invalid slot");
    const noNumber = "-ERR value is not an integer or out of range";
    expect(await client.call("CLUSTER", "COUNTKEYSINSLOT", "x")).toBe(noNumber);
    expect(await client.call("CLUSTER", "GETKEYSINSLOT", "x", 1)).toBe(noNumber);
    expect(await client.call("CLUSTER", "GETKEYSINSLOT", SLOTS, 1)).toBe(
      "-ERR Invalid slot or number of keys",
    );
    expect(await client.call("CLUSTER", "GETKEYSINSLOT", 0, -1)).toBe("-ERR Invalid slot or number of keys");
    expect(await client.call("CLUSTER", "COUNTKEYSINSLOT")).toBe(
      "-ERR wrong number of arguments for 'cluster|countkeysinslot' command",
    );
  });

  test("a slot is counted over more pages than one, also where the node answers at once", async () => {
    const other = await plain.connect();
    const sets = Array.from({ length: 2500 }, (_, i) => ["SET", `{a}${i}`, 1] as const);
    await other.pipeline(...sets);
    expect(await client.call("CLUSTER", "COUNTKEYSINSLOT", slotOf("a"))).toBe(2500);
    expect(await client.call("CLUSTER", "GETKEYSINSLOT", slotOf("a"), 1700)).toHaveLength(1700);
    expect(await client.call("CLUSTER", "GETKEYSINSLOT", slotOf("a"), 9999)).toHaveLength(2500);
  });

  test("the connection says of itself that it is one of a cluster", async () => {
    expect(String(await client.call("INFO", "server"))).toContain("redis_mode:cluster\r\n");
    expect(String(await client.call("INFO", "cluster"))).toContain("cluster_enabled:1\r\n");
    expect(await client.call("CONFIG", "GET", "cluster-enabled")).toEqual(["cluster-enabled", "yes"]);
    const hello = (await client.call("HELLO", 3)) as { map: [string, Wire][] };
    expect(hello.map).toContainEqual(["mode", "cluster"]);
  });

  test("a keyspace that is not there, and a node that does not listen for such clients, are told of", async () => {
    const lost = await startServer({ node, clusterKeyspace: "gone" });
    const other = await lost.connect();
    expect(await other.call("CLUSTER", "SLOTS")).toBe("-CLUSTERDOWN there is no keyspace 'gone'");
    expect(await other.call("SET", keyIn(1), 1)).toBe("+OK");
    await lost.close();
  });
});

describe("users", () => {
  test("are told of the cluster once they have logged in, of keys only where they may read, of the leader only of keys that are theirs", async () => {
    const { passwords } = quickPasswords();
    const { log } = memoryLog();
    const secured = await startServer({
      node,
      clusterKeyspace: "default",
      security: new Security({ node, log, passwords }),
    });
    node.userList = [
      await makeUser(passwords, "ada", "secret", [{ keyspace: "other", role: "write" }]),
      await makeUser(passwords, "bob", "secret", [{ keyspace: "default", role: "read" }]),
    ];
    const other = await secured.connect();
    const key = keyIn(1);
    expect(await other.call("CLUSTER", "SLOTS")).toBe("-NOAUTH Authentication required.");
    await other.call("AUTH", "ada", "secret");
    expect(await other.call("CLUSTER", "SLOTS")).toHaveLength(4);
    expect(await other.call("GET", key)).toMatch(/^-NOPERM /);
    expect(await other.call("CLUSTER", "COUNTKEYSINSLOT", 1)).toMatch(/^-NOPERM /);
    expect(await other.call("CLUSTER", "GETKEYSINSLOT", 1, 1)).toMatch(/^-NOPERM /);
    await other.call("AUTH", "bob", "secret");
    expect(await other.call("GET", key)).toBe(moved(key, 2));
    expect(await other.call("SET", key, 1)).toMatch(/^-NOPERM /);
    expect(await other.call("CLUSTER", "COUNTKEYSINSLOT", 1)).toBe(0);
    await secured.close();
  });
});

describe("the slot map", () => {
  const member = (number: number, up = true): ClusterNode => ({
    id: nodeId(number),
    host: "h",
    port: number,
    peerPort: 1,
    up,
    self: number === 1,
  });
  const keyspace = (changes: Partial<KeyspaceInfo>, leaders: readonly (number | null)[]): KeyspaceInfo => ({
    ...threeNodes().keyspaces()[0]!,
    shards: leaders.length,
    shardList: leaders.map((leader, shard) => ({
      ...threeNodes().shards()[0]!,
      shard,
      replicas: [2, 3, 1].map(nodeId),
      leader: leader === null ? null : nodeId(leader),
    })),
    ...changes,
  });
  const shown = (info: KeyspaceInfo, nodes: readonly ClusterNode[]): string[] =>
    slotMap(info, nodes).map(({ first, last, node }) => `${first}-${last} n${node.id}`);
  const all = [member(1), member(2), member(3)];

  test("has every slot once, in order, for any number of shards", () => {
    for (const shards of [1, 2, 3, 7, 8, 100, 1000]) {
      const leaders = Array.from({ length: shards }, (_, i) => (i % 3) + 1);
      let next = 0;
      for (const { first, last, node } of slotMap(keyspace({}, leaders), all)) {
        expect(first).toBe(next);
        for (const slot of [first, last]) expect(leaders[shardOfSlot(slot, shards)]).toBe(node.id);
        next = last + 1;
      }
      expect(next).toBe(SLOTS);
    }
  });

  test("joins neighbours, and asks a replica that is up where no leader can be reached, else the node itself", () => {
    expect(shown(keyspace({}, [1, 1, null, 3]), all)).toEqual([
      "0-8191 n1",
      "8192-12287 n2",
      "12288-16383 n3",
    ]);
    expect(shown(keyspace({}, [3]), [member(1), member(2), member(3, false)])).toEqual(["0-16383 n2"]);
    const elsewhere = keyspace({}, [3]);
    const alone = { ...elsewhere, shardList: [{ ...elsewhere.shardList[0]!, replicas: [nodeId(3)] }] };
    expect(shown(alone, [member(1), member(3, false)])).toEqual(["0-16383 n1"]);
    expect(shown(alone, [member(3, false)])).toEqual([]);
  });

  test("shares the slots among all replicas that are up where they merge", () => {
    const merging = keyspace({ replication: "gossip" }, [null, null]);
    expect(shown(merging, all)).toEqual([
      "0-2729 n2",
      "2730-5460 n3",
      "5461-8191 n1",
      "8192-10921 n2",
      "10922-13652 n3",
      "13653-16383 n1",
    ]);
    expect(shown(merging, [member(1), member(2, false), member(3)])).toEqual([
      "0-4095 n3",
      "4096-8191 n1",
      "8192-12287 n3",
      "12288-16383 n1",
    ]);
  });
});
