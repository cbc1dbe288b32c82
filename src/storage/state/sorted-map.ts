/**
 * An ordered map of binary strings with constant-time snapshots, for the simulated store: an array of sorted chunks,
 * copied on write. A change costs a binary search and a move within one chunk, also with 10^5 keys.
 */
import type { StoreEntry } from "../../core/world.ts";

interface Entry extends StoreEntry {
  /** The key as a binary string: what the order is by. */
  readonly id: string;
}

type Chunk = Entry[];

const MAX_CHUNK = 256;

/** What the map held at one moment. */
export class SortedView {
  readonly #chunks: readonly Chunk[];

  constructor(chunks: readonly Chunk[]) {
    this.#chunks = chunks;
  }

  /** Entries with `from` <= key < `to`, in order. */
  *range(from: string, to: string): Generator<Entry> {
    let c = chunkOf(this.#chunks, from);
    let i = lowerBound(this.#chunks[c] ?? [], from);
    for (; c < this.#chunks.length; c++, i = 0) {
      const chunk = this.#chunks[c]!;
      for (; i < chunk.length; i++) {
        const entry = chunk[i]!;
        if (entry.id >= to) return;
        yield entry;
      }
    }
  }
}

export class SortedMap {
  #chunks: Chunk[] = [];
  /** Chunks that no view can see, and that may therefore be changed in place. Null: a view shares even the list. */
  #owned: Set<Chunk> | null = new Set();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(id: string): Uint8Array | undefined {
    const chunk = this.#chunks[chunkOf(this.#chunks, id)];
    if (chunk === undefined) return undefined;
    const entry = chunk[lowerBound(chunk, id)];
    return entry !== undefined && entry.id === id ? entry.value : undefined;
  }

  set(id: string, key: Uint8Array, value: Uint8Array): void {
    if (this.#chunks.length === 0) {
      this.#own().push(this.#fresh([{ id, key, value }]));
      this.#size++;
      return;
    }
    const c = chunkOf(this.#chunks, id);
    const chunk = this.#change(c);
    const i = lowerBound(chunk, id);
    if (chunk[i]?.id === id) {
      chunk[i] = { id, key, value };
      return;
    }
    chunk.splice(i, 0, { id, key, value });
    this.#size++;
    if (chunk.length > MAX_CHUNK) this.#chunks.splice(c + 1, 0, this.#fresh(chunk.splice(MAX_CHUNK / 2)));
  }

  delete(id: string): void {
    const c = chunkOf(this.#chunks, id);
    const found = this.#chunks[c];
    if (found === undefined) return;
    const i = lowerBound(found, id);
    if (found[i]?.id !== id) return;
    const chunk = this.#change(c);
    chunk.splice(i, 1);
    this.#size--;
    if (chunk.length === 0) this.#chunks.splice(c, 1);
  }

  view(): SortedView {
    this.#owned = null;
    return new SortedView(this.#chunks);
  }

  #own(): Chunk[] {
    if (this.#owned === null) {
      this.#chunks = this.#chunks.slice();
      this.#owned = new Set();
    }
    return this.#chunks;
  }

  #fresh(chunk: Chunk): Chunk {
    this.#owned?.add(chunk);
    return chunk;
  }

  #change(c: number): Chunk {
    const chunks = this.#own();
    const chunk = chunks[c]!;
    if (this.#owned?.has(chunk) === true) return chunk;
    return (chunks[c] = this.#fresh(chunk.slice()));
  }
}

/** The last chunk that starts at or before `id`, or the first one. */
function chunkOf(chunks: readonly Chunk[], id: string): number {
  let low = 0;
  let high = chunks.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (chunks[middle]![0]!.id <= id) low = middle + 1;
    else high = middle;
  }
  return Math.max(0, low - 1);
}

/** The first position whose id is `id` or follows it. */
function lowerBound(chunk: Chunk, id: string): number {
  let low = 0;
  let high = chunk.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (chunk[middle]!.id < id) low = middle + 1;
    else high = middle;
  }
  return low;
}
