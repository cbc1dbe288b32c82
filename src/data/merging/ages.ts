/**
 * A map of bounded weight that forgets what was not asked for lately. Two halves, as in the cache of records: what is found in the old
 * half moves to the young one, and once that is full the old one is forgotten as a whole. Nothing is forgotten but by `age`, so that who
 * works with what is in it may rely on finding the same again.
 */
export class Ages<Value> {
  readonly #limit: number;
  #young = new Map<string, Value>();
  #old = new Map<string, Value>();
  #weight = 0;
  readonly #weigh: (value: Value) => number;

  /** `limit`: of each half, in what `weigh` counts. */
  constructor(limit: number, weigh: (value: Value) => number) {
    this.#limit = limit;
    this.#weigh = weigh;
  }

  get(id: string): Value | undefined {
    const young = this.#young.get(id);
    if (young !== undefined) return young;
    const old = this.#old.get(id);
    if (old !== undefined) this.add(id, old);
    return old;
  }

  /** As `get`, by somebody who will not ask again. */
  peek(id: string): Value | undefined {
    return this.#young.get(id) ?? this.#old.get(id);
  }

  add(id: string, value: Value): void {
    this.#young.set(id, value);
    this.#weight += this.#weigh(value);
  }

  age(): void {
    if (this.#weight < this.#limit) return;
    this.#old = this.#young;
    this.#young = new Map();
    this.#weight = 0;
  }
}
