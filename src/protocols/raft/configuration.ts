/**
 * Who belongs to a group. A configuration is *joint* (C_old,new of the paper, section 6) while `outgoing` is not empty:
 * then every decision needs a majority of `voters` (C_new) and a majority of `outgoing` (C_old).
 */
import type { NodeId } from "../../core/ids.ts";
import type { LogIndex } from "../../core/machine.ts";

/** Lists are in ascending order and without duplicates. A learner is no voter; it may still be an outgoing one. */
export interface Configuration {
  readonly voters: readonly NodeId[];
  readonly outgoing: readonly NodeId[];
  readonly learners: readonly NodeId[];
}

/** Of a replica that has not been told its group yet. */
export const NO_CONFIGURATION: Configuration = { voters: [], outgoing: [], learners: [] };

const ascending = (ids: readonly NodeId[]): readonly NodeId[] => [...ids].sort((a, b) => a - b);

export function configuration(
  voters: readonly NodeId[],
  learners: readonly NodeId[] = [],
  outgoing: readonly NodeId[] = [],
): Configuration {
  return { voters: ascending(voters), outgoing: ascending(outgoing), learners: ascending(learners) };
}

export function isJoint(configuration: Configuration): boolean {
  return configuration.outgoing.length > 0;
}

/** Has a say in elections and commits, in at least one of the two halves. */
export function isVoter(configuration: Configuration, id: NodeId): boolean {
  return configuration.voters.includes(id) || configuration.outgoing.includes(id);
}

/** Everybody who is to receive the log, ascending. */
export function members(configuration: Configuration): readonly NodeId[] {
  const all = new Set([...configuration.voters, ...configuration.outgoing, ...configuration.learners]);
  return ascending([...all]);
}

export function sameIds(a: readonly NodeId[], b: readonly NodeId[]): boolean {
  return a.length === b.length && a.every((id, at) => id === b[at]);
}

/** What is wrong with it, or null: ids in range and ascending, no voter among the learners. */
export function configurationProblem(configuration: Configuration): string | null {
  for (const list of [configuration.voters, configuration.outgoing, configuration.learners]) {
    for (let i = 0; i < list.length; i++) {
      const id = list[i]!;
      if (!Number.isInteger(id) || id <= 0 || id > 0xffffffff) return `no node id: ${id}`;
      if (i > 0 && list[i - 1]! >= id) return `not ascending: ${list.join(",")}`;
    }
  }
  const both = configuration.learners.find((id) => configuration.voters.includes(id));
  if (both !== undefined) return `node ${both} is voter and learner`;
  if (configuration.voters.length === 0 && configuration.outgoing.length > 0)
    return "joint without new voters";
  return null;
}

/** "1 2 3", "1 2 | old 1 3", "1 2 learners 4": for messages and transcripts. */
export function describeConfiguration(configuration: Configuration): string {
  const old = isJoint(configuration) ? ` | old ${configuration.outgoing.join(" ")}` : "";
  const learners = configuration.learners.length > 0 ? ` learners ${configuration.learners.join(" ")}` : "";
  return `${configuration.voters.join(" ") || "none"}${old}${learners}`;
}

/**
 * The configurations in the log, and the one at its start. The latest is in force as soon as it is in the log, committed
 * or not; truncating it brings the one before it back (section 6).
 */
export class ConfigurationHistory {
  readonly #steps: { readonly index: LogIndex; readonly configuration: Configuration }[];

  constructor(startIndex: LogIndex, start: Configuration) {
    this.#steps = [{ index: startIndex, configuration: start }];
  }

  get latest(): Configuration {
    return this.#steps[this.#steps.length - 1]!.configuration;
  }

  /** Where the latest configuration stands in the log; at most the log's start when it is part of it. */
  get latestIndex(): LogIndex {
    return this.#steps[this.#steps.length - 1]!.index;
  }

  append(index: LogIndex, configuration: Configuration): void {
    this.#steps.push({ index, configuration });
  }

  truncateFrom(index: LogIndex): void {
    while (this.#steps.length > 1 && this.latestIndex >= index) this.#steps.pop();
  }

  /** The configuration in force once `index` is the last entry. Only for an index at or after the log's start. */
  at(index: LogIndex): Configuration {
    let found = this.#steps[0]!.configuration;
    for (const step of this.#steps) {
      if (step.index > index) break;
      found = step.configuration;
    }
    return found;
  }

  /** The configuration in force at `index`, and all later ones. */
  since(index: LogIndex): readonly Configuration[] {
    let from = this.#steps.length - 1;
    while (from > 0 && this.#steps[from]!.index > index) from--;
    return this.#steps.slice(from).map((step) => step.configuration);
  }

  /** Forgets what a log that starts at `index` no longer needs. */
  compactTo(index: LogIndex): void {
    while (this.#steps.length > 1 && this.#steps[1]!.index <= index) this.#steps.shift();
  }

  /** The log was replaced by a snapshot. */
  reset(index: LogIndex, configuration: Configuration): void {
    this.#steps.length = 0;
    this.append(index, configuration);
  }
}
