/**
 * Brings every request to the replica that decides it, here or on another node, and tries again where that is safe: after
 * every **definite** failure that another leader may not share, until the deadline.
 */
import { ERRORS, type ErrorCode } from "../core/errors.ts";
import type { GroupId, NodeId } from "../core/ids.ts";
import type { Millis } from "../core/machine.ts";
import type { Seen } from "../core/seen.ts";
import { MapReply, type Reply, SetReply } from "../core/reply.ts";
import type { Clock } from "../core/world.ts";
import {
  type ForwardedOutcome,
  type ForwardedRequest,
  type ForwardedResponse,
  RequestFrameBuilder,
  ResponseFrameBuilder,
} from "./frames.ts";
import type { MergingReplica } from "./merging-replica.ts";
import type { OrderedReplica } from "./ordered-replica.ts";
import type { Replica } from "./replica.ts";
import { Request, type RequestSpec, type RetryPolicy } from "./request.ts";
import { SeenRequests } from "./seen-requests.ts";
import { MAX_GATHERED_BYTES, MAX_OPERATION_BYTES } from "./sizes.ts";

export interface RouterHost {
  readonly clock: Clock;
  readonly self: NodeId;
  /** Drawn at the start of this process, below 2^32. */
  readonly epoch: number;
  replica(group: GroupId): Replica | undefined;
  /** The group's keyspace merges. */
  merges(group: GroupId): boolean;
  /** A replica that takes writes here for holders that cannot be reached; null where the keyspace does not allow it. */
  standIn(group: GroupId): MergingReplica | null;
  /** Nodes that should hold the group, for those who do not. */
  holders(group: GroupId): readonly NodeId[];
  isUp(node: NodeId): boolean;
  /** False: the frame was dropped, and surely not sent. */
  send(to: NodeId, frame: Uint8Array): boolean;
  /** Why this node accepts no write for now (disk full, memory), or null. */
  refusesWrites(): { readonly error: ErrorCode; readonly detail: string } | null;
  scheduleFlush(): void;
  /** Gives the request up at its deadline. */
  watch(request: Request, timeout: number): void;
}

interface Outgoing {
  readonly builder: RequestFrameBuilder;
  ids: number[];
}

interface Forward {
  readonly request: Request;
  readonly peer: NodeId;
  /** Null: a read, or to a keyspace that merges. */
  readonly lane: Lane | null;
}

/** This node's writes for one group that are on their way to one other node. */
interface Lane {
  readonly peer: NodeId;
  open: number;
  /** Since then later writes wait, as the group is led elsewhere now. */
  blockedAt: Millis | null;
}

/** Errors after which another attempt may find a leader that can do it. All of them are definite. */
const RETRIED: ReadonlySet<ErrorCode> = new Set([
  "not-leader",
  "no-leader",
  "overwritten",
  "closing",
  "behind",
]);

const RETRIED_IF_REPEATABLE: ReadonlySet<ErrorCode> = new Set(["unknown", "storage-failed"]);

const RETRY_INTERVAL_MS = 20;

/** So long a write waits for earlier ones that went to a former leader: long enough for one that answers, not for one that is lost. */
const PATIENCE_OF_WRITES_MS = 250;

export class Router {
  readonly #host: RouterHost;
  readonly #forwards = new Map<number, Forward>();
  readonly #outgoing = new Map<NodeId, Outgoing>();
  readonly #answers = new Map<NodeId, ResponseFrameBuilder>();
  readonly #seen = new SeenRequests();
  /** Who leads a group of which this node has no replica, as the last refusal said or the last write showed. */
  readonly #hints = new Map<GroupId, NodeId>();
  /** Who has done what was forwarded last for a group of which this node has no replica, until a redirect has named it. */
  readonly #served = new Map<GroupId, NodeId>();
  #nextId = 1;
  #turn = 0;
  #parked: Request[] = [];
  /** Groups with parked writes: later writes wait behind them. */
  readonly #parkedWrites = new Set<GroupId>();
  #retryTimer = false;
  readonly #lanes = new Map<GroupId, Lane>();
  /** A lane for which writes have waited is empty now. */
  #laneCleared = false;
  /** Requests sent to another node since the start, each attempt counted. */
  forwardedTotal = 0;

  constructor(host: RouterHost) {
    this.#host = host;
  }

  get parkedCount(): number {
    return this.#parked.length;
  }

  get forwardCount(): number {
    return this.#forwards.size;
  }

  /** As far as this node knows: by its replica, else by what others have answered. */
  leaderOf(group: GroupId): NodeId | null {
    const replica = this.#host.replica(group);
    if (replica === undefined) return this.#hints.get(group) ?? null;
    return replica.kind === "ordered" ? replica.leader : null;
  }

  /**
   * Whom a caller should ask in place of this node; null: this node.
   *
   * Who follows redirects never goes in a circle. A replica names the leader of its present term, and that one has taken the term before
   * anybody could hear of it: if it leads no more when it is asked, it can only name the leader of a later term. So each step of the way
   * has an election of its own. What a node without a replica has heard may be older than what the others know, in either direction; it
   * names a node only after that one has done something for the group, and then has to see it do the next thing before it names it again.
   */
  redirect(group: GroupId): NodeId | null {
    const replica = this.#host.replica(group);
    let target: NodeId | null = null;
    if (replica === undefined) {
      target = this.#served.get(group) ?? null;
      this.#served.delete(group);
    } else if (replica.kind === "ordered") target = replica.leader;
    const { self } = this.#host;
    return target !== null && target !== self && this.#host.isUp(target) ? target : null;
  }

  submit(request: Request): void {
    if (request.settled) return;
    const replica = this.#host.replica(request.group);
    if (replica?.kind === "merging" || this.#host.merges(request.group))
      this.#submitMerging(request, replica);
    else if (request.write) this.#submitWrite(request, replica);
    else this.#submitRead(request, replica);
  }

  /** Any replica that is ready can do it; the one at hand first. */
  #submitMerging(request: Request, replica: Replica | undefined): void {
    const { group } = request;
    let here = replica?.kind === "merging" && (replica.isReady || replica.isOpening) ? replica : null;
    const wantsOther = here === null || request.elsewhere;
    const other = wantsOther && !request.forwarded ? this.#otherHolder(group) : null;
    if (other !== null) here = null;
    if (here === null && other === null && request.write) here = this.#host.standIn(group);
    if (here !== null) {
      const refusal = request.write ? this.#host.refusesWrites() : null;
      if (refusal !== null) request.fail(refusal.error, refusal.detail);
      else if (request.write) here.propose(request);
      else here.read(request);
    } else if (other !== null) this.#forward(request, other);
    else if (request.forwarded) request.fail("not-leader");
    else this.#park(request);
  }

  /** A holder that can be reached: another one for each request, so that they share the work, and one that is not ready is left again. */
  #otherHolder(group: GroupId): NodeId | null {
    const others = this.#host
      .holders(group)
      .filter((node) => node !== this.#host.self && this.#host.isUp(node));
    return others.length === 0 ? null : others[this.#nextId % others.length]!;
  }

  #submitWrite(request: Request, replica: OrderedReplica | undefined): void {
    if (this.#parkedWrites.has(request.group) && !request.forwarded) {
      this.#park(request);
      return;
    }
    if (replica?.isLeader === true) {
      if (this.#waitsForEarlier(request, this.#host.self)) return;
      const refusal = this.#host.refusesWrites();
      if (refusal === null) {
        replica.demand.write(request.origin ?? this.#host.self);
        replica.propose(request);
      } else request.fail(refusal.error, refusal.detail);
      return;
    }
    this.#sendToLeader(request, replica);
  }

  #submitRead(request: Request, replica: OrderedReplica | undefined): void {
    const isUnable = replica === undefined || replica.failure !== null;
    if (isUnable || (request.leaderOnly && !replica.isLeader)) this.#sendToLeader(request, replica);
    else if (request.consistency === "linearizable" || this.#isTooStale(request, replica)) {
      // A follower asks its leader for the read index and then serves the read from its own state.
      if (replica.leader === null) this.#park(request);
      else {
        replica.demand.read(request.origin ?? this.#host.self, this.#turn);
        replica.read(request);
      }
    } else if (replica.appliedIndex > 0) replica.readLocal(request);
    else this.#sendToLeader(request, replica);
  }

  /** Also a leader has to show that it is one: by then its state is as fresh as can be. */
  #isTooStale({ consistency, maxStaleness }: Request, replica: OrderedReplica): boolean {
    if (consistency !== "stale" || maxStaleness === null) return false;
    return this.#host.clock.now() - replica.freshAt > maxStaleness;
  }

  #sendToLeader(request: Request, replica: OrderedReplica | undefined): void {
    if (request.forwarded) {
      request.fail("not-leader", "", replica?.leader ?? null);
      return;
    }
    const target = this.#target(request.group, replica);
    if (target === null) this.#park(request);
    else if (!request.write) this.#forward(request, target);
    else if (!this.#waitsForEarlier(request, target))
      this.#forward(request, target, this.#laneTo(target, request.group));
  }

  /**
   * The leadership has moved while writes were on their way: what the former leader refuses of them has to come before this one. Parks it
   * until they are answered.
   */
  #waitsForEarlier(request: Request, to: NodeId): boolean {
    const lane = this.#lanes.get(request.group);
    if (lane === undefined || lane.peer === to || lane.open === 0 || request.forwarded) return false;
    const now = this.#host.clock.now();
    lane.blockedAt ??= now;
    if (now - lane.blockedAt > PATIENCE_OF_WRITES_MS) return false;
    this.#park(request);
    return true;
  }

  #laneTo(peer: NodeId, group: GroupId): Lane {
    let lane = this.#lanes.get(group);
    if (lane === undefined || lane.peer !== peer) {
      lane = { peer, open: 0, blockedAt: null };
      this.#lanes.set(group, lane);
    }
    return lane;
  }

  #forget(id: number, { lane }: Forward): void {
    this.#forwards.delete(id);
    if (lane === null || --lane.open > 0 || lane.blockedAt === null) return;
    lane.blockedAt = null;
    this.#laneCleared = true;
  }

  #retryIfCleared(): void {
    if (!this.#laneCleared) return;
    this.#laneCleared = false;
    this.retryParked();
  }

  #target(group: GroupId, replica: OrderedReplica | undefined): NodeId | null {
    const { self } = this.#host;
    const known = replica?.leader ?? this.#hints.get(group) ?? null;
    if (known !== null && known !== self && this.#host.isUp(known)) return known;
    if (replica !== undefined && replica.failure === null) return null;
    return this.#otherHolder(group);
  }

  #forward(request: Request, peer: NodeId, lane: Lane | null = null): void {
    let outgoing = this.#outgoing.get(peer);
    if (outgoing === undefined) {
      outgoing = { builder: new RequestFrameBuilder(this.#host.epoch), ids: [] };
      this.#outgoing.set(peer, outgoing);
    }
    const id = this.#nextId++;
    if (lane !== null) lane.open++;
    this.forwardedTotal++;
    this.#forwards.set(id, { request, peer, lane });
    outgoing.ids.push(id);
    outgoing.builder.add({
      id,
      group: request.group,
      write: request.write,
      consistency: request.consistency,
      atLeast: request.atLeast,
      maxStaleness: request.maxStaleness,
      quorum: request.quorum,
      timeout: request.deadline - this.#host.clock.now(),
      operation: request.operation,
    });
    if (outgoing.builder.length > MAX_GATHERED_BYTES) this.#flushTo(peer, outgoing);
    else this.#host.scheduleFlush();
  }

  /** The end of a turn: one frame of requests and one of responses per peer. */
  flush(): void {
    this.#turn++;
    for (const [peer, outgoing] of this.#outgoing) {
      if (outgoing.ids.length > 0) this.#flushTo(peer, outgoing);
    }
    for (const [peer, answers] of this.#answers) {
      if (answers.length > 0) this.#host.send(peer, answers.finish());
    }
  }

  #flushTo(peer: NodeId, outgoing: Outgoing): void {
    const ids = outgoing.ids;
    outgoing.ids = [];
    const sent = this.#host.send(peer, outgoing.builder.finish());
    for (const id of ids) {
      const forward = this.#forwards.get(id);
      if (forward === undefined) continue;
      if (sent) {
        if (forward.request.write) forward.request.exposed = true;
      } else {
        this.#forget(id, forward);
        this.#park(forward.request);
      }
    }
  }

  /** Waits for a leader: tried again soon, and at once when one is heard of. */
  #park(request: Request): void {
    if (request.settled) return;
    this.#parked.push(request);
    if (request.write) this.#parkedWrites.add(request.group);
    if (this.#retryTimer) return;
    this.#retryTimer = true;
    this.#host.clock.setTimer(RETRY_INTERVAL_MS, () => {
      this.#retryTimer = false;
      this.retryParked();
    });
  }

  /** In the order in which they were first submitted: a client's later write must not overtake its earlier one. */
  retryParked(): void {
    if (this.#parked.length === 0) return;
    const parked = this.#parked.sort((a, b) => a.sequence - b.sequence);
    this.#parked = [];
    this.#parkedWrites.clear();
    for (const request of parked) this.submit(request);
  }

  /** The retry policy of this node's own requests. Reads, and operations in envelopes, are safe to repeat after any failure. */
  readonly retry: RetryPolicy = (request, error, leader) => {
    const isRepeatable = !request.write || request.operation.envelope !== undefined;
    if (!RETRIED.has(error) && !(isRepeatable && RETRIED_IF_REPEATABLE.has(error))) return false;
    if (leader !== null) this.#hints.set(request.group, leader);
    else this.#hints.delete(request.group);
    if (error === "behind") {
      request.behind = true;
      request.elsewhere = !request.elsewhere;
    }
    if (request.write && !ERRORS[error].definite) request.doubtful = true;
    request.exposed = request.doubtful;
    this.#park(request);
    return true;
  };

  onResponses(epoch: number, responses: readonly ForwardedResponse[]): void {
    if (epoch !== this.#host.epoch) return;
    for (const { id, outcome } of responses) {
      const forward = this.#forwards.get(id);
      if (forward === undefined) continue;
      this.#forget(id, forward);
      if (outcome.ok) {
        this.#learn(forward);
        forward.request.succeed(outcome.reply, outcome.seen);
      } else forward.request.fail(outcome.error, outcome.detail, outcome.leader);
    }
    this.#retryIfCleared();
  }

  #learn({ request: { group, write }, peer }: Forward): void {
    if (this.#host.replica(group) !== undefined) return;
    this.#served.set(group, peer);
    // A read is also answered by those who follow.
    if (write && !this.#host.merges(group)) this.#hints.set(group, peer);
  }

  /** Requests of another node. They are answered, once each, and never passed on. */
  onRequests(from: NodeId, epoch: number, requests: readonly ForwardedRequest[]): void {
    const now = this.#host.clock.now();
    for (const asked of requests) {
      const { id, write, timeout } = asked;
      if (!this.#seen.isNew(from, epoch, id)) continue;
      // Field by field: what a rest pattern leaves costs microseconds, in V8, for each request.
      const wanted: Required<RequestSpec> = {
        group: asked.group,
        operation: asked.operation,
        write,
        consistency: asked.consistency,
        atLeast: asked.atLeast,
        maxStaleness: asked.maxStaleness,
        quorum: asked.quorum,
        deadline: now + timeout,
        origin: from,
      };
      const request = new Request(wanted, null, (reply, failure, seen) => {
        this.#answer(from, epoch, {
          id,
          outcome:
            failure === null
              ? outcomeOf(reply, write, seen ?? 0)
              : { ok: false, error: failure.error, detail: failure.detail, leader: failure.leader },
        });
      });
      this.#host.watch(request, timeout);
      this.submit(request);
    }
  }

  #answer(to: NodeId, epoch: number, response: ForwardedResponse): void {
    let builder = this.#answers.get(to);
    if (builder === undefined || builder.epoch !== epoch) {
      // What is gathered for a former life of the peer interests nobody any more.
      builder = new ResponseFrameBuilder(epoch);
      this.#answers.set(to, builder);
    }
    builder.add(response);
    if (builder.length > MAX_GATHERED_BYTES) this.#host.send(to, builder.finish());
    else this.#host.scheduleFlush();
  }

  /** What was sent there may have been done: writes are indefinite now, reads are simply asked again. */
  onPeerDown(peer: NodeId): void {
    for (const [id, forward] of this.#forwards) {
      if (forward.peer !== peer) continue;
      this.#forget(id, forward);
      forward.request.fail(forward.request.exposed ? "unknown" : "not-leader");
    }
    this.#retryIfCleared();
  }

  /** Drops what only serves requests that are settled by now. */
  sweep(): void {
    for (const [id, forward] of this.#forwards) {
      if (forward.request.settled) this.#forget(id, forward);
    }
    this.#parked = this.#parked.filter((request) => !request.settled);
  }
}

/** A reply that does not fit into a frame cannot be told; what was done stays done. */
function outcomeOf(reply: Reply, write: boolean, seen: Seen): ForwardedOutcome {
  const bytes = replyBytes(reply);
  if (bytes <= MAX_OPERATION_BYTES) return { ok: true, reply, seen };
  const detail = `The reply has ${bytes} bytes, over the ${MAX_OPERATION_BYTES} that nodes pass on.`;
  return { ok: false, error: write ? "unknown" : "too-large", detail, leader: null };
}

/** About what a reply takes in its encoded form. */
function replyBytes(reply: Reply): number {
  if (reply instanceof Uint8Array) return reply.length + 8;
  const parts =
    reply instanceof SetReply ? reply.members : reply instanceof MapReply ? reply.pairs.flat() : reply;
  if (!Array.isArray(parts)) return 16;
  let bytes = 8;
  for (const part of parts as readonly Reply[]) bytes += replyBytes(part);
  return bytes;
}
