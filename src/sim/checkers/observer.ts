/** What the checkers of a consensus protocol are told about the nodes, as it happens. */
import type { Refused, Verdict } from "./verdict.ts";

interface Observation {
  readonly node: number;
  readonly group: number;
  /** Milliseconds, for the explanation. */
  readonly time?: number;
}

/** Index, term, and a hash of the content. */
export type LogEntry = readonly [index: number, term: number, hash: string | number];

export type GroupEvent =
  /** The node has become the leader of this term. Report its log (`log`) before. */
  | (Observation & { readonly type: "leader"; readonly term: number })
  /** The node applied the entry to its state, for the first time or again after a restart. */
  | (Observation & { readonly type: "applied"; readonly index: number; readonly hash: string | number })
  /**
   * The whole log of the node as it is now, in the order of the index, without gaps; except what a snapshot has replaced,
   * up to `snapshotIndex`.
   */
  | (Observation & {
      readonly type: "log";
      readonly entries: readonly LogEntry[];
      readonly snapshotIndex?: number;
    })
  /** The node learned that the entry is committed, while it was in term `committedIn`. */
  | (Observation & {
      readonly type: "committed";
      readonly index: number;
      readonly term: number;
      readonly hash: string | number;
      readonly committedIn: number;
    });

export type GroupEventOf<T extends GroupEvent["type"]> = Extract<GroupEvent, { readonly type: T }>;

export interface Observer {
  /** Takes every event and passes over those that do not concern it. Returns the refusal if this event causes one. */
  observe(event: GroupEvent): Refused | null;
  /** `unknown` when it has seen nothing to check. The first refusal stays. */
  verdict(): Verdict;
}

export function describeWhere(event: GroupEvent): string {
  const time = event.time === undefined ? "" : ` at ${event.time} ms`;
  return `node ${event.node}, group ${event.group}${time}`;
}
