/** The command line as a whole: every command, and what becomes of errors. */
import { Command, CommanderError } from "commander";
import { addDev } from "./commands/dev.ts";
import { addExec } from "./commands/exec.ts";
import { addKeyspace } from "./commands/keyspace.ts";
import { addNode } from "./commands/node.ts";
import { addServe } from "./commands/serve.ts";
import { addShell } from "./commands/shell.ts";
import { addStatus } from "./commands/status.ts";
import type { CliContext } from "./context.ts";
import { CliError, EXIT, messageOf } from "./failure.ts";
import { addHelp } from "./help.ts";
import { createStyle, wantsColour } from "./text/style.ts";

/** Runs one command line (without the program's name) and says with which code the process should exit. Never throws. */
export async function runCli(args: readonly string[], context: CliContext): Promise<number> {
  const program = createProgram(context);
  try {
    await program.parseAsync([...args], { from: "user" });
    return EXIT.ok;
  } catch (error) {
    return report(error, args, context);
  }
}

function createProgram(context: CliContext): Command {
  const program = new Command("kvorum")
    .description("A replicated store in which every keyspace chooses its replication protocol.")
    .version(context.version, "-V, --version", "print the version")
    .enablePositionalOptions()
    .exitOverride()
    .showHelpAfterError(false)
    .configureOutput({
      writeOut: (text) => context.stdout.write(text),
      // Errors are reported in one place, below.
      writeErr: () => undefined,
      getOutHelpWidth: () => Math.min(context.stdout.columns, 120),
    })
    .configureHelp({ styleTitle: (title) => context.style.bold(title) });
  addHelp(
    program,
    [
      ["kvorum dev", "three nodes on this machine, from nothing to running in seconds"],
      ["kvorum status", "who is there, who leads, who lags"],
      ["kvorum set greeting hello", ""],
      ["kvorum get greeting", ""],
      ["kvorum serve --config n1.yaml", "one node of a real cluster"],
    ],
    [
      "Exit codes: 0 done, 1 understood but failed, 2 wrong command line or options, 3 no node answered.",
      "Environment: KVORUM_URL and KVORUM_ADDRESS name the nodes to ask; NO_COLOR turns colours off.",
    ].join("\n"),
  );
  addDev(program, context);
  addServe(program, context);
  addStatus(program, context);
  addKeyspace(program, context);
  addNode(program, context);
  addExec(program, context);
  addShell(program, context);
  return program;
}

/** One line says what, one line says what to do. */
function report(error: unknown, args: readonly string[], context: CliContext): number {
  if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok;
  const failure = error instanceof CommanderError ? fromCommander(error, args) : asCliError(error);
  const style = createStyle(wantsColour(context.stderr.isTTY, context.env));
  context.stderr.write(
    `${style.red("error:")} ${failure.message}\n${style.dim(`       ${failure.advice}`)}\n`,
  );
  const debug = args.includes("--debug") || (context.env["KVORUM_DEBUG"] ?? "") !== "";
  if (debug) {
    for (let cause: unknown = failure; cause instanceof Error; cause = cause.cause) {
      context.stderr.write(`${style.dim(cause.stack ?? cause.message)}\n`);
    }
  }
  return failure.exitCode;
}

function asCliError(error: unknown): CliError {
  if (error instanceof CliError) return error;
  return new CliError(
    messageOf(error),
    "Run it again with --debug to see where it comes from.",
    EXIT.failed,
    error,
  );
}

function fromCommander(error: CommanderError, args: readonly string[]): CliError {
  const command = ["kvorum", ...args.filter((word) => /^[a-z][a-z-]*$/.test(word)).slice(0, 2)].join(" ");
  // Commander throws this when a group of commands is called without one of them.
  if (error.code === "commander.help") {
    return new CliError(`${command} needs a subcommand`, `See \`${command} --help\`.`, EXIT.usage);
  }
  const [first, ...rest] = error.message.replace(/^error: /, "").split("\n");
  const meant = rest.join(" ").trim();
  const advice = `${meant === "" ? "" : `${meant.replace(/^\(|\)$/g, "")} `}See \`${command} --help\`.`;
  return new CliError(first!, advice, EXIT.usage);
}
