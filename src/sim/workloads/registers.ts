/** Registers: reads, writes of unique values and compare-and-set by way of SETNX and DEL, over a few hot keys. */
import { invariant } from "../../core/assert.ts";
import type { Reply } from "../../core/reply.ts";
import { findCommand } from "../../data/commands.ts";
import type { CommandCall } from "../../data/contract.ts";
import type { PlannedOperation, Workload } from "../clients.ts";
import type { HistoryValue } from "../history/event.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function commandCall(name: string, ...args: readonly string[]): CommandCall {
  const spec = findCommand(name);
  invariant(spec !== undefined, `there is a command ${name}`);
  return { spec, args: args.map((arg) => encoder.encode(arg)) };
}

export const textOf = (reply: Reply): HistoryValue =>
  reply instanceof Uint8Array ? decoder.decode(reply) : null;

export const readOf = (key: string): PlannedOperation => ({
  f: "read",
  key,
  value: null,
  call: commandCall("get", key),
  output: textOf,
});

export function registers(keys: number): Workload {
  return {
    name: "registers",
    plan(random, unique) {
      const key = `k${Math.floor(random.next() * keys)}`;
      const dice = random.next();
      if (dice < 0.45) return readOf(key);
      if (dice < 0.92) {
        const value = `v${unique}`;
        return { f: "write", key, value, call: commandCall("set", key, value), output: () => null };
      }
      return { f: "delete", key, value: null, call: commandCall("del", key), output: (reply) => reply === 1 };
    },
  };
}
