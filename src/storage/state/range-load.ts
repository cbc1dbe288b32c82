/**
 * One range of a space as it is at the moment of the call: what the layers change, laid over what a snapshot of the store
 * holds. The result depends on the state alone and never on how much of it has been flushed, because commands that every
 * replica must execute alike are built on it.
 */
import type { LoadedRange, RangeRequest } from "../../core/records.ts";
import type { DiskError, Done, Store, StoreEntry, StoreSnapshot } from "../../core/world.ts";
import { idOf, recordKey, spaceRange } from "./keys.ts";
import { lowerBound } from "./layer.ts";
import type { Layer, SpaceChanges } from "./layer.ts";

/** Entries read from the store at once. */
const PAGE = 1024;

interface Change {
  readonly id: string;
  readonly value: Uint8Array | null;
}

/** Takes entries in order until the request is met. `more` is exact: it needs the sight of one further entry. */
class Result {
  readonly entries: { readonly id: string; readonly value: Uint8Array }[] = [];
  more = false;
  readonly #limit: number;
  readonly #limitBytes: number;
  #bytes = 0;

  constructor(limit: number, limitBytes: number) {
    this.#limit = limit;
    this.#limitBytes = limitBytes;
  }

  get full(): boolean {
    return this.entries.length >= this.#limit || this.#bytes > this.#limitBytes;
  }

  get missing(): number {
    return Math.max(0, this.#limit - this.entries.length);
  }

  get missingBytes(): number {
    return Math.max(0, this.#limitBytes - this.#bytes);
  }

  offer(id: string, value: Uint8Array): void {
    if (this.full) {
      this.more = true;
      return;
    }
    this.entries.push({ id, value });
    this.#bytes += id.length + value.length;
  }
}

/**
 * The changes of both layers from `request.from` on, the newer one first; no more of them than can matter. `complete`:
 * there is none after the last of them.
 */
export function captureChanges(
  layers: readonly (Layer | null)[],
  request: RangeRequest,
  limitBytes: number,
): { readonly changes: readonly Change[]; readonly complete: boolean } {
  const sources: { changes: SpaceChanges; ids: readonly string[]; at: number }[] = [];
  for (const layer of layers) {
    const changes = layer?.spaces.get(request.space);
    if (changes === undefined) continue;
    const ids = changes.ids();
    sources.push({ changes, ids, at: lowerBound(ids, request.from) });
  }
  const out: Change[] = [];
  const live = new Result(request.limit, limitBytes);
  for (;;) {
    let id: string | undefined;
    for (const source of sources) {
      const next = source.ids[source.at];
      if (next !== undefined && (id === undefined || next < id)) id = next;
    }
    if (id === undefined) return { changes: out, complete: true };
    let value: Uint8Array | null | undefined;
    for (const source of sources) {
      if (source.ids[source.at] !== id) continue;
      if (value === undefined) value = source.changes.records.get(id);
      source.at++;
    }
    out.push({ id, value: value ?? null });
    if (value !== undefined && value !== null) live.offer(id, value);
    if (live.more) return { changes: out, complete: false };
  }
}

/** Reads one range. `layers` as in `captureChanges`; `prefix` is the generation's; `snapshot` was taken with the call. */
export function loadRange(
  store: Store,
  snapshot: StoreSnapshot,
  prefix: Uint8Array,
  layers: readonly (Layer | null)[],
  request: RangeRequest,
  limitBytes: number,
  done: Done<LoadedRange>,
): void {
  const { changes, complete } = captureChanges(layers, request, limitBytes);
  const result = new Result(request.limit, limitBytes);
  const last = changes.at(-1);
  const to =
    complete || last === undefined
      ? spaceRange(prefix, request.space).to
      : recordKey(prefix, request.space, last.id);
  let at = 0;

  /** Changes before `id`, or all of them. */
  const offerChanges = (id: string | null): void => {
    for (; at < changes.length && !result.more; at++) {
      const change = changes[at]!;
      if (id !== null && change.id >= id) return;
      if (change.value !== null) result.offer(change.id, change.value);
    }
  };
  const merge = (entries: readonly StoreEntry[]): void => {
    for (const entry of entries) {
      if (result.more) return;
      const id = idOf(entry.key);
      offerChanges(id);
      if (changes[at]?.id === id) continue;
      result.offer(id, entry.value);
    }
  };
  const read = (from: string): void => {
    store.range(
      {
        from: recordKey(prefix, request.space, from),
        to,
        limit: Math.min(PAGE, result.missing + 1),
        limitBytes: result.missingBytes,
        snapshot,
      },
      (error: DiskError | null, page) => {
        if (error !== null || page === undefined) {
          done(error);
          return;
        }
        merge(page.entries);
        const lastEntry = page.entries.at(-1);
        if (page.more && lastEntry !== undefined && !result.more) {
          read(`${idOf(lastEntry.key)}\0`);
          return;
        }
        offerChanges(null);
        done(null, { entries: result.entries, more: result.more });
      },
    );
  };
  read(request.from);
}
