/**
 * Subcommands of KVORUM that are not answered at once: those that are done where their key lives, as any command on data is, with its
 * roles and in the order of the session; and one that asks another node.
 */
import type { Args } from "../../../data/contract.ts";
import type { Command, DataCommand } from "../session.ts";
import { word } from "../values.ts";
import { EXPLAIN } from "./kvorum.ts";
import { internalCommand } from "./shards.ts";

const LATER: ReadonlyMap<string, Command> = new Map<string, Command>([
  ["EXPLAIN", EXPLAIN],
  ["SIBLINGS", onData("kvorum|siblings", ".siblings")],
  ["RESOLVE", onData("kvorum|resolve", ".resolve")],
]);

function onData(name: string, internal: string): DataCommand {
  const spec = internalCommand(internal);
  return { kind: "data", name, arity: spec.arity, spec, pairs: false, container: false };
}

/** What is meant by the command with these arguments. */
export function meant(command: Command, args: Args): { readonly command: Command; readonly args: Args } {
  const later = command.name === "kvorum" ? LATER.get(word(args[0])) : undefined;
  return later === undefined ? { command, args } : { command: later, args: args.slice(1) };
}
