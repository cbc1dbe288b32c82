/**
 * One request of the typed client, in the form in which nodes forward requests to each other. It carries what RESP commands
 * cannot: the shard it is meant for, its deadline, the consistency of a read, the envelope of a session.
 */
import type { GroupId, NodeId } from "../core/ids.ts";
import type { Failure } from "../core/reply.ts";
import type { Operation } from "../data/batch.ts";
import type { CommandCall } from "../data/contract.ts";
import type { CallOptions, KvorumNode, ReplyCallback } from "./api.ts";
import { failureReply } from "./failures.ts";
import type { ForwardedRequest } from "./frames.ts";

export type ClientRequest = Omit<ForwardedRequest, "id">;

/** Commands of nodes that a client may send as well. */
const INTERNAL: ReadonlySet<string> = new Set([
  ".version",
  ".entry",
  ".scan",
  ".hscan",
  ".sscan",
  ".dbsize",
  ".siblings",
  ".resolve",
  ".session-open",
  ".session-close",
]);

/** Longer deadlines than a client's are nobody's. */
const LONGEST_TIMEOUT_MS = 600_000;

/** Calls back exactly once, possibly before this returns. Whether the client may do so is its door's to ask before. */
export function runClientRequest(node: KvorumNode, request: ClientRequest, done: ReplyCallback): void {
  const { group, operation, timeout, consistency, atLeast, maxStaleness, quorum } = request;
  const refusal = refuse(node, request);
  if (refusal !== null) {
    done(refusal, null);
    return;
  }
  const { envelope } = operation;
  const options: CallOptions = {
    consistency,
    atLeast,
    ...(maxStaleness === null ? {} : { maxStaleness }),
    ...(quorum === null ? {} : { quorum }),
    timeout: Math.min(timeout, LONGEST_TIMEOUT_MS),
    ...(envelope === undefined ? {} : { envelope }),
  };
  if (operation.kind === "transaction") node.transaction(operation.calls, operation.watched, options, done);
  else if (firstKey(operation) === undefined) node.executeOn(group, operation, options, done);
  else node.execute(operation, options, done);
}

/**
 * Whom the client had better ask next time: the leader. A node that holds no replica of the shard may know none, and names a replica that
 * has just done something; a client that was not told would stay with it. Null: nobody is known.
 */
export const nextToAsk = (node: KvorumNode, group: GroupId): NodeId | null =>
  node.leaderOf(group) ?? node.redirect(group);

function refuse(node: KvorumNode, { group, operation, write }: ClientRequest): Failure | null {
  const calls = callsOf(operation);
  const hidden = calls.find(({ spec }) => spec.name.startsWith(".") && !INTERNAL.has(spec.name));
  if (hidden !== undefined) return failureReply("bad-request", `'${hidden.spec.name}' is not for clients.`);
  const writes = operation.kind === "transaction" || operation.spec.access === "write";
  if (writes !== write)
    return failureReply("bad-request", "The request says of itself wrongly whether it writes.");
  // A session's token means something in its own shard only: nothing may be done in another one by mistake.
  const keys = operation.kind === "transaction" ? operation.watched.map(({ key }) => key) : [];
  for (const call of calls) {
    const key = firstKey(call);
    if (key !== undefined) keys.push(key);
  }
  // Without a key the group is all there is to go by; that of the catalog takes no commands of clients.
  const isWrong =
    keys.length === 0
      ? !node.shards().some((shard) => shard.group === group)
      : keys.some((key) => node.groupOfKey(key) !== group);
  if (!isWrong) return null;
  // By an old catalog, keys of a newer keyspace lie elsewhere: a client that believed it would give up its session.
  return node.status().ready
    ? failureReply("wrong-shard")
    : failureReply("no-leader", "The node is starting.");
}

const callsOf = (operation: Operation): readonly CommandCall[] =>
  operation.kind === "transaction" ? operation.calls : [operation];

function firstKey({ spec, args }: CommandCall): Uint8Array | undefined {
  const position = spec.keys(args)[0];
  return position === undefined ? undefined : args[position];
}
