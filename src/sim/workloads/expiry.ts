/**
 * Registers with values that expire, and others that stay. Nobody can tell from outside when exactly, as it is decided by
 * the log's time; but a value that was seen to be gone must not come back, on no node, and in the end all are gone but
 * those that stay.
 */
import { refused, undecided, ACCEPTED, type Verdict } from "../checkers/verdict.ts";
import { describeOperation } from "../history/describe.ts";
import type { Operation } from "../history/event.ts";
import { readRegister, writeRegister } from "./registers.ts";
import { commandCall, numberedKeys, pick, type MakeWorkload, type PlannedOperation } from "./workload.ts";

const EXPIRING = "x";
const LONGEST_MS = 1500;
/** Wall clocks jump by up to ten seconds, and the log's time waits until the clock has caught up with it. */
const SETTLE_MS = 25_000;

const expiring = (key: string, value: string, milliseconds: number): PlannedOperation => ({
  f: "write",
  key,
  value,
  calls: [commandCall("set", key, value, "PX", String(milliseconds))],
  output: () => null,
  aftermath: { f: "cas", key, value: [value, null] },
});

export const expiry: MakeWorkload = (prefix) => {
  const keys = numberedKeys(prefix, 4);
  return {
    name: "expiry",
    model: "register",
    keys,
    pause: 20,
    settle: SETTLE_MS,
    plan(dice, unique) {
      const key = pick(dice, keys);
      if (dice.next() < 0.6) return readRegister(key);
      // What stays takes the place of what expires, and must not inherit its end.
      if (dice.next() < 0.3) return writeRegister(key, `v${unique}`);
      return expiring(key, `${EXPIRING}${unique}`, 1 + Math.floor(dice.next() * LONGEST_MS));
    },
    lastRead: readRegister,
    verdicts: (operations) => [everythingExpired(operations, keys)],
  };
};

function everythingExpired(operations: readonly Operation[], keys: readonly string[]): Verdict {
  const lastReads = keys.map((key) =>
    operations.findLast((operation) => operation.key === key && operation.f === "read"),
  );
  const left = lastReads.filter((read) => read?.outcome === "ok" && String(read.output).startsWith(EXPIRING));
  if (left.length > 0) {
    return refused(
      `values that live ${LONGEST_MS} ms at most are still there ${SETTLE_MS} ms later`,
      left.map((read) => describeOperation(read!)),
      left.map((read) => read!),
    );
  }
  return lastReads.every((read) => read?.outcome === "ok")
    ? ACCEPTED
    : undecided("a key was not read at the end");
}
