/**
 * `.siblings` and `.resolve`: concurrent values of merging keyspaces, and their resolution (merging/siblings.ts). An ordered
 * keyspace has none, and says so.
 */
import { CodecError } from "../core/bytes.ts";
import { Failure } from "../core/reply.ts";
import type { CommandSpec } from "./contract.ts";
import { firstKey, readCommand, writeCommand } from "./define.ts";
import { type CausalContext, causalContexts, fromBytes } from "./lattices/index.ts";

const NO_SIBLINGS = new Failure(
  "ERR an ordered keyspace has no concurrent values; use GET and SET",
  "contradiction",
);
const BAD_TOKEN = new Failure("ERR the token is not one that reading the siblings gave");

/** What the reader of the siblings had seen. */
export function parseToken(arg: Uint8Array): CausalContext | Failure {
  try {
    return fromBytes(causalContexts, arg);
  } catch (error) {
    if (error instanceof CodecError) return BAD_TOKEN;
    throw error;
  }
}

export const siblingCommands: readonly CommandSpec[] = [
  /** `.siblings key [field]`: [token, values, the one that a plain read shows first]. */
  readCommand({ name: ".siblings", arity: -2, keys: firstKey, run: () => NO_SIBLINGS }),
  /** `.resolve key token value [field]`: writes the value in the place of what the token's reader had seen. */
  writeCommand({
    name: ".resolve",
    arity: -4,
    keys: firstKey,
    run: () => NO_SIBLINGS,
  }),
];
