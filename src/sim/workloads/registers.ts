/** Registers: reads, writes of unique values, deletes and compare-and-set, over a few hot keys. */
import type { HistoryKey } from "../history/event.ts";
import { commandCall, numberedKeys, pick, textOf, type PlannedOperation, type Workload } from "./workload.ts";

export function readRegister(key: HistoryKey): PlannedOperation {
  return {
    f: "read",
    key,
    value: null,
    calls: [commandCall("get", String(key))],
    output: (replies) => textOf(replies?.[0]),
  };
}

export function writeRegister(key: string, value: string): PlannedOperation {
  return { f: "write", key, value, calls: [commandCall("set", key, value)], output: () => null };
}

function deleteRegister(key: string): PlannedOperation {
  return {
    f: "delete",
    key,
    value: null,
    calls: [commandCall("del", key)],
    output: (replies) => replies?.[0] === 1,
  };
}

/** By SETNX when it expects nothing there, else by WATCH, GET, MULTI, SET, EXEC. */
export function compareAndSet(key: string, expected: string | null, value: string): PlannedOperation {
  const operation = { f: "cas", key, value: [expected, value] };
  return expected === null
    ? {
        ...operation,
        calls: [commandCall("setnx", key, value)],
        output: (replies) => replies?.[0] === 1,
      }
    : {
        ...operation,
        calls: [commandCall("set", key, value)],
        guard: { key, expected },
        output: (replies) => replies !== null,
      };
}

export interface RegisterOptions {
  readonly keys: number;
  readonly pause: number;
}

export function registers(prefix: string, options: Partial<RegisterOptions> = {}): Workload {
  const { keys: count = 4, pause = 20 } = options;
  const keys = numberedKeys(prefix, count);
  /** What was last seen or written: what a compare-and-set may well find. */
  const last = new Map<HistoryKey, string | null>();
  return {
    name: "registers",
    model: "register",
    keys,
    pause,
    plan(dice, unique) {
      const key = pick(dice, keys);
      const chance = dice.next();
      if (chance < 0.42) {
        const read = readRegister(key);
        return {
          ...read,
          output: (replies) => {
            const value = textOf(replies?.[0]);
            last.set(key, value);
            return value;
          },
        };
      }
      if (chance > 0.94) return deleteRegister(key);
      const value = `v${unique}`;
      const expected = last.get(key) ?? null;
      last.set(key, value);
      return chance < 0.75 ? writeRegister(key, value) : compareAndSet(key, expected, value);
    },
    lastRead: readRegister,
  };
}
