import * as fc from "fast-check";
import { expect, test } from "vitest";
import { InvariantError } from "../../core/assert.ts";
import { nodeId } from "../../core/ids.ts";
import type { RumorEffect, RumorMessage, ToldRumor } from "./messages.ts";
import { DEFAULT_RUMOR_OPTIONS } from "./options.ts";
import type { RumorOptions } from "./options.ts";
import { RumorMonger } from "./rumor.ts";
import { sampleBelow } from "./sampling.ts";
import { Village } from "./rumor.testkit.ts";
import { Sfc32 } from "../../world/sfc32.ts";

const chanceOf = (seed: number) => {
  const generator = new Sfc32(seed, 1, 2);
  return () => generator.next();
};
const bytes = (length: number) => new Uint8Array(length);
const ME = nodeId(1);
const PEERS = [1, 2, 3].map(nodeId);
const ROUND = { type: "timer", timer: "round" } as const;

/** One site of three, played upon by hand. `draw` is what chance gives, always. */
function site(options: Partial<RumorOptions> = {}, draw = 0) {
  const machine = new RumorMonger({ ...DEFAULT_RUMOR_OPTIONS, ...options, id: ME });
  const step = (input: Parameters<RumorMonger["step"]>[1]) => {
    const effects = machine.step(0, input, () => draw);
    machine.check();
    return effects;
  };
  step({ type: "peers", peers: PEERS });
  return {
    machine,
    step,
    spread: (id: string, length = 0) => step({ type: "spread", rumor: { id, payload: bytes(length) } }),
    round: () => step(ROUND),
    told: (from: number, rumors: readonly ToldRumor[], asks = false) =>
      step({ type: "message", from: nodeId(from), message: { type: "rumors", rumors, asks } }),
    feedback: (needed: readonly string[], unneeded: readonly string[]) =>
      step({ type: "message", from: nodeId(2), message: { type: "feedback", needed, unneeded } }),
  };
}

const rumor = (id: string, age = 1): ToldRumor => ({ id, payload: bytes(0), age });

function sends(effects: readonly RumorEffect[]): readonly (readonly [number, RumorMessage])[] {
  return effects.flatMap((effect) => (effect.type === "send" ? [[effect.to, effect.message] as const] : []));
}

function toldIn(effects: readonly RumorEffect[]): readonly string[] {
  return sends(effects).flatMap(([, message]) =>
    message.type === "rumors" ? message.rumors.map(({ id }) => id) : [],
  );
}

test("a rumor is told in the next round, once a round, to somebody else", () => {
  const { spread, round, machine } = site();
  expect(spread("news")).toEqual([{ type: "set-timer", timer: "round", min: 90, max: 110 }]);
  const effects = round();
  expect(sends(effects)).toEqual([[2, { type: "rumors", rumors: [rumor("news")], asks: false }]]);
  expect(machine.stateOf("news")).toBe("infective");
  expect(sends(site({ id: ME }, 0.99).round())).toEqual([]);
});

test("who counts its hearers stops as soon as all others are known to know", () => {
  const { spread, round, step, told, machine } = site({ countHearers: true, fanout: 2 });
  const hears = (from: number, needed: readonly string[], unneeded: readonly string[]) =>
    step({ type: "message", from: nodeId(from), message: { type: "feedback", needed, unneeded } });
  spread("news");
  told(3, [rumor("gossip")]);
  expect(sends(round()).map(([to]) => to)).toEqual([2, 3]);
  hears(2, ["news"], ["gossip"]);
  hears(2, ["news"], []);
  expect(machine.stateOf("news")).toBe("infective");
  // Site 3 told the one itself, and has not said that it knows the other.
  expect(toldIn(round())).toEqual(["news", "news"]);
  expect(machine.stateOf("gossip")).toBe("removed");
  told(3, [rumor("news")]);
  const effects = round();
  expect(effects).toContainEqual({ type: "removed", id: "news", reason: "stopped" });
  expect(sends(effects)).toEqual([]);
  // A site that joins in the meantime knows nothing.
  spread("more");
  round();
  hears(2, ["more"], []);
  hears(3, ["more"], []);
  step({ type: "peers", peers: [...PEERS, nodeId(4)] });
  expect(toldIn(round())).toEqual(["more", "more"]);
});

test("what comes to an idle site is told at once; while it is hot, the rounds take their time", () => {
  const { spread, round, step } = site({ firstRoundMax: 2, stop: { by: "counter", k: 1, feedback: false } });
  const first = { type: "set-timer", timer: "round", min: 0, max: 2 };
  expect(spread("news")).toEqual([first]);
  expect(round()).toContainEqual({ type: "set-timer", timer: "round", min: 90, max: 110 });
  // Told once in vain, which is enough: nothing is hot any more.
  expect(round()).toEqual([{ type: "removed", id: "news", reason: "stopped" }]);
  expect(step({ type: "spread", rumor: rumor("more news") })).toEqual([first]);
});

test("who is told delivers it once, answers whether it was needed, and tells it in its own next round", () => {
  const { told, round, machine } = site();
  const first = told(2, [rumor("news", 4)]);
  expect(first).toContainEqual({
    type: "deliver",
    from: nodeId(2),
    rumor: { id: "news", payload: bytes(0) },
  });
  expect(sends(first)).toEqual([[2, { type: "feedback", needed: ["news"], unneeded: [] }]]);
  // Judged on the state at the start of the round: still as if unknown, but not delivered again.
  expect(told(3, [rumor("news", 4)])).toEqual([
    { type: "send", to: nodeId(3), message: { type: "feedback", needed: ["news"], unneeded: [] } },
  ]);
  expect(sends(round())).toEqual([[2, { type: "rumors", rumors: [rumor("news", 5)], asks: false }]]);
  expect(sends(told(3, [rumor("news")]))).toEqual([
    [3, { type: "feedback", needed: [], unneeded: ["news"] }],
  ]);
  expect(machine.stateOf("news")).toBe("infective");
});

test("counter with feedback: k wasted rounds in a row, and a useful contact starts the count anew", () => {
  const { spread, round, feedback, machine } = site({ stop: { by: "counter", k: 2, feedback: true } });
  spread("news");
  round();
  feedback([], ["news"]);
  round();
  feedback(["news"], []);
  round();
  feedback([], ["news"]);
  // Silence says nothing.
  round();
  round();
  feedback([], ["news"]);
  expect(machine.stateOf("news")).toBe("infective");
  expect(round()).toEqual([{ type: "removed", id: "news", reason: "stopped" }]);
  expect(machine.stateOf("news")).toBe("removed");
});

test("one round is one judgement: a useful contact outweighs those in vain, and a doubled feedback counts once", () => {
  const { spread, round, feedback, machine } = site({
    fanout: 2,
    stop: { by: "counter", k: 2, feedback: true },
  });
  spread("news");
  expect(sends(round()).map(([to]) => to)).toEqual([2, 3]);
  feedback([], ["news"]);
  feedback(["news"], []);
  feedback([], ["news"]);
  round();
  feedback([], ["news"]);
  feedback([], ["news"]);
  round();
  expect(machine.stateOf("news")).toBe("infective");
});

test("blind counter: after k rounds in which it was told, whatever came of it", () => {
  const { spread, round, feedback, told, machine } = site({
    stop: { by: "counter", k: 2, feedback: false },
  });
  spread("news");
  round();
  feedback(["news"], []);
  expect(sends(told(2, [rumor("news")]))).toEqual([]);
  expect(toldIn(round())).toEqual(["news"]);
  expect(machine.stateOf("news")).toBe("infective");
  expect(toldIn(round())).toEqual([]);
  expect(machine.stateOf("news")).toBe("removed");
});

test.each([
  [0.3, "removed"],
  [0.34, "infective"],
])("a coin of 1/3 that shows %d: %s", (draw, state) => {
  const { spread, round, machine } = site({ stop: { by: "coin", k: 3, feedback: false } }, draw);
  spread("news");
  round();
  round();
  expect(machine.stateOf("news")).toBe(state);
});

test("pull: asks in every round, has nothing to tell unasked, and answers with what was hot when the round began", () => {
  const { spread, round, told } = site({ mode: "pull" });
  expect(sends(round())).toEqual([[2, { type: "rumors", rumors: [], asks: true }]]);
  spread("old");
  expect(sends(told(3, [], true))).toEqual([]);
  expect(toldIn(round())).toEqual([]);
  spread("new");
  expect(sends(told(3, [], true))).toEqual([[3, { type: "rumors", rumors: [rumor("old")], asks: false }]]);
});

test("push-pull: one contact carries rumors both ways, and what both know already counts for both", () => {
  const { spread, round, told, machine } = site({
    mode: "push-pull",
    stop: { by: "counter", k: 1, feedback: true },
  });
  spread("mine");
  spread("ours");
  expect(sends(round())[0]![1]).toMatchObject({ asks: true, rumors: [{ id: "mine" }, { id: "ours" }] });
  expect(sends(told(3, [rumor("theirs"), rumor("ours")], true))).toEqual([
    [3, { type: "feedback", needed: ["theirs"], unneeded: ["ours"] }],
    [3, { type: "rumors", rumors: [rumor("mine")], asks: false }],
  ]);
  round();
  expect(["mine", "ours", "theirs"].map((id) => machine.stateOf(id))).toEqual([
    "infective",
    "removed",
    "infective",
  ]);
});

test("who only pushes is silent while nothing is hot; the memory of removed rumors makes no noise", () => {
  const { spread, round, step } = site({ stop: { by: "counter", k: 1, feedback: false } });
  expect(step({ type: "start" })).toEqual([]);
  spread("news");
  round();
  expect(round()).toEqual([{ type: "removed", id: "news", reason: "stopped" }]);
  expect(spread("news")).toEqual([]);
});

test("a full message leaves rumors to the next one, and none waits twice", () => {
  const { spread, round } = site({ maxMessageBytes: 250 });
  for (const id of ["a", "b", "c"]) spread(id, 100);
  expect([round(), round(), round()].map(toldIn)).toEqual([
    ["a", "b"],
    ["c", "a"],
    ["b", "c"],
  ]);
  const large = site({ maxMessageBytes: 1 });
  large.spread("large", 100);
  expect(toldIn(large.round())).toEqual(["large"]);
});

test("too many at a time: the oldest makes room, and the host learns which", () => {
  const { spread, told, machine } = site({ maxInfective: 2 });
  told(2, [rumor("old", 9)]);
  spread("young");
  expect(spread("new")).toEqual([{ type: "removed", id: "old", reason: "crowded-out" }]);
  expect(machine.stateOf("old")).toBe("removed");
});

test("what is forgotten is taken for new, and still ends: its age travels with it", () => {
  const { told, round, machine } = site({ maxRemembered: 1, maxRounds: 5 });
  told(2, [rumor("tale", 3)]);
  expect(round()).toContainEqual(expect.objectContaining({ type: "send" }));
  expect(round()).toEqual([{ type: "removed", id: "tale", reason: "aged" }]);
  told(2, [rumor("other", 4)]);
  expect(machine.stateOf("tale")).toBe("susceptible");
  const again = told(3, [rumor("tale", 4)]);
  expect(again).toContainEqual(expect.objectContaining({ type: "deliver" }));
  expect(machine.stateOf("tale")).toBe("removed");
});

test("what is heard of again is remembered longer than what is not", () => {
  const { told, machine } = site({ maxRemembered: 2, maxRounds: 2 });
  told(2, [rumor("a"), rumor("b")]);
  told(2, [rumor("a")]);
  told(2, [rumor("c")]);
  expect(["a", "b", "c"].map((id) => machine.stateOf(id))).toEqual(["removed", "susceptible", "removed"]);
});

test("nobody else: the rumor ends by its age", () => {
  const machine = new RumorMonger({ ...DEFAULT_RUMOR_OPTIONS, maxRounds: 3, id: ME });
  machine.step(0, { type: "peers", peers: [ME] }, () => 0);
  machine.step(0, { type: "spread", rumor: { id: "news", payload: bytes(0) } }, () => 0);
  expect([1, 2, 3].flatMap((now) => machine.step(now, ROUND, () => 0))).toEqual([
    ...[1, 2].map(() => ({ type: "set-timer", timer: "round", min: 90, max: 110 })),
    { type: "removed", id: "news", reason: "aged" },
  ]);
});

test("options that make no sense, and time that goes back, are defects", () => {
  for (const wrong of [{ fanout: 0 }, { maxRounds: 1 }, { maxRemembered: 0.5 }, { roundMin: 200 }])
    expect(() => site(wrong)).toThrow(InvariantError);
  const { machine } = site();
  machine.step(5, { type: "start" }, () => 0);
  expect(() => machine.step(4, { type: "start" }, () => 0)).toThrow(InvariantError);
});

test("a hundred sites hear of ten rumors at once; each delivers each at most once", () => {
  const village = new Village(
    100,
    { mode: "push-pull", stop: { by: "counter", k: 3, feedback: true } },
    chanceOf(7),
  );
  for (let at = 0; at < 10; at++) village.spread(at * 7, `rumor ${at}`);
  for (let rounds = 0; rounds < 40 && !village.isQuiet; rounds++) village.round();
  expect(village.isQuiet).toBe(true);
  const heard = village.delivered.map(({ site, id }) => `${id} at ${site}`);
  expect(new Set(heard).size).toBe(heard.length);
  expect(heard.length).toBeGreaterThan(980);
  expect(new Set(village.removed.map(({ reason }) => reason))).toEqual(new Set(["stopped"]));
  // Ten rumors share their contacts: fewer messages, answers and feedback included, than rumors told.
  const told = village.sent.flatMap(({ message }) => (message.type === "rumors" ? message.rumors : []));
  expect(told.length).toBeGreaterThan(1.5 * village.sent.length);
});

const options = fc.record({
  mode: fc.constantFrom("push", "pull", "push-pull"),
  stop: fc.record({
    by: fc.constantFrom("counter", "coin"),
    k: fc.integer({ min: 1, max: 4 }),
    feedback: fc.boolean(),
  }),
  fanout: fc.integer({ min: 1, max: 3 }),
  maxRounds: fc.integer({ min: 2, max: 20 }),
  maxInfective: fc.integer({ min: 1, max: 6 }),
  maxRemembered: fc.integer({ min: 1, max: 6 }),
  maxMessageBytes: fc.integer({ min: 1, max: 100 }),
});
const weather = fc.record({
  lost: fc.double({ min: 0, max: 0.9, noNaN: true }),
  doubled: fc.double({ min: 0, max: 0.5, noNaN: true }),
  late: fc.double({ min: 0, max: 0.5, noNaN: true }),
});

/** `step` runs `check()` after every input: bounded memory and the other invariants are looked at all the time. */
test("property: every rumor ends, nobody is infective for ever, memory is bounded, in any weather", () => {
  fc.assert(
    fc.property(
      options,
      weather,
      fc.integer(),
      fc.integer({ min: 1, max: 8 }),
      (options, weather, seed, count) => {
        const chance = chanceOf(seed);
        const village = new Village(count, options, chance);
        for (let at = 0; at < 12; at++) {
          village.spread(Math.floor(chance() * count), `rumor ${at}`);
          if (chance() < 0.5) village.round(weather);
        }
        // No site spreads anything longer than its age allows.
        for (let rounds = 0; rounds < options.maxRounds; rounds++) village.round({ ...weather, late: 0 });
        expect(village.sites.map(({ infectiveCount }) => infectiveCount)).toEqual(village.sites.map(() => 0));
        expect(village.isQuiet).toBe(true);
        for (const { rememberedCount } of village.sites)
          expect(rememberedCount).toBeLessThanOrEqual(options.maxRemembered);
      },
    ),
    { numRuns: 300 },
  );
});

test("property: with memory enough nothing is delivered twice, nor to who began it", () => {
  fc.assert(
    fc.property(options, weather, fc.integer(), (options, weather, seed) => {
      const village = new Village(6, { ...options, maxInfective: 20, maxRemembered: 20 }, chanceOf(seed));
      for (let at = 0; at < 6; at++) village.spread(at, `rumor ${at}`);
      for (let rounds = 0; rounds < 20; rounds++) village.round(weather);
      const heard = village.delivered.map(({ site, id }) => `${id} at ${site}`);
      expect(new Set(heard).size).toBe(heard.length);
      for (const { site, id } of village.delivered) expect(id).not.toBe(`rumor ${site}`);
    }),
    { numRuns: 100 },
  );
});

test("property: who is contacted are others, different ones, and as many as wanted", () => {
  fc.assert(
    fc.property(fc.nat(20), fc.nat(25), fc.integer(), (size, count, seed) => {
      const chosen = sampleBelow(size, count, chanceOf(seed));
      expect(new Set(chosen).size).toBe(Math.min(size, count));
      for (const one of chosen) expect(one >= 0 && one < size).toBe(true);
    }),
  );
  // Every pair of four comes up as often as any other.
  const chance = chanceOf(3);
  const pairs = new Map<string, number>();
  for (let at = 0; at < 6000; at++) {
    const pair = [...sampleBelow(4, 2, chance)].sort().join();
    pairs.set(pair, (pairs.get(pair) ?? 0) + 1);
  }
  expect([...pairs.values()].every((times) => times > 850 && times < 1150)).toBe(true);
  expect(pairs.size).toBe(6);
});
