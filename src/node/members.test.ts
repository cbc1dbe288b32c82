/** Stories of membership from peer to peer as nodes keep it. What it detects, and how soon: src/sim/membership.test.ts. */
import { expect, test } from "vitest";
import { CodecError } from "../core/bytes.ts";
import { nodeId } from "../core/ids.ts";
import { encodeSwimMessage } from "../membership/index.ts";
import { Story } from "../sim/stories.testkit.ts";
import { Members } from "./members.ts";
import { DEFAULT_MEMBERSHIP } from "./options.ts";

/** What a node holds of each member, as `name state`. */
const held = (story: Story, host: string): string[] =>
  story
    .host(host)
    .node!.members()
    .members.map(({ name, state }) => `${name} ${state}`);

test("any node tells of all members, since when they are what they are, and what that cost", () => {
  const story = new Story();
  story.pass(10_000);
  for (const host of ["n1", "n2", "n3"])
    expect(held(story, host)).toEqual(["n1 alive", "n2 alive", "n3 alive"]);
  const { enabled, name, localHealth, counters, members } = story.host("n2").node!.members();
  expect({ enabled, name, localHealth }).toEqual({ enabled: true, name: "n2", localHealth: 1 });
  expect(members.map(({ peer }) => peer)).toEqual(["n1:7412", "n2:7412", "n3:7412"]);
  for (const { milliseconds } of members) expect(milliseconds).toBeGreaterThan(9000);
  expect(counters).toMatchObject({ falseSuspicions: 0, refutations: 0 });
  // The first probe may come before there is a connection.
  expect(counters.indirectProbes).toBeLessThanOrEqual(1);
  expect(counters.probes).toBeGreaterThanOrEqual(9);
  // A ping and an answer to one, each second.
  expect(counters.messages / counters.probes).toBeLessThan(3);
  expect(story.host("n1").node!.metrics()).toMatchObject({
    gauges: { members_alive: 3, members_dead: 0, membership_local_health: 1 },
  });
  expect(story.host("n1").node!.status().nodes[2]).toMatchObject({ up: true, membership: "alive" });
});

test("a node that is stopped says so: nobody suspects it, and it is alive again when it comes back", () => {
  const story = new Story();
  story.pass(5000);
  let closed = false;
  const { clock, node } = story.host("n3");
  clock!.deliver(() => node!.close(() => (closed = true)));
  story.until("n3 to close", () => closed);
  story.host("n3").crash("process");
  story.pass(20_000);
  expect(held(story, "n1")).toEqual(["n1 alive", "n2 alive", "n3 left"]);
  expect(story.host("n2").node!.status().nodes[2]).toMatchObject({ up: false, membership: "left" });
  expect(story.logged.filter((line) => line.includes("a member is dead"))).toEqual([]);
  story.host("n3").start();
  story.ready();
  story.until("n3 to be alive", () => held(story, "n1").includes("n3 alive"));
});

test.each(["n1", "n2", "n3"])("a node that joins needs one address, that of any member: %s", (member) => {
  const story = new Story();
  story.cluster.addHost("n4", [member]).start();
  story.ready();
  story.pass(3000);
  const four = ["n1 alive", "n2 alive", "n3 alive", "n4 alive"];
  for (const host of ["n1", "n2", "n3", "n4"]) expect(held(story, host)).toEqual(four);
});

test("the catalog decides who belongs: a node that is removed is no member, though it says that it lives", () => {
  const story = new Story();
  story.cluster.addHost("n4").start();
  story.ready();
  expect(story.admin("n1", { type: "node-remove", node: "n3" })).toMatchObject({ ok: true });
  story.until("n3 to be gone", () => held(story, "n4").length === 3);
  story.pass(15_000);
  for (const host of ["n1", "n2", "n4"])
    expect(held(story, host)).toEqual(["n1 alive", "n2 alive", "n4 alive"]);
});

test("switched off, nothing is sent and nothing said", () => {
  const story = new Story({ membership: { enabled: false } });
  story.pass(5000);
  const node = story.host("n1").node!;
  expect(node.members()).toMatchObject({ enabled: false, name: "n1", members: [] });
  expect(node.status().nodes[1]).toMatchObject({ up: true, membership: null });
  expect(story.do("n1", "set a 1")).toBe("OK");
});

test("what a peer says in another's name, or malformed, is refused", () => {
  const story = new Story({ nodes: 1 });
  const { clock } = story.host("n1");
  const silent = { debug() {}, info() {}, warn() {}, error() {} };
  const address = { host: "n1", port: 7412 };
  const sent: number[] = [];
  const members = new Members({
    clock: clock!,
    random: { next: () => 0.5, bytes: (length) => new Uint8Array(length) },
    logger: silent,
    self: nodeId(1),
    name: "n1",
    address,
    options: DEFAULT_MEMBERSHIP,
    send: (to) => sent.push(to),
  });
  members.follow(
    [1, 2, 3].map((id) => ({ id: nodeId(id), name: `n${id}`, peer: { host: `n${id}`, port: 7412 } })),
  );
  const from = { id: nodeId(2), address, incarnation: 0, status: "alive", by: null } as const;
  const ping = encodeSwimMessage({ type: "ping", sequence: 1, target: nodeId(1), from, updates: [] });
  members.onMessage(nodeId(2), ping);
  expect(sent).toEqual([2]);
  expect(() => members.onMessage(nodeId(3), ping)).toThrow(CodecError);
  expect(() => members.onMessage(nodeId(2), ping.subarray(1))).toThrow(CodecError);
  members.close();
  const before = sent.length;
  members.onMessage(nodeId(2), ping);
  story.pass(5000);
  expect(sent).toHaveLength(before);
});
