/** Which commands merge, by the names that they have in ordered keyspaces, and why the others do not. */
import { Failure } from "../../core/reply.ts";
import type { CommandCall } from "../contract.ts";
import { expiringCommands } from "./expiring.ts";
import { hashCommands } from "./hashes.ts";
import { keyCommands } from "./keys.ts";
import type { MergingCommand } from "./look.ts";
import { refusedArguments, whyNot } from "./refusals.ts";
import { scanCommands } from "./scans.ts";
import { setAlgebraCommands } from "./set-algebra.ts";
import { setCommands } from "./sets.ts";
import { siblingCommands } from "./siblings.ts";
import { stringCommands } from "./strings.ts";

const table: ReadonlyMap<string, MergingCommand> = new Map(
  Object.entries({
    ...stringCommands,
    ...setCommands,
    ...setAlgebraCommands,
    ...hashCommands,
    ...keyCommands,
    ...expiringCommands,
    ...scanCommands,
    ...siblingCommands,
  }),
);

export function mergingCommand(name: string): MergingCommand | undefined {
  return table.get(name);
}

/** Null, or why a merging keyspace cannot do this, and what to do instead. Asked before a batch is built. */
export function refusalOf({ spec, args }: CommandCall): Failure | null {
  const reason = table.has(spec.name) ? refusedArguments(spec.name, args) : whyNot(spec.name);
  return reason === null
    ? null
    : new Failure(`ERR ${spec.name.toUpperCase()} cannot merge: ${reason}`, "contradiction");
}
