/** Counters: increments of different sizes that answer what they made, and reads. A repeated increment shows at once. */
import type { Reply } from "../../core/reply.ts";
import type { HistoryKey } from "../history/event.ts";
import {
  commandCall,
  numberedKeys,
  pick,
  textOf,
  type MakeWorkload,
  type PlannedOperation,
} from "./workload.ts";

export const numberOf = (reply: Reply | undefined): number => Number(textOf(reply) ?? 0);

export const readCounter = (key: HistoryKey): PlannedOperation => ({
  f: "read",
  key,
  value: null,
  calls: [commandCall("get", String(key))],
  output: (replies) => numberOf(replies?.[0]),
});

export const increment = (key: string, by: number): PlannedOperation => ({
  f: "increment",
  key,
  value: by,
  calls: [commandCall("incrby", key, String(by))],
  output: (replies) => replies?.[0] as number,
});

export const counters: MakeWorkload = (prefix) => {
  const keys = numberedKeys(prefix, 3);
  return {
    name: "counters",
    model: "counter",
    keys,
    pause: 20,
    plan(dice) {
      const key = pick(dice, keys);
      return dice.next() < 0.3 ? readCounter(key) : increment(key, 1 + Math.floor(dice.next() * 5));
    },
    lastRead: readCounter,
  };
};
