/** What nodes and doors ask a shard about itself. */
import { binaryBytes } from "../core/bytes.ts";
import { Failure } from "../core/reply.ts";
import { changesCommand } from "./changes.ts";
import type { CommandSpec } from "./contract.ts";
import { firstKey, noKeys, readCommand, writeCommand } from "./define.ts";
import { countArg, failureOrNull, keyArg } from "./arguments.ts";
import { expireAt, stringValue, typeName } from "./header.ts";
import { findKey, isString, keyVersion } from "./keys.ts";
import { closeSession, openSession, rangesOfOpening } from "./remembered.ts";

export const shardCommands: readonly CommandSpec[] = [
  changesCommand,
  /** For WATCH: changes with every change of the key; 0 while it does not exist. */
  readCommand({
    name: ".version",
    arity: 2,
    keys: firstKey,
    run: (records, args, context) => keyVersion(records, context, keyArg(args, 0)),
  }),
  /** For GET with an entity tag: [type, version, milliseconds to live or -1, value or null], all of one moment; null without the key. */
  readCommand({
    name: ".entry",
    arity: 2,
    keys: firstKey,
    run(records, args, context) {
      const key = keyArg(args, 0);
      const header = findKey(records, context, key);
      if (header === undefined) return null;
      const expiry = expireAt(header);
      return [
        binaryBytes(typeName(header)),
        keyVersion(records, context, key),
        expiry === 0 ? -1 : Math.max(expiry - context.clock, 0),
        isString(header) ? stringValue(header) : null,
      ];
    },
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
