/** What keyspaces whose replicas merge cannot keep, and so is refused before anything is sent; and how often their writes are sent. */
import type { KeyspaceInfo } from "../../node/api.ts";
import type { Delivery, Repetition } from "../machine/outcome.ts";
import type { ClientOperation } from "../transport.ts";
import type { WriteKind } from "./caller.ts";
import type { ReadOptions, WriteOptions } from "./options.ts";

type Named = Pick<KeyspaceInfo, "name" | "replication">;

/** Why the read contradicts its keyspace; null: it does not. */
export function readProblem(
  keyspace: Named,
  operation: ClientOperation,
  { consistency, maxStaleness }: ReadOptions,
): string | null {
  if (consistency === "linearizable" || consistency === "sequential") {
    return merges(keyspace, `there are no ${consistency} reads: leave consistency out`);
  }
  if (maxStaleness !== undefined) {
    return merges(keyspace, "how stale a read may be has no bound: leave maxStaleness out");
  }
  if (operation.kind === "command" && VERSIONED.has(operation.name)) {
    return merges(keyspace, "its values have no versions: read them with get");
  }
  return null;
}

/** The same of a write. */
export function writeProblem(
  keyspace: Named,
  operation: ClientOperation,
  kind: WriteKind,
  { delivery, idempotencyKey, idempotencyLifetime }: WriteOptions,
): string | null {
  if (kind === "conditional") {
    return merges(keyspace, "nothing can depend on what is there: use a keyspace with replication raft");
  }
  if (operation.kind === "transaction") {
    return merges(keyspace, "there are no batches: use a keyspace with replication raft, or single calls");
  }
  if (idempotencyKey !== undefined || idempotencyLifetime !== undefined) {
    return merges(keyspace, "it remembers no idempotency keys: store something that can be added twice");
  }
  if (delivery === "exactly-once") {
    return merges(keyspace, "nothing is exactly-once: choose at-most-once or at-least-once");
  }
  return null;
}

/** The client's own default does not count: it is meant for keyspaces that can be exactly-once. */
export const mergingRepetition = (kind: WriteKind, asked: Delivery | undefined): Repetition =>
  asked ?? (kind === "additive" ? "at-most-once" : "at-least-once");

export const noWatching = (keyspace: Named): string =>
  merges(keyspace, "its changes have no order to be told in: read what matters from time to time");

const VERSIONED: ReadonlySet<string> = new Set([".version", ".entry"]);

const merges = ({ name, replication }: Named, what: string): string =>
  `"${name}" is replicated by ${replication}, whose replicas merge: ${what}.`;
