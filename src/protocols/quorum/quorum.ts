/**
 * Leaderless quorums (DeCandia et al., "Dynamo", SOSP 2007): any replica coordinates; a write is acknowledged once W replicas have it, a read asks R.
 * SPEC.md has the rules, the invariants and the tests that hold them.
 *
 * ```
 *   propose ──▶ durable ──▶ applied ──▶ store ──▶ others: durable ──▶ applied ──▶ stored ──▶ (W of them) reply
 *                                         └─ no answer ─▶ hint ──▶ a fallback, which hands it over later
 *   read ──▶ examine ──▶ examined (R with this one): the same ──▶ ready
 *                                 └ different ──▶ merged here: durable ──▶ applied ──▶ ready, and repair for those
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
  OperationTimes,
  Summary,
} from "../../core/merging.ts";
import { isSharedMessage } from "../merging/codec.ts";
import type { SharedMessage, SharedTimer } from "../merging/messages.ts";
import type { MergingRecord, MergingRecovered } from "../merging/records.ts";
import { MergingReplica } from "../merging/replica.ts";
import { SharedParts } from "../merging/shared.ts";
import type { CallId, QuorumMessage as OwnMessage, QuorumTimer as OwnTimer } from "./messages.ts";
import { checkQuorumOptions } from "./options.ts";
import type { QuorumOptions } from "./options.ts";
import { PendingReads } from "./reads.ts";
import { RoundTrips } from "./round-trips.ts";
import { PendingWrites } from "./writes.ts";

export type QuorumMessage = OwnMessage | SharedMessage;
export type QuorumTimer = OwnTimer | SharedTimer;
export type QuorumEffect = MergingEffect<QuorumMessage, MergingRecord, QuorumTimer>;
export type QuorumInput = MergingInput<QuorumMessage, QuorumTimer>;

/** The timer of requests looks so many times in the time after which something is sent again. */
const LOOKS = 4;
/** A process has so many calls until their numbers begin anew. */
const CALLS = 2 ** 26;

/**
 * One replica: of a holder, or of a node that stands in for holders. An acknowledged write is durable at W replicas. With R + W > N, without sloppy quorums and while the members
 * stay the same, a read sees every write that was acknowledged before it began.
 */
export class Quorum implements MergingMachine<QuorumMessage, MergingRecord, QuorumTimer> {
  readonly #replica: MergingReplica<QuorumMessage, QuorumTimer>;
  readonly #shared: SharedParts;
  readonly #options: QuorumOptions;
  readonly #roundTrips = new RoundTrips();
  readonly #writes: PendingWrites;
  readonly #reads: PendingReads;
  /** Of this process, so that an answer to an earlier one is not taken for one to this. */
  readonly #calls: number;
  #lastCall = 0;
  /** Writes of others that wait to be applied here. */
  readonly #storing = new Set<string>();
  #examining = 0;
  /** What was kept for others, in this process. */
  #hintBytes = 0;
  #hintsRefused = 0;
  #withoutQuorum = 0;
  #isArmed = false;
  #isRetired = false;

  constructor(options: QuorumOptions, recovered: MergingRecovered, summary: Summary) {
    checkQuorumOptions(options);
    this.#options = options;
    const r = new MergingReplica<QuorumMessage, QuorumTimer>(options, recovered, summary);
    this.#replica = r;
    this.#calls = Math.floor(r.chance() * CALLS) * CALLS;
    this.#hintBytes = r.logBytes;
    this.#writes = new PendingWrites(r, options, this.#roundTrips, (id, outcome) =>
      r.emit({ type: "reply", id, outcome }),
    );
    this.#reads = new PendingReads(
      r,
      options,
      this.#roundTrips,
      (id, index) => r.emit({ type: "read-ready", ids: [id], index }),
      (id, outcome) => r.emit({ type: "reply", id, outcome }),
    );
    this.#shared = new SharedParts(r, options, () => this.#retire());
  }

  step(now: Millis, input: QuorumInput): readonly QuorumEffect[] {
    const r = this.#replica;
    invariant(now >= r.now || !r.started, `time goes back from ${r.now} to ${now}`);
    r.now = now;
    if (this.#isRetired) this.#takeRetired(input);
    else this.#take(input);
    this.#arm();
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
      hotRumors: 0,
      deltasByRumor: 0,
      hintBytes: this.#heldBytes,
      hintsRefused: this.#hintsRefused,
      readRepairs: this.#reads.repairs,
      writesWithoutQuorum: this.#withoutQuorum + this.#writes.timeouts,
      deltasRefused: this.#replica.refusedDeltas,
    };
  }

  get times(): OperationTimes {
    return this.#roundTrips.times;
  }

  get exchanges(): ReadonlyMap<NodeId, LastExchange> {
    return this.#shared.exchanges;
  }

  get #heldBytes(): number {
    return this.#replica.isHolder ? 0 : this.#hintBytes;
  }

  status(): PlainData {
    const r = this.#replica;
    return {
      protocol: "quorum",
      replica: r.replica,
      ready: this.isReady,
      holder: r.isHolder,
      applied: r.appliedIndex,
      lastIndex: r.lastIndex,
      unreachable: r.holders.filter((peer) => !r.isReachable(peer)),
      writes: this.#writes.status(),
      reads: this.#reads.status(),
      hintBytes: this.#heldBytes,
      ...this.#shared.status(),
    };
  }

  check(): void {
    this.#replica.check();
    this.#writes.check();
    this.#reads.check();
    const waits = this.#writes.size + this.#reads.size > 0;
    invariant(this.#isArmed || !waits || this.#isRetired, "nobody looks after the requests under way");
  }

  checkpoint(): readonly MergingRecord[] {
    return this.#replica.checkpoint();
  }

  #take(input: QuorumInput): void {
    const r = this.#replica;
    switch (input.type) {
      case "start":
        r.start();
        this.#onMembers(r.members);
        return;
      case "members":
        this.#onMembers(input.members);
        return;
      case "message":
        if (isSharedMessage(input.message)) this.#shared.onMessage(input.from, input.message);
        else this.#onMessage(input.from, input.message);
        return;
      case "propose":
        this.#propose(input);
        return;
      case "read":
        this.#reads.begin(this.#nextCall(), input.id, input.r, input.reading, input.digest);
        return;
      case "applied":
        r.onApplied(input.index, input.delta, input.taken);
        this.#shared.onWritten();
        return;
      case "answer":
        r.onAnswer(input.id, input.answer);
        return;
      case "timer":
        if (input.timer === "requests") {
          this.#isArmed = false;
          this.#sweep();
        } else this.#shared.onTimer(input.timer);
        return;
      case "persisted":
        return;
      case "unreachable":
      case "reachable":
        r.onReachable(input.peer, input.type === "reachable");
        this.#shared.onReachable(input.peer, input.type === "reachable");
        this.#sweep();
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
    this.#sweep();
  }

  #sweep(): void {
    this.#writes.sweep();
    this.#reads.sweep();
  }

  #arm(): void {
    if (this.#isArmed || this.#isRetired || this.#writes.size + this.#reads.size === 0) return;
    this.#isArmed = true;
    const every = this.#options.hintAfter / LOOKS;
    this.#replica.setTimer("requests", every, every);
  }

  #nextCall(): CallId {
    this.#lastCall = (this.#lastCall + 1) % CALLS;
    return this.#calls + this.#lastCall;
  }

  // ---- as coordinator

  #propose({ id, command, w }: QuorumInput & { readonly type: "propose" }): void {
    const r = this.#replica;
    const isFull = r.isFull || this.#writes.isFull || (!r.isHolder && this.#isFullOfHints);
    if (isFull || this.#writes.reachable() < w) {
      if (!isFull) this.#withoutQuorum++;
      r.emit({
        type: "reply",
        id,
        outcome: { ok: false, error: isFull ? "overloaded" : "no-quorum" },
      });
      return;
    }
    if (!r.isHolder) this.#hintBytes += command.length;
    const since = r.now;
    r.append({ type: "command", command, request: id }, (delta) => {
      this.#roundTrips.onDurable(r.now - since);
      // What changes nothing has nothing that others could lack.
      if (delta === null) r.emit({ type: "reply", id, outcome: { ok: true } });
      else this.#writes.begin(this.#nextCall(), id, w, delta);
    });
  }

  // ---- for other coordinators

  #onMessage(from: NodeId, message: OwnMessage): void {
    const r = this.#replica;
    switch (message.type) {
      case "store":
        this.#store(from, message.id, message.delta);
        return;
      case "hint":
        if (!r.isHolder && this.#isFullOfHints) {
          this.#hintsRefused++;
          r.send(from, { type: "refused", id: message.id });
        } else this.#store(from, message.id, message.delta);
        return;
      case "stored":
        this.#writes.onStored(from, message.id);
        return;
      case "refused":
        this.#writes.onRefused(from, message.id);
        return;
      case "examine":
        this.#onExamine(from, message);
        return;
      case "examined":
        this.#reads.onExamined(from, message.id, message.delta);
        return;
      case "repair":
        if (!r.isFull) r.append({ type: "merge", delta: message.delta }, () => {});
        return;
      default:
        unreachable(message);
    }
  }

  #store(from: NodeId, id: CallId, delta: Uint8Array): void {
    const r = this.#replica;
    // It was sent again while the first waits to be durable, or will be sent again.
    const call = `${from}:${id}`;
    if (this.#storing.has(call) || r.isFull) return;
    this.#storing.add(call);
    if (!r.isHolder) this.#hintBytes += delta.length;
    r.append({ type: "merge", delta }, (_, taken) => {
      this.#storing.delete(call);
      r.send(from, { type: taken ? "stored" : "refused", id });
    });
  }

  get #isFullOfHints(): boolean {
    return this.#hintBytes >= this.#options.maxHintBytes;
  }

  /** Who has not had everything itself, or has not applied its log again, has nothing to say. */
  #onExamine(from: NodeId, message: OwnMessage & { readonly type: "examine" }): void {
    if (!this.isReady || this.#examining >= this.#options.maxPendingReads) return;
    const { id, reading, digest } = message;
    this.#examining++;
    this.#replica.query({ type: "reading", reading, digest }, (answer) => {
      this.#examining--;
      if (answer.type === "reading") this.#replica.send(from, { type: "examined", id, delta: answer.delta });
    });
  }

  // ---- the end

  #retire(): boolean {
    if (this.#writes.size + this.#reads.size > 0) return false;
    this.#isRetired = true;
    this.#replica.emit({ type: "retire" });
    return true;
  }

  /** The host deletes this replica; who asks meanwhile asks another one. */
  #takeRetired(input: QuorumInput): void {
    if (input.type !== "propose" && input.type !== "read") return;
    this.#replica.emit({ type: "reply", id: input.id, outcome: { ok: false, error: "closing" } });
  }
}
