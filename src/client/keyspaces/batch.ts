/** What goes into an atomic batch, and what comes out of it. */
import { KvorumError } from "../../core/errors.ts";
import { Failure, type Reply } from "../../core/reply.ts";
import type { WatchedKey } from "../../data/contract.ts";
import type { Caller } from "../calls/caller.ts";
import type { Operation } from "../calls/operation.ts";
import type { WriteOptions } from "../calls/options.ts";
import { numberOf } from "../calls/replies.ts";
import { BatchError } from "../errors.ts";
import { refusalError } from "../machine/outcome.ts";
import type { Names } from "./names.ts";

export interface BatchOptions {
  /**
   * Keys and the versions that they must still have; null: the key must be absent. That a key is absent may rarely be denied
   * though it is true, when others have just been deleted: then ask again.
   */
  readonly ifVersions: Readonly<Record<string, number | null>>;
}

/** The result of each operation, in order. */
export type BatchResults<Batch extends readonly Operation<unknown>[]> = {
  -readonly [I in keyof Batch]: Batch[I] extends Operation<infer R> ? R : never;
};

/** Throws `BatchError` where some were refused, and the first error where all were. */
export function batchResults<const Batch extends readonly Operation<unknown>[]>(
  operations: Batch,
  replies: readonly Reply[],
): BatchResults<Batch> {
  const results = operations.map(({ decode }, i) => {
    const reply = replies[i]!;
    if (reply instanceof Failure) return refusalError(reply);
    try {
      return decode(reply);
    } catch (error) {
      // Its own failure must not hide that the others were done.
      if (error instanceof KvorumError) return error;
      throw error;
    }
  });
  const errors = results.filter((result) => result instanceof KvorumError);
  if (errors.length > 0) throw errors.length === results.length ? errors[0] : new BatchError(results);
  return results as BatchResults<Batch>;
}

/** A key that has to be absent is watched under the version that its absence has now. Null: it is there. */
export async function watchedBy(
  caller: Caller,
  names: Names,
  versions: BatchOptions["ifVersions"] = {},
  { timeout, signal, idempotencyKey }: WriteOptions,
): Promise<readonly WatchedKey[] | null> {
  const options = {
    ...(timeout === undefined ? {} : { timeout }),
    ...(signal === undefined ? {} : { signal }),
  };
  if (idempotencyKey !== undefined && Object.values(versions).includes(null)) {
    // What was done for the key before would be taken for somebody else's doing.
    throw new KvorumError(
      "contradiction",
      "A batch with an idempotency key cannot ask for a key to be absent.",
    );
  }
  const watched = await Promise.all(
    Object.entries(versions).map(async ([name, version]) => {
      const key = names.inside(name);
      if (version !== null) return { key, version };
      const target = { kind: "keys", keyspace: names.keyspace, keys: [key] } as const;
      const reply = await caller.read(
        target,
        { kind: "command", name: ".version", args: [key] },
        { ...options, consistency: "linearizable" },
      );
      return { key, version: numberOf(reply) };
    }),
  );
  // Versions are even while a key is there.
  return watched.some(({ version }, i) => isPresent(version) && Object.values(versions)[i] === null)
    ? null
    : watched;
}

/** Of what `.version` answers. */
const isPresent = (version: number): boolean => version % 2 === 0;
