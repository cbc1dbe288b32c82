/** Why some commands cannot merge, and what to do instead. */
import { Failure } from "../../core/reply.ts";
import type { Args } from "../contract.ts";
import { parseStringOptions } from "../string-options.ts";

const ELSEWHERE = "use a raft keyspace";
const FIRST = `it needs an order: two sides of a partition would both win; ${ELSEWHERE}`;
const PREVIOUS = `its answer is what it replaced, and two sides may replace the same; GET first, or ${ELSEWHERE}`;
const TAKES = `two sides of a partition would both take the same element; ${ELSEWHERE}, or SRANDMEMBER and then SREM`;
const WHOLE = `it changes a part of a value that others may replace as a whole; SET the new value, or ${ELSEWHERE}`;
const MOVES = `what it reads and what it writes may differ on the other side; read, then write the result, or ${ELSEWHERE}`;
const SESSIONS = `sessions need an order of their requests; ${ELSEWHERE}`;

const REASONS: Readonly<Record<string, string>> = {
  setnx: FIRST,
  hsetnx: FIRST,
  msetnx: FIRST,
  renamenx: FIRST,
  getset: PREVIOUS,
  getdel: PREVIOUS,
  getex: `it writes while it reads; use GET and EXPIRE, or ${ELSEWHERE}`,
  spop: TAKES,
  append: WHOLE,
  setrange: WHOLE,
  setbit: WHOLE,
  incrbyfloat: `floating-point sums depend on their order; count in a smaller unit with INCRBY, or ${ELSEWHERE}`,
  hincrbyfloat: `floating-point sums depend on their order; count in a smaller unit with HINCRBY, or ${ELSEWHERE}`,
  smove: MOVES,
  rename: MOVES,
  copy: MOVES,
  sinterstore: MOVES,
  sunionstore: MOVES,
  sdiffstore: MOVES,
  ".session-open": SESSIONS,
  ".session-close": SESSIONS,
  ".version": `WATCH needs one order of all changes; ${ELSEWHERE}`,
  ".changes": `watching needs one order of all changes; ${ELSEWHERE}`,
};

export function whyNot(name: string): string {
  return REASONS[name] ?? `merging keyspaces do not have it; ${ELSEWHERE}`;
}

/** Null, or why a command that merges cannot with these arguments. */
export function refusedArguments(name: string, args: Args): string | null {
  if (name !== "set" || args.length === 2) return null;
  const options = parseStringOptions(args, 2, "set");
  if (options instanceof Failure) return null;
  if (options.condition !== null) return FIRST;
  return options.get ? PREVIOUS : null;
}
