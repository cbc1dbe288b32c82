/** Stories of rules that chance seldom puts to the test: each fails when its rule is taken out of the machine. */
import { expect, test } from "vitest";
import { nodeId, requestId } from "../../core/ids.ts";
import { FAIR, Group } from "./broadcast.testkit.ts";
import type { BroadcastEffect, BroadcastMessage } from "./messages.ts";

const LOST = { ...FAIR, lost: 1 };

const publication = { type: "publish", id: requestId(1), payload: new TextEncoder().encode("x") } as const;

const statusOf = (group: Group, node: number) =>
  group.machine(node).status() as { readonly heldBack: readonly string[]; readonly unstable: number };

const messageTo = (node: number, effects: readonly BroadcastEffect[]): BroadcastMessage =>
  effects.flatMap((it) => (it.type === "send" && it.to === nodeId(node) ? it.message : []))[0]!;

/** What `from` publishes reaches only `to`, and nobody whom that one passes it on to. Returns what it passes on to `third`. */
function whisper(group: Group, from: number, to: number, third: number): BroadcastMessage {
  group.weather = LOST;
  const message = messageTo(to, group.step(from, publication, "x"));
  const passedOn = group.step(to, { type: "message", from: nodeId(from), message });
  group.weather = FAIR;
  return messageTo(third, passedOn);
}

test.each([
  ["the sequencer", 1],
  ["another member", 5],
])("when %s has left, nothing is numbered before all have said what they have of it (R8)", (_, gone) => {
  const group = new Group(5, { reliability: "reliable", order: "total" });
  group.crash(gone);
  group.partition([1, 2, 3], [4]);
  group.change({ leave: [gone] });
  group.run(10);
  group.publish(3);
  group.run(500);
  expect(group.delivered(2)).toEqual([]);
  expect(group.delivered(3)).toEqual([]);
  expect(statusOf(group, 2).heldBack).toEqual(["n3's #1 waits for the settlement of the view"]);
  group.heal();
  group.run(1000);
  for (const node of [2, 3, 4]) expect(group.delivered(node)).toEqual(["3#1"]);
});

test("an answer whose question is lost with its publisher is lost as well, and told (R8)", () => {
  const group = new Group(4, { reliability: "reliable", order: "causal" });
  whisper(group, 1, 2, 3);
  group.publish(2);
  group.run(5);
  expect(statusOf(group, 3).heldBack).toEqual(["n2's #1 waits for n1's #1 by causality"]);
  group.crash(1);
  group.crash(2);
  group.change({ leave: [1, 2] });
  group.run(1000);
  for (const node of [3, 4]) {
    expect(group.delivered(node)).toEqual([]);
    expect(group.losses).toContainEqual({ node, reason: "departed", count: 1 });
    expect(statusOf(group, node).heldBack).toEqual([]);
  }
  expect(group.isQuiet).toBe(true);
});

test("what a node says of another life of its own is not believed, though it is a member again (R7)", () => {
  const group = new Group(4, { reliability: "reliable", order: "fifo" });
  // Only 3 has heard 2, and what it passes on to 1 is under way for long.
  const late = whisper(group, 2, 3, 1);
  group.crash(2);
  group.change({ leave: [2], join: [3] });
  group.run(5);
  // 1 may have said already that it has nothing of 2: it must not have something now.
  expect(group.step(1, { type: "message", from: nodeId(3), message: late })).toEqual([]);
  group.run(1000);
  for (const node of [1, 3, 4]) expect(group.delivered(node)).toEqual([]);
});

test.each([1, 2, 3, 4, 5])(
  "a message is kept until all have delivered it: to have received it is not enough (R4), seed %i",
  (seed) => {
    const group = new Group(3, { reliability: "reliable", order: "causal" }, seed);
    whisper(group, 1, 2, 3);
    group.partition([1], [3]);
    group.publish(2);
    group.run(5);
    expect(statusOf(group, 3).heldBack).toEqual(["n2's #1 waits for n1's #1 by causality"]);
    // 3 lacks what 2's message depends on, and has told 2 so before 2 repairs it.
    const unstable = new Set<number>();
    while (group.delivered(3).length < 2) {
      unstable.add(statusOf(group, 2).unstable);
      group.run(1);
    }
    expect([...unstable]).toEqual([1]);
    group.run(1000);
    expect(statusOf(group, 2).unstable).toBe(0);
  },
);

test("one sequencer after the other crashes, and what each had numbered keeps its place (R6, R8)", () => {
  const group = new Group(5, { reliability: "reliable", order: "total" });
  // 1 numbers what 5 publishes; of the others only 5 hears of it.
  group.partition([1, 5], [2, 3, 4]);
  group.publish(5);
  group.run(5);
  expect(group.delivered(5)).toEqual(["5#1"]);
  group.publish(3);
  group.crash(1);
  group.heal();
  group.change({ leave: [1] });
  group.run(5);
  // 2 is the next, and falls before it can number anything; then 3, which numbers what waits.
  group.publish(4);
  group.crash(2);
  group.run(500);
  for (const node of [3, 4, 5]) expect(group.delivered(node)).toEqual(["5#1"]);
  group.change({ leave: [2] });
  group.run(1000);
  const order = group.delivered(5);
  expect(order[0]).toBe("5#1");
  expect([...order].sort()).toEqual(["3#1", "4#1", "5#1"]);
  for (const node of [3, 4]) expect(group.delivered(node)).toEqual(order);
  group.crash(3);
  group.publish(5);
  group.change({ leave: [3] });
  group.run(1000);
  for (const node of [4, 5]) expect(group.delivered(node)).toEqual([...order, "5#2"]);
});
