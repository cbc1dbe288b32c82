/**
 * The history format: what clients asked for and what they were told, one event a line, in the order in which one
 * observer saw it. docs/HISTORIES.md describes it for people who write such files with other tools.
 */

/** What an argument or a result can be: JSON without objects. */
export type HistoryValue = null | boolean | number | string | readonly HistoryValue[];

export type HistoryKey = string | number | null;

export type ProcessId = string | number;

export const EVENT_TYPES = ["invoke", "ok", "fail", "info"] as const;

/**
 * `invoke` starts an operation. It ends with `ok` (it happened), `fail` (it did not happen and never will) or `info`
 * (it may have happened, may still happen, or never).
 */
export type EventType = (typeof EVENT_TYPES)[number];

export interface HistoryEvent {
  /** One logical thread of a client: at most one operation is open at a time. */
  readonly process: ProcessId;
  readonly type: EventType;
  /** What was asked for: `read`, `write`, `cas`, `add`, ... The model says which names it knows. */
  readonly f: string;
  readonly key: HistoryKey;
  /** The argument in an `invoke`, the result in an `ok`. */
  readonly value: HistoryValue;
  /** Milliseconds on the observer's clock; never goes back from one line to the next. */
  readonly time: number;
  /** The node that was asked. */
  readonly node?: ProcessId;
  /** The session the operation belongs to; without it the process is the session. */
  readonly session?: ProcessId;
  /** In an `ok`: the version of the key that was read, or that the write created. The session checkers need it. */
  readonly version?: number;
  /** In a `fail` or `info`: the error's code. */
  readonly error?: string;
}

export type Outcome = "ok" | "fail" | "info";

/** An invocation with its completion. */
export interface Operation {
  readonly process: ProcessId;
  readonly f: string;
  readonly key: HistoryKey;
  readonly input: HistoryValue;
  /** Null unless `ok`. */
  readonly output: HistoryValue;
  /** Milliseconds. */
  readonly invoked: number;
  /** Milliseconds; Infinity when the outcome is `info` or the history ends before it. */
  readonly completed: number;
  readonly outcome: Outcome;
  /** Line of the invocation, from 1. Lines, not times, say what came before what: times may be equal. */
  readonly call: number;
  /** Line of the `ok`; Infinity for every other outcome, as such an operation puts no bound on others. */
  readonly return: number;
  readonly session: ProcessId;
  readonly node?: ProcessId;
  readonly version?: number;
  readonly error?: string;
}

/** A history that cannot be checked because it is malformed. `line` counts from 1; 0 stands for the whole history. */
export class HistoryError extends Error {
  override readonly name = "HistoryError";
  readonly line: number;

  constructor(line: number, problem: string) {
    super(line === 0 ? problem : `line ${line}: ${problem}`);
    this.line = line;
  }
}
