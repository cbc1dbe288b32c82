/** Strings: registers, and counters added to them. */
import { binaryString } from "../../core/bytes.ts";
import type { RangeRequest } from "../../core/records.ts";
import { Failure, OK, type Reply } from "../../core/reply.ts";
import { integerArg, keyArg } from "../arguments.ts";
import type { Args } from "../contract.ts";
import { parseDecrement } from "../counters.ts";
import { EXPIRY_UNITS, type ExpiryUnit, positiveExpireMoment } from "../expiry-time.ts";
import { NOT_AN_INTEGER, VALUE_TOO_LARGE, WOULD_OVERFLOW, wrongArity } from "../failures.ts";
import { fitting } from "../numbers.ts";
import { parseStringOptions } from "../string-options.ts";
import { parseSpan, partOf } from "../string-parts.ts";
import { kindOf, STRING } from "./address.ts";
import { adding, expiryOf, numberOf, textOf, writing } from "./cells.ts";
import type { Look, MergingCommand, Writing } from "./look.ts";

function get(look: Look, key: string): Uint8Array | null | Failure {
  const cell = look.string(key);
  if (cell instanceof Failure) return cell;
  return cell === undefined ? null : (textOf(cell) ?? null);
}

function store(work: Writing, key: string, value: Uint8Array, expiry: number): void {
  if (expiry !== 0 && expiry <= work.now) work.remove(key, STRING);
  else work.changeCell(key, STRING, "", writing(value, expiry, work.stamp()));
}

const NO_RANGES: readonly RangeRequest[] = [];

/** SET replaces whatever the key holds, and so its other kinds too. */
function otherKinds(look: Look, keys: readonly string[]): readonly RangeRequest[] | Failure {
  if (!keys.some((key) => look.hasElements(key))) return NO_RANGES;
  return look.allOf(keys.filter((key) => look.hasElements(key)));
}

function rangesOfSet(look: Look, keys: readonly string[]): readonly RangeRequest[] {
  const others = otherKinds(look, keys);
  return others instanceof Failure ? [] : others;
}

function removeOthers(work: Writing): void {
  for (const { entries } of work.loaded)
    for (const { id } of entries) if (kindOf(id) !== STRING) work.removeAt(id);
}

function set(work: Writing, args: Args): Reply {
  const value = args[1]!;
  if (value.length > work.maxValueBytes) return VALUE_TOO_LARGE;
  const key = keyArg(args, 0);
  const options = parseStringOptions(args, 2, "set");
  if (options instanceof Failure) return options;
  const { expiry } = options;
  let moment: number | Failure = 0;
  if (expiry === "keep") moment = expiryOf(work.cell(key, STRING) ?? NO_CELL);
  else if (typeof expiry === "object" && expiry !== null)
    moment = positiveExpireMoment(expiry.arg, expiry.unit, work.now, "set");
  if (moment instanceof Failure) return moment;
  const others = otherKinds(work, [key]);
  if (others instanceof Failure) return others;
  removeOthers(work);
  store(work, key, value, moment);
  return OK;
}

/** SETEX and PSETEX: key, duration, value. */
function setExpiring(name: "setex" | "psetex", unit: ExpiryUnit): MergingCommand {
  return {
    access: "write",
    ranges: (look, args) => rangesOfSet(look, [keyArg(args, 0)]),
    run(work, args) {
      const moment = positiveExpireMoment(args[1]!, unit, work.now, name);
      if (moment instanceof Failure) return moment;
      if (args[2]!.length > work.maxValueBytes) return VALUE_TOO_LARGE;
      const others = otherKinds(work, [keyArg(args, 0)]);
      if (others instanceof Failure) return others;
      removeOthers(work);
      store(work, keyArg(args, 0), args[2]!, moment);
      return OK;
    },
  };
}

const NO_CELL = { writes: [], counts: [] };

const everyOther = (args: Args): string[] => args.filter((_, i) => i % 2 === 0).map(binaryString);

function mset(work: Writing, args: Args): Reply {
  if (args.length % 2 !== 0) return wrongArity("mset");
  for (let i = 1; i < args.length; i += 2) if (args[i]!.length > work.maxValueBytes) return VALUE_TOO_LARGE;
  const others = otherKinds(work, everyOther(args));
  if (others instanceof Failure) return others;
  removeOthers(work);
  for (let i = 0; i < args.length; i += 2) store(work, keyArg(args, i), args[i + 1]!, 0);
  return OK;
}

function add(work: Writing, key: string, by: bigint): Reply {
  const cell = work.string(key);
  if (cell instanceof Failure) return cell;
  const value = cell === undefined ? 0n : numberOf(cell);
  if (value === undefined) return NOT_AN_INTEGER;
  const sum = fitting(value + by);
  if (sum === undefined) return WOULD_OVERFLOW;
  // What is due is gone for this replica: it may not be added to.
  if (cell === undefined) work.remove(key, STRING);
  work.changeCell(key, STRING, "", adding(by));
  return sum;
}

function incrby(work: Writing, args: Args): Reply {
  const by = integerArg(args[1]!);
  return by instanceof Failure ? by : add(work, keyArg(args, 0), BigInt(by));
}

function decrby(work: Writing, args: Args): Reply {
  const by = parseDecrement(args[1]!);
  return by instanceof Failure ? by : add(work, keyArg(args, 0), -BigInt(by));
}

const getrange: MergingCommand = {
  access: "read",
  run(look, args) {
    const span = parseSpan(args);
    if (span instanceof Failure) return span;
    const value = get(look, keyArg(args, 0));
    return value instanceof Failure ? value : partOf(value ?? NOTHING, span);
  },
};

const NOTHING = new Uint8Array(0);

export const stringCommands: Readonly<Record<string, MergingCommand>> = {
  get: { access: "read", run: (look, args) => get(look, keyArg(args, 0)) },
  strlen: {
    access: "read",
    run(look, args) {
      const value = get(look, keyArg(args, 0));
      return value instanceof Uint8Array ? value.length : (value ?? 0);
    },
  },
  getrange,
  substr: getrange,
  mget: {
    access: "read",
    run: (look, args) =>
      args.map((arg) => {
        const value = get(look, binaryString(arg));
        return value instanceof Failure ? null : value;
      }),
  },
  set: { access: "write", ranges: (look, args) => rangesOfSet(look, [keyArg(args, 0)]), run: set },
  setex: setExpiring("setex", EXPIRY_UNITS.ex),
  psetex: setExpiring("psetex", EXPIRY_UNITS.px),
  mset: { access: "write", ranges: (look, args) => rangesOfSet(look, everyOther(args)), run: mset },
  incr: { access: "write", run: (work, args) => add(work, keyArg(args, 0), 1n) },
  decr: { access: "write", run: (work, args) => add(work, keyArg(args, 0), -1n) },
  incrby: { access: "write", run: incrby },
  decrby: { access: "write", run: decrby },
};
