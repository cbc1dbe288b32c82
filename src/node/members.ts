/**
 * Hosts SWIM: who of the cluster's members is alive, known from peer to peer. The catalog alone decides who is a member; what is
 * held here decides nothing, and is there for people and tools, whom every node can tell about all the others.
 */
import { unreachable } from "../core/assert.ts";
import { CodecError } from "../core/bytes.ts";
import type { NodeId } from "../core/ids.ts";
import type { Address, Clock, Logger, Random, TimerHandle } from "../core/world.ts";
import { DEFAULT_SWIM_OPTIONS, decodeSwimMessage, encodeSwimMessage, Swim } from "../membership/index.ts";
import type { MemberStatus, SwimEffect, SwimEvent, SwimInput, SwimTimer } from "../membership/index.ts";
import type { MemberInfo, MembershipInfo } from "./api.ts";
import type { CatalogNode } from "./catalog/state.ts";
import { encodeMembershipFrame } from "./frames.ts";
import type { MembershipOptions } from "./options.ts";

export interface MembersHost {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly self: NodeId;
  readonly name: string;
  /** Where peers reach this node. */
  readonly address: Address;
  readonly options: MembershipOptions;
  /** To be sent this turn; may be lost. */
  send(to: NodeId, frame: Uint8Array): void;
}

type Member = Pick<CatalogNode, "id" | "name" | "peer">;

export class Members {
  readonly #host: MembersHost;
  readonly #swim: Swim;
  readonly #timers = new Map<SwimTimer, TimerHandle>();
  readonly #counters = { falseSuspicions: 0, refutations: 0, messages: 0, bytes: 0 };
  /** Since when each is in its state. */
  readonly #since = new Map<NodeId, number>();
  readonly #startedAt: number;
  #leftAt: number | null = null;
  #members: readonly Member[] = [];
  #closed = false;

  constructor(host: MembersHost) {
    const { clock, random, self, address, options } = host;
    const { period, directTimeout, helpers, suspicionFactor } = options;
    this.#host = host;
    this.#startedAt = clock.now();
    this.#swim = new Swim(
      {
        ...DEFAULT_SWIM_OPTIONS,
        id: self,
        address,
        period,
        directTimeout,
        helpers,
        suspicionFactor,
      },
      random,
    );
  }

  /** Who belongs, from now on. Begins to probe when first called. */
  follow(members: readonly Member[]): void {
    this.#members = members;
    this.#step({ type: "roster", roster: new Map(members.map(({ id, peer }) => [id, peer])) });
  }

  /** Throws `CodecError` on what is malformed, or said in another's name. */
  onMessage(from: NodeId, bytes: Uint8Array): void {
    const message = decodeSwimMessage(bytes);
    if (message.from?.id !== from) throw new CodecError(`a message in the name of ${message.from?.id}`);
    this.#step({ type: "message", message });
  }

  /** Tells others that this node is about to stop, and falls silent. What was to be sent is handed to `send` by then. */
  close(): void {
    this.#step({ type: "leave" });
    this.#closed = true;
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }

  /** Null: not a member, as far as this node knows. */
  stateOf(node: NodeId): MemberStatus | null {
    return this.#swim.member(node)?.status ?? null;
  }

  describe(): MembershipInfo {
    const now = this.#host.clock.now();
    const members = this.#members.flatMap(({ id, name, peer }): MemberInfo[] => {
      const held = this.#swim.member(id);
      if (held === undefined) return [];
      const { status, incarnation, by } = held;
      const milliseconds = Math.round(now - this.#sinceOf(id));
      const where = `${peer.host}:${peer.port}`;
      return [{ id, name, peer: where, state: status, incarnation, milliseconds, suspectedBy: by }];
    });
    return {
      enabled: true,
      name: this.#host.name,
      localHealth: this.#swim.localHealth + 1,
      counters: { ...this.#swim.counts, ...this.#counters },
      members: members.sort((a, b) => a.id - b.id),
    };
  }

  #sinceOf(id: NodeId): number {
    const own = id === this.#host.self ? this.#leftAt : this.#since.get(id);
    return own ?? this.#startedAt;
  }

  #step(input: SwimInput): void {
    if (this.#closed) return;
    for (const effect of this.#swim.step(this.#host.clock.now(), input)) this.#run(effect);
  }

  #run(effect: SwimEffect): void {
    switch (effect.type) {
      case "send": {
        // Somebody who is no member asks by other means.
        if (effect.id === null) return;
        const frame = encodeMembershipFrame(encodeSwimMessage(effect.message));
        this.#counters.messages++;
        this.#counters.bytes += frame.length;
        this.#host.send(effect.id, frame);
        return;
      }
      case "set-timer": {
        const { timer, min, max } = effect;
        const { clock, random } = this.#host;
        this.#timers.get(timer)?.cancel();
        const delay = min === max ? min : min + (max - min) * random.next();
        const fire = (): void => {
          this.#timers.delete(timer);
          this.#step({ type: "timer", timer });
        };
        this.#timers.set(timer, clock.setTimer(delay, fire));
        return;
      }
      case "cancel-timer":
        this.#timers.get(effect.timer)?.cancel();
        this.#timers.delete(effect.timer);
        return;
      case "event":
        this.#note(effect.event);
        return;
      default:
        unreachable(effect);
    }
  }

  #note(event: SwimEvent): void {
    const { clock, logger } = this.#host;
    switch (event.kind) {
      case "joined":
        return;
      case "changed": {
        const { member, before } = event;
        if (member.status === before) return;
        this.#since.set(member.id, clock.now());
        if (before === "suspect" && member.status === "alive") this.#counters.falseSuspicions++;
        if (before === null) return;
        const name = this.#members.find(({ id }) => id === member.id)?.name;
        const fields = { member: name, before, now: member.status, incarnation: member.incarnation };
        if (member.status === "suspect") logger.debug(fields, "a member is suspected");
        else logger.info(fields, `a member is ${member.status}`);
        return;
      }
      case "forgotten":
        this.#since.delete(event.id);
        return;
      case "refuted":
        this.#counters.refutations++;
        return;
      case "left":
        this.#leftAt = clock.now();
        return;
      default:
        unreachable(event);
    }
  }
}

/** What a node says that has no membership from peer to peer. */
export const noMembership = (name: string): MembershipInfo => ({
  enabled: false,
  name,
  localHealth: 1,
  counters: {
    probes: 0,
    indirectProbes: 0,
    relayedProbes: 0,
    falseSuspicions: 0,
    refutations: 0,
    messages: 0,
    bytes: 0,
  },
  members: [],
});

/** For a node's metrics: counters and gauges, by their names. */
export function membershipMetrics({ counters, localHealth, members }: MembershipInfo): {
  readonly counters: Readonly<Record<string, number>>;
  readonly gauges: Readonly<Record<string, number>>;
} {
  const count = (state: MemberStatus): number => members.filter((member) => member.state === state).length;
  return {
    counters: {
      membership_probes_total: counters.probes,
      membership_indirect_probes_total: counters.indirectProbes,
      membership_relayed_probes_total: counters.relayedProbes,
      membership_false_suspicions_total: counters.falseSuspicions,
      membership_refutations_total: counters.refutations,
      membership_messages_total: counters.messages,
      membership_bytes_total: counters.bytes,
    },
    gauges: {
      membership_local_health: localHealth,
      members_alive: count("alive"),
      members_suspect: count("suspect"),
      members_dead: count("dead"),
      members_left: count("left"),
    },
  };
}
