/** Hashes: every field is an item of its own, a register and a counter. */
import { binaryBytes, binaryString } from "../../core/bytes.ts";
import { Failure, MapReply, OK, type Reply } from "../../core/reply.ts";
import { integerArg, keyArg } from "../arguments.ts";
import type { Args } from "../contract.ts";
import { VALUE_TOO_LARGE, WOULD_OVERFLOW, wrongArity } from "../failures.ts";
import { fromBytes } from "../lattices/index.ts";
import { fitting } from "../numbers.ts";
import { FIELD, splitAddress } from "./address.ts";
import { adding, cells, numberOf, textOf, writing } from "./cells.ts";
import type { Entries, Look, MergingCommand, Writing } from "./look.ts";

const NOT_AN_INTEGER_FIELD = new Failure("ERR hash value is not an integer");

type Entry = Entries[number];

export const fieldOf = ({ id }: Entry): Uint8Array => binaryBytes(splitAddress(id).part);
export const valueOf = ({ value }: Entry): Uint8Array | null => textOf(fromBytes(cells, value)) ?? null;

function field(look: Look, key: string, name: string): Uint8Array | null {
  const cell = look.cell(key, FIELD, name);
  return cell === undefined ? null : (textOf(cell) ?? null);
}

/** How many fields are new, or why nothing was stored. */
function setFields(work: Writing, args: Args, name: string): number | Failure {
  if (args.length % 2 === 0) return wrongArity(name);
  const key = keyArg(args, 0);
  const size = work.size(key, FIELD);
  if (size instanceof Failure) return size;
  for (const arg of args) if (arg.length > work.maxValueBytes) return VALUE_TOO_LARGE;
  let added = 0;
  for (let i = 1; i < args.length; i += 2) {
    const part = keyArg(args, i);
    if (work.cell(key, FIELD, part) === undefined) added++;
    work.changeCell(key, FIELD, part, writing(args[i + 1]!, 0, work.stamp()));
  }
  return added;
}

function hdel(work: Writing, args: Args): Reply {
  const key = keyArg(args, 0);
  const size = work.size(key, FIELD);
  if (size instanceof Failure) return size;
  let removed = 0;
  for (const arg of args.slice(1)) {
    const part = binaryString(arg);
    if (work.cell(key, FIELD, part) === undefined) continue;
    work.remove(key, FIELD, part);
    removed++;
  }
  return removed;
}

function hincrby(work: Writing, args: Args): Reply {
  const by = integerArg(args[2]!);
  if (by instanceof Failure) return by;
  const key = keyArg(args, 0);
  const size = work.size(key, FIELD);
  if (size instanceof Failure) return size;
  const part = keyArg(args, 1);
  if (part.length > work.maxValueBytes) return VALUE_TOO_LARGE;
  const cell = work.cell(key, FIELD, part);
  const value = cell === undefined ? 0n : numberOf(cell);
  if (value === undefined) return NOT_AN_INTEGER_FIELD;
  const sum = fitting(value + BigInt(by));
  if (sum === undefined) return WOULD_OVERFLOW;
  work.changeCell(key, FIELD, part, adding(BigInt(by)));
  return sum;
}

/** A read of fields by their names. */
function reading(reply: (look: Look, key: string, args: Args) => Reply): MergingCommand {
  return {
    access: "read",
    run(look, args) {
      const key = keyArg(args, 0);
      const size = look.size(key, FIELD);
      return size instanceof Failure ? size : reply(look, key, args);
    },
  };
}

/** A read of all fields, in byte order. */
function readingAll(reply: (entries: Entries) => Reply): MergingCommand {
  return {
    access: "read",
    ranges: (look, args) => look.whole(keyArg(args, 0), FIELD),
    run(look, args) {
      const entries = look.wholeEntries(keyArg(args, 0), FIELD);
      return entries instanceof Failure ? entries : reply(entries);
    },
  };
}

export const hashCommands: Readonly<Record<string, MergingCommand>> = {
  hset: { access: "write", run: (work, args) => setFields(work, args, "hset") },
  hmset: {
    access: "write",
    run(work, args) {
      const added = setFields(work, args, "hmset");
      return added instanceof Failure ? added : OK;
    },
  },
  hdel: { access: "write", run: hdel },
  hincrby: { access: "write", run: hincrby },
  hget: reading((look, key, args) => field(look, key, keyArg(args, 1))),
  hmget: reading((look, key, args) => args.slice(1).map((arg) => field(look, key, binaryString(arg)))),
  hexists: reading((look, key, args) => (field(look, key, keyArg(args, 1)) === null ? 0 : 1)),
  hstrlen: reading((look, key, args) => field(look, key, keyArg(args, 1))?.length ?? 0),
  hlen: {
    access: "read",
    run(look, args) {
      look.traceKey(keyArg(args, 0));
      return look.size(keyArg(args, 0), FIELD);
    },
  },
  hgetall: readingAll(
    (entries) => new MapReply(entries.map((entry) => [fieldOf(entry), valueOf(entry)] as const)),
  ),
  hkeys: readingAll((entries) => entries.map(fieldOf)),
  hvals: readingAll((entries) => entries.map(valueOf)),
};
