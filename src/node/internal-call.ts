import { invariant } from "../core/assert.ts";
import { findCommand } from "../data/commands.ts";
import type { Args, CommandCall, CommandSpec } from "../data/contract.ts";

/** A command that only nodes themselves send. */
export const internalCall = (name: string, ...args: Args): CommandCall => {
  const spec: CommandSpec | undefined = findCommand(name);
  invariant(spec !== undefined, `src/data has a command ${name}`);
  return { spec, args };
};
