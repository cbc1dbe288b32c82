/** From what somebody declares of a keyspace to what it is: defaults, and everything that contradicts itself. */
import type { ErrorCode } from "../../core/errors.ts";
import { SLOTS } from "../../placement/hash-slot.ts";
import {
  CONFLICTS,
  type Conflicts,
  type KeyspaceDeclaration,
  type KeyspaceLimits,
  type KeyspaceSpec,
  PLACEMENTS,
  type QuorumSpec,
  REPLICATIONS,
  type Replication,
  isMerging,
  isReplication,
} from "../api.ts";
import { MAX_VALUE_BYTES } from "../sizes.ts";
import { DEFAULT_LIMITS, DEFAULT_REPLICAS, DEFAULT_SHARDS } from "./state.ts";

interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
}

const NAME = /^[a-z][a-z0-9._-]{0,62}$/;
const MAX_SHARDS = 1024;

/** How many of `count` outnumber the others. */
export const majorityOf = (count: number): number => Math.floor(count / 2) + 1;

/** The keyspace in a cluster of so many nodes, or why there cannot be one. */
export function keyspaceSpec(wanted: KeyspaceDeclaration, nodes: number): KeyspaceSpec | Refusal {
  const { name, replication = "raft", shards = DEFAULT_SHARDS, placement = "spread" } = wanted;
  if (!NAME.test(name)) {
    return bad(
      `"${name}" is not a keyspace name: use lower-case letters, digits, dots, dashes and underscores, start with a letter, at most 63.`,
    );
  }
  if (!isReplication(replication)) {
    return contradiction(
      `There is no replication "${String(replication)}": choose one of ${REPLICATIONS.join(", ")}.`,
    );
  }
  const replicas = wanted.replicas ?? Math.min(DEFAULT_REPLICAS, nodes);
  const limits = { ...DEFAULT_LIMITS, ...wanted.limits };
  if (!isCount(replicas)) return bad("replicas must be a whole number from 1.");
  if (replicas > nodes) {
    return contradiction(
      `${replicas} replicas need ${replicas} nodes, and the cluster has ${nodes}: add nodes or ask for fewer.`,
    );
  }
  if (!isCount(shards) || shards > Math.min(MAX_SHARDS, SLOTS)) {
    return bad(`shards must be a whole number from 1 to ${MAX_SHARDS}.`);
  }
  const limitProblem = checkLimits(limits);
  if (limitProblem !== null) return bad(limitProblem);
  const quorum = quorumSpec(wanted.quorum ?? null, replication, replicas);
  if (quorum !== null && "code" in quorum) return quorum;
  const conflicts = conflictsOf(wanted.conflicts ?? null, replication);
  if (conflicts !== null && typeof conflicts !== "string") return conflicts;
  if (!PLACEMENTS.includes(placement)) return bad(`placement must be one of ${PLACEMENTS.join(", ")}.`);
  return { name, replication, replicas, shards, limits, quorum, conflicts, placement };
}

/** What is wrong with them; null: nothing. */
export function checkLimits(limits: KeyspaceLimits): string | null {
  const { maxKeyBytes, maxValueBytes } = limits;
  if (!isCount(maxKeyBytes) || maxKeyBytes > DEFAULT_LIMITS.maxKeyBytes) {
    return `maxKeyBytes must be a whole number from 1 to ${DEFAULT_LIMITS.maxKeyBytes}.`;
  }
  if (!isCount(maxValueBytes) || maxValueBytes > MAX_VALUE_BYTES) {
    return `maxValueBytes must be a whole number from 1 to ${MAX_VALUE_BYTES} (48 MiB).`;
  }
  return null;
}

/** Such as `quorum (r 2, w 2, sloppy), 3 replicas, 8 shards`. */
export function summaryOf({
  replication,
  quorum,
  conflicts,
  replicas,
  shards,
  placement,
}: KeyspaceSpec): string {
  const choices = [
    ...(quorum === null ? [] : [`r ${quorum.r}`, `w ${quorum.w}`, quorum.sloppy ? "sloppy" : "strict"]),
    ...(conflicts === "siblings" ? ["siblings"] : []),
  ];
  const protocol = choices.length === 0 ? replication : `${replication} (${choices.join(", ")})`;
  const placed = placement === "spread" ? "" : `, placed by ${placement}`;
  return `${protocol}, ${replicas} replicas, ${shards} shards${placed}`;
}

function quorumSpec(
  wanted: Partial<QuorumSpec> | null,
  replication: Replication,
  n: number,
): QuorumSpec | Refusal | null {
  if (replication !== "quorum") {
    const given = Object.keys(wanted ?? {});
    if (given.length === 0) return null;
    const why =
      replication === "gossip"
        ? "acknowledges a write when one replica has it and reads from one"
        : "acknowledges by majority, always";
    return contradiction(
      `${given.join(", ")} cannot be chosen with ${replication}, which ${why}: leave it out, or choose replication quorum.`,
    );
  }
  const { r = majorityOf(n), w = majorityOf(n), sloppy = true } = wanted ?? {};
  for (const [name, value] of [
    ["r", r],
    ["w", w],
  ] as const) {
    if (!isCount(value)) return bad(`${name} must be a whole number from 1.`);
    if (value > n) {
      return contradiction(
        `${name} = ${value} asks for more replicas than there are: choose ${name} up to ${n}, or ${value} replicas.`,
      );
    }
  }
  if (typeof sloppy !== "boolean") return bad("sloppy must be true or false.");
  return { r, w, sloppy };
}

function conflictsOf(wanted: Conflicts | null, replication: Replication): Conflicts | Refusal | null {
  if (!isMerging(replication)) {
    if (wanted === null) return null;
    return contradiction(
      `conflicts cannot be chosen with ${replication}, which puts all writes in one order and so has none: leave it out, or choose replication gossip or quorum.`,
    );
  }
  if (wanted === null) return "latest";
  if (CONFLICTS.includes(wanted)) return wanted;
  return bad(`conflicts must be one of ${CONFLICTS.join(", ")}.`);
}

const isCount = (value: number): boolean => Number.isInteger(value) && value >= 1;

const bad = (message: string): Refusal => ({ code: "bad-request", message });

const contradiction = (message: string): Refusal => ({ code: "contradiction", message });
