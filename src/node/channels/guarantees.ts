/**
 * The guarantees that a channel can have. The channel's name chooses: up to its first colon, if that is the name of one; otherwise it is
 * what Redis promises. All channels of one guarantee share one group of broadcast, so their order holds across channels.
 */
import { type BroadcastOptions, DEFAULT_BROADCAST_OPTIONS } from "../../protocols/broadcast/index.ts";

export const GUARANTEES = ["plain", "fifo", "causal", "total"] as const;

/** `plain`: best effort, in each publisher's order. The others are reliable, in the order that they name. */
export type Guarantee = (typeof GUARANTEES)[number];

const COLON = 58;
const LONGEST = Math.max(...GUARANTEES.map(({ length }) => length));

/** Of the channel with this name. */
export function guaranteeOf(channel: Uint8Array): Guarantee {
  const colon = channel.subarray(0, LONGEST + 1).indexOf(COLON);
  if (colon < 0) return "plain";
  const prefix = String.fromCharCode(...channel.subarray(0, colon));
  return RELIABLE.find((name) => name === prefix) ?? "plain";
}

const RELIABLE: readonly Guarantee[] = ["fifo", "causal", "total"];

/**
 * What a reliable group keeps is bounded by messages times bytes for each publisher: 1,024 of 64 KiB. Best effort keeps only what waits for
 * an earlier message.
 */
export const optionsOf = (guarantee: Guarantee): Omit<BroadcastOptions, "id"> =>
  guarantee === "plain"
    ? {
        ...DEFAULT_BROADCAST_OPTIONS,
        reliability: "best-effort",
        order: "fifo",
        maxHeldBack: 256,
        maxPayloadBytes: 1 << 20,
      }
    : { ...DEFAULT_BROADCAST_OPTIONS, reliability: "reliable", order: guarantee, maxPayloadBytes: 64 << 10 };
