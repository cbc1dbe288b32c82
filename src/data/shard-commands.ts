/** What nodes and doors ask a shard about itself. */
import { binaryBytes } from "../core/bytes.ts";
import type { CommandSpec } from "./contract.ts";
import { firstKey, noKeys, readCommand } from "./define.ts";
import { keyArg } from "./arguments.ts";
import { expireAt, stringValue, typeName } from "./header.ts";
import { findKey, isString, keyVersion } from "./keys.ts";

export const shardCommands: readonly CommandSpec[] = [
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
];
