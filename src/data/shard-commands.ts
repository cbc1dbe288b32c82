/** What nodes and doors ask a shard about itself. */
import type { CommandSpec } from "./contract.ts";
import { firstKey, noKeys, readCommand } from "./define.ts";
import { keyArg } from "./arguments.ts";
import { keyVersion } from "./keys.ts";

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
];
