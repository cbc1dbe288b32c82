/** What chance seldom brings about: answers of other lives, of replicas that are not what they were, refusals. */
import { describe, expect, test } from "vitest";
import { nodeId, replicaId } from "../../core/ids.ts";
import { MerkleTree } from "../../core/merkle-tree.ts";
import { familiesOf } from "../../core/merkle-comparison.ts";
import { gossipCodec } from "../gossip/codec.ts";
import { DEFAULT_GOSSIP_OPTIONS, Gossip } from "../gossip/gossip.ts";
import type { GossipMessage, GossipTimer } from "../gossip/gossip.ts";
import { Cluster, FAIR } from "./cluster.testkit.ts";
import type { Weather } from "./cluster.testkit.ts";
import { bytes, SHAPE } from "./toy.testkit.ts";

const ELSEWHERE = replicaId(99);
const EMPTY = bytes(JSON.stringify({ scope: { kind: "dots" }, elements: [], context: [] }));

/** Gossip of two with anti-entropy alone. */
function pair(weather: Weather = FAIR, holders = [1, 2]) {
  const group = new Cluster<GossipMessage, GossipTimer>(
    3,
    { holders },
    (id, seed, recovered, summary) =>
      new Gossip({ ...DEFAULT_GOSSIP_OPTIONS, rumors: null, id, seed }, recovered, summary),
    gossipCodec,
    weather,
  );
  return {
    group,
    tell: (to: number, from: number, message: GossipMessage) =>
      group.host(to).step(group.now, { type: "message", from: nodeId(from), message }),
    sentBy: <K extends GossipMessage["type"]>(from: number, type: K) =>
      group.sent
        .filter((sent) => sent.from === from && sent.message.type === type)
        .map(({ message }) => message as GossipMessage & { readonly type: K }),
  };
}

/** Node 1 has asked node 2, which has not answered. */
function asking() {
  const it = pair({ ...FAIR, drop: 1 });
  it.group.write(1, "add", "mine");
  while (it.sentBy(1, "compare").length === 0) it.group.run(50);
  const { session } = it.sentBy(1, "compare")[0]!;
  const context = bytes("77.1");
  const families = (source: typeof ELSEWHERE, parents: readonly number[], tree: MerkleTree, first: boolean) =>
    it.tell(1, 2, {
      type: "families",
      session,
      source,
      ready: true,
      context: first ? context : null,
      families: familiesOf(tree, parents),
    });
  return { ...it, session, context, families };
}

describe("who asks", () => {
  test("adopts what the other knew when nothing differs, or all of it was taken", () => {
    const { group, families, sentBy } = asking();
    families(ELSEWHERE, [0], new MerkleTree(SHAPE), true);
    families(ELSEWHERE, sentBy(1, "ask")[0]!.parents, group.host(1).state.tree, false);
    group.run(20);
    expect(group.host(1).state.known.has("77.1")).toBe(true);
  });

  test("adopts nothing when the answers are of two lives of a replica", () => {
    const { group, families, sentBy } = asking();
    families(ELSEWHERE, [0], new MerkleTree(SHAPE), true);
    families(replicaId(100), sentBy(1, "ask")[0]!.parents, group.host(1).state.tree, false);
    group.run(20);
    expect(group.host(1).state.known.has("77.1")).toBe(false);
  });

  test("adopts nothing when an answer is lost, or is of another session", () => {
    const { group, families, session, tell, context, sentBy } = asking();
    families(ELSEWHERE, [0], new MerkleTree(SHAPE), true);
    expect(sentBy(1, "ask").length).toBe(1);
    tell(1, 2, {
      type: "same",
      session: session + 1,
      source: ELSEWHERE,
      ready: true,
      root: group.host(1).state.tree.root,
      context,
    });
    group.run(5500);
    expect(group.host(1).state.known.has("77.1")).toBe(false);
    // The session is forgotten: a late answer is to nobody.
    families(ELSEWHERE, sentBy(1, "ask")[0]!.parents, group.host(1).state.tree, false);
    group.run(20);
    expect(group.host(1).state.known.has("77.1")).toBe(false);
  });

  test("adopts nothing when a merge was refused", () => {
    for (const refused of [0, 1]) {
      const { group, families, session, tell, sentBy } = asking();
      const theirs = new MerkleTree(SHAPE);
      families(ELSEWHERE, [0], theirs, true);
      families(ELSEWHERE, sentBy(1, "ask")[0]!.parents, theirs, false);
      const { leaves } = sentBy(1, "fetch")[0]!;
      group.weather = { ...FAIR, drop: 1, refused };
      tell(1, 2, { type: "leaves", session, source: ELSEWHERE, leaves, delta: EMPTY });
      group.run(20);
      tell(1, 2, { type: "pushed", session, source: ELSEWHERE, taken: true });
      group.run(20);
      expect(group.host(1).state.known.has("77.1")).toBe(refused === 0);
    }
  });

  test("does not take `same` for its tree when it has written since", () => {
    const { group, session, tell, context } = asking();
    const before = group.sent.find(({ message }) => message.type === "compare")!.message;
    group.write(1, "add", "since");
    group.run(20);
    const root = before.type === "compare" ? before.root : { high: 0, low: 0 };
    tell(1, 2, { type: "same", session, source: ELSEWHERE, ready: true, root, context });
    group.run(20);
    expect(group.host(1).state.known.has("77.1")).toBe(false);
  });
});

test("who has not applied its log again since a restart answers nobody", () => {
  const { group, tell, sentBy } = pair();
  for (let at = 0; at < 20; at++) group.write(1, "add", `e${at}`);
  group.run(3000);
  group.crash(1);
  group.weather = { ...FAIR, maxApply: 1000 };
  group.restart(1);
  const compare = { type: "compare", session: 5, shape: SHAPE, root: { high: 1, low: 1 } } as const;
  const answers = () => sentBy(1, "families").filter(({ session }) => session === 5).length;
  tell(1, 2, compare);
  expect(group.host(1).machine!.isReady).toBe(false);
  expect(answers()).toBe(0);
  group.run(2000);
  tell(1, 2, compare);
  expect(answers()).toBe(1);
});

test("a new holder does not become ready by one that is not", () => {
  const { group } = pair(FAIR, [1, 2, 3]);
  group.write(1, "add", "x");
  group.run(3000);
  for (const id of [1, 2, 3]) group.crash(id);
  group.change([4, 5]);
  group.run(10_000);
  expect([4, 5].map((id) => group.host(id).machine!.isReady)).toEqual([false, false]);
});

describe("a handover", () => {
  test("goes on only with the replica that took the pages before", () => {
    const { group, tell, sentBy } = pair({ ...FAIR, drop: 1 });
    const before = group.host(1).machine!.lastIndex;
    const page = { type: "handover", session: 9, delta: EMPTY, last: null } as const;
    tell(1, 8, { ...page, number: 1, to: ELSEWHERE });
    tell(1, 8, { ...page, number: 1, to: null });
    group.run(20);
    expect(group.host(1).machine!.lastIndex).toBe(before);
    tell(1, 8, { ...page, number: 1, to: group.host(1).replica });
    tell(1, 8, { ...page, number: 0, to: null });
    group.run(20);
    expect(group.host(1).machine!.lastIndex).toBe(before + 2);
    expect(sentBy(1, "taken").length).toBe(2);
  });

  test("that was refused, or taken by two lives, is not one", () => {
    const { group, tell, sentBy } = pair();
    group.write(1, "add", "x");
    group.run(10);
    group.weather = { ...FAIR, drop: 1 };
    group.change([2]);
    for (let at = 0; at < 10; at++) {
      group.run(1000);
      const { session, number } = sentBy(1, "handover").at(-1)!;
      tell(1, 2, { type: "taken", session, number, source: ELSEWHERE, taken: false });
    }
    expect(sentBy(1, "handover").length).toBeGreaterThan(5);
    expect(group.retirements).toBe(0);
    group.weather = FAIR;
    group.run(5000);
    expect(group.retirements).toBe(1);
    expect([...group.host(2).state.elements.keys()]).toEqual(["x"]);
  });
});
