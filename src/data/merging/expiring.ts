/**
 * Times to live. An expiry is part of a register's write, so that the write that counts decides; EXPIRE writes the register anew.
 * Sets and hashes have none: what would it mean for an element that the other side adds?
 */
import { Failure, type Reply } from "../../core/reply.ts";
import { keyArg } from "../arguments.ts";
import type { CommandName } from "../command-ids.ts";
import type { Args } from "../contract.ts";
import { expireMoment, EXPIRY_UNITS, type ExpiryUnit } from "../expiry-time.ts";
import { parseConditions, permits } from "../expiring.ts";
import { STRING } from "./address.ts";
import { expiring, expiryOf } from "./cells.ts";
import type { MergingCommand, Writing } from "./look.ts";

const NO_COLLECTIONS = new Failure(
  "ERR only strings expire in a merging keyspace; DEL the key when its time has come, or use a raft keyspace",
  "contradiction",
);

function expire(work: Writing, args: Args, name: string, unit: ExpiryUnit): Reply {
  const conditions = parseConditions(args);
  if (conditions instanceof Failure) return conditions;
  const moment = expireMoment(args[1]!, unit, work.now, name);
  if (moment instanceof Failure) return moment;
  const key = keyArg(args, 0);
  const cell = work.cell(key, STRING);
  if (cell === undefined) return work.hasElements(key) ? NO_COLLECTIONS : 0;
  if (!permits(conditions, moment, expiryOf(cell))) return 0;
  if (moment <= work.now) work.remove(key, STRING);
  else work.changeCell(key, STRING, "", expiring(moment, work.stamp()));
  return 1;
}

function expireCommand(name: CommandName, unit: ExpiryUnit): MergingCommand {
  return { access: "write", run: (work, args) => expire(work, args, name, unit) };
}

function persist(work: Writing, args: Args): Reply {
  const key = keyArg(args, 0);
  const cell = work.cell(key, STRING);
  if (cell === undefined || expiryOf(cell) === 0) return 0;
  work.changeCell(key, STRING, "", expiring(0, work.stamp()));
  return 1;
}

const NO_KEY = -2;
const NO_EXPIRY = -1;

function ttlCommand({ seconds, absolute }: ExpiryUnit): MergingCommand {
  return {
    access: "read",
    run(look, args) {
      const key = keyArg(args, 0);
      const cell = look.cell(key, STRING);
      if (cell === undefined) return look.hasElements(key) ? NO_EXPIRY : NO_KEY;
      const moment = expiryOf(cell);
      if (moment === 0) return NO_EXPIRY;
      const milliseconds = absolute ? moment : Math.max(moment - look.now, 0);
      return seconds ? Math.floor((milliseconds + 500) / 1000) : milliseconds;
    },
  };
}

export const expiringCommands: Readonly<Record<string, MergingCommand>> = {
  expire: expireCommand("expire", EXPIRY_UNITS.ex),
  pexpire: expireCommand("pexpire", EXPIRY_UNITS.px),
  expireat: expireCommand("expireat", EXPIRY_UNITS.exat),
  pexpireat: expireCommand("pexpireat", EXPIRY_UNITS.pxat),
  persist: { access: "write", run: persist },
  ttl: ttlCommand(EXPIRY_UNITS.ex),
  pttl: ttlCommand(EXPIRY_UNITS.px),
  expiretime: ttlCommand(EXPIRY_UNITS.exat),
  pexpiretime: ttlCommand(EXPIRY_UNITS.pxat),
};
