/** A request under way: from a door or from another node, until its one answer. */
import { ERRORS, type ErrorCode } from "../core/errors.ts";
import type { GroupId, NodeId } from "../core/ids.ts";
import type { Millis } from "../core/machine.ts";
import { Failure, type Reply } from "../core/reply.ts";
import type { Seen } from "../core/seen.ts";
import type { Operation } from "../data/batch.ts";
import type { Consistency } from "./api.ts";

export interface RequestFailure {
  readonly error: ErrorCode;
  readonly detail: string;
  /** Who leads, where that is why the request failed. */
  readonly leader: NodeId | null;
}

export interface RequestSpec {
  readonly group: GroupId;
  readonly operation: Operation;
  readonly write: boolean;
  /** For reads. Default linearizable. */
  readonly consistency?: Consistency;
  /** A read that is not linearizable sees all of that. */
  readonly atLeast?: Seen;
  /** A stale read sees everything that was acknowledged so many milliseconds before it was taken; null: whatever there is. */
  readonly maxStaleness?: Millis | null;
  /** On how many replicas of a merging keyspace a write has to be, of how many a read; null: what the keyspace says. */
  readonly quorum?: number | null;
  readonly deadline: Millis;
  /** The node that passed it on; null: it came in here. */
  readonly origin?: NodeId | null;
}

let lastSequence = 0;

/** `seen`: the reply shows all of that; null where it is not known. */
export type RequestListener = (reply: Reply, failure: RequestFailure | null, seen: Seen | null) => void;

/**
 * Takes a failed request for another attempt (true), or leaves it to fail. A request without one came from another node, which
 * decides about other attempts; it is not passed on from here.
 */
export type RetryPolicy = (request: Request, error: ErrorCode, leader: NodeId | null) => boolean;

const NOTHING: Operation = { kind: "transaction", watched: [], calls: [] };
const NOBODY: RequestListener = () => undefined;

/**
 * Settled exactly once. A request whose deadline passes is given up by the sweep; whatever comes for it afterwards is
 * dropped by the `settled` flag, so nothing has to be searched for and taken out of queues.
 */
export class Request {
  readonly group: GroupId;
  /** Empty once it is settled: requests are remembered until their deadline, what they carried need not be. */
  operation: Operation;
  readonly write: boolean;
  readonly consistency: Consistency;
  readonly atLeast: Seen;
  readonly maxStaleness: Millis | null;
  readonly quorum: number | null;
  readonly deadline: Millis;
  readonly origin: NodeId | null;
  /** It may have been ordered somewhere: from now on a passed deadline is indefinite. */
  exposed = false;
  settled = false;
  /** A read that this node's replica lags too far behind to serve: the leader has to. */
  leaderOnly = false;
  /** A merging replica lacks what the session has seen: another one is asked, if there is one. */
  behind = false;
  elsewhere = false;
  /** An earlier attempt may have been done. Only an operation in an envelope is sent again after that. */
  doubtful = false;
  /** Grows with every request of this process. */
  readonly sequence: number = ++lastSequence;
  readonly #retry: RetryPolicy | null;
  #done: RequestListener;

  constructor(wanted: RequestSpec, retry: RetryPolicy | null, done: RequestListener) {
    this.group = wanted.group;
    this.operation = wanted.operation;
    this.write = wanted.write;
    this.consistency = wanted.consistency ?? "linearizable";
    this.atLeast = wanted.atLeast ?? 0;
    this.maxStaleness = wanted.maxStaleness ?? null;
    this.quorum = wanted.quorum ?? null;
    this.deadline = wanted.deadline;
    this.origin = wanted.origin ?? null;
    this.#retry = retry;
    this.#done = done;
  }

  get forwarded(): boolean {
    return this.#retry === null;
  }

  succeed(reply: Reply, seen: Seen): void {
    if (this.settled) return;
    if (this.doubtful && reply instanceof Failure && reply.code === "session-expired") {
      this.giveUp("unknown");
      return;
    }
    this.#settle(reply, null, seen);
  }

  /** An attempt failed: the request goes on with another one where that is safe. */
  fail(error: ErrorCode, detail = "", leader: NodeId | null = null): void {
    if (this.settled) return;
    if (this.#retry !== null && this.#retry(this, error, leader)) return;
    this.giveUp(error, detail, leader);
  }

  giveUp(error: ErrorCode, detail = "", leader: NodeId | null = null): void {
    if (this.settled) return;
    // That the last attempt surely was not done says nothing about those before it.
    const failure: RequestFailure =
      this.doubtful && ERRORS[error].definite
        ? { error: "unknown", detail: "", leader }
        : { error, detail, leader };
    this.#settle(null, failure, null);
  }

  #settle(reply: Reply, failure: RequestFailure | null, seen: Seen | null): void {
    const done = this.#done;
    this.settled = true;
    this.operation = NOTHING;
    this.#done = NOBODY;
    done(reply, failure, seen);
  }
}
