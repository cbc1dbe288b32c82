/** Peer-to-peer membership: SWIM with Lifeguard. */
export { decodeSwimMessage, encodeSwimMessage, MAX_SWIM_MESSAGE_BYTES } from "./codec.ts";
export type {
  MemberRecord,
  MemberStatus,
  SwimCounts,
  SwimEffect,
  SwimEvent,
  SwimInput,
  SwimMessage,
  SwimTimer,
} from "./messages.ts";
export { DEFAULT_SWIM_OPTIONS, PLAIN_SWIM } from "./options.ts";
export type { SwimOptions } from "./options.ts";
export { Swim } from "./swim.ts";
