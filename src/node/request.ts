/** A request under way: from a door or from another node, until its one answer. */
import { ERRORS, type ErrorCode } from "../core/errors.ts";
import type { GroupId, NodeId } from "../core/ids.ts";
import type { Millis } from "../core/machine.ts";
import { Failure, type Reply } from "../core/reply.ts";
import type { Operation } from "../data/batch.ts";
import type { Consistency } from "./api.ts";

export interface RequestFailure {
  readonly error: ErrorCode;
  readonly detail: string;
  /** Who leads, where that is why the request failed. */
  readonly leader: NodeId | null;
}

let lastSequence = 0;

/** Takes a failed request for another attempt (true), or leaves it to fail. */
export type RetryPolicy = (request: Request, error: ErrorCode, leader: NodeId | null) => boolean;

/**
 * Settled exactly once. A request whose deadline passes is given up by the sweep; whatever comes for it afterwards is
 * dropped by the `settled` flag, so nothing has to be searched for and taken out of queues.
 */
export class Request {
  readonly group: GroupId;
  readonly operation: Operation;
  readonly write: boolean;
  readonly consistency: Consistency;
  readonly deadline: Millis;
  /** It may have been ordered somewhere: from now on a passed deadline is indefinite. */
  exposed = false;
  settled = false;
  /** A read that this node's replica lags too far behind to serve: the leader has to. */
  leaderOnly = false;
  /** An earlier attempt may have been done. Only an operation in an envelope is sent again after that. */
  doubtful = false;
  /** Grows with every request of this process. */
  readonly sequence: number = ++lastSequence;
  readonly #retry: RetryPolicy | null;
  readonly #done: (reply: Reply, failure: RequestFailure | null) => void;

  constructor(
    group: GroupId,
    operation: Operation,
    write: boolean,
    consistency: Consistency,
    deadline: Millis,
    /** Null: it came from another node, which decides about other attempts; it is not passed on from here. */
    retry: RetryPolicy | null,
    done: (reply: Reply, failure: RequestFailure | null) => void,
  ) {
    this.group = group;
    this.operation = operation;
    this.write = write;
    this.consistency = consistency;
    this.deadline = deadline;
    this.#retry = retry;
    this.#done = done;
  }

  get forwarded(): boolean {
    return this.#retry === null;
  }

  succeed(reply: Reply): void {
    if (this.settled) return;
    if (this.doubtful && reply instanceof Failure && reply.code === "session-expired") {
      this.giveUp("unknown");
      return;
    }
    this.settled = true;
    this.#done(reply, null);
  }

  /** An attempt failed: the request goes on with another one where that is safe. */
  fail(error: ErrorCode, detail = "", leader: NodeId | null = null): void {
    if (this.settled) return;
    if (this.#retry !== null && this.#retry(this, error, leader)) return;
    this.giveUp(error, detail, leader);
  }

  giveUp(error: ErrorCode, detail = "", leader: NodeId | null = null): void {
    if (this.settled) return;
    this.settled = true;
    // That the last attempt surely was not done says nothing about those before it.
    if (this.doubtful && ERRORS[error].definite) this.#done(null, { error: "unknown", detail: "", leader });
    else this.#done(null, { error, detail, leader });
  }
}
