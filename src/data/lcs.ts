/** LCS: the longest common subsequence of two strings, by the usual dynamic programming over a table of lengths. */
import { binaryString } from "../core/bytes.ts";
import type { RecordReader } from "../core/records.ts";
import { Failure, MapReply, type Reply } from "../core/reply.ts";
import { integerArg, optionName } from "./arguments.ts";
import type { Args, CommandSpec } from "./contract.ts";
import { firstTwoKeys, readCommand } from "./define.ts";
import { SYNTAX_ERROR } from "./failures.ts";
import { stringValue } from "./header.ts";
import { EMPTY, findKey, isString } from "./keys.ts";
import { clampToSafe } from "./numbers.ts";
import type { ShardContext } from "./shard-state.ts";

/** Cells of the table: the work that one call may cost. */
const MOST_CELLS = 16_000_000;

const NOT_STRINGS = new Failure("ERR The specified keys must contain string values");
const BOTH_FORMS = new Failure("ERR If you want both the length and indexes, please just use IDX.");
const TOO_MUCH_WORK = new Failure(
  "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
);

interface Options {
  length: boolean;
  indexes: boolean;
  shortest: number;
  matchLengths: boolean;
}

function parseOptions(args: Args): Options | Failure {
  const options: Options = { length: false, indexes: false, shortest: 0, matchLengths: false };
  for (let i = 2; i < args.length; i++) {
    const name = optionName(args[i]!);
    const next = args[i + 1];
    if (name === "idx") options.indexes = true;
    else if (name === "len") options.length = true;
    else if (name === "withmatchlen") options.matchLengths = true;
    else if (name === "minmatchlen" && next !== undefined) {
      const shortest = integerArg(next);
      if (shortest instanceof Failure) return shortest;
      options.shortest = Math.max(clampToSafe(shortest), 0);
      i++;
    } else return SYNTAX_ERROR;
  }
  return options.length && options.indexes ? BOTH_FORMS : options;
}

function operand(records: RecordReader, context: ShardContext, key: Uint8Array): Uint8Array | Failure {
  const header = findKey(records, context, binaryString(key));
  if (header === undefined) return EMPTY;
  return isString(header) ? stringValue(header) : NOT_STRINGS;
}

function lcs(records: RecordReader, args: Args, context: ShardContext): Reply {
  const a = operand(records, context, args[0]!);
  if (a instanceof Failure) return a;
  const b = operand(records, context, args[1]!);
  if (b instanceof Failure) return b;
  const options = parseOptions(args);
  if (options instanceof Failure) return options;
  if ((a.length + 1) * (b.length + 1) > MOST_CELLS) return TOO_MUCH_WORK;

  const lengths = lengthTable(a, b);
  const total = lengths.at(-1)!;
  if (options.length) return total;
  const { common, matches } = traceBack(a, b, lengths, total);
  if (!options.indexes) return common;
  const shown = matches
    .filter(({ length }) => length >= options.shortest)
    .map((match) => matchReply(match, options));
  return new MapReply([
    [MATCHES, shown],
    [LENGTH, total],
  ]);
}

const MATCHES = Uint8Array.from("matches", (char) => char.charCodeAt(0));
const LENGTH = Uint8Array.from("len", (char) => char.charCodeAt(0));

/** Row i, column j: the length for the first i bytes of `a` and the first j of `b`. */
function lengthTable(a: Uint8Array, b: Uint8Array): Uint32Array {
  const width = b.length + 1;
  const table = new Uint32Array((a.length + 1) * width);
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const at = i * width + j;
      table[at] =
        a[i - 1] === b[j - 1] ? table[at - width - 1]! + 1 : Math.max(table[at - width]!, table[at - 1]!);
    }
  }
  return table;
}

/** Both strings agree on `length` bytes that end at `aEnd` and `bEnd` (inclusive). */
interface Match {
  aEnd: number;
  bEnd: number;
  length: number;
}

/** From the end to the start, so that matches come last first, as Redis answers them. */
function traceBack(
  a: Uint8Array,
  b: Uint8Array,
  lengths: Uint32Array,
  total: number,
): { readonly common: Uint8Array; readonly matches: readonly Match[] } {
  const width = b.length + 1;
  const common = new Uint8Array(total);
  const matches: Match[] = [];
  let left = total;
  let i = a.length;
  let j = b.length;
  while (i > 0 && j > 0) {
    if (a[i - 1] === b[j - 1]) {
      common[--left] = a[i - 1]!;
      const last = matches.at(-1);
      if (last !== undefined && last.aEnd - last.length === i - 1 && last.bEnd - last.length === j - 1)
        last.length++;
      else matches.push({ aEnd: i - 1, bEnd: j - 1, length: 1 });
      i--;
      j--;
    } else if (lengths[(i - 1) * width + j]! > lengths[i * width + j - 1]!) {
      i--;
    } else {
      j--;
    }
  }
  return { common, matches };
}

function matchReply({ aEnd, bEnd, length }: Match, options: Options): Reply {
  const spans = [
    [aEnd - length + 1, aEnd],
    [bEnd - length + 1, bEnd],
  ];
  return options.matchLengths ? [...spans, length] : spans;
}

export const lcsCommands: readonly CommandSpec[] = [
  readCommand({ name: "lcs", arity: -3, keys: firstTwoKeys, run: lcs }),
];
