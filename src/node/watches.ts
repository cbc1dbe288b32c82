/**
 * Those who watch shards at this node. A watcher is a place in a shard's history: nothing is buffered for it, so that a slow
 * one costs nothing and a paused one falls behind until the history has forgotten its place (`compacted`).
 *
 * The history is that of the replica here. Without one, or when this one has forgotten (a restart empties it), the leader or
 * another replica is asked for its changes again and again, so that a watch also goes on while replicas move.
 */
import { binaryBytes, binaryString } from "../core/bytes.ts";
import type { ErrorCode } from "../core/errors.ts";
import type { GroupId } from "../core/ids.ts";
import { Failure, type Reply } from "../core/reply.ts";
import type { Clock } from "../core/world.ts";
import { CHANGES_PAGE_BYTES, changesOf, type ChangesPage } from "../data/changes.ts";
import type { ChangeEvent, History } from "../data/history.ts";
import type { WatchEvent, WatchHandle, WatchListener, WatchOptions } from "./api.ts";

export interface WatchesHost {
  readonly clock: Clock;
  readonly limit: number;
  /** Why nobody can watch here now, or null. */
  refuses(): { readonly error: ErrorCode; readonly detail: string } | null;
  /** False: the group is not (or no longer) in the catalog. */
  exists(group: GroupId): boolean;
  /** Of a replica here that has a state and works. */
  history(group: GroupId): History | null;
  /** `.changes` at the leader, or at whatever other replica answers; `after` -1 asks for the present revision. */
  ask(group: GroupId, after: number, prefix: Uint8Array, done: (reply: Reply) => void): void;
}

/** How soon a replica elsewhere is asked again, and how soon a moved or dropped shard is noticed. */
const TICK_MS = 50;
/** Questions to other replicas under way at a time. */
const MOST_ASKED = 64;

interface Watcher {
  readonly group: GroupId;
  readonly prefix: string;
  readonly listener: WatchListener;
  /** Everything up to there has been told; null until the start is known. */
  at: number | null;
  started: boolean;
  paused: boolean;
  /** A question to another replica waits for its turn, or for its answer. */
  asking: boolean;
}

export class Watches {
  readonly #host: WatchesHost;
  readonly #watchers = new Map<GroupId, Set<Watcher>>();
  #count = 0;
  readonly #due = new Set<Watcher>();
  readonly #toAsk = new Set<Watcher>();
  #asked = 0;
  #scheduled = false;
  #ticking = false;

  constructor(host: WatchesHost) {
    this.#host = host;
  }

  get count(): number {
    return this.#count;
  }

  watch(group: GroupId, options: WatchOptions, listener: WatchListener): WatchHandle {
    const watcher: Watcher = {
      group,
      prefix: options.prefix === undefined ? "" : binaryString(options.prefix),
      listener,
      at: options.from ?? null,
      started: false,
      paused: false,
      asking: false,
    };
    const others = this.#watchers.get(group);
    if (others === undefined) this.#watchers.set(group, new Set([watcher]));
    else others.add(watcher);
    this.#count++;
    const refusal = this.#host.refuses() ?? this.#tooMany();
    if (refusal === null) this.#schedule(watcher);
    else this.#host.clock.defer(() => this.#end(watcher, refusal.error, refusal.detail, watcher.at));
    return {
      pause: () => void (watcher.paused = true),
      resume: () => {
        if (!watcher.paused) return;
        watcher.paused = false;
        this.#schedule(watcher);
      },
      close: () => this.#forget(watcher),
    };
  }

  #tooMany(): { readonly error: ErrorCode; readonly detail: string } | null {
    const { limit } = this.#host;
    if (this.#count <= limit) return null;
    return { error: "overloaded", detail: `${limit} shards are being watched here (maxWatches).` };
  }

  /** The replica of the group here has applied something, or has another state. */
  onChanges(group: GroupId): void {
    const watchers = this.#watchers.get(group);
    if (watchers === undefined) return;
    for (const watcher of watchers) this.#schedule(watcher);
  }

  closeAll(): void {
    for (const watcher of [...this.#watchers.values()].flatMap((group) => [...group]))
      this.#end(watcher, "closing", "", watcher.at);
  }

  /** In a later turn: what was applied is then finished, and nobody is called back from within a call. */
  #schedule(watcher: Watcher): void {
    this.#due.add(watcher);
    if (!this.#scheduled) {
      this.#scheduled = true;
      this.#host.clock.defer(() => this.#deliverDue());
    }
    if (!this.#ticking) {
      this.#ticking = true;
      this.#host.clock.setTimer(TICK_MS, () => this.#tick());
    }
  }

  #deliverDue(): void {
    this.#scheduled = false;
    const due = [...this.#due];
    this.#due.clear();
    for (const watcher of due) this.#deliver(watcher);
  }

  /** Only while somebody watches. */
  #tick(): void {
    this.#ticking = false;
    for (const [group, watchers] of this.#watchers) {
      const gone = !this.#host.exists(group);
      const here = this.#host.history(group);
      for (const watcher of watchers) {
        if (gone) this.#end(watcher, "unknown-keyspace", "", watcher.at);
        else if (here === null || !watcher.started || isForgotten(here, watcher)) this.#schedule(watcher);
      }
    }
    if (this.#count > 0 && !this.#ticking) {
      this.#ticking = true;
      this.#host.clock.setTimer(TICK_MS, () => this.#tick());
    }
  }

  #deliver(watcher: Watcher): void {
    if (!this.#isWatching(watcher)) return;
    const history = this.#host.history(watcher.group);
    if (history === null || isForgotten(history, watcher)) {
      this.#ask(watcher);
      return;
    }
    watcher.at ??= history.revision;
    for (let more = true; more && !watcher.paused && this.#isWatching(watcher);) {
      const { at } = watcher;
      this.#tell(watcher, {
        start: history.start,
        ...history.after(at, watcher.prefix, CHANGES_PAGE_BYTES),
      });
      more = watcher.at > at;
    }
  }

  #ask(watcher: Watcher): void {
    if (watcher.asking || watcher.paused || !this.#host.exists(watcher.group)) return;
    watcher.asking = true;
    this.#toAsk.add(watcher);
    this.#askNext();
  }

  #askNext(): void {
    while (this.#asked < MOST_ASKED) {
      const [watcher] = this.#toAsk;
      if (watcher === undefined) return;
      this.#toAsk.delete(watcher);
      this.#send(watcher);
    }
  }

  #send(watcher: Watcher): void {
    this.#asked++;
    const after = watcher.at;
    this.#host.ask(watcher.group, after ?? -1, binaryBytes(watcher.prefix), (reply) => {
      this.#asked--;
      this.#host.clock.defer(() => this.#askNext());
      watcher.asking = false;
      const page = changesOf(reply);
      // A failure passes: the next tick asks again. A paused watcher asks anew as well: it is told nothing now.
      if (page instanceof Failure || watcher.paused || watcher.at !== after || !this.#isWatching(watcher))
        return;
      watcher.at ??= page.upTo;
      this.#tell(watcher, page);
      if (page.events.length > 0) this.#schedule(watcher);
    });
  }

  #tell(watcher: Watcher, { start, upTo, events }: ChangesPage): void {
    const at = watcher.at!;
    if (at < start) {
      const detail = `The changes after revision ${at} are no longer remembered; they are from ${start} on.`;
      this.#end(watcher, "compacted", detail, start);
      return;
    }
    if (!watcher.started) {
      watcher.started = true;
      watcher.listener.onStart(at);
    }
    if (upTo <= at || watcher.paused) return;
    watcher.at = upTo;
    if (this.#isWatching(watcher)) watcher.listener.onEvents(events.map(outside), upTo);
  }

  #end(watcher: Watcher, error: ErrorCode, detail: string, resumeFrom: number | null): void {
    if (!this.#isWatching(watcher)) return;
    this.#forget(watcher);
    watcher.listener.onEnd(error, detail, resumeFrom);
  }

  #isWatching(watcher: Watcher): boolean {
    return this.#watchers.get(watcher.group)?.has(watcher) === true;
  }

  #forget(watcher: Watcher): void {
    const watchers = this.#watchers.get(watcher.group);
    if (watchers?.delete(watcher) !== true) return;
    this.#count--;
    this.#due.delete(watcher);
    this.#toAsk.delete(watcher);
    if (watchers.size === 0) this.#watchers.delete(watcher.group);
  }
}

/** The replica here does not know any more what comes next for it; another one may. */
const isForgotten = (history: History, { at }: Watcher): boolean => at !== null && at < history.start;

function outside({ revision, changes }: ChangeEvent): WatchEvent {
  return {
    revision,
    changes: changes.map((change) =>
      change.kind === "flush" ? change : { ...change, key: binaryBytes(change.key) },
    ),
  };
}
