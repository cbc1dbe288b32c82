/** A delta of another replica being joined: loads what its scopes cover here, and then changes everything at once. */
import { invariant } from "../../core/assert.ts";
import type { LoadedRange } from "../../core/records.ts";
import {
  type CausalContext,
  causalContexts,
  cloudSize,
  contextOf,
  type Dot,
  knows,
} from "../lattices/index.ts";
import { splitAddress } from "./address.ts";
import type { LoadStep, MergeRun } from "./contract.ts";
import { type Delta, type Item, type Scope, storesOf } from "./delta.ts";
import { type Items, leavesOfSpan } from "./items.ts";
import type { Meta } from "./meta.ts";
import { Walk } from "./walk.ts";

/** A new replica is empty nearly everywhere, and should not have to look. */
function mayHold(items: Items, scope: Scope): boolean {
  if (scope.space === "items") return true;
  const { first, last } = leavesOfSpan(scope);
  return !items.areEmpty(first, last);
}

export class DeltaMerge implements MergeRun {
  readonly #items: Items;
  readonly #meta: Meta;
  readonly #delta: Delta;
  readonly #maxCloud: number;
  readonly #finished: () => void;
  readonly #walk: Walk;
  #waiting = false;
  #done = false;

  constructor(items: Items, meta: Meta, delta: Delta, maxCloud: number, finished: () => void) {
    this.#items = items;
    this.#meta = meta;
    this.#delta = delta;
    this.#maxCloud = maxCloud;
    this.#finished = finished;
    this.#walk = new Walk((delta.scopes ?? []).filter((scope) => mayHold(items, scope)));
  }

  next(loaded?: readonly LoadedRange[]): LoadStep | { readonly type: "done"; readonly taken: boolean } {
    invariant(!this.#done, "a finished merge was continued");
    invariant(this.#waiting === (loaded !== undefined), "a merge was given ranges that it did not ask for");
    if (loaded !== undefined) this.#walk.take(loaded);
    this.#waiting = !this.#walk.done;
    if (this.#waiting) return { type: "load", requests: this.#walk.requests() };
    this.#done = true;
    this.#finished();
    return { type: "done", taken: this.#join() };
  }

  #join(): boolean {
    const { context, scopes, items } = this.#delta;
    const own = this.#meta.context;
    const learned = scopes === null ? context : contextOf(this.#dots());
    const known = causalContexts.join(own, learned);
    if (scopes === null && this.#isTooSparse(known)) return false;
    const removed = this.#removedElsewhere();
    const mine = removed.length === 0 ? own : causalContexts.join(own, contextOf(removed));
    for (const item of items) this.#joinItem(item, mine, context);
    if (scopes !== null) this.#joinScopes(scopes, mine);
    this.#items.commit();
    this.#meta.context = known;
    return true;
  }

  /** What is here and was not sent has been removed there, as far as the sender knew it. */
  #joinScopes(scopes: readonly Scope[], mine: CausalContext): void {
    const { context, items } = this.#delta;
    const mentioned = new Set(items.map(({ address }) => address));
    for (const { address } of this.#walk.found) {
      if (mentioned.has(address)) continue;
      const { kind, key } = splitAddress(address);
      this.#joinItem({ address, kind, key, store: storesOf(kind).empty }, mine, context);
    }
    this.#meta.hearsay.remember(scopes, mentioned, context);
  }

  /** Dots that come here for the first time although somebody who had removed them has already said so. */
  #removedElsewhere(): readonly Dot[] {
    const { hearsay, context } = this.#meta;
    const removed: Dot[] = [];
    if (hearsay.size === 0) return removed;
    for (const { address, kind, store } of this.#delta.items)
      for (const dot of storesOf(kind).dots(store))
        if (!knows(context, dot) && hearsay.knows(address, dot)) removed.push(dot);
    return removed;
  }

  #isTooSparse(known: CausalContext): boolean {
    const size = cloudSize(known);
    return size > this.#maxCloud && size > cloudSize(this.#meta.context);
  }

  *#dots(): Iterable<Dot> {
    for (const { kind, store } of this.#delta.items) yield* storesOf(kind).dots(store);
  }

  #joinItem({ address, kind, key, store }: Item, known: CausalContext, context: CausalContext): void {
    if ("writes" in store) for (const { value } of store.writes) this.#meta.receive(value.stamp);
    const held = this.#items.hold(address, kind, key);
    const mine = this.#items.storeOf(held);
    this.#items.change(held, storesOf(kind).join(mine, known, store, context));
  }
}
