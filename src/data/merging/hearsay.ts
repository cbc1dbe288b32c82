/**
 * What others have said about a part of the shard, and this replica has taken into its items but not into its context.
 *
 * A scoped delta comes with all that its sender knows, of which the receiver may keep only the dots that arrived: outside of the
 * scope the context says nothing. But *within* the scope a dot that the sender knows and that did not come was removed. If its
 * event arrives here later (a delayed rumor), it must not show up until the next adoption. So the scope and the context stay here
 * until the own context has all of it.
 *
 * Bounded: beyond the bound the oldest is forgotten, and then a late event can be seen for as long as it takes to the next comparison. It
 * is part of the meta, because what a merge does depends on it.
 */
import { type ByteReader, type ByteWriter, CodecError } from "../../core/bytes.ts";
import { type CausalContext, causalContexts, cloudSize, counts, type Dot, knows } from "../lattices/index.ts";
import { decodeScopes, encodeScopes, type Scope } from "./delta.ts";
import { indexId } from "./items.ts";

interface Said {
  /** Sorted, and apart from each other. */
  readonly scopes: readonly Scope[];
  readonly context: CausalContext;
}

export const MAX_SAID = 32;
/** Of all that is remembered together. */
export const MAX_SCOPES = 512;
/** A sender that is itself being filled has a long cloud: then only its vector is remembered. */
const MAX_CLOUD = 64;

export class Hearsay {
  /** The oldest first. */
  #said: Said[] = [];

  get size(): number {
    return this.#said.length;
  }

  get scopes(): number {
    return this.#said.reduce((sum, { scopes }) => sum + scopes.length, 0);
  }

  /** Somebody who had the dot's address in scope knows it. If it is not in the own context, it was removed there. */
  knows(address: string, dot: Dot): boolean {
    return this.#said.some(({ scopes, context }) => knows(context, dot) && covers(scopes, address));
  }

  /** After the join of all that the sender had in `scopes` and at the `points` (addresses). */
  remember(scopes: readonly Scope[], points: Iterable<string>, sender: CausalContext): void {
    const context = cloudSize(sender) > MAX_CLOUD ? { vector: sender.vector, cloud: new Map() } : sender;
    const ranges = united([...scopes]);
    const about = [...ranges];
    for (const address of points)
      if (!covers(ranges, address)) about.push({ space: "items", from: address, to: `${address}\0` });
    if (about.length === 0) return;
    const again = this.#said.find((said) => equal(said.context, context));
    const said = { scopes: united([...(again?.scopes ?? []), ...about]), context };
    this.#said = [...this.#said.filter((one) => one !== again && !replaces(said, one)), said];
    while (this.size > MAX_SAID || this.scopes > MAX_SCOPES) this.#said.shift();
  }

  /** The own context grew: what it has needs no witness. */
  settle(own: CausalContext): void {
    if (this.size > 0) this.#said = this.#said.filter(({ context }) => !causalContexts.leq(context, own));
  }

  encode(writer: ByteWriter): void {
    writer.varint(this.size);
    for (const { scopes, context } of this.#said) {
      encodeScopes(writer, scopes);
      causalContexts.encode(writer, context);
    }
  }

  /** Throws `CodecError` for anything that `encode` does not make. */
  decode(reader: ByteReader): void {
    for (let left = counts.decode(reader); left > 0; left--) {
      const scopes = decodeScopes(reader);
      this.#said.push({ scopes, context: causalContexts.decode(reader) });
    }
    if (this.size > MAX_SAID || this.scopes > MAX_SCOPES) throw new CodecError("hearsay beyond its bound");
  }
}

/** `scopes`: as `united` gives them. */
function covers(scopes: readonly Scope[], address: string): boolean {
  return holds(scopes, "items", address) || (hasIndexed(scopes) && holds(scopes, "index", indexId(address)));
}

const hasIndexed = (scopes: readonly Scope[]): boolean => scopes.at(-1)?.space === "index";

function holds(scopes: readonly Scope[], space: Scope["space"], at: string): boolean {
  const place: Scope = { space, from: at, to: null };
  let from = 0;
  let to = scopes.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (compareScopes(scopes[middle]!, place) <= 0) from = middle + 1;
    else to = middle;
  }
  const scope = scopes[from - 1];
  return scope?.space === space && (scope.to === null || at < scope.to);
}

const equal = (a: CausalContext, b: CausalContext): boolean =>
  causalContexts.leq(a, b) && causalContexts.leq(b, a);

/** The newer one says all that the older one said. */
const replaces = (newer: Said, older: Said): boolean =>
  causalContexts.leq(older.context, newer.context) &&
  older.scopes.every((old) => newer.scopes.some((scope) => encloses(scope, old)));

const encloses = (outer: Scope, inner: Scope): boolean =>
  outer.space === inner.space &&
  outer.from <= inner.from &&
  (outer.to === null || (inner.to !== null && inner.to <= outer.to));

/** The same places in as few scopes as possible. */
function united(scopes: Scope[]): Scope[] {
  const result: Scope[] = [];
  for (const scope of scopes.sort(compareScopes)) {
    const last = result.at(-1);
    const touches = last?.space === scope.space && (last.to === null || scope.from <= last.to);
    if (last === undefined || !touches) result.push(scope);
    else if (last.to !== null && (scope.to === null || scope.to > last.to))
      result[result.length - 1] = { ...last, to: scope.to };
  }
  return result;
}

function compareScopes(a: Scope, b: Scope): number {
  if (a.space !== b.space) return a.space === "items" ? -1 : 1;
  return a.from < b.from ? -1 : a.from === b.from ? 0 : 1;
}
