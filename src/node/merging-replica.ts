/**
 * Hosts the machine of a merging protocol (core/merging.ts) and the shard state that it replicates.
 *
 *   writes --batch--> machine --persist--> persister --(durable)--> apply queue --> state --applied(delta)--> machine --> sends, replies
 *   deltas of others --^
 *   reads --> state, at rest --> reply          asked of several replicas: state --> machine --> others --> merge --> state --> reply
 *
 * The state is at rest unless an entry or a look at it waits for records from the disk. Entries and looks take turns: an entry never
 * changes what a look is reading.
 */
import { InvariantError } from "../core/assert.ts";
import { CodecError } from "../core/bytes.ts";
import type { ErrorCode } from "../core/errors.ts";
import type { Hash64 } from "../core/hash64.ts";
import { type GroupId, type NodeId, type RequestId, type WriteId, requestId, writeId } from "../core/ids.ts";
import type { LogIndex, Millis } from "../core/machine.ts";
import type {
  GroupMembers,
  MergingEffect,
  MergingEntry,
  MergingInput,
  MergingMachine,
  QueryId,
  StateQuery,
} from "../core/merging.ts";
import type { LoadedRange, RangeRequest } from "../core/records.ts";
import type { Reply } from "../core/reply.ts";
import { eventsOf, type Seen } from "../core/seen.ts";
import type { TimerHandle } from "../core/world.ts";
import { type Operation, BatchBuilder, decodeBatch } from "../data/batch.ts";
import type { MergeRun, MergingShard } from "../data/merging/index.ts";
import type { ShardRecords } from "../storage/state/records.ts";
import { MachineTimers } from "./machine-timers.ts";
import type { PersistSink } from "./persister.ts";
import { encodeProtocolFrame } from "./frames.ts";
import type { ReplicaHost } from "./replica.ts";
import type { Request } from "./request.ts";
import { internalCall } from "./internal-call.ts";
import { MAX_BATCH_BYTES } from "./sizes.ts";
import { Stepper } from "./stepper.ts";

/** A machine and how its messages and records become bytes. */
export interface MergingProtocol {
  readonly machine: MergingMachine<unknown, unknown, string>;
  readonly codec: {
    encodeMessage(message: unknown): Uint8Array;
    decodeMessage(bytes: Uint8Array): unknown;
    encodeRecord(record: unknown): Uint8Array;
  };
}

/** How many replicas a request has to reach where it does not say so itself. */
export interface Quorums {
  readonly r: number;
  readonly w: number;
}

type Effect = MergingEffect<unknown, unknown, string>;
type Input = MergingInput<unknown, string>;

/** Work on the state that may need records from the disk on the way. */
interface Resumable<Done> {
  next(
    loaded?: readonly LoadedRange[],
  ): { readonly type: "load"; readonly requests: readonly RangeRequest[] } | Done;
}

interface Proposal {
  readonly requests: readonly Request[];
  /** What the command was made of, until it is applied. */
  operations: readonly Operation[] | null;
  replies: readonly Reply[];
}

interface Gathering {
  readonly batch: BatchBuilder;
  requests: Request[];
  operations: Operation[];
}

/** A read that asks several replicas. `rounds`: how often it has: what it looks at may grow with what the others answer. */
interface WideRead {
  readonly request: Request;
  readonly rounds: number;
  readonly seen: Uint8Array;
}

interface WaitingRead {
  readonly index: LogIndex;
  readonly read: WideRead;
}

/** Something to be done when the state is at rest; for a request, or for the machine (null). */
interface Look {
  readonly request: Request | null;
  readonly run: () => void;
}

/** What a read that looks at other things after each answer has to be content with. */
const MAX_ROUNDS = 4;
/** How long a read waits for what its session has seen elsewhere. */
const PATIENCE_OF_READS_MS = 500;
/** Timers are not set further ahead than this (a Node timer holds 2^31 ms). */
const MAX_DELAY_MS = 3_600_000;
/** Entries that are applied before the looks that wait have their turn. */
const ENTRIES_IN_TURN = 32;
/** Looks that may wait for the state to be at rest; beyond it a request is refused as overloaded. */
const MAX_LOOKS = 100_000;

export class MergingReplica {
  readonly kind = "merging";
  readonly group: GroupId;
  readonly #host: ReplicaHost;
  readonly #protocol: MergingProtocol;
  readonly #state: MergingShard;
  readonly #records: ShardRecords;
  readonly #quorums: Quorums;
  readonly #stepper: Stepper<Input, Effect>;
  readonly #timers: MachineTimers<string>;
  readonly #sink: PersistSink;
  readonly #checkpointSink: PersistSink;

  #opened = false;
  #members: GroupMembers;
  #wasReady = false;
  #nextRequest = 1;
  readonly #gathering = new Map<number, Gathering>();
  readonly #proposals = new Map<RequestId, Proposal>();
  readonly #wideReads = new Map<RequestId, WideRead>();
  #waiting: WaitingRead[] = [];
  /** Reads of sessions that have seen more than there is here. */
  #behind: { readonly request: Request; readonly since: Millis }[] = [];
  #readsBehind = 0;
  /** Looks at the state, in the order in which they came. */
  #looks: Look[] = [];

  #entries: MergingEntry[] = [];
  #head = 0;
  #appliedIndex: LogIndex;
  /** An entry waits for records from the disk. */
  #suspended = false;
  /** Looks that wait for records from the disk. */
  #looking = 0;
  #pumping = false;
  #entriesInTurn = 0;
  #due = Number.POSITIVE_INFINITY;
  #expiryTimer: TimerHandle | null = null;
  #expiring = false;
  /** Asked for only between two entries, when the state is at rest. */
  readonly #meta = (): Uint8Array => this.#state.encodeMeta();
  /** The message that was sent last, and its bytes: most go to several peers. */
  #sent: { readonly message: unknown; readonly frame: Uint8Array } | null = null;
  #failure: Error | null = null;
  #closed = false;

  constructor(
    group: GroupId,
    host: ReplicaHost,
    protocol: MergingProtocol,
    state: MergingShard,
    records: ShardRecords,
    members: GroupMembers,
    quorums: Quorums,
  ) {
    this.group = group;
    this.#host = host;
    this.#protocol = protocol;
    this.#state = state;
    this.#records = records;
    this.#members = members;
    this.#quorums = quorums;
    this.#appliedIndex = records.appliedIndex;
    this.#sink = { group, onPersisted: (upTo) => this.#onPersisted(upTo) };
    this.#checkpointSink = { group, onPersisted: () => undefined };
    this.#stepper = new Stepper<Input, Effect>(protocol.machine, {
      clock: host.clock,
      run: (effect) => this.#run(effect),
      stepped: () => undefined,
      failed: (error) => this.fail(error),
    });
    this.#timers = new MachineTimers(host.clock, host.random, host.pulses, (timer) =>
      this.#step({ type: "timer", timer }),
    );
  }

  // What the node asks -------------------------------------------------------------------------------------------

  /** May be asked: it has all that some other holder had, or the group began with it. */
  get isReady(): boolean {
    return this.#failure === null && this.#opened && this.machine.isReady;
  }

  /** Will be ready, or not, in a moment: what is asked of it waits. */
  get isOpening(): boolean {
    return this.#failure === null && !this.#opened;
  }

  get appliedIndex(): LogIndex {
    return this.#appliedIndex;
  }

  get failure(): Error | null {
    return this.#failure;
  }

  get machine(): MergingProtocol["machine"] {
    return this.#protocol.machine;
  }

  get state(): MergingShard {
    return this.#state;
  }

  get members(): GroupMembers {
    return this.#members;
  }

  /** Reads of sessions that have not found here in time what they had seen elsewhere. */
  get readsBehind(): number {
    return this.#readsBehind;
  }

  start(): void {
    this.#records.load([this.#state.opening], (error, loaded) => {
      if (this.#failure !== null || this.#closed) return;
      if (error !== null || loaded === undefined) {
        this.fail(error ?? new InvariantError("a load without a result"));
        return;
      }
      this.#stepper.guard(() => this.#state.open(loaded[0]!));
      this.#opened = true;
      this.#step({ type: "members", members: this.#members });
      this.#step({ type: "start" });
      this.#findExpiry();
      this.#host.schedule(this);
    });
  }

  onMembers(members: GroupMembers): void {
    if (JSON.stringify(members) === JSON.stringify(this.#members)) return;
    this.#members = members;
    if (this.#opened) this.#step({ type: "members", members });
  }

  /** What comes before the state is open is lost, as any message may be. */
  onMessage(from: NodeId, bytes: Uint8Array): void {
    if (!this.#opened) return;
    let message: unknown;
    try {
      message = this.#protocol.codec.decodeMessage(bytes);
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      this.#host.logger.warn(
        { group: this.group, from, problem: error.message },
        "dropped a malformed message",
      );
      return;
    }
    this.#step({ type: "message", from, message });
  }

  onUnreachable(peer: NodeId): void {
    if (this.#opened) this.#step({ type: "unreachable", peer });
  }

  onReachable(peer: NodeId): void {
    if (this.#opened) this.#step({ type: "reachable", peer });
  }

  /** A write: joins what else this turn brings for as many replicas. */
  propose(request: Request): void {
    this.#gather(request.operation, request, request.quorum ?? this.#quorums.w);
  }

  read(request: Request): void {
    if (this.#looks.length >= MAX_LOOKS) {
      request.fail("overloaded", "Reads wait for the disk.");
      return;
    }
    const r = request.quorum ?? this.#quorums.r;
    if (r <= 1) this.#look(request, () => this.#readHere(request));
    else this.#look(request, () => this.#readWide(request, r, 1));
  }

  /** The end of a turn: what it collected goes to the machine. */
  flushTurn(): void {
    this.#sent = null;
    if (this.#failure !== null || this.#closed || !this.#opened) return;
    for (const [w, gathering] of this.#gathering) {
      if (gathering.requests.length > 0) this.#proposeBatch(w, gathering);
    }
    this.#pump();
  }

  /** The state is durable up to `index`: the log before it may go. */
  compact(upTo: LogIndex): void {
    if (this.#opened) this.#step({ type: "compact", upTo });
  }

  /** Writes the whole durable description of the replica anew, so that older log segments can be freed. */
  writeCheckpoint(): void {
    if (this.#failure !== null || this.#closed) return;
    const records = this.machine.checkpoint().map((record) => this.#protocol.codec.encodeRecord(record));
    this.#host.persister.add(this.#checkpointSink, writeId(0), records, true);
  }

  /** Requests whose deadline passed are settled already; what only serves them is forgotten here. */
  sweep(): void {
    for (const [id, { requests }] of this.#proposals) {
      if (requests.every((request) => request.settled)) this.#proposals.delete(id);
    }
    for (const [id, { request }] of this.#wideReads) {
      if (request.settled) this.#wideReads.delete(id);
    }
    this.#waiting = this.#waiting.filter(({ read }) => !read.request.settled);
    this.#catchUp();
  }

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

  #step(input: Input): void {
    if (this.#failure !== null || this.#closed) return;
    this.#stepper.step(input);
    if (this.isReady && !this.#wasReady) {
      this.#wasReady = true;
      this.#host.onReady(this);
    }
    this.#pump();
  }

  #run(effect: Effect): void {
    const { codec } = this.#protocol;
    switch (effect.type) {
      case "persist":
        this.#host.persister.add(
          this.#sink,
          effect.id,
          effect.records.map((record) => codec.encodeRecord(record)),
        );
        this.#host.schedule(this);
        break;
      case "send":
        this.#send(effect.to, effect.message);
        break;
      case "apply":
        for (const entry of effect.entries) this.#entries.push(entry);
        break;
      case "query":
        this.#look(null, () => this.#answer(effect.id, effect.query));
        break;
      case "read-ready":
        for (const id of effect.ids) this.#readReady(id, effect.index);
        break;
      case "reply":
        this.#settle(effect.id, effect.outcome);
        break;
      case "set-timer":
        this.#timers.set(effect.timer, effect.min, effect.max);
        break;
      case "cancel-timer":
        this.#timers.cancel(effect.timer);
        break;
      case "retire":
        this.#host.onRetired(this);
        break;
    }
  }

  #send(to: NodeId, message: unknown): void {
    let sent = this.#sent;
    if (sent === null || sent.message !== message) {
      const frame = encodeProtocolFrame(this.group, this.#protocol.codec.encodeMessage(message));
      sent = this.#sent = { message, frame };
    }
    this.#host.send(to, sent.frame);
  }

  #onPersisted(upTo: WriteId): void {
    if (this.#failure !== null || this.#closed) return;
    this.#stepper.release(upTo);
    this.#step({ type: "persisted", upTo });
    this.#host.schedule(this);
  }

  // Writes -------------------------------------------------------------------------------------------------------

  #gather(operation: Operation, request: Request, w: number): void {
    let gathering = this.#gathering.get(w);
    if (gathering === undefined) {
      gathering = { batch: new BatchBuilder(), requests: [], operations: [] };
      this.#gathering.set(w, gathering);
    }
    if (gathering.requests.length === 0) this.#host.schedule(this);
    gathering.batch.add(operation);
    gathering.requests.push(request);
    gathering.operations.push(operation);
    if (gathering.batch.byteLength >= MAX_BATCH_BYTES && this.#opened) this.#proposeBatch(w, gathering);
  }

  #proposeBatch(w: number, gathering: Gathering): void {
    const { requests, operations } = gathering;
    gathering.requests = [];
    gathering.operations = [];
    for (const request of requests) request.exposed = true;
    const id = requestId(this.#nextRequest++);
    this.#proposals.set(id, { requests, operations, replies: [] });
    const command = gathering.batch.finish({
      time: this.#host.proposalTime(),
      seed: Math.floor(this.#host.random.next() * 2 ** 32),
      maxValueBytes: this.#host.maxValueBytes(this.group),
    });
    this.#step({ type: "propose", id, command, w });
  }

  #settle(id: RequestId, outcome: { ok: true } | { ok: false; error: ErrorCode }): void {
    const read = this.#wideReads.get(id);
    if (read !== undefined) {
      this.#wideReads.delete(id);
      if (!outcome.ok) read.request.fail(outcome.error);
      return;
    }
    const proposal = this.#proposals.get(id);
    if (proposal === undefined) return;
    this.#proposals.delete(id);
    const { requests, replies } = proposal;
    requests.forEach((request, i) => {
      if (outcome.ok) request.succeed(replies[i]!, this.#seenBy(request));
      else request.fail(outcome.error);
    });
  }

  // Applying and looking -----------------------------------------------------------------------------------------

  #pump(): void {
    if (this.#pumping || this.#failure !== null || this.#closed || !this.#opened) return;
    this.#pumping = true;
    this.#stepper.guard(() => {
      while (!this.#suspended && this.#failure === null) {
        if (this.#head < this.#entries.length && !this.#isLooksTurn()) {
          // Looks that wait for the disk are finished first; no new ones begin, or entries might wait for ever.
          if (this.#looking > 0) break;
          this.#entriesInTurn++;
          const entry = this.#entries[this.#head++]!;
          if (this.#head >= 1024 || this.#head === this.#entries.length) {
            this.#entries = this.#entries.slice(this.#head);
            this.#head = 0;
          }
          this.#apply(entry);
          continue;
        }
        const looks = this.#looks;
        if (looks.length === 0) break;
        this.#looks = [];
        this.#entriesInTurn = 0;
        for (const look of looks) look.run();
      }
    });
    this.#pumping = false;
  }

  /** A long queue of entries must not hold up reads either. */
  #isLooksTurn(): boolean {
    return this.#entriesInTurn >= ENTRIES_IN_TURN && this.#looking === 0 && this.#looks.length > 0;
  }

  #apply(entry: MergingEntry): void {
    if (entry.index <= this.#appliedIndex) return;
    this.#records.begin();
    switch (entry.type) {
      case "command": {
        const proposal = entry.request === null ? undefined : this.#proposals.get(entry.request);
        const run = this.#state.start(decodeBatch(entry.command, proposal?.operations ?? null));
        this.#resume(run, ({ replies, delta }) => {
          if (proposal !== undefined) {
            proposal.replies = replies;
            proposal.operations = null;
          }
          this.#applied(entry.index, delta, true);
        });
        break;
      }
      case "merge": {
        const run = this.#mergeOf(entry.delta);
        if (run === null) this.#applied(entry.index, null, false);
        else this.#resume(run, ({ taken }) => this.#applied(entry.index, null, taken));
        break;
      }
      case "adopt":
        this.#state.adopt(entry.context);
        this.#applied(entry.index, null, true);
        break;
    }
  }

  /** Null: what a peer sent is malformed, which must not end this replica. Nothing of it has been joined then. */
  #mergeOf(delta: Uint8Array): MergeRun | null {
    try {
      return this.#state.merge(delta);
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      this.#host.logger.warn({ group: this.group, problem: error.message }, "dropped a malformed delta");
      return null;
    }
  }

  #applied(index: LogIndex, delta: Uint8Array | null, taken: boolean): void {
    this.#appliedIndex = index;
    this.#records.applied(index, this.#meta);
    this.#step({ type: "applied", index, delta, taken });
    if (this.#behind.length > 0) this.#catchUp();
    if (this.#waiting.length === 0) return;
    const due = this.#waiting.filter((waiting) => waiting.index <= index);
    if (due.length === 0) return;
    this.#waiting = this.#waiting.filter((waiting) => waiting.index > index);
    for (const { read } of due) this.#look(read.request, () => this.#readAgain(read));
  }

  /** Runs an entry to its end: in this turn unless records have to be loaded on the way. */
  #resume<Done extends { readonly type: "done" }>(
    run: Resumable<Done>,
    done: (step: Done) => void,
    loaded?: readonly LoadedRange[],
  ): void {
    const step = run.next(loaded);
    if (step.type === "done") {
      this.#suspended = false;
      done(step);
      return;
    }
    this.#suspended = true;
    this.#load(step.requests, (ranges) => this.#resume(run, done, ranges));
  }

  #load(requests: readonly RangeRequest[], loaded: (ranges: readonly LoadedRange[]) => void): void {
    this.#records.load(requests, (error, ranges) => {
      if (this.#failure !== null || this.#closed) return;
      if (error !== null || ranges === undefined) {
        this.fail(error ?? new InvariantError("a load without a result"));
        return;
      }
      this.#stepper.guard(() => loaded(ranges));
      this.#pump();
      this.#host.schedule(this);
    });
  }

  /** As soon as the state is at rest. */
  #look(request: Request | null, run: () => void): void {
    this.#looks.push({ request, run });
    this.#host.schedule(this);
  }

  /** Runs a look to its end; the state stands still until it is done. */
  #see<Done extends { readonly type: "done" }>(
    run: Resumable<Done>,
    done: (step: Done) => void,
    loaded?: readonly LoadedRange[],
  ): void {
    const step = run.next(loaded);
    if (step.type === "done") {
      done(step);
      return;
    }
    this.#looking++;
    this.#load(step.requests, (ranges) => {
      this.#looking--;
      this.#see(run, done, ranges);
    });
  }

  // Reads --------------------------------------------------------------------------------------------------------

  #readHere(request: Request): void {
    if (request.settled || request.operation.kind !== "command" || this.#isBehind(request)) return;
    const run = this.#state.read(request.operation, this.#now(), false);
    this.#see(run, ({ reply }) => request.succeed(reply, this.#seenBy(request)));
  }

  /** What the session has seen is not here yet: the read waits for it a little, and then looks for another holder. */
  #isBehind(request: Request): boolean {
    const events = eventsOf(request.atLeast);
    if (events === null || events.length === 0 || this.#state.summary.covers(events)) return false;
    this.#behind.push({ request, since: this.#host.clock.now() });
    return true;
  }

  /** Sessions are told what they have seen now; nobody else carries that along. */
  #seenBy({ atLeast }: Request): Seen {
    return eventsOf(atLeast) === null ? 0 : this.#state.summary.context();
  }

  #catchUp(): void {
    const waiting = this.#behind;
    this.#behind = [];
    for (const { request, since } of waiting) {
      const events = eventsOf(request.atLeast)!;
      if (request.settled) continue;
      if (this.#state.summary.covers(events)) this.read(request);
      else if (this.#host.clock.now() - since > PATIENCE_OF_READS_MS) {
        this.#readsBehind++;
        request.fail("behind");
      } else this.#behind.push({ request, since });
    }
  }

  /** Reads here, and asks others whether they see the same. */
  #readWide(request: Request, r: number, rounds: number): void {
    if (request.settled || request.operation.kind !== "command" || this.#isBehind(request)) return;
    this.#see(this.#state.read(request.operation, this.#now(), true), ({ reading }) => {
      if (reading === null) throw new InvariantError("a traced read without a reading");
      this.#ask(request, r, rounds, reading);
    });
  }

  #ask(
    request: Request,
    r: number,
    rounds: number,
    { what, digest }: { what: Uint8Array; digest: Hash64 },
  ): void {
    const id = requestId(this.#nextRequest++);
    this.#wideReads.set(id, { request, rounds, seen: what });
    this.#step({ type: "read", id, r, reading: what, digest });
  }

  #readReady(id: RequestId, index: LogIndex): void {
    const read = this.#wideReads.get(id);
    if (read === undefined) return;
    this.#wideReads.delete(id);
    if (index <= this.#appliedIndex) this.#look(read.request, () => this.#readAgain(read));
    else this.#waiting.push({ index, read });
  }

  /** With what the others had. If that made the read look at more, they are asked about that too. */
  #readAgain({ request, rounds, seen }: WideRead): void {
    if (request.settled || request.operation.kind !== "command") return;
    this.#see(this.#state.read(request.operation, this.#now(), true), ({ reply, reading }) => {
      if (reading === null) throw new InvariantError("a traced read without a reading");
      if (rounds >= MAX_ROUNDS || sameBytes(reading.what, seen))
        request.succeed(reply, this.#seenBy(request));
      else this.#ask(request, request.quorum ?? this.#quorums.r, rounds + 1, reading);
    });
  }

  #answer(id: QueryId, query: StateQuery): void {
    this.#see(this.#state.query(query), ({ answer }) => this.#step({ type: "answer", id, answer }));
  }

  #now(): number {
    return Math.floor(this.#host.clock.wall());
  }

  // What expires -------------------------------------------------------------------------------------------------

  /** Every replica frees what expires by itself: the expiry is part of what was written. */
  noteExpiry(at: number): void {
    if (at >= this.#due || this.#closed || this.#failure !== null) return;
    this.#due = at;
    this.#expiryTimer?.cancel();
    const delay = Math.min(MAX_DELAY_MS, Math.max(1, at - this.#host.clock.wall()));
    this.#expiryTimer = this.#host.clock.setTimer(delay, () => this.#expire());
  }

  #findExpiry(): void {
    this.#look(null, () =>
      this.#see(this.#state.read(internalCall(".next-expiry"), this.#now(), false), ({ reply }) => {
        if (typeof reply === "number" && reply >= 0) this.noteExpiry(reply);
      }),
    );
  }

  #expire(): void {
    this.#due = Number.POSITIVE_INFINITY;
    if (this.#expiring || this.#closed || this.#failure !== null) return;
    this.#expiring = true;
    this.#host.expire(this, () => {
      this.#expiring = false;
      this.#findExpiry();
    });
  }

  #stop(error: ErrorCode): void {
    this.#expiryTimer?.cancel();
    this.#timers.cancelAll();
    this.#stepper.stop();
    const requests = [
      ...[...this.#gathering.values()].flatMap((gathering) => gathering.requests),
      ...[...this.#proposals.values()].flatMap((proposal) => proposal.requests),
      ...[...this.#wideReads.values()].map((read) => read.request),
      ...this.#waiting.map((waiting) => waiting.read.request),
      ...this.#behind.map(({ request }) => request),
      ...this.#looks.flatMap(({ request }) => request ?? []),
    ];
    // What was proposed may be durable already, here or elsewhere: that is not definite, whatever stops us.
    for (const request of requests) request.fail(request.exposed ? "unknown" : error);
    this.#gathering.clear();
    this.#proposals.clear();
    this.#wideReads.clear();
    this.#waiting = [];
    this.#behind = [];
    this.#looks = [];
    this.#entries = [];
    this.#head = 0;
  }
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, at) => byte === b[at]);
