/** Times to live: EXPIRE and its family. A time that has passed already removes the key. */
import { binaryString } from "../core/bytes.ts";
import type { RecordWriter } from "../core/records.ts";
import { Failure, type Reply } from "../core/reply.ts";
import { keyArg, optionName } from "./arguments.ts";
import type { CommandName } from "./command-ids.ts";
import type { Args, CommandSpec } from "./contract.ts";
import { firstKey, readCommand, writeCommand } from "./define.ts";
import { expireMoment, EXPIRY_UNITS, type ExpiryUnit } from "./expiry-time.ts";
import { quotedAtEnd } from "./failures.ts";
import { expireAt, withExpiry } from "./header.ts";
import { findKey, findKeyToWrite, removeKey, storeKey } from "./keys.ts";
import type { ShardContext } from "./shard-state.ts";

const NX_WITH_OTHERS = new Failure("ERR NX and XX, GT or LT options at the same time are not compatible");
const GT_WITH_LT = new Failure("ERR GT and LT options at the same time are not compatible");

type Condition = "nx" | "xx" | "gt" | "lt";

export function parseConditions(args: Args): ReadonlySet<Condition> | Failure {
  const conditions = new Set<Condition>();
  for (const arg of args.slice(2)) {
    const name = optionName(arg);
    if (name !== "nx" && name !== "xx" && name !== "gt" && name !== "lt") {
      return new Failure(`ERR Unsupported option ${quotedAtEnd(binaryString(arg))}`);
    }
    conditions.add(name);
  }
  if (conditions.has("nx") && conditions.size > 1) return NX_WITH_OTHERS;
  if (conditions.has("gt") && conditions.has("lt")) return GT_WITH_LT;
  return conditions;
}

/** A key without an expiry counts as one that expires never. */
export function permits(conditions: ReadonlySet<Condition>, moment: number, current: number): boolean {
  for (const condition of conditions) {
    if (condition === "nx" && current !== 0) return false;
    if (condition === "xx" && current === 0) return false;
    if (condition === "gt" && (current === 0 || moment <= current)) return false;
    if (condition === "lt" && current !== 0 && moment >= current) return false;
  }
  return true;
}

function expireCommand(name: CommandName, unit: ExpiryUnit): CommandSpec {
  return writeCommand({
    name,
    arity: -3,
    keys: firstKey,
    validate(args) {
      const conditions = parseConditions(args);
      if (conditions instanceof Failure) return conditions;
      const moment = expireMoment(args[1]!, unit, 0, name);
      return moment instanceof Failure ? moment : null;
    },
    run: (records, args, context) => expire(records, args, context, name, unit),
  });
}

function expire(
  records: RecordWriter,
  args: Args,
  context: ShardContext,
  name: string,
  unit: ExpiryUnit,
): Reply {
  const conditions = parseConditions(args);
  if (conditions instanceof Failure) return conditions;
  const moment = expireMoment(args[1]!, unit, context.time, name);
  if (moment instanceof Failure) return moment;
  const key = keyArg(args, 0);
  const header = findKeyToWrite(records, context, key);
  if (header === undefined || !permits(conditions, moment, expireAt(header))) return 0;
  if (moment <= context.time) removeKey(records, context, key, header);
  else storeKey(records, context, key, header, withExpiry(header, context.version, moment));
  return 1;
}

function persist(records: RecordWriter, args: Args, context: ShardContext): Reply {
  const key = keyArg(args, 0);
  const header = findKeyToWrite(records, context, key);
  if (header === undefined || expireAt(header) === 0) return 0;
  storeKey(records, context, key, header, withExpiry(header, context.version, 0));
  return 1;
}

const NO_KEY = -2;
const NO_EXPIRY = -1;

/** TTL and its family: -2 without the key, -1 without an expiry. Seconds are rounded to the nearest. */
function ttlCommand(name: CommandName, { seconds, absolute }: ExpiryUnit): CommandSpec {
  return readCommand({
    name,
    arity: 2,
    keys: firstKey,
    run(records, args, context) {
      const header = findKey(records, context, keyArg(args, 0));
      if (header === undefined) return NO_KEY;
      const moment = expireAt(header);
      if (moment === 0) return NO_EXPIRY;
      const milliseconds = absolute ? moment : Math.max(moment - context.clock, 0);
      return seconds ? Math.floor((milliseconds + 500) / 1000) : milliseconds;
    },
  });
}

export const expiringCommands: readonly CommandSpec[] = [
  expireCommand("expire", EXPIRY_UNITS.ex),
  expireCommand("pexpire", EXPIRY_UNITS.px),
  expireCommand("expireat", EXPIRY_UNITS.exat),
  expireCommand("pexpireat", EXPIRY_UNITS.pxat),
  writeCommand({ name: "persist", arity: 2, keys: firstKey, run: persist }),
  ttlCommand("ttl", EXPIRY_UNITS.ex),
  ttlCommand("pttl", EXPIRY_UNITS.px),
  ttlCommand("expiretime", EXPIRY_UNITS.exat),
  ttlCommand("pexpiretime", EXPIRY_UNITS.pxat),
];
