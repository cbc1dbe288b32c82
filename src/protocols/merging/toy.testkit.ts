/**
 * The smallest state that merges: elements with the dots of their additions, under one causal context, with a real Merkle tree. Deltas are text.
 * A command is `add ELEMENT` (which replaces what the replica knows of it) or `remove ELEMENT`.
 */
import { invariant } from "../../core/assert.ts";
import { hash64 } from "../../core/hash64.ts";
import type { Hash64 } from "../../core/hash64.ts";
import type { ReplicaId } from "../../core/ids.ts";
import type { MergingEntry, StateAnswer, StateQuery, Summary } from "../../core/merging.ts";
import { MerkleTree } from "../../core/merkle-tree.ts";

export type Dot = string;

/** What a delta speaks about: for elements inside, whatever the context knows and the delta has not was removed. */
type Scope =
  | { readonly kind: "dots" }
  | { readonly kind: "leaves"; readonly leaves: readonly number[] }
  | { readonly kind: "range"; readonly from: string; readonly to: string | null }
  | { readonly kind: "elements"; readonly elements: readonly string[] };

interface ToyDelta {
  readonly scope: Scope;
  readonly elements: readonly (readonly [string, readonly Dot[]])[];
  readonly context: readonly Dot[];
}

export const SHAPE = { fanout: 4, depth: 2, seed: 3 };

export const bytes = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));
export const text = (data: Uint8Array): string => String.fromCharCode(...data);

export class ToyState implements Summary {
  tree = new MerkleTree(SHAPE);
  readonly replica: ReplicaId;
  readonly elements = new Map<string, Set<Dot>>();
  readonly known = new Set<Dot>();
  #counter = 0;

  constructor(replica: ReplicaId, saved: string | null = null) {
    this.replica = replica;
    if (saved === null) return;
    const { elements, known, counter } = JSON.parse(saved) as {
      elements: [string, Dot[]][];
      known: Dot[];
      counter: number;
    };
    for (const [element, dots] of elements) this.#set(element, new Set(dots));
    for (const dot of known) this.known.add(dot);
    this.#counter = counter;
  }

  save(): string {
    const elements = [...this.elements].map(([element, dots]) => [element, [...dots]]);
    return JSON.stringify({ elements, known: [...this.known], counter: this.#counter });
  }

  /** What it holds and knows, for comparisons. */
  get content(): string {
    const lines = [...this.elements].map(([element, dots]) => `${element}: ${[...dots].sort().join(" ")}`);
    return lines.sort().join("\n");
  }

  context(): Uint8Array {
    return bytes([...this.known].sort().join(" "));
  }

  covers(context: Uint8Array): boolean {
    return dotsOf(context).every((dot) => this.known.has(dot));
  }

  holds(dot: Dot): boolean {
    for (const dots of this.elements.values()) if (dots.has(dot)) return true;
    return false;
  }

  digest(element: string): Hash64 {
    return hash64(bytes([...(this.elements.get(element) ?? [])].sort().join(" ")));
  }

  /** Gives what `applied` reports. `refuses`: of deltas of single writes, as a state does that lacks too much before them. */
  apply(
    entry: MergingEntry,
    refuses: (delta: Uint8Array) => boolean,
  ): { delta: Uint8Array | null; taken: boolean } {
    switch (entry.type) {
      case "command":
        return { delta: this.#command(text(entry.command)), taken: true };
      case "merge": {
        const delta = JSON.parse(text(entry.delta)) as ToyDelta;
        const taken = delta.scope.kind !== "dots" || !refuses(entry.delta);
        if (taken) this.#merge(delta);
        return { delta: null, taken };
      }
      case "adopt":
        for (const dot of dotsOf(entry.context)) this.known.add(dot);
        return { delta: null, taken: true };
    }
  }

  answer(query: StateQuery): StateAnswer {
    switch (query.type) {
      case "leaves": {
        const leaves: number[] = [];
        let size = 0;
        for (const leaf of query.leaves) {
          const inside = this.#inside({ kind: "leaves", leaves: [leaf] });
          if (leaves.length > 0 && size + weight(inside) > query.maxBytes) break;
          size += weight(inside);
          leaves.push(leaf);
        }
        return { type: "leaves", leaves, delta: this.#delta({ kind: "leaves", leaves }) };
      }
      case "page": {
        let to: string | null = null;
        let size = 0;
        for (const element of [...this.elements.keys()].sort()) {
          if (element < query.from) continue;
          if (size > query.maxBytes) {
            to = element;
            break;
          }
          size += weight([[element, [...this.elements.get(element)!]]]);
        }
        return { type: "page", delta: this.#delta({ kind: "range", from: query.from, to }), next: to };
      }
      case "reading": {
        const element = text(query.reading);
        const mine = this.digest(element);
        if (query.digest !== null && query.digest.high === mine.high && query.digest.low === mine.low)
          return { type: "reading", delta: null };
        return { type: "reading", delta: this.#delta({ kind: "elements", elements: [element] }) };
      }
    }
  }

  #command(command: string): Uint8Array | null {
    const [verb, element] = command.split(" ") as ["add" | "remove", string];
    const before = this.elements.get(element) ?? new Set();
    if (verb === "remove" && before.size === 0) return null;
    const after = new Set<Dot>();
    if (verb === "add") after.add(`${this.replica}.${++this.#counter}`);
    this.#set(element, after);
    for (const dot of after) this.known.add(dot);
    const delta: ToyDelta = {
      scope: { kind: "dots" },
      elements: [[element, [...after]]],
      context: [...before, ...after],
    };
    return bytes(JSON.stringify(delta));
  }

  #merge({ scope, elements, context }: ToyDelta): void {
    const theirs = new Map(elements.map(([element, dots]) => [element, new Set(dots)]));
    const known = new Set(context);
    const isInside = this.#contains(scope);
    for (const element of new Set([...this.elements.keys(), ...theirs.keys()])) {
      if (!isInside(element)) continue;
      const mine = this.elements.get(element) ?? new Set();
      const their = theirs.get(element) ?? new Set();
      const kept = [...mine].filter((dot) => their.has(dot) || !known.has(dot));
      const taken = [...their].filter((dot) => !this.known.has(dot));
      this.#set(element, new Set([...kept, ...taken]));
    }
    // Outside of single writes only what is held becomes known: for the others the address is not known.
    if (scope.kind === "dots") for (const dot of known) this.known.add(dot);
    else for (const dots of theirs.values()) for (const dot of dots) this.known.add(dot);
  }

  #contains(scope: Scope): (element: string) => boolean {
    switch (scope.kind) {
      case "dots":
        return () => true;
      case "leaves": {
        const leaves = new Set(scope.leaves);
        return (element) => leaves.has(this.tree.leafOf(bytes(element)));
      }
      case "range":
        return (element) => element >= scope.from && (scope.to === null || element < scope.to);
      case "elements":
        return (element) => scope.elements.includes(element);
    }
  }

  #inside(scope: Scope): [string, Dot[]][] {
    const isInside = this.#contains(scope);
    return [...this.elements]
      .filter(([element]) => isInside(element))
      .map(([element, dots]) => [element, [...dots]]);
  }

  #delta(scope: Scope): Uint8Array {
    return bytes(JSON.stringify({ scope, elements: this.#inside(scope), context: [...this.known] }));
  }

  #set(element: string, dots: Set<Dot>): void {
    const before = this.elements.get(element);
    const version = (of: Set<Dot> | undefined): Uint8Array | null =>
      of === undefined || of.size === 0 ? null : bytes([...of].sort().join(" "));
    this.tree.update(bytes(element), version(before), version(dots));
    if (dots.size === 0) this.elements.delete(element);
    else this.elements.set(element, dots);
  }

  check(): void {
    for (const dots of this.elements.values())
      for (const dot of dots) invariant(this.known.has(dot), `holds ${dot} and does not know it`);
  }
}

function dotsOf(context: Uint8Array): readonly Dot[] {
  return context.length === 0 ? [] : text(context).split(" ");
}

function weight(elements: readonly (readonly [string, readonly Dot[]])[]): number {
  return elements.reduce((sum, [element, dots]) => sum + element.length + 12 * dots.length, 0);
}
