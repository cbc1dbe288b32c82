import { expect, test } from "vitest";
import { nodeId, requestId } from "../../core/ids.ts";
import { FAIR, Group } from "./broadcast.testkit.ts";
import { agreement, causal, fifo, integrity, total, validity } from "./checkers.ts";
import type { DeliveryLog, LogEvent } from "./checkers.ts";

const waits = (group: Group, node: number) =>
  (group.machine(node).status() as { readonly heldBack: readonly string[] }).heldBack;

const LOST = { ...FAIR, lost: 1 };

test("who hears it passes it on before it delivers", () => {
  const group = new Group(4, { reliability: "reliable", order: "fifo" });
  const sent = group.step(1, {
    type: "publish",
    id: requestId(1),
    payload: new TextEncoder().encode("x"),
  });
  const message = sent.flatMap((it) => (it.type === "send" ? it.message : []))[0]!;
  const effects = group.step(2, { type: "message", from: nodeId(1), message });
  expect(effects.map((it) => (it.type === "send" ? `send to ${it.to}` : it.type)).slice(0, 3)).toEqual([
    "send to 3",
    "send to 4",
    "deliver",
  ]);
});

test("what one has heard of a publisher that crashes, all deliver", () => {
  const group = new Group(4, { reliability: "reliable", order: "fifo" });
  group.partition([1, 2], [3, 4]);
  group.publish(1);
  group.run(5);
  group.crash(1);
  expect(group.delivered(2)).toEqual(["1#1"]);
  group.heal();
  group.run(1000);
  for (const node of [2, 3, 4]) expect(group.delivered(node)).toEqual(["1#1"]);
});

test("a later message waits for an earlier one, and the queue says so", () => {
  const group = new Group(3, { reliability: "best-effort", order: "fifo" });
  group.publish(2);
  group.weather = LOST;
  group.publish(2);
  group.weather = FAIR;
  group.publish(2);
  group.run(5);
  expect(group.delivered(1)).toEqual(["2#1"]);
  expect(waits(group, 1)).toEqual(["n2's #3 waits for n2's #2"]);
  group.run(1000);
  expect(group.delivered(1)).toEqual(["2#1", "2#3"]);
  expect(group.losses).toContainEqual({ node: 1, reason: "gap", count: 1 });
});

test("an answer waits for its question", () => {
  const group = new Group(3, { reliability: "reliable", order: "causal" });
  group.weather = LOST;
  const question = { type: "publish", id: requestId(1), payload: new TextEncoder().encode("?") } as const;
  const sent = group.step(1, question);
  const message = sent.flatMap((it) => (it.type === "send" ? it.message : []))[0]!;
  group.step(2, { type: "message", from: nodeId(1), message });
  group.weather = FAIR;
  group.publish(2);
  group.run(5);
  expect(waits(group, 3)).toEqual(["n2's #1 waits for n1's #1 by causality"]);
  group.run(1000);
  expect(group.delivered(3)).toEqual(["1#1", "2#1"]);
});

test("the sequencer's numbers decide, also of what was sent at the same time", () => {
  const group = new Group(3, { reliability: "reliable", order: "total" });
  group.weather = { ...FAIR, delayMax: 60 };
  for (let round = 0; round < 10; round++) for (const node of [3, 2, 1]) group.publish(node);
  group.run(5000);
  expect(group.delivered(1)).toHaveLength(30);
  for (const node of [2, 3]) expect(group.delivered(node)).toEqual(group.delivered(1));
});

test("without its sequencer, a message waits for a number; the next view has another sequencer", () => {
  const group = new Group(3, { reliability: "reliable", order: "total" });
  group.crash(1);
  group.publish(3);
  group.run(500);
  expect(waits(group, 2)).toEqual(["n3's #1 waits for a number from the sequencer n1"]);
  group.change({ leave: [1] });
  group.run(1000);
  for (const node of [2, 3]) expect(group.delivered(node)).toEqual(["3#1"]);
});

test("an old sequencer that does not know the new view is not heard", () => {
  const group = new Group(3, { reliability: "reliable", order: "total" });
  const old = group.view;
  group.partition([1], [2, 3]);
  group.change({ leave: [1] });
  group.run(10);
  // 1 is told by nobody: a process that still has the old view.
  const stale = new Group(3, { reliability: "reliable", order: "total" });
  expect(stale.view).toEqual(old);
  const orders = stale
    .step(1, { type: "publish", id: requestId(9), payload: new TextEncoder().encode("old") })
    .flatMap((it) => (it.type === "send" && it.to === nodeId(2) ? it.message : []));
  expect(orders).toHaveLength(2);
  for (const message of orders)
    expect(group.step(2, { type: "message", from: nodeId(1), message })).toEqual([]);
});

test("publishing is refused at the bound, and goes on when the dead one is out of the view", () => {
  const group = new Group(3, { reliability: "reliable", order: "fifo", maxUnstable: 4 });
  group.crash(3);
  for (let count = 0; count < 5; count++) group.publish(1);
  expect(group.refused).toEqual(["overloaded"]);
  group.run(1000);
  group.change({ leave: [3] });
  group.run(1000);
  group.publish(1);
  expect(group.refused).toEqual(["overloaded"]);
});

test("a payload that is too large is refused, and so is who is in no view", () => {
  const group = new Group(2, { reliability: "reliable", order: "none", maxPayloadBytes: 1 });
  group.publish(1);
  group.change({ leave: [2] });
  group.run(10);
  group.publish(2);
  expect(group.refused).toEqual(["too-large", "unreachable"]);
});

test("best effort gives up the longest waiting when too many wait", () => {
  const group = new Group(2, { reliability: "best-effort", order: "fifo", maxHeldBack: 2 });
  group.weather = LOST;
  group.publish(1);
  group.weather = FAIR;
  for (let count = 0; count < 3; count++) group.publish(1);
  group.run(5);
  expect(group.delivered(2)).toEqual(["1#2", "1#3", "1#4"]);
  expect(group.losses).toEqual([{ node: 2, reason: "gap", count: 1 }]);
});

test("who comes later delivers what is published from then on", () => {
  const group = new Group(2, { reliability: "reliable", order: "total" });
  group.publish(1);
  group.run(1000);
  group.change({ join: [3] });
  group.run(1000);
  group.publish(2);
  group.publish(3);
  group.run(1000);
  expect(group.delivered(3)).toEqual(["2#1", "3#1"]);
});

const member = (node: number) => ({ node: nodeId(node), since: 1 });
const published = (number: number): LogEvent => ({ type: "published", number, content: `${number}` });
const delivered = (node: number, number: number, content = `${number}`): LogEvent => ({
  type: "delivered",
  from: member(node),
  number,
  content,
});
const log = (node: number, ...events: readonly LogEvent[]): DeliveryLog => ({
  member: member(node),
  isLate: false,
  events,
});
const one = log(1, published(1), delivered(1, 1), published(2), delivered(1, 2));

test.each([
  ["twice", integrity, [one, log(2, delivered(1, 1), delivered(1, 1))]],
  ["what nobody published", integrity, [one, log(2, delivered(1, 1, "other"))]],
  ["not its own", validity, [log(1, published(1))]],
  ["not what another one does", agreement, [one, log(2, delivered(1, 1))]],
  ["the second before the first", fifo, [one, log(2, delivered(1, 2), delivered(1, 1))]],
  ["the second without the first", fifo, [one, log(2, delivered(1, 2))]],
  [
    "the answer before the question",
    causal,
    [one, log(2, delivered(1, 1), published(1)), log(3, delivered(2, 1), delivered(1, 1))],
  ],
  [
    "in another order",
    total,
    [log(1, delivered(3, 1), delivered(4, 1)), log(2, delivered(4, 1), delivered(3, 1))],
  ],
] as const)("the checkers see who delivers %s", (_, checker, logs) => {
  expect(checker(logs)).toMatch(/^n\d@1 /);
});
