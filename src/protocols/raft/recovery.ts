/** From records back to the durable state of a replica, and the records that a new group starts from. */
import { invariant, unreachable } from "../../core/assert.ts";
import type { NodeId } from "../../core/ids.ts";
import type { LogIndex } from "../../core/machine.ts";
import { configurationProblem, NO_CONFIGURATION } from "./configuration.ts";
import type { Configuration } from "./configuration.ts";
import type { Entry, RaftRecord } from "./messages.ts";

export interface RaftRecovered {
  readonly hardState: { readonly term: number; readonly vote: NodeId | null; readonly life: number };
  /** The last index that is no longer in the log, its term, and the configuration in force there. */
  readonly start: { readonly index: LogIndex; readonly term: number; readonly configuration: Configuration };
  /** The log after `start`. */
  readonly entries: readonly Entry[];
  /**
   * The host's state includes everything up to here; 0 if it cannot tell. It may be ahead of the log: a crash between a
   * snapshot's installation and the record of it. With it the replica never asks the host to go back.
   */
  readonly applied?: LogIndex;
}

/**
 * What every founding replica of a new group is given, the same to each: without it a replica is *passive*, it takes the
 * log and votes when asked but never campaigns, until a leader has told it the configuration.
 */
export function bootstrap(configuration: Configuration): readonly RaftRecord[] {
  invariant(configurationProblem(configuration) === null, configurationProblem(configuration) ?? "");
  return [{ type: "log-start", index: 0, term: 0, configuration }];
}

/**
 * Replays records in the order in which they were persisted. They may begin in the middle of the replica's life, as long
 * as a checkpoint follows. Throws `InvariantError` when they leave a gap.
 */
export function recover(records: readonly RaftRecord[]): RaftRecovered {
  let hardState: RaftRecovered["hardState"] = { term: 0, vote: null, life: 0 };
  let start: RaftRecovered["start"] = { index: 0, term: 0, configuration: NO_CONFIGURATION };
  let entries: Entry[] = [];
  let gap: string | null = null;
  for (const record of records) {
    switch (record.type) {
      case "hard-state":
        invariant(record.term >= hardState.term, `term goes back from ${hardState.term} to ${record.term}`);
        hardState = { term: record.term, vote: record.vote, life: record.life };
        break;
      case "entries": {
        const keep = record.start - start.index - 1;
        invariant(keep >= 0, `entries from ${record.start} in a log that starts after ${start.index}`);
        if (keep > entries.length) {
          gap = `entries from ${record.start} after ${start.index + entries.length}`;
          entries = [];
        } else {
          gap = null;
          entries.length = keep;
          for (const entry of record.entries) entries.push(entry);
        }
        break;
      }
      case "log-start": {
        if (record.index < start.index) break;
        const drop = record.index - start.index;
        const term = drop === 0 ? start.term : entries[drop - 1]?.term;
        entries = gap === null && term === record.term ? entries.slice(drop) : [];
        gap = null;
        start = { index: record.index, term: record.term, configuration: record.configuration };
        break;
      }
      default:
        unreachable(record);
    }
  }
  invariant(gap === null, `gap in the log: ${gap}`);
  return { hardState, start, entries };
}
