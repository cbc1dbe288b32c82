/**
 * Gossip: every holder takes writes on its own, tells the others by rumor mongering, and anti-entropy finds what the rumors missed.
 * SPEC.md has the rules, the invariants and the tests that hold them.
 *
 * ```
 *   propose ──▶ durable ──▶ applied ──▶ reply
 *                              └──────▶ rumor ──▶ others: durable ──▶ applied
 * ```
 */
import { invariant, unreachable } from "../../core/assert.ts";
import type { NodeId } from "../../core/ids.ts";
import type { LogIndex, Millis, PlainData } from "../../core/machine.ts";
import type {
  GroupMembers,
  LastExchange,
  MergingCounts,
  MergingEffect,
  MergingInput,
  MergingMachine,
  Summary,
} from "../../core/merging.ts";
import { isSharedMessage } from "../merging/codec.ts";
import type { SharedMessage, SharedTimer } from "../merging/messages.ts";
import { DEFAULT_ANTI_ENTROPY, DEFAULT_HANDOVER, checkMergingOptions } from "../merging/options.ts";
import type { AntiEntropyOptions, HandoverOptions } from "../merging/options.ts";
import type { MergingRecord, MergingRecovered } from "../merging/records.ts";
import { MergingReplica } from "../merging/replica.ts";
import { SharedParts } from "../merging/shared.ts";
import type { RumorInput, RumorMessage, RumorTimer } from "./messages.ts";
import { DEFAULT_RUMOR_OPTIONS } from "./options.ts";
import type { RumorOptions } from "./options.ts";
import { RumorMonger } from "./rumor.ts";

export type GossipMessage = RumorMessage | SharedMessage;
export type GossipTimer = RumorTimer | SharedTimer;
export type GossipEffect = MergingEffect<GossipMessage, MergingRecord, GossipTimer>;
export type GossipInput = MergingInput<GossipMessage, GossipTimer>;

export interface GossipOptions extends AntiEntropyOptions, HandoverOptions {
  readonly id: NodeId;
  /** Of this process's chance: 32 bits that the host has drawn. */
  readonly seed: number;
  /** Null: anti-entropy alone. */
  readonly rumors: Omit<RumorOptions, "id"> | null;
  /** A larger delta is left to anti-entropy. Bytes. */
  readonly maxRumorBytes: number;
  /** Entries that wait to be applied, in bytes; beyond it proposals are refused as `overloaded`. */
  readonly maxPendingBytes: number;
}

/** A rumor is with three nodes within a round, and with many after a few. A shard without writes tells nothing. */
export const DEFAULT_GOSSIP_OPTIONS: Omit<GossipOptions, "id" | "seed"> = {
  ...DEFAULT_ANTI_ENTROPY,
  ...DEFAULT_HANDOVER,
  rumors: {
    ...DEFAULT_RUMOR_OPTIONS,
    stop: { by: "counter", k: 2, feedback: true },
    countHearers: true,
    fanout: 2,
    roundMin: 15,
    roundMax: 25,
    firstRoundMax: 2,
    maxMessageBytes: 256 << 10,
  },
  maxRumorBytes: 128 << 10,
  maxPendingBytes: 64 << 20,
};

/**
 * One replica. An acknowledged write is durable here, and reaches every holder that can be reached for long enough, unless this node's disk is lost before anybody
 * has heard of it. Reads see what this replica has.
 */
export class Gossip implements MergingMachine<GossipMessage, MergingRecord, GossipTimer> {
  readonly #replica: MergingReplica<GossipMessage, GossipTimer>;
  readonly #shared: SharedParts;
  readonly #options: GossipOptions;
  readonly #monger: RumorMonger | null;
  #deltasByRumor = 0;
  #isRetired = false;

  constructor(options: GossipOptions, recovered: MergingRecovered, summary: Summary) {
    checkMergingOptions(options);
    this.#options = options;
    this.#replica = new MergingReplica(options, recovered, summary);
    this.#shared = new SharedParts(this.#replica, options, () => this.#retire());
    this.#monger = options.rumors === null ? null : new RumorMonger({ ...options.rumors, id: options.id });
  }

  step(now: Millis, input: GossipInput): readonly GossipEffect[] {
    const r = this.#replica;
    invariant(now >= r.now || !r.started, `time goes back from ${r.now} to ${now}`);
    r.now = now;
    if (this.#isRetired) this.#takeRetired(input);
    else this.#take(input);
    return r.takeEffects();
  }

  get isReady(): boolean {
    return this.#replica.isReady && this.#replica.isHolder;
  }

  get logBytes(): number {
    return this.#replica.logBytes;
  }

  get lastIndex(): LogIndex {
    return this.#replica.lastIndex;
  }

  get counts(): MergingCounts {
    return {
      ...this.#shared.counts,
      hotRumors: this.#monger?.infectiveCount ?? 0,
      deltasByRumor: this.#deltasByRumor,
      hintBytes: 0,
      hintsRefused: 0,
      readRepairs: 0,
      writesWithoutQuorum: 0,
      deltasRefused: this.#replica.refusedDeltas,
    };
  }

  /** What a replica hears of its own rumors tells nothing about when others heard them: the times on them are of other clocks. */
  get times(): null {
    return null;
  }

  get exchanges(): ReadonlyMap<NodeId, LastExchange> {
    return this.#shared.exchanges;
  }

  status(): PlainData {
    const r = this.#replica;
    return {
      protocol: "gossip",
      replica: r.replica,
      ready: this.isReady,
      holder: r.isHolder,
      applied: r.appliedIndex,
      lastIndex: r.lastIndex,
      unreachable: r.holders.filter((peer) => !r.isReachable(peer)),
      rumors: this.#monger === null ? null : this.#monger.status(),
      ...this.#shared.status(),
    };
  }

  check(): void {
    this.#replica.check();
    this.#monger?.check();
  }

  checkpoint(): readonly MergingRecord[] {
    return this.#replica.checkpoint();
  }

  #take(input: GossipInput): void {
    const r = this.#replica;
    switch (input.type) {
      case "start":
        r.start();
        this.#rumor({ type: "start" });
        this.#onMembers(r.members);
        return;
      case "members":
        this.#onMembers(input.members);
        return;
      case "message":
        if (isSharedMessage(input.message)) this.#shared.onMessage(input.from, input.message);
        else this.#rumor({ type: "message", from: input.from, message: input.message });
        return;
      case "propose":
        if (r.isFull) {
          r.emit({ type: "reply", id: input.id, outcome: { ok: false, error: "overloaded" } });
          return;
        }
        r.append({ type: "command", command: input.command, request: input.id }, () =>
          r.emit({ type: "reply", id: input.id, outcome: { ok: true } }),
        );
        return;
      case "read":
        r.emit({ type: "read-ready", ids: [input.id], index: r.appliedIndex });
        return;
      case "applied":
        r.onApplied(input.index, input.delta, input.taken);
        this.#shared.onWritten();
        if (input.delta !== null) this.#spread(input.index, input.delta);
        return;
      case "answer":
        r.onAnswer(input.id, input.answer);
        return;
      case "timer":
        if (input.timer === "round") this.#rumor({ type: "timer", timer: "round" });
        else this.#shared.onTimer(input.timer);
        return;
      case "persisted":
        return;
      case "unreachable":
      case "reachable":
        r.onReachable(input.peer, input.type === "reachable");
        this.#shared.onReachable(input.peer, input.type === "reachable");
        this.#tellPeers();
        return;
      case "compact":
        r.compact(input.upTo);
        return;
      default:
        unreachable(input);
    }
  }

  #onMembers(members: GroupMembers): void {
    this.#replica.members = members;
    if (!this.#replica.started) return;
    this.#shared.onMembers();
    this.#tellPeers();
  }

  // ---- rumors

  /** Rumors to who cannot be reached would only keep themselves alive. */
  #tellPeers(): void {
    this.#rumor({ type: "peers", peers: this.#replica.reachableHolders() });
  }

  /** Also what was applied again after a restart: it may have been lost on its way. */
  #spread(index: LogIndex, delta: Uint8Array): void {
    if (delta.length > this.#options.maxRumorBytes) return;
    this.#rumor({
      type: "spread",
      rumor: { id: `${this.#replica.replica}:${index}`, payload: delta },
    });
  }

  #rumor(input: RumorInput): void {
    const r = this.#replica;
    for (const effect of this.#monger?.step(r.now, input, r.chance) ?? []) {
      switch (effect.type) {
        case "send":
          r.send(effect.to, effect.message);
          break;
        case "deliver":
          // When too much waits here anti-entropy brings it.
          if (r.isFull) break;
          this.#deltasByRumor++;
          r.append({ type: "merge", delta: effect.rumor.payload }, () => {});
          break;
        case "set-timer":
          r.setTimer(effect.timer, effect.min, effect.max);
          break;
        case "removed":
          break;
        default:
          unreachable(effect);
      }
    }
  }

  // ---- the end

  #retire(): boolean {
    this.#isRetired = true;
    this.#replica.emit({ type: "retire" });
    return true;
  }

  /** The host deletes this replica; who asks meanwhile asks another one. */
  #takeRetired(input: GossipInput): void {
    if (input.type !== "propose" && input.type !== "read") return;
    this.#replica.emit({ type: "reply", id: input.id, outcome: { ok: false, error: "closing" } });
  }
}
