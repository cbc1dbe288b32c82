const CR = 13;

/** Counts whole replies in a stream: simple strings, numbers, errors, bulk strings. Its pieces may be used again. */
export class RespReplies {
  #rest = null;
  #skip = 0;
  #onError;

  constructor(onError) {
    this.#onError = onError;
  }

  /** How many replies end in this piece. */
  take(piece) {
    let found = 0;
    let data = piece;
    if (this.#rest !== null) {
      data = Buffer.concat([this.#rest, piece]);
      this.#rest = null;
    }
    let at = 0;
    if (this.#skip > 0) {
      if (data.length < this.#skip) {
        this.#skip -= data.length;
        return 0;
      }
      at = this.#skip;
      this.#skip = 0;
      found++;
    }
    while (at < data.length) {
      const end = data.indexOf(CR, at);
      if (end < 0 || end + 2 > data.length) {
        this.#rest = Buffer.from(data.subarray(at));
        break;
      }
      const kind = data[at];
      if (kind === 45) this.#onError(data.toString("latin1", at, end));
      const length = kind === 36 ? Number(data.toString("latin1", at + 1, end)) : -1;
      at = end + 2;
      if (length >= 0) {
        if (at + length + 2 > data.length) {
          this.#skip = at + length + 2 - data.length;
          return found;
        }
        at += length + 2;
      }
      found++;
    }
    return found;
  }
}
