const PAGE_BYTES = 4096;

/** A growable run of bytes that stores only the pages something was written to: preallocated zeros cost nothing. */
export class SparseBytes {
  readonly #pages = new Map<number, Uint8Array>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Grows when it ends beyond the end; a gap reads as zeros. */
  write(position: number, bytes: Uint8Array): void {
    let from = 0;
    while (from < bytes.length) {
      const at = position + from;
      const offset = at % PAGE_BYTES;
      const count = Math.min(PAGE_BYTES - offset, bytes.length - from);
      this.#page(Math.floor(at / PAGE_BYTES)).set(bytes.subarray(from, from + count), offset);
      from += count;
    }
    this.#size = Math.max(this.#size, position + bytes.length);
  }

  /** A copy; shorter than `length` only at the end. */
  read(position: number, length: number): Uint8Array {
    const out = new Uint8Array(Math.max(0, Math.min(length, this.#size - position)));
    let to = 0;
    while (to < out.length) {
      const at = position + to;
      const offset = at % PAGE_BYTES;
      const count = Math.min(PAGE_BYTES - offset, out.length - to);
      const page = this.#pages.get(Math.floor(at / PAGE_BYTES));
      if (page !== undefined) out.set(page.subarray(offset, offset + count), to);
      to += count;
    }
    return out;
  }

  /** Cuts off, or grows with zeros. */
  resize(size: number): void {
    if (size < this.#size) {
      const last = Math.floor(size / PAGE_BYTES);
      for (const page of this.#pages.keys()) if (page > last) this.#pages.delete(page);
      this.#pages.get(last)?.fill(0, size % PAGE_BYTES);
    }
    this.#size = size;
  }

  clone(): SparseBytes {
    const copy = new SparseBytes();
    for (const [index, page] of this.#pages) copy.#pages.set(index, page.slice());
    copy.#size = this.#size;
    return copy;
  }

  #page(index: number): Uint8Array {
    let page = this.#pages.get(index);
    if (page === undefined) {
      page = new Uint8Array(PAGE_BYTES);
      this.#pages.set(index, page);
    }
    return page;
  }
}
