/** What nodes and doors ask a shard about itself. */
import { Failure } from "../core/reply.ts";
import type { CommandSpec } from "./contract.ts";
import { firstKey, noKeys, readCommand, writeCommand } from "./define.ts";
import { countArg, failureOrNull, keyArg } from "./arguments.ts";
import { keyVersion } from "./keys.ts";
import { closeSession, openSession, rangesOfOpening } from "./remembered.ts";

export const shardCommands: readonly CommandSpec[] = [
  /** For WATCH: changes with every change of the key; 0 while it does not exist. */
  readCommand({
    name: ".version",
    arity: 2,
    keys: firstKey,
    run: (records, args, context) => keyVersion(records, context, keyArg(args, 0)),
  }),
  /** As in Redis, keys that are due but not yet freed still count. */
  readCommand({ name: ".dbsize", arity: 1, keys: noKeys, run: (_records, _args, { shard }) => shard.keys }),
  /** Answers the token of a new session (delivery.ts). */
  writeCommand({
    name: ".session-open",
    arity: 1,
    keys: noKeys,
    ranges: (_records, _args, { shard }) => rangesOfOpening(shard),
    run: (records, _args, context) => openSession(records, context),
  }),
  /** Ends the session with this token before its time: 1, or 0 when there is none. */
  writeCommand({
    name: ".session-close",
    arity: 2,
    keys: noKeys,
    validate: ([token]) => failureOrNull(countArg(token!)),
    run: (records, [token], context) => {
      const number = countArg(token!);
      if (number instanceof Failure) return number;
      return closeSession(records, context, number) ? 1 : 0;
    },
  }),
];
