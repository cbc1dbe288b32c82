/**
 * Memory for what a shard keeps for a while: small values share slabs, because an allocation of its own costs each of them
 * more than all else that is done with it (a call of the system's allocator, and the garbage collector's book-keeping).
 *
 * A slab lives as long as any value in it. Values that are written in one second are flushed to the store within a few, and
 * forgotten then, so a slab outlives its values only for that long.
 */

const SLAB_BYTES = 16 * 1024;
/** Larger ones would waste the rest of a slab. */
const SHARED_BYTES = 1024;
/** V8 keeps arrays of up to so many bytes in its own heap, which costs less than a view. */
const ON_HEAP_BYTES = 64;

let slab = new ArrayBuffer(SLAB_BYTES);
let used = 0;

/** `length` zeros. */
export function allocate(length: number): Uint8Array {
  if (length <= ON_HEAP_BYTES || length > SHARED_BYTES) return new Uint8Array(length);
  if (used + length > SLAB_BYTES) {
    slab = new ArrayBuffer(SLAB_BYTES);
    used = 0;
  }
  const bytes = new Uint8Array(slab, used, length);
  used += length;
  return bytes;
}
