/** Errors that say something about the world which is not so. For histories whose one keyspace is there all the time. */
import { describeOperation } from "../history/describe.ts";
import type { Operation } from "../history/event.ts";
import { ACCEPTED, refused, type Verdict } from "./verdict.ts";

const FALSE: ReadonlySet<string> = new Set(["unknown-keyspace", "wrong-shard"]);

/** No client is told that the keyspace does not exist, or that its keys lie elsewhere. */
export function checkNoFalseErrors(operations: readonly Operation[]): Verdict {
  const told = operations.find(({ error }) => error !== undefined && FALSE.has(error));
  if (told === undefined) return ACCEPTED;
  return refused(`a client was told ${told.error}, which was not so`, [describeOperation(told)], [told]);
}
