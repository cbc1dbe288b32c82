/**
 * OBJECT. The encodings are those Redis would most likely use: nothing here is encoded that way, but clients and people
 * look at them.
 */
import { binaryBytes, binaryString } from "../core/bytes.ts";
import type { RangeRequest, RecordReader } from "../core/records.ts";
import { Failure, Status, type Reply } from "../core/reply.ts";
import { optionName } from "./arguments.ts";
import type { Args, CommandSpec } from "./contract.ts";
import { readCommand, secondKey } from "./define.ts";
import { NOTHING_TO_LOAD, wholeCollection } from "./elements.ts";
import { quoted, wrongArity } from "./failures.ts";
import { elementCount, HASH, headerType, isCollection, stringValue, type Header } from "./header.ts";
import { findKey } from "./keys.ts";
import { parseInteger } from "./numbers.ts";
import type { ShardContext } from "./shard-state.ts";

/** Redis 7.0's defaults for hash-max-listpack-entries and set-max-intset-entries. */
const SMALL_COLLECTION = 512;
/** hash-max-listpack-value. */
const SMALL_ELEMENT = 64;
const SHORT_STRING = 44;

const NO_FREQUENCY = new Failure(
  "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between " +
    "policies at runtime LRU and LFU data will take some time to adjust.",
);

const HELP = [
  "OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
  "ENCODING <key>",
  "    Return the kind of internal representation used in order to store the value",
  "    associated with a <key>.",
  "FREQ <key>",
  "    Return the access frequency index of the <key>. The returned integer is",
  "    proportional to the logarithm of the recent access frequency.",
  "IDLETIME <key>",
  "    Return the idle time of the <key>, that is the approximated number of",
  "    seconds elapsed since the last access to the key.",
  "REFCOUNT <key>",
  "    Return the number of references of the value associated with the specified",
  "    <key>.",
  "HELP",
  "    Print this help.",
].map((line) => new Status(line));

const SUBCOMMANDS: Readonly<Record<string, (header: Header, context: ShardContext) => Reply>> = {
  encoding: (header, context) => binaryBytes(encodingOf(header, context)),
  freq: () => NO_FREQUENCY,
  idletime: () => 0,
  refcount: () => 1,
};

function validate(args: Args): Failure | null {
  const name = optionName(args[0]!);
  const arity = name === "help" ? 1 : 2;
  if (name !== "help" && !Object.hasOwn(SUBCOMMANDS, name)) {
    return new Failure(
      `ERR unknown subcommand '${quoted(binaryString(args[0]!.subarray(0, 128)))}'. Try OBJECT HELP.`,
    );
  }
  return args.length === arity ? null : wrongArity(`object|${name}`);
}

function run(records: RecordReader, args: Args, context: ShardContext): Reply {
  const refused = validate(args);
  if (refused !== null) return refused;
  const name = optionName(args[0]!);
  if (name === "help") return HELP;
  const header = findKey(records, context, binaryString(args[1]!));
  return header === undefined ? null : SUBCOMMANDS[name]!(header, context);
}

function ranges(records: RecordReader, args: Args, context: ShardContext): readonly RangeRequest[] {
  if (optionName(args[0]!) !== "encoding" || args.length !== 2) return NOTHING_TO_LOAD;
  const header = findKey(records, context, binaryString(args[1]!));
  if (header === undefined || !isCollection(header) || elementCount(header) > SMALL_COLLECTION)
    return NOTHING_TO_LOAD;
  return [wholeCollection(header)];
}

function encodingOf(header: Header, context: ShardContext): string {
  if (!isCollection(header)) return stringEncoding(stringValue(header));
  if (elementCount(header) > SMALL_COLLECTION) return "hashtable";
  const entries = context.loaded[0]?.entries ?? [];
  if (headerType(header) === HASH) {
    const small = entries.every(
      ({ id, value }) => id.length <= SMALL_ELEMENT && value.length <= SMALL_ELEMENT,
    );
    return small ? "listpack" : "hashtable";
  }
  return entries.every(({ id }) => isInteger(id)) ? "intset" : "hashtable";
}

function stringEncoding(value: Uint8Array): string {
  if (parseInteger(value) !== undefined) return "int";
  return value.length <= SHORT_STRING ? "embstr" : "raw";
}

function isInteger(id: string): boolean {
  return /^(?:0|-?[1-9]\d{0,18})$/.test(id) && BigInt.asIntN(64, BigInt(id)) === BigInt(id);
}

export const objectCommands: readonly CommandSpec[] = [
  readCommand({ name: "object", arity: -2, keys: secondKey, validate, ranges, run }),
];
