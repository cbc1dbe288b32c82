/**
 * What the typed client promises of each delivery, through failures of everything between it and the shard: increments,
 * compare-and-set and appends that are done exactly once, appends at most once, appends at least once.
 */
import { checkAtLeastOnce, checkExactlyOnce, onceEventsOfList } from "../checkers/exactly-once.ts";
import { checkLinearizability } from "../checkers/linearizability.ts";
import { MODELS } from "../checkers/models.ts";
import { checkNoFalseErrors } from "../checkers/no-false-errors.ts";
import { checkNoLostWrites, type LossyKind } from "../checkers/no-lost-writes.ts";
import type { Verdict } from "../checkers/verdict.ts";
import type { HistoryKey, Operation } from "../history/event.ts";
import type { Delivery, Repetition } from "../../client/machine/outcome.ts";
import { append, readList } from "./appends.ts";
import { increment, readCounter } from "./counters.ts";
import { compareAndSet, readRegister, writeRegister } from "./registers.ts";
import { type MakeWorkload, pick, type PlannedOperation, textOf } from "./workload.ts";

interface Part {
  readonly keys: readonly string[];
  readonly model: LossyKind | null;
  readonly delivery: Delivery;
}

const by = (repetition: Repetition, operation: PlannedOperation): PlannedOperation => ({
  ...operation,
  repetition,
});

export const retries: MakeWorkload = (prefix) => {
  const named = (...names: readonly string[]): readonly string[] => names.map((name) => `${prefix}${name}`);
  const counters = { keys: named("c0", "c1"), model: "counter", delivery: "exactly-once" } as const;
  const registers = { keys: named("r0"), model: "register", delivery: "exactly-once" } as const;
  const lists = { keys: named("l0", "l1"), model: "list", delivery: "exactly-once" } as const;
  const atMostOnce = { keys: named("m0"), model: "list", delivery: "at-most-once" } as const;
  /** With elements that stand there twice, and later than they were acknowledged, it is no list that a model knows. */
  const atLeastOnce = { keys: named("a0"), model: null, delivery: "at-least-once" } as const;
  const parts: readonly Part[] = [counters, registers, lists, atMostOnce, atLeastOnce];
  const keys = parts.flatMap((part) => part.keys);
  /** What the register was last seen to hold. */
  let last: string | null = null;

  const read = (key: HistoryKey): PlannedOperation => {
    const isIn = (part: Part): boolean => part.keys.includes(String(key));
    if (isIn(counters)) return readCounter(key);
    return isIn(registers) ? readRegister(key) : readList(key);
  };
  const write = (part: Part, key: string, unique: number): PlannedOperation => {
    if (part === counters) return increment(key, 1 + (unique % 3));
    if (part !== registers) return append(key, unique);
    const value = `v${unique}`;
    return unique % 3 === 0 ? writeRegister(key, value) : compareAndSet(key, last, value);
  };
  return {
    name: "retries",
    model: null,
    keys,
    pause: 20,
    plan(dice, unique) {
      const part = pick(dice, parts);
      const key = pick(dice, part.keys);
      if (dice.next() >= 0.25) return by(part.delivery, write(part, key, unique));
      const reading = by("read", read(key));
      if (part !== registers) return reading;
      return {
        ...reading,
        output: (replies) => (last = textOf(replies?.[0])),
      };
    },
    lastRead: read,
    verdicts: (operations) => [
      checkNoFalseErrors(operations),
      ...parts.flatMap((part) => verdictsOf(part, operations)),
    ],
  };
};

function verdictsOf({ keys, model, delivery }: Part, all: readonly Operation[]): readonly Verdict[] {
  // In a short run, some keys may not have had their turn.
  const used = keys.filter((key) => all.some((operation) => operation.key === key && operation.f !== "read"));
  if (used.length === 0) return [];
  const operations = all.filter(({ key }) => used.includes(String(key)));
  const verdicts: Verdict[] = [];
  if (model !== null)
    verdicts.push(checkLinearizability(operations, MODELS[model]), checkNoLostWrites(operations, model));
  if (model !== null && model !== "list") return verdicts;
  // That an unknown outcome is none holds for at-most-once as it does for exactly-once.
  const check = delivery === "at-least-once" ? checkAtLeastOnce : checkExactlyOnce;
  for (const key of used)
    verdicts.push(check(onceEventsOfList(operations.filter((operation) => operation.key === key))));
  return verdicts;
}
