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
  /** A glob pattern; empty matches everything. */
  readonly match: Uint8Array;
  /** Empty for every type. */
  readonly type: Uint8Array;
}

export interface Page {
  /** Where the next step begins; null at the end. */
  readonly next: Uint8Array | null;
  readonly elements: readonly Reply[];
}

export function readPage(
  node: KvorumNode,
  group: GroupId,
  { from, count, match, type }: PageQuery,
  options: CallOptions,
  done: (page: Page | Failure) => void,
): void {
  onShard(node, group, ".scan", [from, bulk(String(count)), match, type], options, (reply) =>
    done(pageOf(reply)),
  );
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
