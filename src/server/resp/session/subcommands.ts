/** Subcommands that are done where their keys live, as any command on data is: with its roles, and in the order of the session. */
import type { Args } from "../../../data/contract.ts";
import type { Command, DataCommand } from "../session.ts";
import { word } from "../values.ts";
import { CLUSTER_ON_DATA } from "./cluster.ts";
import { internalCommand } from "./shards.ts";

const ON_DATA: ReadonlyMap<string, Command> = new Map(
  [onData("kvorum|siblings", ".siblings"), onData("kvorum|resolve", ".resolve"), ...CLUSTER_ON_DATA].map(
    (command) => [command.name, command],
  ),
);

const CONTAINERS: ReadonlySet<string> = new Set(["kvorum", "cluster"]);

function onData(name: string, internal: string): DataCommand {
  const spec = internalCommand(internal);
  return { kind: "data", name, arity: spec.arity, spec, pairs: false, container: false };
}

/** What is meant by the command with these arguments. */
export function meant(command: Command, args: Args): { readonly command: Command; readonly args: Args } {
  const found = CONTAINERS.has(command.name)
    ? ON_DATA.get(`${command.name}|${word(args[0]).toLowerCase()}`)
    : undefined;
  return found === undefined ? { command, args } : { command: found, args: args.slice(1) };
}
