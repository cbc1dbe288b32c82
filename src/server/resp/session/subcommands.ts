/** Subcommands of KVORUM that are done where their key lives, as any command on data is: with its roles, and in the order of the session. */
import type { Args } from "../../../data/contract.ts";
import type { Command, DataCommand } from "../session.ts";
import { word } from "../values.ts";
import { internalCommand } from "./shards.ts";

const ON_DATA: ReadonlyMap<string, DataCommand> = new Map([
  ["SIBLINGS", onData("kvorum|siblings", ".siblings")],
  ["RESOLVE", onData("kvorum|resolve", ".resolve")],
]);

function onData(name: string, internal: string): DataCommand {
  const spec = internalCommand(internal);
  return { kind: "data", name, arity: spec.arity, spec, pairs: false, container: false };
}

/** What is meant by the command with these arguments. */
export function meant(command: Command, args: Args): { readonly command: Command; readonly args: Args } {
  const data = command.name === "kvorum" ? ON_DATA.get(word(args[0])) : undefined;
  return data === undefined ? { command, args } : { command: data, args: args.slice(1) };
}
