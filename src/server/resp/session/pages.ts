/** One step of a scan over one shard. */
import { CodecError } from "../../../core/bytes.ts";
import type { GroupId } from "../../../core/ids.ts";
import { Failure, type Reply } from "../../../core/reply.ts";
import type { CallOptions, KvorumNode } from "../../../node/api.ts";
import { bulk } from "../values.ts";
import { onShard } from "./shards.ts";

export interface PageQuery {
  /** Inclusive; empty at the start. */
  readonly from: Uint8Array;
  /** Records to look at, not to find. */
  readonly count: number;
  /** A glob pattern; null matches everything. */
  readonly match: Uint8Array | null;
  /** Empty for every type. */
  readonly type: Uint8Array;
}

export interface Page {
  /** Where the next step begins; null at the end. */
  readonly next: Uint8Array | null;
  readonly elements: readonly Reply[];
}

const EVERYTHING = new Uint8Array(0);

/** The pattern as a shard takes it: there the empty one stands for everything. */
export const patternOf = (match: Uint8Array | null): Uint8Array => match ?? EVERYTHING;

/** Redis' empty pattern matches the empty name only. `stride` is 2 for field, value, field, value, … */
export function onlyMatching(page: Page, match: Uint8Array | null, stride: 1 | 2): Page {
  if (match === null || match.length > 0) return page;
  const { elements } = page;
  const kept = elements.filter((_, i) => (elements[i - (i % stride)] as Uint8Array).length === 0);
  return { next: page.next, elements: kept };
}

export function readPage(
  node: KvorumNode,
  group: GroupId,
  { from, count, match, type }: PageQuery,
  options: CallOptions,
  done: (page: Page | Failure) => void,
): void {
  const args = [from, bulk(String(count)), patternOf(match), type];
  onShard(node, group, ".scan", args, options, (reply) => {
    const page = pageOf(reply);
    done(page instanceof Failure ? page : onlyMatching(page, match, 1));
  });
}

/** The reply of `.scan`, `.hscan` and `.sscan`. */
export function pageOf(reply: Reply): Page | Failure {
  if (reply instanceof Failure) return reply;
  if (Array.isArray(reply) && reply.length === 2) {
    const [next, elements] = reply as readonly Reply[];
    if ((next === null || next instanceof Uint8Array) && Array.isArray(elements)) {
      return { next, elements: elements as readonly Reply[] };
    }
  }
  throw new CodecError("a scan of a shard answered something that is no page");
}

/** One page after the other, until there is none or `visit` answers false. */
export function eachPage(
  node: KvorumNode,
  group: GroupId,
  query: Omit<PageQuery, "from">,
  options: CallOptions,
  done: (failure: Failure | null) => void,
  visit: (page: Page) => boolean,
): void {
  // A page may come while the call that asked for it still runs: the loop goes on then, instead of nesting.
  const state = { from: EVERYTHING as Uint8Array | null, asking: false, came: true };
  const take = (page: Page | Failure): void => {
    if (page instanceof Failure) {
      done(page);
      return;
    }
    state.from = visit(page) ? page.next : null;
    state.came = true;
    if (!state.asking) go();
  };
  const go = (): void => {
    state.asking = true;
    while (state.came && state.from !== null) {
      state.came = false;
      readPage(node, group, { ...query, from: state.from }, options, take);
    }
    state.asking = false;
    if (state.came) done(null);
  };
  go();
}
