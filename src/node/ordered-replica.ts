/**
 * Hosts the machine of an ordered protocol: gives it inputs, runs its effects, applies what it commits, serves reads from the state.
 *
 *   requests --batch--> machine --persist--> persister --(durable)--> held effects: sends, replies
 *                          |----send-------> transport
 *                          |----apply------> apply queue --> applier --> replies
 *
 * Everything runs on one thread, one step at a time (rules H1-H7 of core/machine.ts).
 */
import { InvariantError } from "../core/assert.ts";
import { CodecError } from "../core/bytes.ts";
import type { ErrorCode } from "../core/errors.ts";
import { type GroupId, type NodeId, type RequestId, type WriteId, requestId } from "../core/ids.ts";
import type {
  Committed,
  Effect,
  Input,
  LogIndex,
  Millis,
  SnapshotChunk,
  SnapshotId,
} from "../core/machine.ts";
import type { LoadedRange, RangeRequest } from "../core/records.ts";
import type { Reply } from "../core/reply.ts";
import { indexOf } from "../core/seen.ts";
import { BatchBuilder, type Operation } from "../data/batch.ts";
import type { Raft } from "../protocols/raft/raft.ts";
import { raftCodec } from "../protocols/raft/codec.ts";
import type { Configuration } from "../protocols/raft/configuration.ts";
import type { RaftAdmin, RaftMessage, RaftVocabulary } from "../protocols/raft/messages.ts";
import type { ShardRecords } from "../storage/state/records.ts";
import type { Applier, Run } from "./applier.ts";
import { Demand } from "./demand.ts";
import { encodeProtocolFrame } from "./frames.ts";
import type { PeerSnapshots } from "./peer-snapshots.ts";
import { MachineTimers } from "./machine-timers.ts";
import type { PersistSink } from "./persister.ts";
import type { ReplicaHost } from "./replica.ts";
import type { Request } from "./request.ts";
import { Stepper } from "./stepper.ts";
import { MAX_BATCH_BYTES } from "./sizes.ts";

/** How soon a received piece of a snapshot is stored again when the disk was full. */
const STORE_RETRY_MS = 500;

/** How long a linearizable read waits for this replica to catch up. */
const PATIENCE_OF_READS_MS = 500;

interface Proposal {
  readonly requests: readonly Request[];
  /** What the proposed command was made of; null: not here. */
  readonly operations: readonly Operation[] | null;
}

interface AskedReads {
  readonly asked: Millis;
  readonly requests: readonly Request[];
}

interface WaitingReads {
  readonly index: LogIndex;
  readonly validUntil: Millis | null;
  readonly since: Millis;
  /** When the group was asked for the index; null: it was not. */
  readonly asked: Millis | null;
  readonly reads: readonly Request[];
}

export type AdminOutcome = { readonly ok: true } | { readonly ok: false; readonly error: ErrorCode };

export class OrderedReplica {
  readonly kind = "ordered";
  readonly group: GroupId;
  /** Through which nodes the requests come that this replica decides as a leader. */
  readonly demand = new Demand();
  readonly #host: ReplicaHost;
  readonly #machine: Raft;
  readonly #applier: Applier;
  readonly #records: ShardRecords;
  readonly #snapshots: PeerSnapshots;

  readonly #sink: PersistSink;
  readonly #checkpointSink: PersistSink;
  readonly #stepper: Stepper<Input<RaftVocabulary>, Effect<RaftVocabulary>>;
  readonly #timers: MachineTimers<RaftVocabulary["timer"]>;

  readonly #meta = (): Uint8Array => this.#applier.meta();

  #nextRequest = 1;
  readonly #batch = new BatchBuilder();
  #batched: Request[] = [];
  /** What is in the batch: a request forgets its own when its time is up. */
  #operations: Operation[] = [];
  #readBatch: Request[] = [];
  #readBatchAgain: Request[] = [];
  readonly #proposals = new Map<RequestId, Proposal>();
  readonly #reads = new Map<RequestId, AskedReads>();
  #freshAt: Millis = -Infinity;
  readonly #admins = new Map<RequestId, (outcome: AdminOutcome) => void>();
  #waiting: WaitingReads[] = [];

  #applyQueue: Committed<RaftVocabulary>[] = [];
  #applyHead = 0;
  #appliedIndex: LogIndex;
  /** A command waits for records from the disk: nothing else of the group is applied or read until it is done. */
  #suspended = false;
  #storeLater: (() => void) | null = null;
  /** Reads that wait for records from the disk: nothing is applied under them. */
  #readsLoading = 0;
  #pumping = false;
  /** Within a step: several peers often get the same message, which is encoded once. */
  #sent: { readonly message: RaftMessage; readonly frame: Uint8Array } | null = null;
  #failure: Error | null = null;
  #closed = false;

  constructor(
    group: GroupId,
    host: ReplicaHost,
    machine: Raft,
    applier: Applier,
    records: ShardRecords,
    snapshots: PeerSnapshots,
  ) {
    this.group = group;
    this.#host = host;
    this.#machine = machine;
    this.#applier = applier;
    this.#records = records;
    this.#snapshots = snapshots;
    this.#appliedIndex = records.appliedIndex;
    this.#sink = { group, onPersisted: (upTo) => this.#onPersisted(upTo) };
    this.#checkpointSink = { group, onPersisted: () => undefined };
    this.#stepper = new Stepper(machine, {
      clock: host.clock,
      run: (effect) => this.#run(effect),
      stepped: () => host.onStep?.(this),
      failed: (error) => this.fail(error),
    });
    this.#timers = new MachineTimers(host.clock, host.random, host.pulses, (timer) =>
      this.step({ type: "timer", timer }),
    );
  }

  // What the node asks -------------------------------------------------------------------------------------------

  get isLeader(): boolean {
    return this.#failure === null && this.#machine.role === "leader";
  }

  /** Leads, and has committed an entry of its own term. */
  get isReady(): boolean {
    return this.#failure === null && this.#machine.isReady;
  }

  get leader(): NodeId | null {
    return this.#failure === null ? this.#machine.leader : null;
  }

  get appliedIndex(): LogIndex {
    return this.#appliedIndex;
  }

  /** The state shows everything that was acknowledged up to then, on this node's clock: a linearizable read has shown it. */
  get freshAt(): Millis {
    return this.#freshAt;
  }

  get failure(): Error | null {
    return this.#failure;
  }

  get machine(): Raft {
    return this.#machine;
  }

  get applier(): Applier {
    return this.#applier;
  }

  get configuration(): Configuration {
    return this.#machine.configuration;
  }

  start(): void {
    this.step({ type: "start" });
  }

  onMessage(from: NodeId, bytes: Uint8Array): void {
    let message: RaftMessage;
    try {
      message = raftCodec.decodeMessage(bytes);
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      this.#host.logger.warn(
        { group: this.group, from, problem: error.message },
        "dropped a malformed message",
      );
      return;
    }
    if (message.type === "read-index") this.demand.question(from);
    this.step({ type: "message", from, message });
  }

  /** A write, to be ordered with everything else of this turn. Only at the leader. */
  propose(request: Request): void {
    if (this.#batched.length === 0) this.#host.schedule(this);
    this.#batch.add(request.operation);
    this.#operations.push(request.operation);
    this.#batched.push(request);
    if (this.#batch.byteLength >= MAX_BATCH_BYTES) this.#proposeBatch();
  }

  /** A linearizable read, at the leader or at a follower. */
  read(request: Request): void {
    if (this.#readBatch.length === 0) this.#host.schedule(this);
    this.#readBatch.push(request);
  }

  /** A read of whatever this replica has applied, in log order, as soon as that is what the request wants at least. */
  readLocal(request: Request): void {
    this.#waiting.push({
      index: indexOf(request.atLeast),
      validUntil: null,
      since: this.#host.clock.now(),
      asked: null,
      reads: [request],
    });
    this.#host.schedule(this);
  }

  /** An already encoded command (of the catalog), as a log entry of its own. */
  proposeRaw(command: Uint8Array, request: Request): void {
    request.exposed = true;
    const id = this.#newRequest();
    this.#proposals.set(id, { requests: [request], operations: null });
    this.step({ type: "propose", id, command });
  }

  administer(request: RaftAdmin, done: (outcome: AdminOutcome) => void): void {
    const id = this.#newRequest();
    this.#admins.set(id, done);
    this.step({ type: "admin", id, request });
  }

  onUnreachable(peer: NodeId): void {
    this.step({ type: "unreachable", peer });
  }

  /** The end of a turn: what it collected goes to the machine, as one proposal and one read. */
  flushTurn(): void {
    if (this.#failure !== null || this.#closed) return;
    if (this.#batched.length > 0) this.#proposeBatch();
    if (this.#readBatch.length > 0) {
      const reads = this.#readBatch;
      this.#readBatch = [];
      this.#ask(reads, true);
    }
    if (this.#readBatchAgain.length > 0) {
      const reads = this.#readBatchAgain;
      this.#readBatchAgain = [];
      this.#ask(reads, false);
    }
    this.#pump();
  }

  /** The state is durable up to `index`: the log before it may go. */
  compact(upTo: LogIndex): void {
    if (upTo > this.#machine.logStart) this.step({ type: "compact", upTo });
  }

  /** Writes the whole durable description of the group anew, so that older log segments can be freed. */
  writeCheckpoint(): void {
    if (this.#failure !== null || this.#closed) return;
    const records = this.#machine.checkpoint().map((record) => raftCodec.encodeRecord(record));
    this.#host.persister.add(this.#checkpointSink, 0 as WriteId, records, true);
  }

  /** Stops without a trace in the group: timers, queues. What is pending is answered as `error`. */
  close(error: ErrorCode): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stop(error);
  }

  /** The node's disk has failed, or an invariant broke: this replica takes no further part, and says so. */
  fail(error: Error): void {
    if (this.#failure !== null || this.#closed) return;
    this.#failure = error;
    this.#stop(error instanceof InvariantError ? "internal" : "storage-failed");
    this.#host.onFailed(this, error);
  }

  // The machine --------------------------------------------------------------------------------------------------

  step(input: Input<RaftVocabulary>): void {
    if (this.#failure !== null || this.#closed) return;
    this.#stepper.step(input);
    this.#sent = null;
    this.#pump();
  }

  #run(effect: Effect<RaftVocabulary>): void {
    switch (effect.type) {
      case "persist":
        this.#host.persister.add(
          this.#sink,
          effect.id,
          effect.records.map((record) => raftCodec.encodeRecord(record)),
        );
        this.#host.schedule(this);
        break;
      case "send":
        this.#send(effect.to, effect.message);
        break;
      case "apply":
        for (const entry of effect.entries) this.#applyQueue.push(entry);
        break;
      case "read-ready":
        for (const id of effect.ids) {
          const asked = this.#reads.get(id);
          if (asked === undefined) continue;
          this.#reads.delete(id);
          this.#waiting.push({
            index: effect.index,
            validUntil: effect.validUntil ?? null,
            since: this.#host.clock.now(),
            asked: asked.asked,
            reads: asked.requests,
          });
        }
        break;
      case "reply":
        this.#settle(effect.id, effect.outcome);
        break;
      case "leader":
        this.#host.onLeaderChange(this);
        break;
      case "set-timer":
        this.#timers.set(effect.timer, effect.min, effect.max);
        break;
      case "cancel-timer":
        this.#timers.cancel(effect.timer);
        break;
      case "snapshot-load":
        this.#loadSnapshot(effect.peer, effect.snapshot, effect.cursor);
        break;
      case "snapshot-store":
        this.#storeSnapshot(effect.snapshot, effect.chunk);
        break;
      case "snapshot-release":
        this.#snapshots.release(effect.peer);
        break;
    }
  }

  #send(to: NodeId, message: RaftMessage): void {
    if (this.#sent?.message !== message) {
      const frame = encodeProtocolFrame(this.group, raftCodec.encodeMessage(message));
      this.#sent = { message, frame };
    }
    this.#host.send(to, this.#sent.frame);
  }

  #onPersisted(upTo: WriteId): void {
    if (this.#failure !== null || this.#closed) return;
    this.#stepper.release(upTo);
    this.step({ type: "persisted", upTo });
    this.#host.schedule(this);
  }

  // Requests -----------------------------------------------------------------------------------------------------

  #newRequest(): RequestId {
    return requestId(this.#nextRequest++);
  }

  #proposeBatch(): void {
    const requests = this.#batched;
    this.#batched = [];
    const operations = this.#operations;
    this.#operations = [];
    for (const request of requests) request.exposed = true;
    const id = this.#newRequest();
    this.#proposals.set(id, { requests, operations });
    const command = this.#batch.finish({
      time: this.#host.proposalTime(),
      seed: Math.floor(this.#host.random.next() * 2 ** 32),
      maxValueBytes: this.#host.maxValueBytes(this.group),
    });
    this.step({ type: "propose", id, command });
  }

  #ask(reads: readonly Request[], lease: boolean): void {
    const id = this.#newRequest();
    this.#reads.set(id, { asked: this.#host.clock.now(), requests: reads });
    this.step({ type: "read", id, lease });
  }

  #settle(
    id: RequestId,
    outcome: { ok: true } | { ok: false; error: ErrorCode; leader?: NodeId | null },
  ): void {
    const admin = this.#admins.get(id);
    if (admin !== undefined) {
      this.#admins.delete(id);
      admin(outcome.ok ? { ok: true } : { ok: false, error: outcome.error });
      return;
    }
    const requests = (this.#proposals.get(id) ?? this.#reads.get(id))?.requests;
    this.#proposals.delete(id);
    this.#reads.delete(id);
    if (requests === undefined || outcome.ok) return;
    for (const request of requests) request.fail(outcome.error, "", outcome.leader ?? null);
  }

  /** Requests whose deadline passed are settled already; what only serves them is forgotten here. */
  sweep(): void {
    for (const [id, { requests }] of this.#proposals) {
      if (requests.every((request) => request.settled)) this.#proposals.delete(id);
    }
    for (const [id, { requests }] of this.#reads) {
      if (requests.every((request) => request.settled)) this.#reads.delete(id);
    }
    this.#waiting = this.#waiting.filter(({ reads }) => reads.some((read) => !read.settled));
    this.#passOnReads();
  }

  /** A follower that catches up, by a snapshot for example, may take minutes: its leader can answer now. */
  #passOnReads(): void {
    if (this.#machine.role === "leader") return;
    const before = this.#host.clock.now() - PATIENCE_OF_READS_MS;
    const isLate = ({ index, since }: WaitingReads): boolean => index > this.#appliedIndex && since < before;
    const late = this.#waiting.filter(isLate);
    if (late.length === 0) return;
    this.#waiting = this.#waiting.filter((waiting) => !isLate(waiting));
    for (const request of late.flatMap(({ reads }) => reads)) {
      request.leaderOnly = true;
      request.fail("not-leader", "", this.leader);
    }
  }

  #stop(error: ErrorCode): void {
    this.#applier.close();
    this.#snapshots.releaseAll();
    this.#timers.cancelAll();
    this.#stepper.stop();
    const requests = [
      ...this.#batched,
      ...this.#readBatch,
      ...this.#readBatchAgain,
      ...[...this.#proposals.values()].flatMap((proposal) => proposal.requests),
      ...[...this.#reads.values()].flatMap((asked) => asked.requests),
      ...this.#waiting.flatMap((waiting) => waiting.reads),
    ];
    // A proposal that is already in the log may still be committed by others: that is not definite, whatever stops us.
    for (const request of requests) request.fail(request.exposed ? "unknown" : error);
    for (const done of this.#admins.values()) done({ ok: false, error });
    this.#batched = [];
    this.#operations = [];
    this.#readBatch = [];
    this.#readBatchAgain = [];
    this.#proposals.clear();
    this.#reads.clear();
    this.#admins.clear();
    this.#waiting = [];
    this.#applyQueue = [];
    this.#applyHead = 0;
  }

  // Applying and reading -----------------------------------------------------------------------------------------

  #pump(): void {
    if (this.#pumping || this.#failure !== null || this.#closed) return;
    this.#pumping = true;
    this.#stepper.guard(() => this.#pumpQueue());
    this.#pumping = false;
  }

  #pumpQueue(): void {
    while (this.#mayApply && this.#applyHead < this.#applyQueue.length) {
      const entry = this.#applyQueue[this.#applyHead++]!;
      if (entry.index > this.#appliedIndex) this.#apply(entry);
    }
    if (this.#applyHead >= this.#applyQueue.length) {
      this.#applyQueue = [];
      this.#applyHead = 0;
    } else if (this.#applyHead > 1024) {
      this.#applyQueue = this.#applyQueue.slice(this.#applyHead);
      this.#applyHead = 0;
    }
    // What is committed goes first: reads that take their time must not hold up writes one after the other.
    if (this.#mayApply || this.#applyQueue.length === 0) {
      if (!this.#suspended && this.#waiting.length > 0) this.#serveReads();
    }
  }

  get #mayApply(): boolean {
    return (
      !this.#suspended && !this.#records.installing && this.#readsLoading === 0 && this.#failure === null
    );
  }

  #apply(entry: Committed<RaftVocabulary>): void {
    this.#records.begin();
    if (entry.kind !== "command") {
      this.#finishEntry(entry.index);
      return;
    }
    this.#host.onApply?.(this, entry.index, entry.command);
    const proposal = entry.request === null ? undefined : this.#proposals.get(entry.request);
    const run = this.#applier.apply(entry.index, entry.command, proposal?.operations ?? null);
    this.#suspended = true;
    this.#advance(run, undefined, (replies) => {
      this.#suspended = false;
      this.#finishEntry(entry.index);
      const storeLater = this.#storeLater;
      this.#storeLater = null;
      storeLater?.();
      if (entry.request === null) return;
      this.#proposals.delete(entry.request);
      proposal?.requests.forEach((request, i) => request.succeed(replies[i]!, entry.index));
    });
  }

  #finishEntry(index: LogIndex): void {
    this.#appliedIndex = index;
    this.#records.applied(index, this.#meta);
  }

  /** Runs a command to its end; `done` is called in this turn unless records have to be loaded on the way. */
  #advance(
    run: Run,
    loaded: readonly LoadedRange[] | undefined,
    done: (replies: readonly Reply[]) => void,
  ): void {
    const step = run.next(loaded);
    if (step.type === "done") {
      done(step.replies);
      return;
    }
    this.#records.load(step.requests, (error, ranges) => {
      if (this.#failure !== null || this.#closed) return;
      if (error !== null) {
        this.fail(error);
        return;
      }
      this.#stepper.guard(() => this.#advance(run, ranges, done));
      this.#pump();
      this.#host.schedule(this);
    });
  }

  /**
   * Serves every read whose index has been applied. A lease is checked against the clock **after** the reads have seen the
   * state: whatever pause came before, they then saw it while no other leader could exist.
   */
  #serveReads(): void {
    const due = this.#waiting.filter((waiting) => waiting.index <= this.#appliedIndex);
    if (due.length === 0) return;
    this.#waiting = this.#waiting.filter((waiting) => waiting.index > this.#appliedIndex);
    for (const { reads, validUntil, asked } of due) {
      const finish: (() => void)[] = [];
      for (const request of reads) {
        if (request.settled) continue;
        const run = this.#applier.read(request.operation);
        const step = run.next();
        if (step.type === "done") {
          const reply = step.replies[0]!;
          const index = this.#appliedIndex;
          finish.push(() => request.succeed(reply, index));
        } else {
          // The ranges are captured now, before the clock is checked; what takes time is only to bring them here.
          this.#loadForRead(run, step.requests, request, finish);
        }
      }
      if (validUntil !== null && this.#host.clock.now() > validUntil) {
        this.#readBatchAgain.push(...reads.filter((read) => !read.settled));
        this.#host.schedule(this);
      } else {
        if (asked !== null) this.#freshAt = Math.max(this.#freshAt, asked);
        for (const settle of finish) settle();
      }
    }
  }

  /** The state stands still until the records are here, so that the command sees all of one moment. */
  #loadForRead(run: Run, requests: readonly RangeRequest[], request: Request, finish: (() => void)[]): void {
    const index = this.#appliedIndex;
    let permitted = false;
    let settle: (() => void) | null = null;
    finish.push(() => {
      permitted = true;
      settle?.();
    });
    this.#readsLoading++;
    this.#records.load(requests, (error, loaded) => {
      this.#readsLoading--;
      if (this.#failure !== null || this.#closed) return;
      if (error !== null) {
        this.fail(error);
        return;
      }
      this.#stepper.guard(() => {
        const step = run.next(loaded);
        settle = () => {
          if (step.type === "done") request.succeed(step.replies[0]!, index);
          else request.fail("internal", "a read asked for records twice");
        };
      });
      if (permitted) settle?.();
      this.#pump();
      this.#host.schedule(this);
    });
  }

  // Snapshots ----------------------------------------------------------------------------------------------------

  #loadSnapshot(peer: NodeId, snapshot: SnapshotId | null, cursor: Uint8Array): void {
    this.#snapshots.load(peer, snapshot, cursor, (error, piece) => {
      if (error !== null || piece === undefined) {
        const problem = error?.message ?? "no piece";
        this.#host.logger.warn(
          { group: this.group, peer, problem },
          "could not read a snapshot; it is tried again",
        );
        this.step({ type: "snapshot-failed", peer });
      } else {
        this.step({ type: "snapshot-chunk", peer, ...piece });
      }
      this.#host.schedule(this);
    });
  }

  #storeSnapshot(snapshot: SnapshotId, chunk: SnapshotChunk): void {
    if (this.#suspended) {
      // The state must not be replaced under a half applied entry.
      this.#storeLater = () => this.#storeSnapshot(snapshot, chunk);
      return;
    }
    this.#snapshots.store(snapshot, chunk, (error, stored) => {
      if (this.#failure !== null || this.#closed) return;
      if (error?.kind === "full") {
        this.#host.clock.setTimer(STORE_RETRY_MS, () => this.#storeSnapshot(snapshot, chunk));
      } else if (error?.kind === "corrupt") {
        // The sender's fault, not this disk's. It asks again what is expected next.
        this.#host.logger.warn(
          { group: this.group, problem: error.message },
          "dropped a piece of a snapshot",
        );
      } else if (error !== null || stored === undefined) {
        this.fail(error ?? new InvariantError("a stored piece without a result"));
      } else {
        if (stored.installed) this.#takeOverState();
        this.step({ type: "snapshot-stored", snapshot, next: stored.next, installed: stored.installed });
        this.#host.schedule(this);
      }
    });
  }

  #takeOverState(): void {
    this.#appliedIndex = this.#records.appliedIndex;
    this.#stepper.guard(() => this.#applier.restore());
  }
}
