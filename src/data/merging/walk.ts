/** Finds the addresses within scopes, by loading them piece by piece. */
import { invariant } from "../../core/assert.ts";
import type { LoadedRange, RangeRequest } from "../../core/records.ts";
import type { Scope } from "./delta.ts";
import type { Span } from "./address.ts";
import { addressOfIndexId, INDEX, ITEMS, leavesOfSpan } from "./items.ts";

/** Records that are loaded at once of a scope without an end. */
const PIECE = 1000;
/** Of a bucket of the tree, which seldom holds more: a range reads as much as it may. */
const BUCKET = 48;
/** Scopes with an end that are loaded at once. */
const SCOPES = 32;

function limitOf(span: Span): number {
  const { first, last } = leavesOfSpan(span);
  return Math.min(PIECE, BUCKET * (last - first + 1));
}

export class Walk {
  readonly #scopes: readonly Scope[];
  readonly #wanted: () => boolean;
  #scope = 0;
  #from: string;
  /** Address by address, in the order of the scopes; `at` is its id in its space. */
  readonly found: { readonly address: string; readonly at: string; readonly scope: number }[] = [];

  /** `more`: whether to go on into the next piece. */
  constructor(scopes: readonly Scope[], more: () => boolean = () => true) {
    this.#scopes = scopes;
    this.#wanted = more;
    this.#from = scopes[0]?.from ?? "";
  }

  /** Scopes that were walked to their end. */
  get walked(): number {
    return this.#scope;
  }

  get done(): boolean {
    return this.#scope === this.#scopes.length || !this.#wanted();
  }

  /** The rest of the present scope, and some of those that follow. */
  requests(): readonly RangeRequest[] {
    invariant(this.#scope < this.#scopes.length, "a walk was continued beyond its end");
    const next = this.#scopes.slice(this.#scope, this.#scope + SCOPES);
    const requests: RangeRequest[] = [];
    for (const [at, { space, from, to }] of next.entries()) {
      if (at > 0 && to === null) break;
      requests.push({
        space: space === "items" ? ITEMS : INDEX,
        from: at === 0 ? this.#from : from,
        limit: to === null || space === "items" ? PIECE : limitOf({ from, to }),
      });
      if (to === null) break;
    }
    return requests;
  }

  /** What the requests found. After a scope that goes on, those that follow are asked for again. */
  take(loaded: readonly LoadedRange[]): void {
    for (const range of loaded) if (!this.#takeOne(range) || !this.#wanted()) return;
  }

  /** Whether the scope has ended. */
  #takeOne({ entries, more }: LoadedRange): boolean {
    const { space, to } = this.#scopes[this.#scope]!;
    let ended = !more;
    for (const { id } of entries) {
      ended ||= to !== null && id >= to;
      if (to !== null && id >= to) break;
      const address = space === "items" ? id : addressOfIndexId(id);
      this.found.push({ address, at: id, scope: this.#scope });
    }
    this.#from = ended ? (this.#scopes[++this.#scope]?.from ?? "") : `${entries.at(-1)!.id}\0`;
    return ended;
  }
}
