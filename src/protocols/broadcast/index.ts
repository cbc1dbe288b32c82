/** Group broadcast: best-effort or reliable, in FIFO, causal or total order, through a visible hold-back queue. */
export { decodeBroadcastMessage, encodeBroadcastMessage } from "./codec.ts";
export type * from "./messages.ts";
export { checkBroadcastOptions, DEFAULT_BROADCAST_OPTIONS } from "./options.ts";
export type { BroadcastOptions, Order, Reliability } from "./options.ts";
export { Broadcast } from "./broadcast.ts";
export type { HeldBack, WaitingFor } from "./held-back.ts";
export { agreement, causal, fifo, integrity, total, validity } from "./checkers.ts";
export type { DeliveryLog, LogEvent } from "./checkers.ts";
