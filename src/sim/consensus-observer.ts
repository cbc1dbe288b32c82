/** Turns what the replicas of a simulated cluster report into the events that the checkers of consensus understand. */
import type { ReplicaEvent } from "../node/options.ts";
import type { Entry } from "../protocols/raft/messages.ts";
import { electionSafety } from "./checkers/election-safety.ts";
import { leaderCompleteness } from "./checkers/leader-completeness.ts";
import { logMatching } from "./checkers/log-matching.ts";
import type { GroupEvent, LogEntry } from "./checkers/observer.ts";
import { stateMachineSafety } from "./checkers/state-machine-safety.ts";
import type { Refused } from "./checkers/verdict.ts";

type Stepped = Extract<ReplicaEvent, { readonly type: "stepped" }>;

/** What was last seen of one replica's log. */
interface Seen {
  lastIndex: number;
  lastTerm: number;
  commitIndex: number;
  log: Stepped["log"];
}

export class ConsensusObserver {
  readonly #logMatching = logMatching();
  readonly #observers = [electionSafety(), this.#logMatching, leaderCompleteness(), stateMachineSafety()];
  /** By node and group. */
  readonly #seen = new Map<string, Seen>();
  readonly #elected = new Set<string>();
  readonly #hashes = new WeakMap<Entry, string>();

  observe(event: ReplicaEvent, time: number): void {
    const { node, group } = event;
    switch (event.type) {
      case "applied":
        this.#tell({
          type: "applied",
          node,
          group,
          index: event.index,
          hash: contentHash(event.command),
          time,
        });
        break;
      case "stepped":
        this.#onStep(event, time);
        break;
      case "leader": {
        // A leader reports itself again once it can serve.
        const id = `${node} ${group} ${event.term}`;
        if (this.#elected.has(id)) break;
        this.#elected.add(id);
        const log = this.#seen.get(`${node} ${group}`)?.log;
        if (log !== undefined) {
          const entries = this.#entriesOf(log, log.startIndex + 1);
          this.#tell({ type: "log", node, group, entries, snapshotIndex: log.startIndex, time });
        }
        this.#tell({ type: "leader", node, group, term: event.term, time });
        break;
      }
    }
  }

  /** The first refusal of each checker. */
  refusals(): readonly Refused[] {
    return this.#observers
      .map((observer) => observer.verdict())
      .filter((verdict): verdict is Refused => verdict.ok === false);
  }

  #tell(event: GroupEvent): void {
    for (const observer of this.#observers) observer.observe(event);
  }

  #onStep(event: Stepped, time: number): void {
    const { node, group, log, commitIndex, term } = event;
    const id = `${node} ${group}`;
    const { lastIndex, lastTerm } = log;
    const before = this.#seen.get(id) ?? { lastIndex: -1, lastTerm: -1, commitIndex: 0, log };
    if (before.lastIndex !== lastIndex || before.lastTerm !== lastTerm) {
      // What grew is looked at with the entry before it; a log that was cut is looked at as a whole.
      const grew = before.lastIndex >= 0 && lastIndex > before.lastIndex && before.log === log;
      const isSame = grew && termAt(log, before.lastIndex) === before.lastTerm;
      const entries = this.#entriesOf(log, isSame ? before.lastIndex : log.startIndex + 1);
      if (entries.length > 0) this.#logMatching.observe({ type: "log", node, group, entries, time });
    }
    for (let index = Math.max(before.commitIndex, log.startIndex) + 1; index <= commitIndex; index++) {
      const [, entryTerm, hash] = this.#entriesOf(log, index, index)[0]!;
      this.#tell({ type: "committed", node, group, index, term: entryTerm, hash, committedIn: term, time });
    }
    this.#seen.set(id, { lastIndex, lastTerm, commitIndex: Math.max(before.commitIndex, commitIndex), log });
  }

  #entriesOf(log: Stepped["log"], from: number, to = log.lastIndex): readonly LogEntry[] {
    const first = Math.max(from, log.startIndex + 1);
    return log.entries.slice(first - log.startIndex - 1, to - log.startIndex).map((entry, i) => {
      return [first + i, entry.term, this.#hashOf(entry)];
    });
  }

  #hashOf(entry: Entry): string {
    let hash = this.#hashes.get(entry);
    if (hash === undefined) {
      const content = entry.kind === "command" ? contentHash(entry.command) : JSON.stringify(entry);
      hash = `${entry.kind} ${content}`;
      this.#hashes.set(entry, hash);
    }
    return hash;
  }
}

function termAt(log: Stepped["log"], index: number): number | undefined {
  return log.entries[index - log.startIndex - 1]?.term;
}

/** FNV-1a: enough to tell commands apart that should be the same. */
function contentHash(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}
