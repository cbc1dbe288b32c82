/** Finds the addresses within scopes, by loading them piece by piece. */
import { invariant } from "../../core/assert.ts";
import type { LoadedRange, RangeRequest } from "../../core/records.ts";
import type { Scope } from "./delta.ts";
import { addressOfIndexId, INDEX, ITEMS } from "./items.ts";

/** Records that are loaded at once. */
const PIECE = 1000;

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

  request(): RangeRequest {
    const scope = this.#scopes[this.#scope];
    invariant(scope !== undefined, "a walk was continued beyond its end");
    return { space: scope.space === "items" ? ITEMS : INDEX, from: this.#from, limit: PIECE };
  }

  take({ entries, more }: LoadedRange): void {
    const { space, to } = this.#scopes[this.#scope]!;
    let ended = !more;
    for (const { id } of entries) {
      ended ||= to !== null && id >= to;
      if (to !== null && id >= to) break;
      const address = space === "items" ? id : addressOfIndexId(id);
      this.found.push({ address, at: id, scope: this.#scope });
    }
    if (ended) this.#from = this.#scopes[++this.#scope]?.from ?? "";
    else this.#from = `${entries.at(-1)!.id}\0`;
  }
}
