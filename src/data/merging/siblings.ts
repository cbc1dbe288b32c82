/**
 * Concurrent writes seen and resolved by the application, in keyspaces made with `conflicts: siblings`. The token says what its reader
 * saw: a write with it replaces that, and stands beside whatever came since.
 *
 * Of what the reader saw elsewhere only that is replaced which has arrived here; the rest shows up as siblings once it comes. A token that
 * could hide events to come would let a client make writes of others disappear.
 */
import { Failure, OK, type Reply } from "../../core/reply.ts";
import { keyArg } from "../arguments.ts";
import type { Args } from "../contract.ts";
import { SYNTAX_ERROR, VALUE_TOO_LARGE } from "../failures.ts";
import { causalContexts, compareStamps, contextOf, knows, toBytes } from "../lattices/index.ts";
import { parseToken } from "../siblings.ts";
import { FIELD, STRING } from "./address.ts";
import { type Cell, cells, resolving, textOf } from "./cells.ts";
import type { Look, MergingCommand, Writing } from "./look.ts";

const LATEST_ONLY = new Failure(
  "ERR this keyspace shows the latest of concurrent writes; create it with conflicts: siblings to see all",
  "contradiction",
);

interface Place {
  readonly kind: typeof STRING | typeof FIELD;
  readonly part: string;
}

/** A field as the last argument, or the string itself. */
function placeOf(args: Args, at: number): Place | Failure {
  if (args.length > at + 1) return SYNTAX_ERROR;
  return args.length === at ? { kind: STRING, part: "" } : { kind: FIELD, part: keyArg(args, at) };
}

function siblings(look: Look, args: Args): Reply {
  if (look.conflicts !== "siblings") return LATEST_ONLY;
  const place = placeOf(args, 1);
  if (place instanceof Failure) return place;
  const key = keyArg(args, 0);
  const cell = look.cell(key, place.kind, place.part) ?? cells.empty;
  if (cells.isEmpty(cell) && place.kind === STRING) {
    const other = look.string(key);
    if (other instanceof Failure) return other;
  }
  const token = toBytes(causalContexts, contextOf(cells.dots(cell)));
  return [token, valuesOf(cell)];
}

/** The latest first; each as GET would show it if it were alone. */
function valuesOf({ writes, counts }: Cell): Reply[] {
  if (writes.length === 0) return counts.length === 0 ? [] : [textOf({ writes, counts }) ?? null];
  return writes
    .toSorted((a, b) => compareStamps(b.value.stamp, a.value.stamp))
    .map((write) => textOf({ writes: [write], counts }) ?? null);
}

function resolve(work: Writing, args: Args): Reply {
  if (work.conflicts !== "siblings") return LATEST_ONLY;
  const place = placeOf(args, 3);
  if (place instanceof Failure) return place;
  const seen = parseToken(args[1]!);
  if (seen instanceof Failure) return seen;
  const value = args[2]!;
  if (Math.max(value.length, place.part.length) > work.maxValueBytes) return VALUE_TOO_LARGE;
  const key = keyArg(args, 0);
  const other = place.kind === STRING ? work.string(key) : work.size(key, FIELD);
  if (other instanceof Failure) return other;
  work.changeCell(
    key,
    place.kind,
    place.part,
    resolving(value, work.stamp(), (dot) => knows(seen, dot)),
  );
  return OK;
}

export const siblingCommands: Readonly<Record<string, MergingCommand>> = {
  ".siblings": { access: "read", run: siblings },
  ".resolve": { access: "write", run: resolve },
};
