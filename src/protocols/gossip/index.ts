/** Gossip, the protocol of keyspaces that merge. So far: rumor mongering. */
export type {
  Chance,
  RemovalReason,
  Rumor,
  RumorEffect,
  RumorId,
  RumorInput,
  RumorMessage,
  RumorTimer,
  ToldRumor,
} from "./messages.ts";
export { checkRumorOptions, DEFAULT_RUMOR_OPTIONS } from "./options.ts";
export type { RumorOptions, StopRule } from "./options.ts";
export { RumorMonger } from "./rumor.ts";
export type { RumorState } from "./rumor.ts";
