/**
 * The client as a pure machine: calls and answers in, requests and outcomes out. No clock, no promise, no chance of its own,
 * so that the same code runs over a socket, in a process with its node, and in the simulator.
 *
 * - **Nothing waits behind another call.** Calls to one shard are sent as they come, up to `maxInFlight`, beyond that in the
 *   order of arrival. Calls that are in flight together have no order: who needs one waits for the first.
 * - **Bounds.** More than `maxCalls` open calls are refused with a definite `overloaded`. A write waits while its session's
 *   window (`SESSION_WINDOW` sequences from the oldest open one on) is full.
 * - **A given-up write is fenced.** When a call of a session is settled as `timeout` or `unknown`, its sequence is released:
 *   as soon as the shard has seen a later write of the session, it refuses late copies. It may *have* happened before that.
 *
 * What each answer means for a call: the table in `outcome.ts`. A call's states: `call.ts`. A session's: `session.ts`.
 */
import { unreachable as neverReached } from "../../core/assert.ts";
import { KvorumError } from "../../core/errors.ts";
import type { GroupId, NodeId } from "../../core/ids.ts";
import type { Millis } from "../../core/machine.ts";
import { Failure, type Reply } from "../../core/reply.ts";
import type { Seen } from "../../core/seen.ts";
import type { ClientRequest, Topology } from "../transport.ts";
import { Alarms } from "./alarms.ts";
import { type Backoff, pauseAfter } from "./backoff.ts";
import { Call, type CallSpec } from "./call.ts";
import { Lane } from "./lane.ts";
import { atAbort, atDeadline, judge, mayPass, type Outcome } from "./outcome.ts";
import { chooseNode, Outages, Routes } from "./routes.ts";
import { Session } from "./session.ts";

export interface MachineOptions {
  /** Open calls of the whole client; beyond it, `overloaded`. */
  readonly maxCalls: number;
  /** Calls in flight to one shard; others wait. */
  readonly maxInFlight: number;
  /** Milliseconds without an answer after which a call is sent again, to another node if there is one. */
  readonly attemptTimeout: Millis;
  readonly backoff: Backoff;
  /** Milliseconds for which a node that did not answer is avoided. */
  readonly outage: Millis;
  /** Milliseconds between two requests for the topology, at least. */
  readonly refreshInterval: Millis;
}

export const DEFAULT_MACHINE_OPTIONS: MachineOptions = {
  maxCalls: 16_384,
  maxInFlight: 512,
  attemptTimeout: 1_000,
  backoff: { base: 20, cap: 1_000 },
  outage: 1_000,
  refreshInterval: 100,
};

export type Input =
  | { readonly type: "call"; readonly id: number; readonly call: CallSpec }
  | { readonly type: "abort"; readonly id: number; readonly why: string }
  | {
      readonly type: "reply";
      readonly attempt: number;
      readonly reply: Reply;
      readonly leader: NodeId | null;
      readonly seen: Seen | null;
    }
  | { readonly type: "topology"; readonly topology: Topology }
  | { readonly type: "down"; readonly node: NodeId }
  | { readonly type: "wake" }
  | { readonly type: "close" };

export type Effect =
  | {
      readonly type: "send";
      readonly attempt: number;
      readonly node: NodeId;
      readonly request: ClientRequest;
    }
  /** The one outcome of this call. */
  | { readonly type: "settle"; readonly id: number; readonly outcome: Outcome }
  /** Replaces the wake-up asked for before; null: none is needed. */
  | { readonly type: "wake"; readonly at: Millis | null }
  | { readonly type: "refresh" };

/** Hints to another leader that are followed at once; then it is a pause's turn. */
const MAX_REDIRECTS = 3;

export class ClientMachine {
  readonly #options: MachineOptions;
  readonly #random: () => number;
  readonly #calls = new Map<number, Call>();
  readonly #attempts = new Map<number, { readonly call: Call; readonly node: NodeId }>();
  readonly #lanes = new Map<GroupId, Lane>();
  /** Calls made before the topology was known. */
  readonly #unrouted = new Set<Call>();
  readonly #alarms = new Alarms<Call>();
  readonly #outages: Outages;
  #routes: Routes | null = null;
  #now: Millis = 0;
  #wakeAt: Millis | null = null;
  #refreshFrom: Millis = 0;
  #lastAttempt = 0;
  #lastOrder = 0;
  #closed = false;
  #effects: Effect[] = [];

  /** `random`: uniform in [0, 1), for pauses and for the choice among nodes. */
  constructor(random: () => number, options: MachineOptions = DEFAULT_MACHINE_OPTIONS) {
    this.#random = random;
    this.#options = options;
    this.#outages = new Outages(options.outage);
  }

  /** `now` never goes back. */
  step(now: Millis, input: Input): readonly Effect[] {
    this.#now = now;
    this.#take(input);
    const { next } = this.#alarms;
    // Moved to a later time, the old wake-up only finds nothing to do; asking anew with every call would cost more.
    if (next === null ? this.#wakeAt !== null : this.#wakeAt === null || next < this.#wakeAt) {
      this.#wakeAt = next;
      this.#effects.push({ type: "wake", at: next });
    }
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  status(): ClientStatus {
    const lanes = [...this.#lanes.values()];
    const sum = (part: (lane: Lane) => number): number =>
      lanes.reduce((total, lane) => total + part(lane), 0);
    return {
      calls: this.#calls.size,
      unrouted: this.#unrouted.size,
      waiting: sum(({ waiting }) => waiting),
      inFlight: sum(({ inFlight }) => inFlight),
      sessions: sum(({ session }) => (session === null ? 0 : 1)),
      attempts: this.#attempts.size,
      alarms: this.#alarms.size,
    };
  }

  #take(input: Input): void {
    switch (input.type) {
      case "call":
        this.#admit(input.id, input.call);
        return;
      case "abort":
        this.#abort(input.id, input.why);
        return;
      case "reply":
        this.#onReply(input);
        return;
      case "topology":
        this.#onTopology(input.topology);
        return;
      case "down":
        this.#suspect(input.node);
        return;
      case "wake":
        this.#onWake();
        return;
      case "close":
        this.#close();
        return;
      default:
        neverReached(input);
    }
  }

  // From a call to its first attempt

  #admit(id: number, spec: CallSpec): void {
    const refusal = this.#refusal();
    if (refusal !== null) {
      this.#effects.push({ type: "settle", id, outcome: { ok: false, error: refusal } });
      return;
    }
    const call = new Call(spec, ++this.#lastOrder, { kind: "application", id });
    this.#calls.set(id, call);
    this.#alarms.set(call, spec.deadline);
    this.#route(call);
  }

  #refusal(): KvorumError | null {
    if (this.#closed) return new KvorumError("aborted", "The client is closed.");
    if (this.#calls.size < this.#options.maxCalls) return null;
    return new KvorumError("overloaded", `The client has ${this.#calls.size} open calls.`);
  }

  #route(call: Call): void {
    if (this.#routes === null) {
      this.#unrouted.add(call);
      return;
    }
    const group = this.#routes.groupOf(call.spec.target);
    if (group instanceof KvorumError) {
      if (group.code !== "bad-request") this.#refresh();
      this.#settle(call, { ok: false, error: group });
      return;
    }
    const lane = this.#lane(group);
    call.lane = lane;
    lane.enqueue(call);
    this.#pump(lane);
  }

  #lane(group: GroupId): Lane {
    let lane = this.#lanes.get(group);
    if (lane === undefined) {
      lane = new Lane(group);
      this.#lanes.set(group, lane);
      this.#place(lane);
    }
    return lane;
  }

  /** Sends what can be sent. */
  #pump(lane: Lane): void {
    if (this.#closed) return;
    if (lane.wantsSession && lane.opening === null) this.#openSession(lane);
    while (lane.inFlight < this.#options.maxInFlight) {
      const call = lane.takeReady();
      if (call === null) return;
      lane.inFlight++;
      if (call.needsSession) {
        call.session = lane.session!;
        call.sequence = call.session.take();
      }
      this.#send(call);
    }
  }

  #openSession(lane: Lane): void {
    const spec: CallSpec = {
      target: { kind: "group", group: lane.group },
      operation: { kind: "command", name: ".session-open", args: [] },
      write: true,
      // Done twice, it leaves a session behind that nobody uses and that the shard evicts in its time.
      repetition: "at-least-once",
      consistency: "linearizable",
      maxStaleness: null,
      quorum: null,
      idempotency: null,
      deadline: this.#now + 10 * this.#options.attemptTimeout,
      hedgeAfter: null,
    };
    const call = new Call(spec, ++this.#lastOrder, { kind: "session", lane });
    call.lane = lane;
    lane.opening = call;
    this.#send(call);
  }

  #send(call: Call): void {
    const lane = call.lane!;
    const { spec } = call;
    call.state = "flying";
    if (this.#now >= spec.deadline) {
      // The wake-up is late. It settles the call as what it is: not sent (again).
      this.#setAlarm(call, this.#now);
      return;
    }
    const node = chooseNode(call, lane, this.#routes!, this.#outages, this.#now, this.#random());
    if (node === null) {
      this.#again(call, new KvorumError("unreachable"));
      return;
    }
    const attempt = ++this.#lastAttempt;
    call.attempts.add(attempt);
    call.current = attempt;
    call.currentNode = node;
    this.#attempts.set(attempt, { call, node });
    this.#effects.push({
      type: "send",
      attempt,
      node,
      request: {
        group: lane.group,
        operation: spec.operation,
        write: spec.write,
        consistency: spec.consistency,
        maxStaleness: spec.maxStaleness,
        quorum: spec.quorum,
        timeout: spec.deadline - this.#now,
        envelope: call.envelope(),
        atLeast: this.#seenBefore(lane, spec),
      },
    });
    this.#setAlarm(call, this.#patience(call));
  }

  /** What the state has to have that answers this call. */
  #seenBefore(lane: Lane, { write, consistency }: CallSpec): Seen {
    if (this.#routes!.merges(lane.group)) return lane.events;
    return !write && consistency === "sequential" ? lane.index : 0;
  }

  /** Until when the present attempt is left alone. */
  #patience(call: Call): Millis {
    const { repetition, hedgeAfter } = call.spec;
    // Sent twice, it could be done twice: all that can be done is to wait.
    if (repetition === "at-most-once") return Infinity;
    const timeout = this.#options.attemptTimeout;
    if (repetition === "read" && hedgeAfter !== null && !call.hedged) {
      return this.#now + Math.min(hedgeAfter, timeout);
    }
    return this.#now + timeout;
  }

  #setAlarm(call: Call, at: Millis): void {
    this.#alarms.set(call, Math.min(at, call.spec.deadline));
  }

  // Answers

  #onReply({ attempt, reply, leader, seen }: Extract<Input, { type: "reply" }>): void {
    const sent = this.#attempts.get(attempt);
    // The call has been settled, or this is a second answer.
    if (sent === undefined) return;
    this.#attempts.delete(attempt);
    const { call, node } = sent;
    call.attempts.delete(attempt);
    call.avoid = null;
    // Null: it was about another shard than where the key is now.
    if (call.lane !== null) {
      this.#learn(call.lane, node, reply, leader);
      if (seen !== null) call.lane.note(seen);
    }

    const verdict = judge(call.spec.repetition, reply, call.unresolved);
    if (verdict.type === "settle") {
      this.#settle(call, verdict.outcome);
      return;
    }
    if (!verdict.error.definite) call.lost++;
    call.lastError = verdict.error;
    if (verdict.renew !== "nothing") this.#leaveSession(call);
    if (verdict.renew === "route") {
      this.#reroute(call, verdict.error);
      return;
    }
    // Another attempt is on its way, or will be.
    if (call.state !== "flying" || attempt !== call.current) return;
    const isRedirect = verdict.error.code === "not-leader" && leader !== null && leader !== node;
    if ((isRedirect || verdict.renew === "session") && call.redirects < MAX_REDIRECTS) {
      call.redirects++;
      this.#resume(call);
    } else this.#again(call, verdict.error);
  }

  #learn(lane: Lane, node: NodeId, reply: Reply, leader: NodeId | null): void {
    const code = reply instanceof Failure ? reply.code : null;
    if (code === "unreachable" || code === "unknown" || code === "closing") this.#suspect(node);
    else this.#outages.end(node);
    if (leader !== null) lane.leader = leader;
    else if (code === "not-leader" || code === "no-leader") {
      if (lane.leader === node) lane.leader = null;
      this.#refresh();
    }
  }

  /** The node does not answer: others are asked first for a while. */
  #suspect(node: NodeId): void {
    this.#outages.note(node, this.#now);
    for (const lane of this.#lanes.values()) {
      if (lane.leader === node) lane.leader = null;
      if (lane.reader === node) lane.reader = null;
    }
    this.#refresh();
  }

  #refresh(): void {
    if (this.#now < this.#refreshFrom) return;
    this.#refreshFrom = this.#now + this.#options.refreshInterval;
    this.#effects.push({ type: "refresh" });
  }

  #leaveSession(call: Call): void {
    const { session, lane } = call;
    if (session === null) return;
    session.release(call.sequence);
    call.session = null;
    if (lane!.session === session) lane!.session = null;
  }

  // Another attempt

  #again(call: Call, error: KvorumError): void {
    call.lastError = error;
    call.failures++;
    call.state = "pausing";
    this.#setAlarm(call, this.#now + pauseAfter(call.failures, this.#options.backoff, this.#random()));
  }

  /** Its key may lie in another shard by now, and so may those that wait for a session of this one. */
  #reroute(call: Call, error: KvorumError): void {
    const { lane } = call;
    this.#refresh();
    if (lane === null) return;
    if (call.settle.kind === "session") {
      this.#alarms.cancel(call);
      lane.opening = null;
      for (const write of lane.writesWaiting()) this.#reroute(write, error);
      return;
    }
    if (call.state === "waiting") lane.remove(call);
    else lane.inFlight--;
    call.lane = null;
    this.#again(call, error);
    this.#pump(lane);
  }

  #resume(call: Call): void {
    const { lane } = call;
    if (lane === null) {
      this.#setAlarm(call, Infinity);
      this.#route(call);
      return;
    }
    if (!call.needsSession) {
      this.#send(call);
      return;
    }
    lane.inFlight--;
    lane.enqueue(call);
    this.#setAlarm(call, Infinity);
    this.#pump(lane);
  }

  #onWake(): void {
    this.#wakeAt = null;
    for (let call = this.#alarms.takeDue(this.#now); call; call = this.#alarms.takeDue(this.#now)) {
      if (this.#now >= call.spec.deadline) {
        const { repetition } = call.spec;
        this.#settle(call, atDeadline(repetition, call.unresolved, call.lastError, call.waitsFor));
      } else if (call.state === "pausing") this.#resume(call);
      else if (call.spec.repetition === "read" && call.spec.hedgeAfter !== null && !call.hedged) {
        call.hedged = true;
        call.avoid = call.currentNode;
        this.#send(call);
      } else {
        // Only the call turns away from the node: others may still get their answers there.
        call.avoid = call.currentNode;
        if (call.lane!.reader === call.avoid) call.lane!.reader = null;
        this.#refresh();
        this.#again(call, new KvorumError("timeout"));
      }
    }
  }

  // The end of a call

  #abort(id: number, why: string): void {
    const call = this.#calls.get(id);
    if (call !== undefined) this.#settle(call, atAbort(call.spec.repetition, call.unresolved, why));
  }

  #settle(call: Call, outcome: Outcome): void {
    this.#alarms.cancel(call);
    for (const attempt of call.attempts) this.#attempts.delete(attempt);
    call.session?.release(call.sequence);
    if (call.settle.kind === "session") {
      this.#onSession(call.settle.lane, outcome);
      return;
    }
    const { id } = call.settle;
    this.#calls.delete(id);
    this.#effects.push({ type: "settle", id, outcome });
    const { lane } = call;
    if (lane === null) this.#unrouted.delete(call);
    else {
      if (call.state === "waiting") lane.remove(call);
      else lane.inFlight--;
      this.#pump(lane);
    }
  }

  #onSession(lane: Lane, outcome: Outcome): void {
    lane.opening = null;
    if (outcome.ok && typeof outcome.reply === "number") lane.session = new Session(outcome.reply);
    else if (!outcome.ok && outcome.error.definite && !mayPass(outcome.error.code)) {
      for (const call of lane.writesWaiting()) this.#settle(call, outcome);
    }
    this.#pump(lane);
  }

  #onTopology(topology: Topology): void {
    this.#routes = new Routes(topology);
    for (const lane of this.#lanes.values()) this.#place(lane);
    const unrouted = [...this.#unrouted];
    this.#unrouted.clear();
    for (const call of unrouted) this.#route(call);
  }

  #place(lane: Lane): void {
    const shard = this.#routes?.shard(lane.group);
    if (shard === undefined) return;
    lane.replicas = shard.replicas;
    if (shard.leader !== null && this.#outages.isUp(shard.leader, this.#now)) lane.leader = shard.leader;
  }

  #close(): void {
    this.#closed = true;
    for (const { opening } of this.#lanes.values()) {
      if (opening !== null) this.#settle(opening, atAbort("read", false, "The client was closed"));
    }
    for (const id of this.#calls.keys()) this.#abort(id, "The client was closed");
  }
}

export interface ClientStatus {
  readonly calls: number;
  readonly unrouted: number;
  readonly waiting: number;
  readonly inFlight: number;
  readonly sessions: number;
  /** Sent and not answered, by calls that are still open. */
  readonly attempts: number;
  readonly alarms: number;
}
