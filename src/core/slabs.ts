/**
 * Memory for many small byte arrays: each is a view of a block that they share, because an allocation of its own costs a small array more
 * than all else that is done with it (a call of the system's allocator, and the garbage collector's book-keeping). A block lives as long as
 * any of its views: for what is forgotten at about the same time.
 */

/** One that takes more than this part of a block would waste the rest of it, and gets memory of its own. */
const LARGEST_PART = 1 / 16;

export class Slabs {
  readonly #blockBytes: number;
  #block = new ArrayBuffer(0);
  #used = 0;

  constructor(blockBytes: number) {
    this.#blockBytes = blockBytes;
  }

  /** `length` zeros. */
  take(length: number): Uint8Array {
    if (length > this.#blockBytes * LARGEST_PART) return new Uint8Array(length);
    if (this.#used + length > this.#block.byteLength) {
      this.#block = new ArrayBuffer(this.#blockBytes);
      this.#used = 0;
    }
    const bytes = new Uint8Array(this.#block, this.#used, length);
    this.#used += length;
    return bytes;
  }
}
