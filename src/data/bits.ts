/** Strings as arrays of bits; bit 0 is the highest of the first byte. */
import type { RecordReader, RecordWriter } from "../core/records.ts";
import { Failure, type Reply } from "../core/reply.ts";
import { failureOrNull, integerArg, keyArg, offsetArg, optionName } from "./arguments.ts";
import type { Args, CommandSpec } from "./contract.ts";
import { firstKey, readCommand, writeCommand } from "./define.ts";
import { SYNTAX_ERROR, WRONG_TYPE } from "./failures.ts";
import { bodyOffset, stringValue } from "./header.ts";
import { EMPTY, findKey, findKeyToWrite, isString, storeKey } from "./keys.ts";
import type { ShardContext } from "./shard-state.ts";
import { fromBack, resolveSpan, stretchedString } from "./string-parts.ts";

const BAD_OFFSET = new Failure("ERR bit offset is not an integer or out of range");
const BAD_BIT = new Failure("ERR bit is not an integer or out of range");
const NOT_A_BIT = new Failure("ERR The bit argument must be 1 or 0.");

function parseOffset(arg: Uint8Array): number | Failure {
  const offset = offsetArg(arg);
  return offset instanceof Failure || offset < 0 ? BAD_OFFSET : offset;
}

/** Whether the offset is too large depends on the keyspace's limit, and Redis looks at that before it reads the bit. */
function validateOffset(args: Args): Failure | null {
  return failureOrNull(parseOffset(args[1]!));
}

function setbit(records: RecordWriter, args: Args, context: ShardContext): Reply {
  const offset = parseOffset(args[1]!);
  if (offset instanceof Failure) return offset;
  const byte = Math.floor(offset / 8);
  if (byte >= context.maxValueBytes) return BAD_OFFSET;
  const bit = offsetArg(args[2]!);
  if (bit !== 0 && bit !== 1) return BAD_BIT;
  const key = keyArg(args, 0);
  const old = findKeyToWrite(records, context, key);
  if (old !== undefined && !isString(old)) return WRONG_TYPE;

  const value = old === undefined ? EMPTY : stringValue(old);
  const mask = 0x80 >> (offset % 8);
  const previous = ((value[byte] ?? 0) & mask) === 0 ? 0 : 1;
  if (previous === bit && byte < value.length) return previous;
  const header = stretchedString(old, byte + 1, context);
  const at = bodyOffset(header) + byte;
  header[at] = bit === 1 ? header[at]! | mask : header[at]! & ~mask;
  storeKey(records, context, key, old, header);
  return previous;
}

function getbit(records: RecordReader, args: Args, context: ShardContext): Reply {
  const offset = parseOffset(args[1]!);
  if (offset instanceof Failure) return offset;
  const byte = Math.floor(offset / 8);
  if (byte >= context.maxValueBytes) return BAD_OFFSET;
  const header = findKey(records, context, keyArg(args, 0));
  if (header === undefined) return 0;
  if (!isString(header)) return WRONG_TYPE;
  const value = header[bodyOffset(header) + byte] ?? 0;
  return (value & (0x80 >> (offset % 8))) === 0 ? 0 : 1;
}

/** Redis looks at the key before it reads the rest, so none of this is in a `validate`. */
function bitcount(records: RecordReader, args: Args, context: ShardContext): Reply {
  const header = findKey(records, context, keyArg(args, 0));
  if (header === undefined) return 0;
  if (!isString(header)) return WRONG_TYPE;
  const value = stringValue(header);
  if (args.length === 1) return countBits(value);
  if (args.length !== 3 && args.length !== 4) return SYNTAX_ERROR;
  const start = integerArg(args[1]!);
  if (start instanceof Failure) return start;
  const end = integerArg(args[2]!);
  if (end instanceof Failure) return end;
  if (start < 0 && end < 0 && start > end) return 0;
  const unit = args.length === 4 ? optionName(args[3]!) : "byte";
  if (unit !== "bit" && unit !== "byte") return SYNTAX_ERROR;
  const span = resolveSpan({ start, end }, unit === "bit" ? value.length * 8 : value.length);
  if (span === null) return 0;
  return unit === "bit"
    ? countBitSpan(value, span.start, span.end)
    : countBits(value.subarray(span.start, span.end + 1));
}

function countBitSpan(value: Uint8Array, start: number, end: number): number {
  const first = start >>> 3;
  const last = end >>> 3;
  const outsideFirst = value[first]! & ~(0xff >> (start & 7));
  const outsideLast = value[last]! & (0x7f >> (end & 7));
  return countBits(value.subarray(first, last + 1)) - bitsOf(outsideFirst) - bitsOf(outsideLast);
}

function countBits(bytes: Uint8Array): number {
  let count = 0;
  for (let i = 0; i < bytes.length; i++) count += bitsOf(bytes[i]!);
  return count;
}

function bitsOf(byte: number): number {
  const pairs = byte - ((byte >> 1) & 0x55);
  const nibbles = (pairs & 0x33) + ((pairs >> 2) & 0x33);
  return (nibbles + (nibbles >> 4)) & 0x0f;
}

function parseBitposBit(arg: Uint8Array): number | Failure {
  const bit = offsetArg(arg);
  if (bit instanceof Failure || bit === 0 || bit === 1) return bit;
  return NOT_A_BIT;
}

function bitpos(records: RecordReader, args: Args, context: ShardContext): Reply {
  const bit = parseBitposBit(args[1]!);
  if (bit instanceof Failure) return bit;
  const header = findKey(records, context, keyArg(args, 0));
  if (header === undefined) return bit === 1 ? -1 : 0;
  if (!isString(header)) return WRONG_TYPE;
  const value = stringValue(header);
  if (args.length > 5) return SYNTAX_ERROR;
  const start = args.length > 2 ? offsetArg(args[2]!) : 0;
  if (start instanceof Failure) return start;
  const unit = args.length > 4 ? optionName(args[4]!) : "byte";
  if (unit !== "bit" && unit !== "byte") return SYNTAX_ERROR;
  const total = unit === "bit" ? value.length * 8 : value.length;
  const end = args.length > 3 ? offsetArg(args[3]!) : total - 1;
  if (end instanceof Failure) return end;

  const from = fromBack(start, total);
  const to = Math.min(fromBack(end, total), total - 1);
  if (from > to) return -1;
  const firstBit = unit === "bit" ? from : from * 8;
  const lastBit = unit === "bit" ? to : to * 8 + 7;
  const found = findBit(value, bit, firstBit, lastBit);
  // Without an explicit end the string counts as followed by zeros.
  return found === -1 && bit === 0 && args.length < 4 ? value.length * 8 : found;
}

function findBit(value: Uint8Array, bit: number, firstBit: number, lastBit: number): number {
  const uninteresting = bit === 1 ? 0 : 0xff;
  for (let at = firstBit; at <= lastBit;) {
    const byte = value[Math.floor(at / 8)]!;
    if (byte === uninteresting) {
      at = (Math.floor(at / 8) + 1) * 8;
      continue;
    }
    if (((byte >> (7 - (at % 8))) & 1) === bit) return at;
    at++;
  }
  return -1;
}

export const bitCommands: readonly CommandSpec[] = [
  writeCommand({
    name: "setbit",
    arity: 4,
    keys: firstKey,
    validate: validateOffset,
    run: setbit,
  }),
  readCommand({
    name: "getbit",
    arity: 3,
    keys: firstKey,
    validate: validateOffset,
    run: getbit,
  }),
  readCommand({ name: "bitcount", arity: -2, keys: firstKey, run: bitcount }),
  readCommand({
    name: "bitpos",
    arity: -3,
    keys: firstKey,
    validate: (args) => failureOrNull(parseBitposBit(args[1]!)),
    run: bitpos,
  }),
];
