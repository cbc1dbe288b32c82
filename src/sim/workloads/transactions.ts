/** Transactions within a shard: several reads and writes of keys with one {tag} that take effect as one. */
import type { HistoryKey, HistoryValue } from "../history/event.ts";
import { commandCall, pick, textOf, type MakeWorkload, type PlannedOperation } from "./workload.ts";

type Step = readonly ["r", string, null] | readonly ["w", string, string] | readonly ["d", string];

function transaction(steps: readonly Step[]): PlannedOperation {
  return {
    f: "txn",
    key: null,
    value: steps as readonly HistoryValue[],
    calls: steps.map((step) => {
      if (step[0] === "r") return commandCall("get", step[1]);
      return step[0] === "w" ? commandCall("set", step[1], step[2]) : commandCall("del", step[1]);
    }),
    output: (replies) =>
      steps.map((step, i) => (step[0] === "r" ? [step[0], step[1], textOf(replies?.[i])] : step)),
  };
}

const KEYS_PER_TAG = 3;
const TAGS = ["{a}", "{b}"];

export const transactions: MakeWorkload = (prefix) => {
  const keysOf = (tag: string): string[] =>
    Array.from({ length: KEYS_PER_TAG }, (_, i) => `${prefix}${tag}${i}`);
  return {
    name: "transactions",
    model: "kv",
    keys: TAGS,
    pause: 25,
    plan(dice, unique) {
      const keys = keysOf(pick(dice, TAGS));
      const steps = Array.from({ length: 1 + Math.floor(dice.next() * 4) }, (_, i): Step => {
        const key = pick(dice, keys);
        const chance = dice.next();
        if (chance < 0.5) return ["r", key, null];
        return chance < 0.92 ? ["w", key, `v${unique}.${i}`] : ["d", key];
      });
      return transaction(steps);
    },
    /** All keys of a tag at one moment. */
    lastRead: (tag: HistoryKey) => transaction(keysOf(String(tag)).map((key): Step => ["r", key, null])),
  };
};
