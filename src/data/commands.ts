/** All commands, by name and by number. */
import { bitCommands } from "./bits.ts";
import type { CommandSpec } from "./contract.ts";
import { copyCommands } from "./copy.ts";
import { counterCommands } from "./counters.ts";
import { expiringCommands } from "./expiring.ts";
import { freeingCommands } from "./freeing.ts";
import { hashCounterCommands } from "./hash-counters.ts";
import { hashCommands } from "./hashes.ts";
import { keyspaceCommands } from "./keyspace.ts";
import { lcsCommands } from "./lcs.ts";
import { objectCommands } from "./object.ts";
import { randomFieldCommands } from "./random-fields.ts";
import { randomMemberCommands } from "./random-members.ts";
import { scanCommands } from "./scans.ts";
import { setAlgebraCommands } from "./set-algebra.ts";
import { setCommands } from "./sets.ts";
import { shardCommands } from "./shard-commands.ts";
import { siblingCommands } from "./siblings.ts";
import { stringPartCommands } from "./string-parts.ts";
import { stringCommands } from "./strings.ts";

const all: readonly CommandSpec[] = [
  ...shardCommands,
  ...scanCommands,
  ...freeingCommands,
  ...stringCommands,
  ...stringPartCommands,
  ...bitCommands,
  ...lcsCommands,
  ...counterCommands,
  ...keyspaceCommands,
  ...expiringCommands,
  ...copyCommands,
  ...objectCommands,
  ...hashCommands,
  ...hashCounterCommands,
  ...randomFieldCommands,
  ...setCommands,
  ...randomMemberCommands,
  ...setAlgebraCommands,
  ...siblingCommands,
];

const byName: ReadonlyMap<string, CommandSpec> = new Map(all.map((spec) => [spec.name, spec]));
const byId = indexById(all);

function indexById(specs: readonly CommandSpec[]): readonly (CommandSpec | undefined)[] {
  const table: (CommandSpec | undefined)[] = Array.from({
    length: Math.max(...specs.map(({ id }) => id)) + 1,
  });
  for (const spec of specs) table[spec.id] = spec;
  return table;
}

/** `name` in lower case, one char per byte. Finds internal commands too: a door refuses those that start with a dot. */
export function findCommand(name: string): CommandSpec | undefined {
  return byName.get(name);
}

/** The command that this number stands for in the log; undefined when a newer version wrote it. */
export function commandById(id: number): CommandSpec | undefined {
  return byId[id];
}

/** What clients may call, in the order of their numbers. */
export const publicCommands: readonly CommandSpec[] = all
  .filter(({ name }) => !name.startsWith("."))
  .sort((a, b) => a.id - b.id);

/**
 * Commands that may answer an array of two-element arrays, which RESP3 shows as it is and RESP2 as one flat array
 * (HRANDFIELD with WITHVALUES). Their other replies contain no arrays in arrays, so flattening by one level is always right.
 */
export const repliesWithPairs: ReadonlySet<CommandSpec> = new Set(randomFieldCommands);
