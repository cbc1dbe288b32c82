/** Gossip: a protocol of keyspaces that merge. Rumor mongering alone is for others too. */
export { gossipCodec } from "./codec.ts";
export { DEFAULT_GOSSIP_OPTIONS, Gossip } from "./gossip.ts";
export type { GossipEffect, GossipInput, GossipMessage, GossipOptions, GossipTimer } from "./gossip.ts";
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
