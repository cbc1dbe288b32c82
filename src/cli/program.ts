/** The command line as a whole: every command, and what becomes of errors. */
import { Command, CommanderError, type Argument } from "commander";
import type { CliContext } from "./context.ts";
import { CliError, EXIT, messageOf } from "./failure.ts";
import { addHelp, command } from "./help.ts";
import { addRemoteOptions, resolveRemote } from "./login.ts";
import { createStyle, wantsColour } from "./text/style.ts";

/** Runs one command line (without the program's name) and says with which code the process should exit. Never throws. */
export async function runCli(args: readonly string[], context: CliContext): Promise<number> {
  try {
    const program = await createProgram(args, context);
    await program.parseAsync([...args], { from: "user" });
    return EXIT.ok;
  } catch (error) {
    return report(error, args, context);
  }
}

type Define = (target: Command, context: CliContext) => void;

/** Loaded when they are called: a server's modules would make `kvorum get` slow. */
const COMMANDS: readonly (readonly [usage: string, description: string, load: () => Promise<Define>])[] = [
  [
    "dev",
    "Run a cluster on this machine: three processes on loopback, until Ctrl-C. Data stays for the next time.",
    async () => (await import("./commands/dev.ts")).defineDev,
  ],
  [
    "serve",
    "Run one node of a cluster until SIGTERM or Ctrl-C, which end it gracefully.",
    async () => (await import("./commands/serve.ts")).defineServe,
  ],
  [
    "status",
    "Show the nodes of a cluster, its shards, who leads them, and who lags behind.",
    async () => (await import("./commands/status.ts")).defineStatus,
  ],
  [
    "members",
    "List the members of a cluster, and who of them is alive, as one node knows it from the others.",
    async () => (await import("./commands/members.ts")).defineMembers,
  ],
  [
    "keyspace",
    "Create, look at, change and drop keyspaces.",
    async () => (await import("./commands/keyspace.ts")).defineKeyspace,
  ],
  [
    "explain <keyspace>",
    "Tell what a keyspace promises: when a write is done, what a read sees, what may fail.",
    async () => (await import("./commands/explain.ts")).defineExplain,
  ],
  [
    "user",
    "Add, list and delete users, their passwords, tokens and roles.",
    async () => (await import("./commands/user.ts")).defineUser,
  ],
  ["certs", "Make certificates for TLS.", async () => (await import("./commands/certs.ts")).defineCerts],
  [
    "node",
    "List, add and remove nodes, and move leadership between them.",
    async () => (await import("./commands/node.ts")).defineNode,
  ],
  ["get <key>", "Print the value of a key.", async () => (await import("./commands/exec.ts")).defineGet],
  [
    "set <key> [value] [options...]",
    "Set a key.",
    async () => (await import("./commands/exec.ts")).defineSet,
  ],
  ["del <keys...>", "Delete keys.", async () => (await import("./commands/exec.ts")).defineDel],
  [
    "exec <command> [args...]",
    "Send one command, any that the nodes know, and print the reply.",
    async () => (await import("./commands/exec.ts")).defineExec,
  ],
  [
    "shell",
    "Type commands and see their replies; or pipe a file of commands into it.",
    async () => (await import("./commands/shell.ts")).defineShell,
  ],
  [
    "bench",
    "Measure how fast a running cluster is: throughput, and latencies by percentile.",
    async () => (await import("./commands/bench.ts")).defineBench,
  ],
  [
    "sim",
    "Run simulated clusters through faults, seed after seed, and check every history.",
    async () => (await import("./commands/sim.ts")).defineSim,
  ],
  [
    "chaos",
    "Hurt a real cluster on this machine, and check what its clients saw.",
    async () => (await import("./commands/chaos.ts")).defineChaos,
  ],
];

/** Commands that come complete, with their own exit codes. */
const COMPLETE: readonly (readonly [name: string, description: string, load: () => Promise<Command>])[] = [
  [
    "check",
    "Check a recorded history of operations against a model.",
    async () => (await import("./check.ts")).checkCommand(),
  ],
];

function argumentTerm(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? "..." : ""}`;
  return argument.required ? `<${name}>` : `[${name}]`;
}

/** The command that is meant; also behind `help`. */
function wantedCommand(args: readonly string[]): string | undefined {
  const words = args.filter((word) => !word.startsWith("-"));
  return words[0] === "help" ? words[1] : words[0];
}

async function createProgram(args: readonly string[], context: CliContext): Promise<Command> {
  const wanted = wantedCommand(args);
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
    .configureHelp({
      styleTitle: (title) => context.style.bold(title),
      subcommandTerm: (sub) => [sub.name(), ...sub.registeredArguments.map(argumentTerm)].join(" "),
      minWidthToWrap: 30,
    });
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
      "Environment: KVORUM_URL and KVORUM_ADDRESS name the nodes to ask, KVORUM_USER, KVORUM_PASSWORD_FILE and KVORUM_CA",
      "say who asks and whom to trust; NO_COLOR turns colours off.",
    ].join("\n"),
  );
  for (const [usage, description, load] of COMMANDS) {
    const sub = command(program, usage).description(description);
    if (sub.name() === wanted) (await load())(sub, context);
  }
  for (const [name, description, load] of COMPLETE) {
    if (name === wanted) program.addCommand(await load());
    else program.command(name).description(description);
  }
  addRemoteOptions(program);
  program.hook("preAction", (_program, action) => resolveRemote(action, context));
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
  const called = ["kvorum", ...args.filter((word) => /^[a-z][a-z-]*$/.test(word)).slice(0, 2)].join(" ");
  // Commander throws this when a group of commands is called without one of them.
  if (error.code === "commander.help") {
    return new CliError(`${called} needs a subcommand`, `See \`${called} --help\`.`, EXIT.usage);
  }
  const [first, ...rest] = error.message.replace(/^error: /, "").split("\n");
  const meant = rest.join(" ").trim();
  const advice = `${meant === "" ? "" : `${meant.replace(/^\(|\)$/g, "")} `}See \`${called} --help\`.`;
  return new CliError(first!, advice, EXIT.usage);
}
