import { invariant } from "../core/assert.ts";
import type { NodeId } from "../core/ids.ts";
import type { Millis } from "../core/machine.ts";
import type { Address } from "../core/world.ts";
import type { MemberRecord } from "./messages.ts";
import { MAX_HOST_CHARS } from "./record.ts";

/** Times are milliseconds, sizes bytes. Members may differ in all of them, but should not. */
export interface SwimOptions {
  readonly id: NodeId;
  /** Where others reach this member. Its host is at most 255 one-byte characters. */
  readonly address: Address;
  /** The least to begin with: higher than in any life before, if it is known. A stale one is raised as others object. */
  readonly incarnation: number;
  /** Where to ask for the list: one address of any member will do. None: this is the first member. */
  readonly seeds: readonly Address[];
  /** Members remembered from a life before; they are probed at once. */
  readonly known: readonly MemberRecord[];
  /** SWIM's T': one member is probed in each. */
  readonly period: Millis;
  /** How long the answer to a direct ping may take before helpers are asked. Less than half of the period. */
  readonly directTimeout: Millis;
  /** SWIM's k: how many helpers probe indirectly. */
  readonly helpers: number;
  /** SWIM's lambda: news is passed on ceil(lambda ln(n + 1)) times by each member. */
  readonly retransmission: number;
  /** Suspicions last at least so many periods times max(1, log10 n). Lifeguard's alpha. */
  readonly suspicionFactor: number;
  /** Lifeguard's beta: unconfirmed suspicions last so many times longer. 1: all suspicions last equally long. */
  readonly suspicionMaxFactor: number;
  /** Lifeguard's K: after so many independent confirmations a suspicion lasts no longer than the least. */
  readonly confirmations: number;
  /** Lifeguard's S: the local health multiplier grows up to so much. 0: it is off, and helpers send no nacks. */
  readonly localHealthMax: number;
  /** Lifeguard's buddy system: whatever is sent to a suspected member tells it of the suspicion. */
  readonly buddy: boolean;
  /** How often lists are compared with a random member's: repairs what was told while nobody listened. */
  readonly syncInterval: Millis;
  /** Every so many periods, a member held dead or a seed not known alive is tried again: what heals a partition. */
  readonly reconnectPeriods: number;
  /** For how long a dead or left member is remembered. Far longer than a message can be under way. */
  readonly forgetAfter: Millis;
  /** Members remembered, dead ones included; more are refused, and counted. */
  readonly maxMembers: number;
  /** Indirect probes carried out for others at a time; more are refused. */
  readonly maxRelays: number;
  /** No message is longer. The default fits an Ethernet frame. */
  readonly maxMessageBytes: number;
}

export const DEFAULT_SWIM_OPTIONS: Omit<SwimOptions, "id" | "address"> = {
  incarnation: 0,
  seeds: [],
  known: [],
  period: 1000,
  directTimeout: 300,
  helpers: 3,
  retransmission: 3,
  suspicionFactor: 5,
  suspicionMaxFactor: 6,
  confirmations: 3,
  localHealthMax: 8,
  buddy: true,
  syncInterval: 30_000,
  reconnectPeriods: 10,
  forgetAfter: 24 * 3600 * 1000,
  maxMembers: 10_000,
  maxRelays: 64,
  maxMessageBytes: 1400,
};

/** Without Lifeguard: the protocol of the SWIM paper, with the same least time of suspicion. */
export const PLAIN_SWIM = {
  suspicionMaxFactor: 1,
  confirmations: 0,
  localHealthMax: 0,
  buddy: false,
} as const satisfies Partial<SwimOptions>;

/** An envelope with the longest addresses and a record that must go with it. */
const LEAST_MESSAGE_BYTES = 1024;

/** Throws `InvariantError`: options are the program's, not the peers'. */
export function checkOptions(options: SwimOptions): void {
  invariant(options.id > 0, "a member needs a positive id");
  const { host, port } = options.address;
  invariant(host.length > 0 && host.length <= MAX_HOST_CHARS, "the host has 1 to 255 characters");
  invariant(port >= 0 && port < 65_536, "the port is a 16-bit number");
  invariant(options.period > 0, "the period is positive");
  invariant(
    options.directTimeout > 0 && options.directTimeout * 2 < options.period,
    "an indirect probe needs more than half of the period",
  );
  invariant(options.suspicionFactor > 0, "suspicions last some time");
  invariant(options.suspicionMaxFactor >= 1, "the longest suspicion is not shorter than the shortest");
  invariant(options.syncInterval > 0, "lists are compared now and then");
  invariant(options.reconnectPeriods >= 1, "dead members are tried again now and then");
  invariant(options.maxMembers >= 1, "there is a member: this one");
  invariant(options.maxMessageBytes >= LEAST_MESSAGE_BYTES, "a message has at least 1024 bytes");
}
