/**
 * Memory for the values that a shard keeps for a while. Those that are written in one second are flushed to the store within a few, and
 * forgotten then, so a slab outlives its values only for that long.
 */
import { Slabs } from "../core/slabs.ts";

const SLAB_BYTES = 16 * 1024;
/** V8 keeps arrays of up to so many bytes in its own heap, which costs less than a view. */
const ON_HEAP_BYTES = 64;

const slabs = new Slabs(SLAB_BYTES);

/** `length` zeros. */
export function allocate(length: number): Uint8Array {
  return length <= ON_HEAP_BYTES ? new Uint8Array(length) : slabs.take(length);
}
