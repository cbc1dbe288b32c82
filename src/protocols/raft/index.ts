export { Raft } from "./raft.ts";
export { raftCodec } from "./codec.ts";
export { bootstrap, recover } from "./recovery.ts";
export type { RaftRecovered } from "./recovery.ts";
export { DEFAULT_RAFT_OPTIONS } from "./options.ts";
export type { RaftOptions } from "./options.ts";
export {
  configuration,
  describeConfiguration,
  isJoint,
  isVoter,
  members,
  NO_CONFIGURATION,
} from "./configuration.ts";
export type { Configuration } from "./configuration.ts";
export type { Role } from "./replica.ts";
export type {
  Entry,
  RaftAdmin,
  RaftEffect,
  RaftInput,
  RaftMessage,
  RaftOutcome,
  RaftRecord,
  RaftTimer,
  RaftVocabulary,
} from "./messages.ts";
