/**
 * From a command to requests: checks it, finds the shard of its keys, and takes a command whose keys lie in several shards
 * apart where its replies can be put together again.
 */
import { binaryString } from "../core/bytes.ts";
import { KvorumError } from "../core/errors.ts";
import type { GroupId } from "../core/ids.ts";
import { Failure, type Reply } from "../core/reply.ts";
import type { Args, CommandCall, WatchedKey } from "../data/contract.ts";
import { envelopeProblem } from "../data/delivery.ts";
import { refusalOf } from "../data/merging/index.ts";
import { type CallOptions, isMerging } from "./api.ts";
import type { CatalogKeyspace } from "./catalog/state.ts";
import { failureReply } from "./failures.ts";
import type { RoutingTable } from "./routing-table.ts";
import { MAX_OPERATION_BYTES } from "./sizes.ts";

/** One shard's part of a command, and where its keys stood among all keys. */
export interface Part {
  readonly group: GroupId;
  readonly call: CommandCall;
  readonly positions: readonly number[];
}

/** Wrong arity, or arguments that no state could make right. Null: the command is well formed. */
export function refuseMalformed({ spec, args }: CommandCall): Failure | null {
  const count = args.length + 1;
  if (spec.arity >= 0 ? count !== spec.arity : count < -spec.arity) {
    return new Failure(`ERR wrong number of arguments for '${spec.name}' command`);
  }
  return spec.validate?.(args) ?? null;
}

/** An envelope is for writes, and well formed. */
export function refuseEnvelope(access: "read" | "write", { envelope }: CallOptions): Failure | null {
  if (envelope === undefined) return null;
  if (access === "read")
    return failureReply("bad-request", "A read needs no session and no idempotency key.");
  const problem = envelopeProblem(envelope);
  return problem === null ? null : failureReply("bad-request", problem);
}

export const SESSION_ACROSS_SHARDS = failureReply(
  "cross-shard",
  "A session belongs to one shard, and the keys of this command lie in several: send a command for each.",
);

export const NO_TRANSACTIONS = failureReply(
  "contradiction",
  "A transaction needs one order of all commands, and the replicas of this keyspace merge: use a raft keyspace.",
);

/** What a command, or how it is asked for, contradicts of the promise of its keyspaces. */
export function refuseContradiction(
  table: RoutingTable,
  parts: readonly Pick<Part, "group" | "call">[],
  { envelope, consistency, quorum }: CallOptions,
): Failure | null {
  for (const { group, call } of parts) {
    const keyspace = table.keyspaceOfGroup(group);
    if (keyspace === undefined) continue;
    const { name, replicas, replication } = keyspace;
    const contradicts = (what: string): Failure =>
      failureReply("contradiction", `'${name}' is a ${replication} keyspace: ${what}`);
    if (quorum !== undefined) {
      if (keyspace.quorum === null) return contradicts("only quorum keyspaces know R and W.");
      if (!Number.isInteger(quorum) || quorum < 1 || quorum > replicas)
        return contradicts(`R and W are whole numbers from 1 to its ${replicas} replicas, not ${quorum}.`);
    }
    if (!isMerging(replication)) continue;
    if (envelope !== undefined)
      return contradicts("its replicas agree on no order, so nothing can be done exactly once there.");
    if (consistency === "linearizable")
      return contradicts("its reads are not linearizable; ask without a consistency, or use raft.");
    const refusal = refusalOf(call);
    if (refusal !== null) return refusal;
  }
  return null;
}

/** The group of a command that names one key, which is what most do; null: `splitByShard` has to look. */
export function groupOfOneKey(table: RoutingTable, call: CommandCall): GroupId | null {
  const keys = call.spec.keys(call.args);
  if (keys.length !== 1) return null;
  const key = call.args[keys[0]!]!;
  const keyspace = table.keyspaceOfKey(key);
  // Those that merge may have more to refuse.
  if (keyspace === undefined || isMerging(keyspace.replication)) return null;
  return refuseTooLarge(keyspace, call, keys) === null ? table.groupOfKey(keyspace, key) : null;
}

/** The parts of a command, one per shard; or the refusal. */
export function splitByShard(table: RoutingTable, call: CommandCall): readonly Part[] | Failure {
  const keys = call.spec.keys(call.args);
  if (keys.length === 0) return failureReply("bad-request", `'${call.spec.name}' names no key.`);
  const first = call.args[keys[0]!]!;
  const keyspace = table.keyspaceOfKey(first);
  if (keyspace === undefined) return NO_KEYSPACES;
  const tooLarge = refuseTooLarge(keyspace, call, keys);
  if (tooLarge !== null) return tooLarge;
  const group = table.groupOfKey(keyspace, first);
  if (keys.length === 1) return [{ group, call, positions: [0] }];

  const groups = keys.map((position) => {
    const key = call.args[position]!;
    return table.groupOfKey(table.keyspaceOfKey(key)!, key);
  });
  if (groups.every((other) => other === group)) return [{ group, call, positions: keys.map((_, i) => i) }];
  if (call.spec.acrossShards === undefined) return crossShard(call, keys);
  return [...new Set(groups)].map((target) => {
    const positions = groups.flatMap((other, i) => (other === target ? [i] : []));
    const args: Args = positions.map((i) => call.args[keys[i]!]!);
    return { group: target, call: { spec: call.spec, args }, positions };
  });
}

function crossShard(call: CommandCall, keys: readonly number[]): Failure {
  const [a, b] = keys.map((position) => binaryString(call.args[position]!.subarray(0, 40)));
  return failureReply(
    "cross-shard",
    `Keys in request don't hash to the same slot ('${call.spec.name}' is atomic, and keys such as '${a}' and '${b}' may lie in different shards).`,
  );
}

function refuseTooLarge(
  keyspace: CatalogKeyspace,
  { args }: CommandCall,
  keys: readonly number[],
): Failure | null {
  const { maxKeyBytes, maxValueBytes } = keyspace.limits;
  for (const position of keys) {
    const { length } = args[position]!;
    if (length > maxKeyBytes) {
      return failureReply(
        "too-large",
        `A key has ${length} bytes; '${keyspace.name}' allows ${maxKeyBytes}.`,
      );
    }
  }
  let total = 0;
  for (const { length } of args) {
    total += length;
    if (length > maxValueBytes) {
      return failureReply(
        "too-large",
        `A value has ${length} bytes; '${keyspace.name}' allows ${maxValueBytes}.`,
      );
    }
  }
  return total > MAX_OPERATION_BYTES ? tooMuch(total) : null;
}

const tooMuch = (bytes: number): Failure =>
  failureReply(
    "too-large",
    `The arguments have ${bytes} bytes together; ${MAX_OPERATION_BYTES} is the most.`,
  );

/** Puts the replies of all parts together, as the command would have answered in one shard. The first error wins. */
export function mergeReplies(call: CommandCall, parts: readonly Part[], replies: readonly Reply[]): Reply {
  const failure = replies.find((reply) => reply instanceof Failure);
  if (failure !== undefined) return failure;
  if (call.spec.acrossShards === "sum") {
    return replies.reduce<number>((sum, reply) => sum + Number(reply), 0);
  }
  const merged: Reply[] = [];
  parts.forEach((part, i) => {
    const reply = replies[i];
    if (!Array.isArray(reply))
      throw new KvorumError("internal", `'${call.spec.name}' did not answer an array`);
    part.positions.forEach((position, j) => (merged[position] = (reply as readonly Reply[])[j]!));
  });
  return merged;
}

/** The one group of a transaction, or the refusal. */
export function groupOfTransaction(
  table: RoutingTable,
  calls: readonly CommandCall[],
  watched: readonly WatchedKey[],
): GroupId | Failure {
  let group: GroupId | null = null;
  let total = 0;
  const visit = (key: Uint8Array): Failure | null => {
    const keyspace = table.keyspaceOfKey(key);
    if (keyspace === undefined) return NO_KEYSPACES;
    const other = table.groupOfKey(keyspace, key);
    if (group !== null && other !== group) return CROSS_SHARD_TRANSACTION;
    group = other;
    return null;
  };
  for (const { key } of watched) {
    const refusal = visit(key);
    if (refusal !== null) return refusal;
  }
  for (const call of calls) {
    const keys = call.spec.keys(call.args);
    for (const position of keys) {
      const refusal = visit(call.args[position]!);
      if (refusal !== null) return refusal;
    }
    const first = keys[0];
    const keyspace = first === undefined ? undefined : table.keyspaceOfKey(call.args[first]!);
    const tooLarge = keyspace === undefined ? null : refuseTooLarge(keyspace, call, keys);
    if (tooLarge !== null) return tooLarge;
    for (const { length } of call.args) total += length;
  }
  if (total > MAX_OPERATION_BYTES) return tooMuch(total);
  return group ?? failureReply("bad-request", "A transaction needs at least one command with a key.");
}

const NO_KEYSPACES = failureReply("no-leader", "The cluster has no keyspaces yet: it is still starting.");

const CROSS_SHARD_TRANSACTION = failureReply(
  "cross-shard",
  "Keys in request don't hash to the same slot: the keys of one MULTI/EXEC must lie in one shard.",
);
