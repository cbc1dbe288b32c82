/** Reads of commands, and questions of other replicas, against the state as it is. */
import { invariant } from "../../core/assert.ts";
import { ByteWriter } from "../../core/bytes.ts";
import { hash64, type Hash64 } from "../../core/hash64.ts";
import type { StateAnswer, StateQuery } from "../../core/merging.ts";
import type { LoadedRange, RangeRequest } from "../../core/records.ts";
import type { Reply } from "../../core/reply.ts";
import type { CommandCall } from "../contract.ts";
import { splitAddress } from "./address.ts";
import type { ReadCommand, Look } from "./look.ts";
import type { LoadStep, QueryRun, ReadDone, ReadRun } from "./contract.ts";
import { encodeDelta, type Item, type Scope } from "./delta.ts";
import { type Items, spanOfLeaves } from "./items.ts";
import type { Meta } from "./meta.ts";
import { decodeReading, encodeReading, type Reading, Trace } from "./reading.ts";
import { Walk } from "./walk.ts";

/** Looks at a reading again: what is there. */
class ReadingWalk {
  readonly reading: Reading;
  readonly walk: Walk;
  readonly #items: Items;

  constructor(reading: Reading, items: Items) {
    this.reading = reading;
    this.walk = new Walk(reading.scopes);
    this.#items = items;
  }

  addresses(): string[] {
    return [...new Set([...this.reading.points, ...this.walk.found.map(({ address }) => address)])].sort();
  }

  /** Equal, but for an accident, if and only if the items are. */
  digest(): Hash64 {
    const writer = new ByteWriter();
    for (const address of this.addresses()) {
      writer.binary(address);
      writer.bytes(this.#items.bytes(address) ?? NOTHING);
    }
    return hash64(writer.finish());
  }
}

const NOTHING = new Uint8Array(0);

/** Runs the command, and then looks again at what it looked at, if that is asked for. */
export class CommandRead implements ReadRun {
  readonly #call: CommandCall;
  readonly #command: ReadCommand;
  readonly #look: Look;
  readonly #items: Items;
  readonly #trace: Trace | null;
  #requests: readonly RangeRequest[] | null = null;
  #reply: Reply | undefined;
  #again: ReadingWalk | null = null;

  constructor(call: CommandCall, command: ReadCommand, look: Look, items: Items, trace: boolean) {
    this.#call = call;
    this.#command = command;
    this.#look = look;
    this.#items = items;
    this.#trace = trace ? new Trace() : null;
  }

  next(loaded?: readonly LoadedRange[]): LoadStep | ReadDone {
    if (this.#again !== null) {
      this.#again.walk.take(loaded!);
      return this.#lookAgain(this.#again);
    }
    if (this.#requests === null) {
      this.#requests = this.#command.ranges?.(this.#look, this.#call.args) ?? [];
      if (this.#requests.length > 0) return { type: "load", requests: this.#requests };
    }
    this.#look.loaded = loaded ?? [];
    this.#look.trace = this.#trace;
    this.#reply = this.#command.run(this.#look, this.#call.args);
    this.#look.trace = null;
    this.#look.loaded = [];
    if (this.#trace === null) return { type: "done", reply: this.#reply, reading: null };
    this.#again = new ReadingWalk(this.#trace.finish(), this.#items);
    return this.#lookAgain(this.#again);
  }

  #lookAgain(again: ReadingWalk): LoadStep | ReadDone {
    if (!again.walk.done) return { type: "load", requests: again.walk.requests() };
    const reading = { what: encodeReading(again.reading), digest: again.digest() };
    invariant(this.#reply !== undefined, "a read looked again before it looked");
    return { type: "done", reply: this.#reply, reading };
  }
}

export function answering(query: StateQuery, items: Items, meta: Meta): QueryRun {
  switch (query.type) {
    case "leaves": {
      const runs = runsOf(query.leaves, items);
      return new ScopeAnswer(
        runs.map((run): Scope => ({ space: "index", ...spanOfLeaves(run[0]!, run.at(-1)!) })),
        query.maxBytes,
        items,
        meta,
        (delta, walked) => ({ type: "leaves", leaves: runs.slice(0, walked).flat(), delta }),
        true,
      );
    }
    case "page":
      return new ScopeAnswer(
        [{ space: "index", from: query.from, to: null }],
        query.maxBytes,
        items,
        meta,
        (delta, _walked, next) => ({ type: "page", delta, next }),
        false,
      );
    case "reading":
      return new ReadingAnswer(decodeReading(query.reading), query.digest, items, meta);
  }
}

/** Leaves that are walked as one. */
const LONGEST_RUN = 64;

/** Leaves with nothing between them are one part of the index: reading many parts takes longer than reading what is in them. */
function runsOf(leaves: readonly number[], items: Items): readonly (readonly number[])[] {
  const runs: number[][] = [];
  for (const leaf of leaves.toSorted((a, b) => a - b)) {
    const run = runs.at(-1);
    const isNext = run !== undefined && run.length < LONGEST_RUN && items.areEmpty(run.at(-1)! + 1, leaf - 1);
    if (isNext) run.push(leaf);
    else runs.push([leaf]);
  }
  return runs;
}

function itemAt(items: Items, address: string): Item {
  const { kind, key } = splitAddress(address);
  return { address, kind, key, store: items.store(address, kind) };
}

class ReadingAnswer implements QueryRun {
  readonly #again: ReadingWalk;
  readonly #digest: Hash64 | null;
  readonly #items: Items;
  readonly #meta: Meta;

  constructor(reading: Reading, digest: Hash64 | null, items: Items, meta: Meta) {
    this.#again = new ReadingWalk(reading, items);
    this.#digest = digest;
    this.#items = items;
    this.#meta = meta;
  }

  next(loaded?: readonly LoadedRange[]): LoadStep | { readonly type: "done"; readonly answer: StateAnswer } {
    const { walk, reading } = this.#again;
    if (loaded !== undefined) walk.take(loaded);
    if (!walk.done) return { type: "load", requests: walk.requests() };
    if (this.#digest !== null) {
      const { high, low } = this.#again.digest();
      if (high === this.#digest.high && low === this.#digest.low)
        return { type: "done", answer: { type: "reading", delta: null } };
    }
    const items = this.#again.addresses().map((address) => itemAt(this.#items, address));
    const delta = encodeDelta({ context: this.#meta.context, scopes: reading.scopes, items });
    return { type: "done", answer: { type: "reading", delta } };
  }
}

/** Walks scopes until about `maxBytes` are found: whole scopes only, or as far as it comes. */
class ScopeAnswer implements QueryRun {
  readonly #walk: Walk;
  readonly #scopes: readonly Scope[];
  readonly #maxBytes: number;
  readonly #items: Items;
  readonly #meta: Meta;
  readonly #answer: (delta: Uint8Array, walked: number, next: string | null) => StateAnswer;
  readonly #whole: boolean;
  #weighed = 0;
  #bytes = 0;

  constructor(
    scopes: readonly Scope[],
    maxBytes: number,
    items: Items,
    meta: Meta,
    answer: (delta: Uint8Array, walked: number, next: string | null) => StateAnswer,
    whole: boolean,
  ) {
    this.#scopes = scopes;
    this.#maxBytes = maxBytes;
    this.#items = items;
    this.#meta = meta;
    this.#answer = answer;
    this.#whole = whole;
    this.#walk = new Walk(scopes, () => {
      this.#weigh();
      return this.#bytes < maxBytes || (whole && this.#walk.walked === 0);
    });
  }

  next(loaded?: readonly LoadedRange[]): LoadStep | { readonly type: "done"; readonly answer: StateAnswer } {
    if (loaded !== undefined) this.#walk.take(loaded);
    if (!this.#walk.done) return { type: "load", requests: this.#walk.requests() };
    return { type: "done", answer: this.#whole ? this.#wholeScopes() : this.#page() };
  }

  #weigh(): void {
    for (; this.#weighed < this.#walk.found.length; this.#weighed++)
      this.#bytes += this.#bytesOf(this.#weighed);
  }

  #bytesOf(at: number): number {
    const { address } = this.#walk.found[at]!;
    return address.length + this.#items.bytes(address)!.length;
  }

  #wholeScopes(): StateAnswer {
    const { walked, found } = this.#walk;
    const items = found
      .filter(({ scope }) => scope < walked)
      .map(({ address }) => itemAt(this.#items, address));
    const delta = encodeDelta({ context: this.#meta.context, scopes: this.#scopes.slice(0, walked), items });
    return this.#answer(delta, walked, null);
  }

  #page(): StateAnswer {
    const { walked, found } = this.#walk;
    let bytes = 0;
    let end = 0;
    for (; end < found.length && (end === 0 || bytes < this.#maxBytes); end++) bytes += this.#bytesOf(end);
    const rest = found[end]?.at ?? (walked > 0 || found.length === 0 ? null : `${found.at(-1)!.at}\0`);
    const items = found.slice(0, end).map(({ address }) => itemAt(this.#items, address));
    const scopes = [{ ...this.#scopes[0]!, to: rest }];
    return this.#answer(encodeDelta({ context: this.#meta.context, scopes, items }), walked, rest);
  }
}
