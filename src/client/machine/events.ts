/** What a session has seen of a shard that merges: the causal contexts of nodes' answers, joined. */
import { binaryString } from "../../core/bytes.ts";
import { causalContexts, fromBytes, toBytes } from "../../data/lattices/index.ts";

export const NO_EVENTS = new Uint8Array(0);

/** Throws `CodecError` on what no node has sent. */
export function joinEvents(left: Uint8Array, right: Uint8Array): Uint8Array {
  if (left.length === 0 || binaryString(left) === binaryString(right)) return right;
  if (right.length === 0) return left;
  return toBytes(
    causalContexts,
    causalContexts.join(fromBytes(causalContexts, left), fromBytes(causalContexts, right)),
  );
}
