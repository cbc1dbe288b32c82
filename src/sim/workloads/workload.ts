/** What clients do to a cluster, in the words of the history and as commands. Simulated and real clusters share them. */
import { invariant } from "../../core/assert.ts";
import type { Reply } from "../../core/reply.ts";
import type { Repetition } from "../../client/machine/outcome.ts";
import { findCommand } from "../../data/commands.ts";
import type { CommandCall } from "../../data/contract.ts";
import type { Consistency } from "../../node/api.ts";
import type { ModelName } from "../checkers/models.ts";
import type { Damage } from "../checkers/merging.ts";
import type { Verdict } from "../checkers/verdict.ts";
import type { HistoryKey, HistoryValue, Operation } from "../history/event.ts";

/** One operation of a client. */
export interface PlannedOperation {
  readonly f: string;
  readonly key: HistoryKey;
  readonly value: HistoryValue;
  /** One command; or several that take effect as one, as between MULTI and EXEC. */
  readonly calls: readonly CommandCall[];
  /** Carried out only while the key holds this text (null: does not exist): WATCH, GET, MULTI, EXEC. */
  readonly guard?: { readonly key: string; readonly expected: string | null };
  /** What the replies, one for each call, mean in the words of the history. Null: the guard did not hold. */
  output(replies: readonly Reply[] | null): HistoryValue;
  /** In a simulation: done by the typed client, and so often. Default: sent to some node, once. */
  readonly repetition?: Repetition;
  /** For reads of the typed client. Default linearizable. */
  readonly consistency?: Consistency;
  /** For stale reads of the typed client, in milliseconds. */
  readonly maxStaleness?: number;
  /** The version of the key that was read, or that was made. */
  version?(replies: readonly Reply[]): number;
  /**
   * Something that may happen by itself at any time from the invocation on, such as an expiry. The history gets it as an
   * operation of unknown outcome.
   */
  readonly aftermath?: { readonly f: string; readonly key: HistoryKey; readonly value: HistoryValue };
}

/** Where a workload gets its chance from. */
export interface Dice {
  /** Uniform in [0, 1). */
  next(): number;
}

/** What a history was made under, for checkers of promises that depend on it. */
export interface Circumstances {
  readonly damage: Damage;
  /** Every read sees what was acknowledged before it: R + W > N, and nobody stands in. */
  readonly fresh: boolean;
}

/** Nothing was lost, and nothing is promised beyond what every keyspace does. */
export const ORDINARY: Circumstances = { damage: { lostDisks: 0, copies: 1 }, fresh: false };

export interface Workload {
  readonly name: string;
  /** Which object its history is checked as; null when only `verdicts` judges it. */
  readonly model: ModelName | null;
  /** The keys of its history. */
  readonly keys: readonly HistoryKey[];
  /** Milliseconds between two operations of one client, on average. */
  readonly pause: number;
  /** `unique` is a number that no other operation of the run gets. */
  plan(dice: Dice, unique: number): PlannedOperation;
  /** Reads all there is to know of a key; done for every key through every node once everything has healed. */
  lastRead(key: HistoryKey): PlannedOperation;
  /** Done for every key by every session of a typed client then: it must not be stuck with what it has seen. */
  lastOfSession?(key: HistoryKey): PlannedOperation;
  /** What is to be said about a complete history beside linearizability and lost writes. */
  verdicts?(operations: readonly Operation[], circumstances: Circumstances): readonly Verdict[];
  /** Watchers wander through a simulated cluster meanwhile, one for each of these prefixes. */
  readonly watched?: readonly string[];
  /** The size of the largest values. Default: small ones. */
  readonly valueBytes?: number;
  /** Milliseconds that must pass, without operations, before the last reads. */
  readonly settle?: number;
}

/** `prefix` comes before every key: `name:` puts them into the keyspace `name`. */
export type MakeWorkload = (prefix: string) => Workload;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function commandCall(name: string, ...args: readonly string[]): CommandCall {
  const spec = findCommand(name);
  invariant(spec !== undefined, `there is a command ${name}`);
  return { spec, args: args.map((arg) => encoder.encode(arg)) };
}

/** A bulk string; null when there is none. */
export const textOf = (reply: Reply | undefined): string | null =>
  reply instanceof Uint8Array ? decoder.decode(reply) : null;

/** The keys k0, k1, … behind a prefix. */
export const numberedKeys = (prefix: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}k${i}`);

export function pick<T>(dice: Dice, items: readonly T[]): T {
  return items[Math.floor(dice.next() * items.length)]!;
}
