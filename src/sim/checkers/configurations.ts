/**
 * The configurations that a search has already been in. A configuration is a fixed number of integers (what has been
 * placed, and the state), and the set of optional operations that were used up on the way to it.
 *
 * Optional operations are only ever a resource: whoever used fewer of them can still do all that the other can. So a
 * configuration is not worth visiting if it was visited before with a subset of them.
 */
export class Configurations {
  readonly #width: number;
  #records: Int32Array;
  #slots: Int32Array;
  #count = 0;
  /** Per record, the minimal sets it was visited with. Sparse: nothing for a record visited with the empty set. */
  readonly #used = new Map<number, bigint[]>();

  constructor(width: number) {
    this.#width = width;
    this.#records = new Int32Array(width * 1024);
    this.#slots = new Int32Array(4096).fill(-1);
  }

  /** How many different configurations were visited, regardless of the optional operations. */
  get count(): number {
    return this.#count;
  }

  /** How many integers they take in memory. */
  get size(): number {
    return this.#count * this.#width;
  }

  /** Notes the visit. False: the configuration has been visited with these optional operations or fewer. */
  admit(configuration: Int32Array, used: bigint): boolean {
    const { index, isNew } = this.#locate(configuration);
    if (isNew) {
      if (used !== 0n) this.#used.set(index, [used]);
      return true;
    }
    const visits = this.#used.get(index);
    if (visits === undefined) return false;
    for (const visit of visits) if ((visit & used) === visit) return false;
    if (used === 0n) this.#used.delete(index);
    else {
      this.#used.set(index, [...visits.filter((visit) => (visit & used) !== used), used]);
    }
    return true;
  }

  #locate(configuration: Int32Array): { index: number; isNew: boolean } {
    const mask = this.#slots.length - 1;
    let slot = this.#hash(configuration) & mask;
    for (;;) {
      const index = this.#slots[slot]!;
      if (index < 0) break;
      if (this.#equals(index, configuration)) return { index, isNew: false };
      slot = (slot + 1) & mask;
    }
    const index = this.#count++;
    if (this.#count * this.#width > this.#records.length) {
      const grown = new Int32Array(this.#records.length * 2);
      grown.set(this.#records);
      this.#records = grown;
    }
    this.#records.set(configuration, index * this.#width);
    this.#slots[slot] = index;
    if (this.#count * 2 > this.#slots.length) this.#rehash();
    return { index, isNew: true };
  }

  #equals(index: number, configuration: Int32Array): boolean {
    const start = index * this.#width;
    for (let i = 0; i < this.#width; i++) {
      if (this.#records[start + i] !== configuration[i]) return false;
    }
    return true;
  }

  #hash(configuration: Int32Array): number {
    let hash = 0x811c9dc5;
    for (let i = 0; i < this.#width; i++) {
      hash = Math.imul(hash ^ configuration[i]!, 0x5bd1e995);
      hash ^= hash >>> 15;
    }
    return hash;
  }

  #rehash(): void {
    const slots = new Int32Array(this.#slots.length * 2).fill(-1);
    const mask = slots.length - 1;
    for (let index = 0; index < this.#count; index++) {
      const record = this.#records.subarray(index * this.#width, (index + 1) * this.#width);
      let slot = this.#hash(record) & mask;
      while (slots[slot]! >= 0) slot = (slot + 1) & mask;
      slots[slot] = index;
    }
    this.#slots = slots;
  }
}

/** What a search may spend before it has to say that it does not know. */
export interface Budget {
  /** Steps of the model. */
  readonly steps: number;
  /** Integers of memory for visited configurations (four bytes each). */
  readonly memory: number;
}

/** Some twenty seconds and half a gigabyte at the worst. */
export const DEFAULT_BUDGET: Budget = { steps: 50_000_000, memory: 60_000_000 };

/** Numbers the states of a model, so that a configuration can hold one as an integer. */
export class StateNumbers<State> {
  readonly #numbers = new Map<string | number, number>();
  readonly #states: State[] = [];
  readonly #key: (state: State) => string | number;

  constructor(key: (state: State) => string | number) {
    this.#key = key;
  }

  numberOf(state: State): number {
    const key = this.#key(state);
    let number = this.#numbers.get(key);
    if (number === undefined) {
      number = this.#states.length;
      this.#numbers.set(key, number);
      this.#states.push(state);
    }
    return number;
  }

  state(number: number): State {
    return this.#states[number]!;
  }

  get count(): number {
    return this.#states.length;
  }
}
