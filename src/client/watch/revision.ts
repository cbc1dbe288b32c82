/**
 * Where a watch of a whole keyspace stands: one revision for each shard, as a string that the application keeps and gives back.
 * `first group | revision of shard 0 | revision of shard 1 | …`, each in base 36; the group tells a keyspace from one of the
 * same name that was dropped.
 */
import { KvorumError } from "../../core/errors.ts";
import type { ShardInfo } from "../../node/api.ts";

const SEPARATOR = "-";

export function encodeRevision(shards: readonly ShardInfo[], positions: readonly number[]): string {
  return [shards[0]!.group, ...positions].map((number) => number.toString(36)).join(SEPARATOR);
}

/** Throws a definite `bad-request` for what is no revision of these shards. */
export function decodeRevision(shards: readonly ShardInfo[], revision: string): readonly number[] {
  const parts = revision.split(SEPARATOR);
  const numbers = parts.map((part) =>
    /^[0-9a-z]{1,11}$/.test(part) ? Number.parseInt(part, 36) : Number.NaN,
  );
  const [group, ...positions] = numbers;
  if (
    group !== shards[0]!.group ||
    positions.length !== shards.length ||
    !positions.every(Number.isSafeInteger)
  )
    throw new KvorumError("bad-request", `"${revision}" is no revision of this keyspace.`);
  return positions;
}
