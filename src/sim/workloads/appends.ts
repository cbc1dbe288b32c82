/**
 * Appends: every request adds an entry of its own to the end of a string, as to a list. What was done twice, lost, or
 * done after all although it was refused stands there for good.
 */
import { checkExactlyOnce, onceEventsOfList } from "../checkers/exactly-once.ts";
import { worst } from "../checkers/verdict.ts";
import type { HistoryKey, Operation } from "../history/event.ts";
import {
  commandCall,
  numberedKeys,
  pick,
  textOf,
  type MakeWorkload,
  type PlannedOperation,
} from "./workload.ts";

/** All entries have one length, so that the string's length tells the list's. */
const DIGITS = 7;
const ENTRY_LENGTH = DIGITS + 1;

export const readList = (key: HistoryKey): PlannedOperation => ({
  f: "read",
  key,
  value: null,
  calls: [commandCall("get", String(key))],
  output: (replies) =>
    (textOf(replies?.[0]) ?? "")
      .split(",")
      .slice(0, -1)
      .map((entry) => Number(entry)),
});

export const append = (key: string, entry: number): PlannedOperation => ({
  f: "append",
  key,
  value: entry,
  calls: [commandCall("append", key, `${String(entry).padStart(DIGITS, "0")},`)],
  output: (replies) => (replies?.[0] as number) / ENTRY_LENGTH,
});

export const appends: MakeWorkload = (prefix) => {
  const keys = numberedKeys(prefix, 3);
  return {
    name: "appends",
    model: "list",
    keys,
    pause: 25,
    plan(dice, unique) {
      const key = pick(dice, keys);
      return dice.next() < 0.2 ? readList(key) : append(key, unique);
    },
    lastRead: readList,
    verdicts: (operations) => [
      worst(keys.map((key) => checkExactlyOnce(onceEventsOfList(ofKey(operations, key))))),
    ],
  };
};

function ofKey(operations: readonly Operation[], key: HistoryKey): readonly Operation[] {
  return operations.filter((operation) => operation.key === key);
}
