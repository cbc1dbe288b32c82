/**
 * Subcommands that are not answered at once: those that are done where their keys live, as any command on data is, with its roles and in
 * the order of the session; and one that asks another node.
 */
import type { Args } from "../../../data/contract.ts";
import type { Command, DataCommand } from "../session.ts";
import { word } from "../values.ts";
import { CLUSTER_ON_DATA } from "./cluster.ts";
import { EXPLAIN } from "./kvorum.ts";
import { internalCommand } from "./shards.ts";

const LATER: ReadonlyMap<string, Command> = new Map(
  [
    EXPLAIN,
    onData("kvorum|siblings", ".siblings"),
    onData("kvorum|resolve", ".resolve"),
    ...CLUSTER_ON_DATA,
  ].map((command) => [command.name, command]),
);

const CONTAINERS: ReadonlySet<string> = new Set(["kvorum", "cluster"]);

function onData(name: string, internal: string): DataCommand {
  const spec = internalCommand(internal);
  return { kind: "data", name, arity: spec.arity, spec, pairs: false, container: false };
}

/** The subcommand that is meant by a command with these arguments; its own are those behind the first. Null: none of these here. */
export function subcommandOf(command: Command, args: Args): Command | null {
  if (command.kind === "data" || !CONTAINERS.has(command.name)) return null;
  return LATER.get(`${command.name}|${word(args[0]).toLowerCase()}`) ?? null;
}
