/**
 * Publish/subscribe over the cluster: hosts a group of broadcast for each guarantee, and tells the listeners at this node.
 * docs/CHANNELS.md says what is promised.
 *
 * Views come from the catalog, which every node applies in the same order (`catalog/channels.ts`). A node takes part from when somebody
 * publishes or subscribes anywhere; until then nothing is sent, nor written. Reliable groups go on without a member that is dead: the
 * system group's leader takes it out. It comes back by itself, as a new member, and its listeners are told that they may have missed
 * something. Best effort needs no agreement on who is alive, so it takes nobody out.
 */
import { ByteReader, ByteWriter, CodecError } from "../../core/bytes.ts";
import type { NodeId } from "../../core/ids.ts";
import type { Failure } from "../../core/reply.ts";
import type { Clock, Logger, Random, TimerHandle } from "../../core/world.ts";
import type { View } from "../../protocols/broadcast/index.ts";
import type {
  ChannelListener,
  Channels as ChannelsApi,
  ChannelsInfo,
  NodeMetrics,
  PublishOutcome,
} from "../api.ts";
import { type ChannelCommand, type ChannelMembership, NO_CHANNEL_MEMBERS } from "../catalog/channels.ts";
import { failureReply } from "../failures.ts";
import { encodeChannelFrame } from "../frames.ts";
import { ChannelGroup } from "./group.ts";
import { GUARANTEES, type Guarantee, guaranteeOf, optionsOf } from "./guarantees.ts";
import { Subscriptions } from "./subscriptions.ts";

/** What there is once the node knows who it is. */
export interface ChannelsProcess {
  readonly self: NodeId;
  /** Names this process: drawn at its start, below 2^32. */
  readonly life: number;
  /** To be sent this turn; may be lost. */
  send(to: NodeId, frame: Uint8Array): void;
  /** Has the command ordered by the system group, if it can be reached. */
  change(command: ChannelCommand, done: () => void): void;
  /** This node leads the system group: it takes out who is dead. */
  decides(): boolean;
  isUp(node: NodeId): boolean;
  /** What membership from peer to peer holds; null: it says nothing. */
  isDead(node: NodeId): boolean | null;
}

export interface ChannelsHost {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Milliseconds that a caller waits at most for this node to take part. */
  readonly patience: number;
}

interface Joining {
  readonly guarantee: Guarantee;
  readonly done: (failure: Failure | null) => void;
  readonly deadline: TimerHandle;
}

const NOT_JOINED =
  "This node is not in the channels' group: the system group has no leader, or a member that does not answer has still to be taken out.";

const SWEEP_MS = 1000;
/** Without membership from peer to peer: a member without a connection for so long is taken out. */
const ABSENT_MS = 10_000;

export class Channels implements ChannelsApi {
  readonly #host: ChannelsHost;
  readonly #subscriptions = new Subscriptions();
  readonly #groups = new Map<Guarantee, ChannelGroup>();
  readonly #joining = new Set<Joining>();
  readonly #absentSince = new Map<NodeId, number>();
  readonly #counters = { published: 0, delivered: 0, lost: 0, refused: 0, interruptions: 0 };
  #process: ChannelsProcess | null = null;
  #membership: ChannelMembership = NO_CHANNEL_MEMBERS;
  /** A membership of this process during which it has missed a view: it is given up. */
  #renounced: number | null = null;
  #wanted = false;
  #changing = false;
  #sweeper: TimerHandle | null = null;
  #closed = false;

  constructor(host: ChannelsHost) {
    this.#host = host;
  }

  start(process: ChannelsProcess): void {
    this.#process = process;
    const { clock, random, patience } = this.#host;
    for (const [code, guarantee] of GUARANTEES.entries()) {
      const group = new ChannelGroup(
        {
          clock,
          random,
          self: process.self,
          patience,
          send: (to, message) => process.send(to, encodeChannelFrame(code, message)),
          deliver: (payload) => this.#deliver(payload),
          lost: (count) => (this.#counters.lost += count),
          joined: () => this.#joined(guarantee),
          interrupted: () => this.#interrupted(guarantee),
        },
        guarantee,
      );
      this.#groups.set(guarantee, group);
    }
    if (this.#wanted) this.#take();
  }

  /** To be called with every state of the catalog, in their order, and not from within the step that applied it. */
  follow(membership: ChannelMembership): void {
    const before = this.#membership;
    if (this.#closed || this.#process === null || membership.epoch <= before.epoch) return;
    const own = this.#own();
    if (own !== null && own.since !== null && membership.epoch > before.epoch + 1)
      this.#renounced = own.since;
    this.#membership = membership;
    for (const [guarantee, group] of this.#groups) group.enter(this.#viewOf(guarantee));
    const now = this.#own();
    if (now === null || now.since === null) this.#take();
  }

  /** Throws `CodecError` on what is malformed. */
  onMessage(from: NodeId, code: number, message: Uint8Array): void {
    const guarantee = GUARANTEES[code];
    if (guarantee === undefined) throw new CodecError(`unknown guarantee ${code}`);
    this.#groups.get(guarantee)?.onMessage(from, message);
  }

  onPeerDown(peer: NodeId): void {
    for (const group of this.#groups.values()) group.onUnreachable(peer);
  }

  publish(channel: Uint8Array, message: Uint8Array, done: (outcome: PublishOutcome) => void): void {
    const group = this.#groups.get(guaranteeOf(channel));
    if (group === undefined) {
      this.#counters.refused++;
      done(failureReply("unreachable", "This node does not know yet who it is."));
      return;
    }
    if (!this.#wanted) this.#take();
    group.publish(encodePayload(channel, message), (refusal) => {
      if (refusal === null) this.#counters.published++;
      else this.#counters.refused++;
      done(refusal ?? this.#subscriptions.receivers(channel));
    });
  }

  join(channel: Uint8Array, done: (failure: Failure | null) => void): void {
    if (this.#closed) {
      done(failureReply("closing"));
      return;
    }
    const guarantee = guaranteeOf(channel);
    if (this.#groups.get(guarantee)?.joined === true) {
      done(null);
      return;
    }
    const { clock, patience } = this.#host;
    const deadline = clock.setTimer(patience, () => {
      this.#joining.delete(joining);
      done(failureReply("unreachable", NOT_JOINED));
    });
    const joining: Joining = { guarantee, done, deadline };
    this.#joining.add(joining);
    if (!this.#wanted) this.#take();
  }

  subscribe(channel: Uint8Array, listener: ChannelListener): void {
    this.#subscriptions.subscribe(channel, listener);
  }

  unsubscribe(channel: Uint8Array, listener: ChannelListener): void {
    this.#subscriptions.unsubscribe(channel, listener);
  }

  subscribePattern(pattern: Uint8Array, listener: ChannelListener): void {
    this.#subscriptions.subscribePattern(pattern, listener);
  }

  unsubscribePattern(pattern: Uint8Array, listener: ChannelListener): void {
    this.#subscriptions.unsubscribePattern(pattern, listener);
  }

  names(pattern: Uint8Array | null): readonly Uint8Array[] {
    return this.#subscriptions.names(pattern);
  }

  listeners(channel: Uint8Array): number {
    return this.#subscriptions.listeners(channel);
  }

  get patternCount(): number {
    return this.#subscriptions.patternCount;
  }

  describe(): ChannelsInfo {
    const { channelCount, patternCount } = this.#subscriptions;
    return {
      epoch: this.#membership.epoch,
      members: this.#membership.members.map(({ node, since }) => ({ node, reliable: since !== null })),
      channels: channelCount,
      patterns: patternCount,
      counters: this.#counters,
      groups: [...this.#groups].map(([guarantee, group]) => {
        const { order, reliability } = optionsOf(guarantee);
        const { joined, heldBack } = group;
        return { guarantee, order, reliability, joined, heldBack, detail: group.status() };
      }),
    };
  }

  /** Counters and gauges, by their names. */
  metrics(): NodeMetrics {
    const { published, delivered, lost, refused, interruptions } = this.#counters;
    const groups = [...this.#groups.values()];
    return {
      counters: {
        channel_messages_published_total: published,
        channel_messages_delivered_total: delivered,
        channel_messages_lost_total: lost,
        channel_messages_refused_total: refused,
        channel_interruptions_total: interruptions,
      },
      gauges: {
        channels: this.#subscriptions.channelCount,
        channel_patterns: this.#subscriptions.patternCount,
        channel_messages_held_back: groups.reduce((sum, { heldBack }) => sum + heldBack, 0),
      },
    };
  }

  close(): void {
    this.#closed = true;
    this.#sweeper?.cancel();
    for (const { deadline, done } of this.#joining) {
      deadline.cancel();
      done(failureReply("closing"));
    }
    this.#joining.clear();
    for (const group of this.#groups.values()) group.close();
  }

  /** The entry of this very process. */
  #own(): ChannelMembership["members"][number] | null {
    const { self, life } = this.#process ?? {};
    const own = this.#membership.members.find(({ node }) => node === self);
    return own === undefined || own.life !== life ? null : own;
  }

  /** Of this node, only a membership of this very process counts. */
  #viewOf(guarantee: Guarantee): View {
    const { epoch, members } = this.#membership;
    const { self, life } = this.#process!;
    const isBestEffort = guarantee === "plain";
    return {
      epoch,
      members: members.flatMap(({ node, life: other, joined, since }) => {
        if (node === self && (other !== life || (!isBestEffort && since === this.#renounced))) return [];
        if (isBestEffort) return { node, since: joined };
        return since === null ? [] : { node, since };
      }),
    };
  }

  /** Takes part from now on, and keeps to it. */
  #take(): void {
    this.#wanted = true;
    if (this.#process === null || this.#closed) return;
    this.#propose();
    this.#sweeper ??= this.#host.clock.setTimer(SWEEP_MS, () => this.#sweep());
  }

  #sweep(): void {
    this.#sweeper = this.#host.clock.setTimer(SWEEP_MS, () => this.#sweep());
    this.#propose();
  }

  /** One change at a time: what else there is to change, the next sweep sees. */
  #propose(): void {
    const command = this.#nextChange();
    if (command === null || this.#changing) return;
    this.#changing = true;
    this.#process!.change(command, () => (this.#changing = false));
  }

  #nextChange(): ChannelCommand | null {
    const { self, life, decides } = this.#process!;
    const own = this.#own();
    if (own === null || own.since === null) return { type: "channel-join", node: self, life };
    if (own.since === this.#renounced) return { type: "channel-leave", node: self, since: own.since };
    if (!decides()) return null;
    for (const { node, since } of this.#membership.members)
      if (node !== self && since !== null && this.#isGone(node))
        return { type: "channel-leave", node, since };
    return null;
  }

  #isGone(node: NodeId): boolean {
    const { isUp, isDead } = this.#process!;
    if (isUp(node)) {
      this.#absentSince.delete(node);
      return false;
    }
    const now = this.#host.clock.now();
    const since = this.#absentSince.get(node) ?? now;
    this.#absentSince.set(node, since);
    return isDead(node) ?? now - since >= ABSENT_MS;
  }

  #joined(guarantee: Guarantee): void {
    for (const joining of this.#joining) {
      if (joining.guarantee !== guarantee) continue;
      this.#joining.delete(joining);
      joining.deadline.cancel();
      joining.done(null);
    }
  }

  #deliver(payload: Uint8Array): void {
    const reader = new ByteReader(payload);
    const channel = reader.bytes();
    this.#counters.delivered++;
    this.#subscriptions.deliver(channel, reader.raw(reader.remaining));
  }

  #interrupted(guarantee: Guarantee): void {
    this.#counters.interruptions++;
    this.#host.logger.warn(
      { guarantee },
      "this node was out of the channels' group: its listeners may have missed messages",
    );
    const told = new Set<ChannelListener>();
    for (const { listener, channel } of this.#subscriptions.everybody()) {
      // A pattern may match channels of every guarantee.
      if (told.has(listener) || (channel !== null && guaranteeOf(channel) !== guarantee)) continue;
      told.add(listener);
      listener.onInterrupted(guarantee);
    }
  }
}

function encodePayload(channel: Uint8Array, message: Uint8Array): Uint8Array {
  const writer = new ByteWriter(channel.length + message.length + 4);
  writer.bytes(channel);
  writer.raw(message);
  return writer.finish();
}
