/** The command line as people meet it: every command, against nodes that answer what the test tells them to. */
import { once } from "node:events";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { groupId, nodeId } from "../core/ids.ts";
import type { LeadershipInfo, NodeStatus } from "../node/api.ts";
import { noMembership } from "../node/members.ts";
import type { RunningServer } from "../server/start-server.ts";
import { fakeNode, fakeStatus, type FakeNode } from "../server/http/fake-node.testkit.ts";
import { startHttpServer } from "../server/http/http-server.ts";
import { parseAddress } from "../server/notation.ts";
import { connectFirst } from "./resp/resp-client.ts";
import { fakeProcess } from "./context.testkit.ts";

/** Of shard 0. */
const LEADERSHIP: LeadershipInfo = {
  group: groupId(1),
  leader: nodeId(1),
  follows: true,
  preferred: nodeId(1),
  wanted: nodeId(1),
  reason: "preferred",
  ideal: nodeId(1),
  rate: 0.4,
  origins: [],
  costs: [],
  leadsForMilliseconds: 60_000,
  decidedForMilliseconds: 60_000,
  restsForMilliseconds: 0,
  movesInMilliseconds: null,
};

const cleanup: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const undo of cleanup.splice(0)) await undo();
});

const quiet = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

async function http(node: FakeNode): Promise<string> {
  const server = await startHttpServer(
    node,
    { host: "127.0.0.1", port: 0, allowedHosts: [], corsOrigins: [] },
    quiet,
  );
  cleanup.push(() => server.close());
  return `127.0.0.1:${server.address.port}`;
}

/** Three nodes, of which the third is down; they know each other's real ports. */
async function cluster(): Promise<{ url: string; nodes: FakeNode[] }> {
  const nodes = [fakeNode(), fakeNode({ id: nodeId(2), name: "n2" })];
  const addresses = [await http(nodes[0]!), await http(nodes[1]!), "127.0.0.1:2"];
  const infos = fakeStatus().nodes.map((info, index) => ({ ...info, http: addresses[index]! }));
  for (const node of nodes) node.state = { ...node.state, nodes: infos };
  const [system, first, second] = nodes[1]!.state.replicas;
  nodes[1]!.state = {
    ...nodes[1]!.state,
    replicas: [
      { ...system!, role: "leader", lag: { "1": 0, "3": 40 } },
      { ...first!, role: "follower", lag: {} },
      { ...second!, role: "leader", lag: { "1": 3, "3": 0 } },
    ],
  };
  return { url: `http://${addresses[0]}`, nodes };
}

/** Answers every command with the next of `replies` (null: hangs up), and keeps what it was sent. */
async function resp(
  ...replies: (string | null)[]
): Promise<{ address: string; received: () => string; sockets: Set<Socket> }> {
  let received = "";
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk) => {
      received += chunk.toString("latin1");
      const reply = replies.shift();
      if (reply === undefined || reply === null) socket.destroy();
      else socket.write(reply, "latin1");
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanup.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    received: () => received,
    sockets,
  };
}

describe("help", () => {
  it("lists every command, with examples and exit codes", async () => {
    const { run, out } = fakeProcess();
    expect(await run("--help")).toBe(0);
    for (const word of [
      "dev",
      "serve",
      "status",
      "members",
      "keyspace",
      "node",
      "get",
      "set",
      "del",
      "exec",
      "shell",
      "bench",
    ]) {
      expect(out()).toMatch(new RegExp(`^  ${word}\\b`, "m"));
    }
    expect(out()).toContain("Examples:");
    expect(out()).toContain("Exit codes:");
  });

  it.each([
    ["dev"],
    ["dev", "kill"],
    ["serve"],
    ["status"],
    ["keyspace"],
    ["keyspace", "create"],
    ["keyspace", "describe"],
    ["node"],
    ["node", "transfer-leader"],
    ["get"],
    ["exec"],
    ["shell"],
    ["bench"],
  ])("has examples for %s %s", async (...words) => {
    const { run, out } = fakeProcess();
    expect(await run(...words, "--help")).toBe(0);
    expect(out()).toMatch(/Usage: kvorum [^]*Examples:\n {2}/);
  });

  it("tells the version", async () => {
    const { run, out } = fakeProcess();
    expect(await run("--version")).toBe(0);
    expect(out()).toBe("9.9.9\n");
  });
});

describe("a wrong command line is refused with what is wrong and what to do", () => {
  it.each<[string[], RegExp]>([
    [["staus"], /error: unknown command 'staus'\n.*Did you mean status\?.*--help/],
    [["status", "--colour"], /error: unknown option '--colour'\n.*kvorum status --help/],
    [["status", "--url", "not a url"], /--url: "not a url" is not a node's address/],
    [["status", "--watch", "often"], /--watch: "often" is not a number of seconds/],
    [["keyspace"], /kvorum keyspace needs a subcommand/],
    [["keyspace", "create"], /missing required argument 'name'/],
    [["keyspace", "create", "a", "--shards", "none"], /--shards: "none" is not a whole number/],
    [["keyspace", "create", "a", "--max-value-bytes", "huge"], /--max-value-bytes: "huge" is not a size/],
    [["keyspace", "create", "a", "--replication", "hope"], /there is no "hope"[^]*raft, gossip, quorum/],
    [["keyspace", "alter", "a"], /nothing to change/],
    [["node", "transfer-leader", "1"], /required option '--to <node>' not specified/],
    [["get"], /missing required argument 'key'/],
    [["get", "a", "--address", "nowhere"], /--address: "nowhere" is not HOST:PORT/],
    [["serve", "--resp-port", "x"], /respPort \(--resp-port\): "x" is not valid; expected a port number/],
    [["serve", "--host", "0.0.0.0"], /can be reached from other machines/],
    [["serve", "--resp-prt", "1"], /unknown option '--resp-prt'\n.*Did you mean --resp-port\?/],
  ])("%j", async (args, message) => {
    const { run, err } = fakeProcess();
    expect(await run(...args)).toBe(2);
    expect(err()).toMatch(message);
    expect(err()).not.toContain("    at ");
  });

  it("shows where an error comes from only with --debug", async () => {
    const { run, err } = fakeProcess();
    await run("status", "--url", "not a url", "--debug");
    expect(err()).toContain("    at ");
  });
});

describe("kvorum status", () => {
  it("puts together what every node says, and names the one that is down", async () => {
    const { url } = await cluster();
    const { run, out } = fakeProcess();
    expect(await run("status", "--url", url)).toBe(0);
    const page = out().replaceAll(/127\.0\.0\.1:\d+/g, "ADDRESS");
    expect(page).toContain("cluster 00112233  2 of 3 nodes ready  kvorum 0.1.0");
    expect(page).toMatch(/^n1 +ready +alive +1 +3 +ADDRESS/m);
    expect(page).toMatch(/^n2 +ready +alive +1\+system +3 +ADDRESS/m);
    expect(page).toMatch(/^n3 +connection refused +suspect/m);
    expect(page).toMatch(/^\(system\) +0 +0 +n2 +2 +12 +n1 0 {2}n2\* {2}n3 \?$/m);
    expect(page).toMatch(/^default +0 +1 +n1 +2 +12 +n1\* {2}n2 0 {2}n3 \?$/m);
    expect(page).toMatch(/^default +1 +2 +n2 +2 +12 +n1 -3 {2}n2\* {2}n3 \?$/m);
  });

  it("believes the leader of the newest term, not one that was paused and has not heard of it", async () => {
    const { url, nodes } = await cluster();
    const [system, first, second] = nodes[0]!.state.replicas;
    const stale = { ...second!, role: "leader", leader: nodeId(1), term: 1, lag: { "2": 0 } };
    nodes[0]!.state = { ...nodes[0]!.state, replicas: [system!, first!, stale] };
    const { run, out } = fakeProcess();
    await run("status", "--url", url);
    expect(out()).toMatch(/^default +1 +2 +n2 +2 +12 +n1 -3 {2}n2\*/m);
  });

  it("says what a node waits for, and which replica stopped itself", async () => {
    const node = fakeNode({
      ready: false,
      waiting: { reason: "a majority of the system group", milliseconds: 3_200 },
    });
    node.state = { ...node.state, replicas: [{ ...node.state.replicas[1]!, failed: "log: EIO" }] };
    const { run, out } = fakeProcess();
    await run("status", "--url", await http(node));
    expect(out()).toContain("n1 waits for a majority of the system group (3.2 s)");
    expect(out()).toContain("n1: default/0 stopped: log: EIO");
  });

  it("shows a node that belongs to no cluster yet", async () => {
    const waiting = { reason: "n2 and n3 to answer", milliseconds: 100 };
    const node = fakeNode({
      id: null,
      cluster: null,
      ready: false,
      waiting,
      nodes: [],
      keyspaces: [],
      replicas: [],
    });
    const { run, out } = fakeProcess();
    expect(await run("status", "--url", await http(node))).toBe(0);
    expect(out()).toContain("cluster (none yet)  0 of 1 nodes ready");
    expect(out()).toContain("n1 waits for n2 and n3 to answer");
  });

  it("is JSON for scripts", async () => {
    const { url } = await cluster();
    const { run, out } = fakeProcess();
    await run("status", "--url", url, "--json");
    const view = JSON.parse(out()) as { nodes: { status: unknown }[]; shards: { leader: string }[] };
    expect(view.nodes.map(({ status }) => status === null)).toEqual([false, false, true]);
    expect(view.shards.map(({ leader }) => leader)).toEqual(["n2", "n1", "n2"]);
  });

  it("asks the next node when the first does not answer", async () => {
    const { url } = await cluster();
    const { run, out } = fakeProcess({ env: { KVORUM_URL: `http://127.0.0.1:2,${url}` } });
    expect(await run("status")).toBe(0);
    expect(out()).toContain("2 of 3 nodes ready");
  });

  it("ends with its own code when nobody answers, and when it is no node that does", async () => {
    const nobody = fakeProcess();
    expect(await nobody.run("status", "--url", "127.0.0.1:2")).toBe(3);
    expect(nobody.err()).toMatch(
      /no node answers at http:\/\/127\.0\.0\.1:2 \(connection refused\)\n.*kvorum dev/,
    );
    const other = await resp("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi");
    const wrong = fakeProcess();
    expect(await wrong.run("status", "--url", other.address)).toBe(3);
    expect(wrong.err()).toContain("it is not a Kvorum node");
  });

  it("is shown again and again with --watch, until a signal", async () => {
    const { url } = await cluster();
    const terminal = fakeProcess();
    const done = terminal.run("status", "--url", url, "--watch", "0.1");
    await terminal.printed(/nodes ready[^]*nodes ready/);
    terminal.signal("SIGINT");
    expect(await done).toBe(0);
  });
});

describe("kvorum members", () => {
  it("lists who is alive, as the node that answers knows it", async () => {
    const { run, out } = fakeProcess();
    expect(await run("members", "--url", await http(fakeNode()))).toBe(0);
    expect(out()).toContain("as n1 knows it  0 of 1 alive");
    expect(out()).toMatch(/^n3 +3 +suspect +1\.5 s +2 +127\.0\.0\.1:7432 +#2$/m);
    expect(out()).toContain("n1: well; 0 probes");
    const json = fakeProcess();
    await json.run("members", "--json", "--url", await http(fakeNode()));
    expect(JSON.parse(json.out())).toMatchObject({ name: "n1", members: [{ name: "n3" }] });
  });

  it("says so where a node keeps none", async () => {
    const node = fakeNode();
    node.members = () => noMembership("n1");
    const { run, err } = fakeProcess();
    expect(await run("members", "--url", await http(node))).toBe(1);
    expect(err()).toContain("n1 keeps no membership");
  });
});

it("kvorum status --watch redraws in place on a terminal, and never more than fits", async () => {
  const { url } = await cluster();
  const terminal = fakeProcess({ isTTY: true });
  const done = terminal.run("status", "--url", url, "--watch", "0.1");
  await terminal.printed(/more: make the window taller[^]*more: make the window taller/);
  terminal.signal("SIGINT");
  await done;
  const pages = terminal.out().split("\u001b[H").slice(1);
  expect(pages.length).toBeGreaterThan(1);
  expect(pages.every((page) => page.split("\n").length - 1 === 7 && page.endsWith("\u001b[J"))).toBe(true);
});

/** As if the keyspace had been created with `--replication quorum`. */
const merging = (state: NodeStatus): NodeStatus => ({
  ...state,
  keyspaces: state.keyspaces.map((keyspace) => ({
    ...keyspace,
    replication: "quorum",
    quorum: { r: 1, w: 2, sloppy: true },
    conflicts: "latest",
    shardList: keyspace.shardList.map((shard) => ({ ...shard, leader: null })),
  })),
  replicas: state.replicas.map((replica) =>
    replica.keyspace === "default"
      ? {
          ...replica,
          leader: null,
          role: state.id === 2 ? "catching up" : "holder",
          merging: {
            root: state.id === 2 && replica.shard === 1 ? "00ff" : "00aa",
            exchanges: state.id === 1 ? [] : [{ node: nodeId(1), milliseconds: 7000 }],
          },
        }
      : replica,
  ),
});

describe("kvorum keyspace", () => {
  it("creates, with the defaults for what is not said", async () => {
    const { url, nodes } = await cluster();
    const { run, out } = fakeProcess();
    expect(
      await run("keyspace", "create", "carts", "--shards", "4", "--max-value-bytes", "1MiB", "--url", url),
    ).toBe(0);
    expect(out()).toBe("ok  done\n");
    expect(nodes[0]!.adminRequests).toEqual([
      {
        type: "keyspace-create",
        spec: {
          name: "carts",
          replication: "raft",
          shards: 4,
          limits: { maxKeyBytes: 65_536, maxValueBytes: 1_048_576 },
        },
      },
    ]);
  });

  it("creates one that merges, and leaves it to the cluster what contradicts itself", async () => {
    const { url, nodes } = await cluster();
    const created = async (line: string) => {
      const { run, err } = fakeProcess();
      const code = await run("keyspace", "create", "likes", ...line.split(" "), "--url", url);
      return code === 0 ? nodes[0]!.adminRequests.at(-1) : err();
    };
    expect(await created("--replication quorum --n 3 --r 1 --w 2 --strict --conflicts siblings")).toEqual({
      type: "keyspace-create",
      spec: {
        name: "likes",
        replication: "quorum",
        replicas: 3,
        quorum: { r: 1, w: 2, sloppy: false },
        conflicts: "siblings",
      },
    });
    expect(await created("--w 1")).toMatchObject({ spec: { replication: "raft", quorum: { w: 1 } } });
    expect(await created("--placement ring")).toMatchObject({ spec: { placement: "ring" } });
    expect(await created("--placement here")).toContain("one of spread, ring, rendezvous");
    expect(await created("--replication hope")).toContain("Choose one of raft, gossip, quorum.");
    expect(await created("--replication gossip --conflicts first")).toContain("one of latest, siblings");
    expect(await created("--n 3 --replicas 3")).toContain("--n and --replicas say the same");
  });

  it("explains what one promises", async () => {
    const { url, nodes } = await cluster();
    nodes[0]!.leading = [LEADERSHIP];
    const ordered = fakeProcess();
    expect(await ordered.run("explain", "default", "--url", url)).toBe(0);
    expect(ordered.out()).toMatch(/^default +ordered: raft, 3 replicas, 2 shards$/m);
    expect(ordered.out()).toMatch(/^a read +Reads are linearizable/m);
    expect(ordered.out()).toMatch(/^leaders +Shard 0: n1\. There are few requests \(0\.4 a second\): the/m);
    expect(ordered.out()).toMatch(/^ +Shard 1: n2\. It could not be asked why it leads\.$/m);
    const narrowed = fakeProcess();
    await narrowed.run("explain", "default", "--key", "a", "--url", url);
    expect(narrowed.out()).toMatch(/^leaders +Shard 1: n2/m);
    expect(narrowed.out()).not.toContain("Shard 0");
    nodes[0]!.state = merging(nodes[0]!.state);
    const text = fakeProcess();
    await text.run("explain", "default", "--url", url);
    expect(text.out()).toMatch(/^default +merging: quorum \(r 1, w 2, sloppy\)/m);
    expect(text.out()).toMatch(/^staleness +Not measured yet/m);
    expect(text.out()).toMatch(/^refused +linearizable and sequential reads: /m);
    expect(
      Math.max(
        ...text
          .out()
          .split("\n")
          .map((line) => line.length),
      ),
    ).toBeLessThanOrEqual(100);
    const json = fakeProcess();
    await json.run("explain", "default", "--json", "--url", url);
    expect(JSON.parse(json.out())).toMatchObject({ kind: "merging", quorum: { readsSeeNewest: false } });
    const missing = fakeProcess();
    expect(await missing.run("explain", "defualt", "--url", url)).toBe(1);
    expect(missing.err()).toContain("Did you mean default?");
  });

  it("says of one that merges who holds its shards, whether they have the same, and nothing of leaders and terms", async () => {
    const { url, nodes } = await cluster();
    for (const node of nodes) node.state = merging(node.state);
    const described = fakeProcess();
    await described.run("keyspace", "describe", "default", "--url", url);
    expect(described.out()).toMatch(/^ +0 +1 +n1  n2 catching up  n3 unreachable +equal +-  7.0 s  -$/m);
    expect(described.out()).toMatch(/^ +1 +2 +n1  n2 catching up  n3 unreachable +differ/m);
    const status = fakeProcess();
    await status.run("status", "--url", url);
    expect(status.out()).not.toContain("without a leader");
    expect(status.out()).toMatch(/^default +0 +1 +- +- +- +n1  n2 catching up  n3 \?  equal$/m);
  });

  it("lists and describes", async () => {
    const { url } = await cluster();
    const list = fakeProcess();
    await list.run("keyspace", "list", "--url", url);
    expect(list.out()).toMatch(/^default +raft +3 +2 +16 MiB +64 KiB$/m);
    const describe_ = fakeProcess();
    await describe_.run("keyspace", "describe", "default", "--url", url);
    expect(describe_.out()).toContain("A write is acknowledged once 2 of 3 replicas have it on disk.");
    expect(describe_.out()).toMatch(/^ +1 +2 +n2 +n1 n2 n3 +12$/m);
    const missing = fakeProcess();
    expect(await missing.run("keyspace", "describe", "defualt", "--url", url)).toBe(1);
    expect(missing.err()).toContain("there is no keyspace defualt. Did you mean default?");
  });

  it("drops only what is confirmed, and says how much that is", async () => {
    const { url, nodes } = await cluster();
    const asked = fakeProcess();
    expect(await asked.run("keyspace", "drop", "default", "--url", url)).toBe(2);
    expect(asked.err()).toMatch(/all data of keyspace default \(2 shards on 3 nodes\)[^]*drop default --yes/);
    expect(nodes[0]!.adminRequests).toEqual([]);
    const sure = fakeProcess();
    expect(await sure.run("keyspace", "drop", "default", "--yes", "--url", url)).toBe(0);
    expect(nodes[0]!.adminRequests).toEqual([{ type: "keyspace-drop", name: "default" }]);
  });

  it("passes on what the cluster refuses, and whether that is certain", async () => {
    const { url, nodes } = await cluster();
    nodes[0]!.adminResult = { ok: false, code: "exists", message: "There is a keyspace carts." };
    const refused = fakeProcess();
    expect(await refused.run("keyspace", "create", "carts", "--url", url)).toBe(1);
    expect(refused.err()).toBe(
      "error: There is a keyspace carts.\n       Choose another name, or change the existing one.\n",
    );
    nodes[0]!.adminResult = { ok: false, code: "timeout", message: "No answer." };
    const unsure = fakeProcess();
    await unsure.run("keyspace", "alter", "carts", "--max-value-bytes", "9", "--url", url);
    expect(unsure.err()).toContain("No answer. (it may have been done all the same)");
  });
});

describe("kvorum node", () => {
  it("lists, and tells how a node is added", async () => {
    const { url } = await cluster();
    const list = fakeProcess();
    await list.run("node", "list", "--url", url);
    expect(list.out()).toMatch(/^n3 +3 +down/m);
    const add = fakeProcess();
    await add.run("node", "add", "n4", "--url", url);
    expect(add.out()).toContain(
      "kvorum serve --name n4 --data-dir n4-data --join 127.0.0.1:7412,127.0.0.1:7422,127.0.0.1:7432",
    );
    const twice = fakeProcess();
    expect(await twice.run("node", "add", "n2", "--url", url)).toBe(1);
    expect(twice.err()).toContain("has a node named n2 already");
  });

  it("removes a node that exists", async () => {
    const { url, nodes } = await cluster();
    const wrong = fakeProcess();
    expect(await wrong.run("node", "remove", "n9", "--url", url)).toBe(2);
    expect(wrong.err()).toMatch(/no node named n9[^]*n1, n2, n3/);
    const right = fakeProcess();
    expect(await right.run("node", "remove", "n3", "--url", url)).toBe(0);
    expect(nodes[0]!.adminRequests).toEqual([{ type: "node-remove", node: "n3" }]);
  });

  it("moves the leadership of one group, of the system group, of all", async () => {
    const { url, nodes } = await cluster();
    for (const group of ["2", "system", "all"]) {
      expect(await fakeProcess().run("node", "transfer-leader", group, "--to", "n1", "--url", url)).toBe(0);
    }
    expect(
      nodes[0]!.adminRequests.map((request) => "group" in request && [request.group, request.to]),
    ).toEqual([
      [2, "n1"],
      [0, "n1"],
      [0, "n1"],
      [2, "n1"],
    ]);
    const already = fakeProcess();
    expect(await already.run("node", "transfer-leader", "1", "--to", "n1", "--url", url)).toBe(0);
    expect(already.out()).toContain("n1 leads group 1 already");
    const unknown = fakeProcess();
    expect(await unknown.run("node", "transfer-leader", "77", "--to", "n1", "--url", url)).toBe(2);
    expect(unknown.err()).toContain("there is no group 77");
  });

  it("says which groups did not move", async () => {
    const { url, nodes } = await cluster();
    nodes[0]!.adminResult = { ok: false, code: "no-leader", message: "No leader." };
    const terminal = fakeProcess();
    expect(await terminal.run("node", "transfer-leader", "all", "--to", "n1", "--url", url)).toBe(1);
    expect(terminal.out()).toContain("no  system group: No leader.\nno  default/1: No leader.\n");
    expect(terminal.err()).toContain("2 groups of 2 did not move");
  });
});

describe("commands over RESP", () => {
  it("are sent as typed, also when they start with a dash", async () => {
    const node = await resp("+OK\r\n", ":2\r\n", ":3\r\n");
    const at = ["--address", node.address];
    const set = fakeProcess();
    expect(await set.run("set", ...at, "k", "v", "EX", "9")).toBe(0);
    expect(set.out()).toBe("OK\n");
    await fakeProcess().run("del", ...at, "a", "b");
    await fakeProcess().run("exec", ...at, "zrange", "z", "--raw", "-1");
    expect(node.received()).toBe(
      "*5\r\n$3\r\nset\r\n$1\r\nk\r\n$1\r\nv\r\n$2\r\nEX\r\n$1\r\n9\r\n" +
        "*3\r\n$3\r\ndel\r\n$1\r\na\r\n$1\r\nb\r\n" +
        "*4\r\n$6\r\nzrange\r\n$1\r\nz\r\n$5\r\n--raw\r\n$2\r\n-1\r\n",
    );
  });

  it("show bytes as they are in a pipe, and quoted on a terminal", async () => {
    const node = await resp("$2\r\n\u0000\u00ff\r\n", "$2\r\n\u0000\u00ff\r\n");
    const pipe = fakeProcess();
    await pipe.run("get", "k", "--address", node.address);
    expect(Buffer.from(pipe.out())).toEqual(Buffer.from("\u0000\uFFFD\n"));
    const terminal = fakeProcess({ isTTY: true });
    await terminal.run("get", "k", "--address", node.address);
    expect(terminal.out()).toBe('"\\x00\\xff"\n');
  });

  it("take a value of any bytes from standard input", async () => {
    const node = await resp("+OK\r\n");
    const input = Uint8Array.of(0, 13, 10, 255);
    expect(await fakeProcess({ input }).run("set", "--stdin", "--address", node.address, "picture")).toBe(0);
    expect(node.received()).toBe("*3\r\n$3\r\nset\r\n$7\r\npicture\r\n$4\r\n\u0000\r\n\u00ff\r\n");
  });

  it("end with 1 when the reply is an error", async () => {
    const node = await resp("-WRONGTYPE not that\r\n");
    const { run, err } = fakeProcess();
    expect(await run("get", "k", "--address", node.address)).toBe(1);
    expect(err()).toMatch(/error: WRONGTYPE not that\n +See the key's type/);
  });

  it("say that the outcome is unknown when the connection is lost before the answer", async () => {
    const node = await resp();
    const { run, err } = fakeProcess();
    expect(await run("set", "--address", node.address, "k", "v")).toBe(3);
    expect(err()).toMatch(/connection closed; the command may or may not have been carried out/);
  });

  it("do not wait for ever for a node that has stopped moving", async () => {
    const node = await resp("");
    const connection = await connectFirst([parseAddress(node.address)!], 100);
    await expect(connection.call([Buffer.from("ping")])).rejects.toThrow(
      /no answer for 0\.1 s; the command may or may not/,
    );
    expect(connection.open).toBe(false);
  });

  it("go to the next node when the first is down, and say so when all are", async () => {
    const node = await resp("$1\r\n1\r\n");
    const second = fakeProcess({ env: { KVORUM_ADDRESS: `127.0.0.1:2,${node.address}` } });
    expect(await second.run("get", "a")).toBe(0);
    expect(second.out()).toBe("1\n");
    const none = fakeProcess();
    expect(await none.run("get", "a", "--address", "127.0.0.1:2")).toBe(3);
    expect(none.err()).toContain("no node answers at 127.0.0.1:2 (connection refused)");
  });
});

describe("kvorum shell", () => {
  it("runs a file of commands, and says at the end that some failed", async () => {
    const node = await resp("+OK\r\n", "-ERR no\r\n", "$1\r\n1\r\n");
    const input = 'set a "1 2"\n\n# a remark\nnonsense\nset "open\nget a\nexit\nget b\n';
    const { run, out, err } = fakeProcess({ input });
    expect(await run("shell", "--address", node.address)).toBe(1);
    expect(out()).toBe('OK\n(error) ERR no\nQuotes do not match.\n"1"\n');
    expect(err()).toContain("2 commands failed");
  });

  it("connects again after the connection was lost", async () => {
    const node = await resp("+OK\r\n", null, "+PONG\r\n");
    const { run, out } = fakeProcess({ input: "set a 1\nget a\nping\n" });
    await run("shell", "--address", node.address);
    expect(out()).toMatch(/^OK\n\(error\) .*may or may not have been carried out\nPONG\n$/);
  });
});

describe("kvorum serve", () => {
  function server(node: FakeNode): RunningServer & { closed: boolean; fail: (error: Error) => void } {
    let fatal: (error: Error) => void = () => undefined;
    const running = {
      node,
      addresses: { resp: "127.0.0.1:1", cluster: null, http: "127.0.0.1:2", peer: "127.0.0.1:3" },
      closed: false,
      take: () => undefined,
      fail: (error: Error) => fatal(error),
      onFatal: (callback: (error: Error) => void) => void (fatal = callback),
      close: async () => void (running.closed = true),
    };
    return running;
  }

  it("runs until a signal, then closes and ends with 0", async () => {
    const running = server(fakeNode());
    const names: string[] = [];
    const terminal = fakeProcess({
      startServer: async (options, _log, version) => {
        names.push(`${options.name} ${version}`);
        return running;
      },
    });
    const done = terminal.run("serve", "--name", "kv1", "--peer-port", "9999");
    await terminal.printed(
      /n1 is ready .*redis 127\.0\.0\.1:1 {2}http:\/\/127\.0\.0\.1:2 {2}peers 127\.0\.0\.1:3/,
    );
    expect(running.closed).toBe(false);
    terminal.signal("SIGTERM");
    expect(await done).toBe(0);
    expect(running.closed).toBe(true);
    expect(names).toEqual(["kv1 9.9.9"]);
  });

  it("says what it waits for, and can be stopped meanwhile", async () => {
    const node = fakeNode({ ready: false, waiting: { reason: "n2 to answer", milliseconds: 1 } });
    node.whenReady = () => undefined;
    const running = server(node);
    const terminal = fakeProcess({ startServer: async () => running });
    const done = terminal.run("serve");
    await terminal.printed(/waiting for n2 to answer \(\d/);
    terminal.signal("SIGINT");
    expect(await done).toBe(0);
    expect(running.closed).toBe(true);
  });

  it("tells why it cannot start, and what to do", async () => {
    const locked = Object.assign(new Error("kvorum-data/lock: held by process 42"), { kind: "locked" });
    const { run, err } = fakeProcess({ startServer: () => Promise.reject(locked) });
    expect(await run("serve")).toBe(1);
    expect(err()).toMatch(/held by process 42\n +Stop the process that uses kvorum-data/);
  });

  it("ends with 1 when its directory can never serve again", async () => {
    const running = server(fakeNode());
    const terminal = fakeProcess({ startServer: async () => running });
    const done = terminal.run("serve");
    await terminal.printed(/is ready/);
    await turn();
    running.fail(Object.assign(new Error("log/000001.log: checksum of record 7"), { kind: "corrupt" }));
    expect(await done).toBe(1);
    expect(running.closed).toBe(true);
    expect(terminal.err()).toMatch(/checksum of record 7\n +The directory is kvorum-data; keep a copy/);
  });

  it("explains its options without starting", async () => {
    const { run, out } = fakeProcess({ env: { KVORUM_NAME: "kv1" } });
    expect(
      await run("serve", "--explain-config", "--raft-lease", "false", "--join", "a:1", "--join", "b:2"),
    ).toBe(0);
    expect(out()).toContain("name = kv1  (KVORUM_NAME, default n1)");
    expect(out()).toContain("raft.lease = false  (--raft-lease, default true)");
    expect(out()).toContain("join = a:1,b:2  (--join, default none)");
  });
});
