/** Quorums: a protocol of keyspaces that merge. */
export { quorumCodec } from "./codec.ts";
export { DEFAULT_QUORUM_OPTIONS } from "./options.ts";
export type { QuorumOptions } from "./options.ts";
export { Quorum } from "./quorum.ts";
export type { QuorumEffect, QuorumInput, QuorumMessage, QuorumTimer } from "./quorum.ts";
