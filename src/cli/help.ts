/** What every command has in common: how it is made, and how its help looks. */
import type { Command } from "commander";

export const URL_OPTION: [string, string] = [
  "--url <url>",
  "HTTP address of a node; several, separated by commas, are tried in turn (KVORUM_URL; default: the nodes of `kvorum dev`)",
];

export const ADDRESS_OPTION: [string, string] = [
  "-a, --address <host:port>",
  "RESP address of a node; several, separated by commas, are tried in turn (KVORUM_ADDRESS; default: the nodes of `kvorum dev`)",
];

/** A subcommand with the options that all of them have. */
export function command(parent: Command, name: string): Command {
  return parent.command(name).option("--debug", "show stack traces with errors (KVORUM_DEBUG=1)");
}

/** Examples below the options, aligned. */
export function addHelp(
  target: Command,
  examples: readonly (readonly [line: string, meaning: string])[],
  notes = "",
): void {
  const widest = Math.max(...examples.map(([line]) => line.length));
  const lines = examples.map(([line, meaning]) => `  ${line.padEnd(widest)}  ${meaning}`.trimEnd());
  target.addHelpText("after", `\nExamples:\n${lines.join("\n")}${notes === "" ? "" : `\n\n${notes}`}`);
}
