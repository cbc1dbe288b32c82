/** Calls to a driver in few words. */
import type { ClientDriver } from "../driver.ts";
import type { ClientCommand } from "../transport.ts";
import type { CallSpec } from "./call.ts";
import type { Outcome } from "./outcome.ts";

const utf8 = new TextEncoder();

export const command = (name: string, ...words: readonly string[]): ClientCommand => ({
  name,
  args: words.map((word) => utf8.encode(word)),
});

/** A write to `hits` with ten seconds to live, unless said otherwise. */
export function writeTo(key: string, now: number, more: Partial<CallSpec> = {}): CallSpec {
  return {
    target: { kind: "keys", keyspace: "hits", keys: [utf8.encode(key)] },
    operation: { kind: "command", ...command("incrby", key, "1") },
    write: true,
    repetition: "exactly-once",
    consistency: "linearizable",
    maxStaleness: null,
    quorum: null,
    idempotency: null,
    deadline: now + 10_000,
    hedgeAfter: null,
    ...more,
  };
}

export const readOf = (key: string, now: number, more: Partial<CallSpec> = {}): CallSpec =>
  writeTo(key, now, {
    operation: { kind: "command", ...command("get", key) },
    write: false,
    repetition: "read",
    ...more,
  });

/** Submits, and keeps the outcome once it is there. */
export class Watched {
  outcome: Outcome | null = null;
  readonly id: number;

  constructor(driver: ClientDriver, call: CallSpec) {
    this.id = driver.submit(call, (outcome) => {
      if (this.outcome !== null) throw new Error("settled twice");
      this.outcome = outcome;
    });
  }

  /** "ok", an error's code, or "open". */
  get result(): string {
    if (this.outcome === null) return "open";
    return this.outcome.ok ? "ok" : this.outcome.error.code;
  }
}
