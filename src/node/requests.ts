/**
 * What doors and the node itself ask for: checked, split by shards, given a deadline, brought to the router, and answered once. All of a
 * request's way through this node begins and ends here.
 */
import { binaryBytes } from "../core/bytes.ts";
import type { GroupId } from "../core/ids.ts";
import type { Millis } from "../core/machine.ts";
import { Failure, type Reply } from "../core/reply.ts";
import type { Clock } from "../core/world.ts";
import type { Operation } from "../data/batch.ts";
import type { CommandCall, WatchedKey } from "../data/contract.ts";
import type { CallOptions, ReplyCallback } from "./api.ts";
import {
  groupOfOneKey,
  groupOfTransaction,
  mergeReplies,
  NO_TRANSACTIONS,
  refuseContradiction,
  refuseEnvelope,
  refuseMalformed,
  SESSION_ACROSS_SHARDS,
  splitByShard,
} from "./commands.ts";
import { Deadlines } from "./deadlines.ts";
import { failureReply } from "./failures.ts";
import { internalCall } from "./internal-call.ts";
import type { Replica } from "./replica.ts";
import { Request, type RequestSpec } from "./request.ts";
import type { Router } from "./router.ts";
import type { RoutingTable } from "./routing-table.ts";

export interface RequestsHost {
  readonly clock: Clock;
  readonly requestTimeout: Millis;
  /** More are refused as `overloaded`. */
  readonly maxInFlight: number;
  readonly table: RoutingTable;
  /** The catalog holds everything from before the start of this process. */
  readonly catalogCurrent: boolean;
  readonly closing: boolean;
  /** What the node waits for before it serves. */
  readonly waitingFor: string;
  /** Null: the node has no storage yet. */
  readonly router: Router | null;
}

export class Requests {
  readonly #host: RequestsHost;
  readonly deadlines: Deadlines;
  inFlight = 0;
  /** Since the start. */
  readonly counters = { commands: 0, failures: 0, overloaded: 0 };

  constructor(host: RequestsHost) {
    this.#host = host;
    this.deadlines = new Deadlines(host.clock, expire);
  }

  execute(call: CommandCall, options: CallOptions, done: ReplyCallback): void {
    this.counters.commands++;
    const refusal = this.#refuse() ?? refuseMalformed(call) ?? refuseEnvelope(call.spec.access, options);
    if (refusal !== null) {
      this.#answer(refusal, done);
      return;
    }
    if (this.#host.catalogCurrent && options.quorum === undefined) {
      const group = groupOfOneKey(this.#host.table, call);
      if (group !== null) {
        const { spec, args } = call;
        this.#submit(group, { kind: "command", spec, args }, spec.access === "write", options, done);
        return;
      }
    }
    const parts = splitByShard(this.#host.table, call);
    if (parts instanceof Failure) {
      this.#answer(this.#refuseUnlessCurrent([]) ?? parts, done);
      return;
    }
    const contradiction =
      this.#refuseUnlessCurrent(parts) ?? refuseContradiction(this.#host.table, parts, options);
    if (contradiction !== null) {
      this.#answer(contradiction, done);
      return;
    }
    if (parts.length > 1 && options.envelope?.kind === "session") {
      this.#answer(SESSION_ACROSS_SHARDS, done);
      return;
    }
    const write = call.spec.access === "write";
    if (parts.length === 1) {
      this.#submit(parts[0]!.group, { kind: "command", ...call }, write, options, done);
      return;
    }
    const replies: Reply[] = [];
    let open = parts.length;
    parts.forEach((part, i) => {
      this.#submit(part.group, { kind: "command", ...part.call }, write, options, (reply) => {
        replies[i] = reply;
        if (--open === 0) done(mergeReplies(call, parts, replies), null);
      });
    });
  }

  executeOn(group: GroupId, call: CommandCall, options: CallOptions, done: ReplyCallback): void {
    this.counters.commands++;
    const refusal =
      this.#refuse() ??
      this.#refuseUnlessCurrent([{ group }]) ??
      refuseMalformed(call) ??
      refuseEnvelope(call.spec.access, options) ??
      refuseContradiction(this.#host.table, [{ group, call }], options);
    if (refusal === null)
      this.#submit(group, { kind: "command", ...call }, call.spec.access === "write", options, done);
    else this.#answer(refusal, done);
  }

  transaction(
    calls: readonly CommandCall[],
    watched: readonly WatchedKey[],
    options: CallOptions,
    done: ReplyCallback,
  ): void {
    this.counters.commands += calls.length;
    const refusal = this.#refuse() ?? this.#refuseUnlessCurrent([]) ?? refuseEnvelope("write", options);
    if (refusal !== null) {
      this.#answer(refusal, done);
      return;
    }
    const group = groupOfTransaction(this.#host.table, calls, watched);
    if (group instanceof Failure) this.#answer(group, done);
    else if (this.#host.table.merges(group)) this.#answer(NO_TRANSACTIONS, done);
    else this.#submit(group, { kind: "transaction", calls, watched }, true, options, done);
  }

  /** In this turn or a later one. What a lagging replica remembers is as true as what the leader does. */
  askForChanges(group: GroupId, after: number, prefix: Uint8Array, done: ReplyCallback): void {
    const refusal = this.#refuse() ?? this.#refuseUnlessCurrent([]);
    if (refusal !== null) {
      this.#answer(refusal, done);
      return;
    }
    const operation = {
      kind: "command",
      ...internalCall(".changes", binaryBytes(String(after)), prefix),
    } as const;
    this.#submit(group, operation, false, { consistency: "stale" }, done, { leaderOnly: true });
  }

  #refuse(): Failure | null {
    if (this.#host.closing) return failureReply("closing");
    if (this.#host.router === null) return this.#starting();
    if (this.inFlight >= this.#host.maxInFlight) {
      this.counters.overloaded++;
      return failureReply("overloaded", `${this.inFlight} requests are under way (maxInFlight).`);
    }
    return null;
  }

  /**
   * Until the catalog is current, only shards of named keyspaces that merge are served. By an old catalog a key of a newer keyspace
   * would be one of the default keyspace; its own name it has for good.
   */
  #refuseUnlessCurrent(parts: readonly { readonly group: GroupId }[]): Failure | null {
    if (this.#host.catalogCurrent) return null;
    const isKnown = parts.length > 0 && parts.every(({ group }) => this.#host.table.mergesByName(group));
    return isKnown ? null : this.#starting();
  }

  #starting(): Failure {
    return failureReply("no-leader", `The node is starting: waiting for ${this.#host.waitingFor}.`);
  }

  #answer(reply: Reply, done: ReplyCallback): void {
    if (reply instanceof Failure) this.counters.failures++;
    done(reply, null);
  }

  #submit(
    group: GroupId,
    operation: Operation,
    write: boolean,
    options: CallOptions,
    done: ReplyCallback,
    { leaderOnly = false } = {},
  ): void {
    const router = this.#host.router!;
    const timeout = options.timeout ?? this.#host.requestTimeout;
    const deadline = this.#host.clock.now() + timeout;
    this.inFlight++;
    const { envelope } = options;
    const request = new Request(
      {
        group,
        operation: envelope === undefined ? operation : { ...operation, envelope },
        write,
        consistency: options.consistency ?? "linearizable",
        atLeast: options.atLeast ?? 0,
        maxStaleness: options.maxStaleness ?? null,
        quorum: options.quorum ?? null,
        deadline,
      },
      router.retry,
      (reply, failure, seen) => {
        this.inFlight--;
        if (failure === null) done(reply, seen);
        else this.#answer(failureReply(failure.error, failure.detail), done);
      },
    );
    request.leaderOnly = leaderOnly;
    this.deadlines.watch(request, timeout);
    router.submit(request);
  }

  /** A write that the node itself needs (expiry), at this replica only and without another attempt elsewhere. */
  internalWrite(
    replica: Replica,
    wanted: Pick<RequestSpec, "group" | "operation" | "quorum">,
    done: (reply: Reply | null) => void,
  ): void {
    if (this.#host.closing) {
      done(null);
      return;
    }
    const timeout = this.#host.requestTimeout;
    const deadline = this.#host.clock.now() + timeout;
    const request = new Request({ ...wanted, write: true, deadline }, null, (reply, failure) =>
      done(failure === null ? reply : null),
    );
    this.deadlines.watch(request, timeout);
    replica.propose(request);
  }
}

function expire(request: Request): void {
  request.giveUp(request.exposed ? "timeout" : request.behind ? "behind" : "no-leader");
}
