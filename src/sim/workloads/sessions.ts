/**
 * Registers whose version is counted beside them, in the same transaction: so that the history says which version each
 * read saw and each write made, and the session guarantees can be judged.
 */
import { checkSessionGuarantees } from "../checkers/sessions.ts";
import type { HistoryKey } from "../history/event.ts";
import { commandCall, pick, textOf, type MakeWorkload, type PlannedOperation } from "./workload.ts";

const versionKey = (key: HistoryKey): string => `${String(key)}.version`;

const read = (key: HistoryKey): PlannedOperation => ({
  f: "read",
  key,
  value: null,
  calls: [commandCall("get", String(key)), commandCall("get", versionKey(key))],
  output: (replies) => textOf(replies?.[0]),
  version: (replies) => Number(textOf(replies[1]) ?? 0),
});

const write = (key: string, value: string): PlannedOperation => ({
  f: "write",
  key,
  value,
  calls: [commandCall("set", key, value), commandCall("incr", versionKey(key))],
  output: () => null,
  version: (replies) => replies[1] as number,
});

export const sessions: MakeWorkload = (prefix) => {
  const keys = [`${prefix}{s0}`, `${prefix}{s1}`];
  return {
    name: "sessions",
    model: "register",
    keys,
    pause: 20,
    plan(dice, unique) {
      const key = pick(dice, keys);
      return dice.next() < 0.6 ? read(key) : write(key, `v${unique}`);
    },
    lastRead: read,
    verdicts: (operations) => [checkSessionGuarantees(operations)],
  };
};
