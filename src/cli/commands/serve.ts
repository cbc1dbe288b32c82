/** `kvorum serve`: one node of a real cluster. */
import { Option, type Command } from "commander";
import { OPTION_LEAVES, type OptionLeaf, type ServerOptions } from "../../server/options.ts";
import type { ServerLogger } from "../../server/logger.ts";
import { leftOutWarnings } from "../../server/processes/left-out.ts";
import { Supervision } from "../../server/processes/supervision.ts";
import type { RunningServer } from "../../server/start-server.ts";
import type { CliContext } from "../context.ts";
import { CliError, codeOf, EXIT, messageOf } from "../failure.ts";
import { addHelp } from "../help.ts";
import { explainOptions, showOption } from "../options/explain.ts";
import { loadOptions } from "../options/load.ts";
import { flagOf, pathOf } from "../options/names.ts";
import { createEnd, type EndOfServe } from "../serve/end.ts";
import { type Notices, supervisedNotices, terminalNotices } from "../serve/notices.ts";
import { runProcesses } from "../serve/processes.ts";

const POLL_MS = 100;

interface ServeFlags {
  readonly config?: string;
  readonly explainConfig?: true;
  readonly supervised?: string;
  readonly [attribute: string]: unknown;
}

export function defineServe(serve: Command, context: CliContext): void {
  serve
    .option("--config <file>", "YAML file with options (KVORUM_CONFIG)")
    .option("--explain-config", "print every option, its value and where that came from, and exit")
    // One of several processes: the options come from its supervisor, the name is for who looks at a list of processes.
    .addOption(new Option("--supervised <name>").hideHelp());
  const options = OPTION_LEAVES.map((leaf) => ({ leaf, option: flagFor(leaf) }));
  for (const { option } of options) serve.addOption(option);
  serve.action(async (flags: ServeFlags) => {
    if (flags.supervised !== undefined) {
      const supervision = await Supervision.begin();
      await run(supervision.options, context, supervisedNotices(supervision));
      return;
    }
    const given = options.map(({ leaf, option }) => [pathOf(leaf), flags[option.attributeName()]] as const);
    const loaded = loadOptions({ flags: new Map(given), env: context.env, configFile: flags.config });
    if (flags.explainConfig === true) context.stdout.write(explainOptions(loaded, context.style));
    else if (loaded.options.processes > 1) await runProcesses(loaded.options, context);
    else {
      const { options: single } = loaded;
      await run(
        single,
        context,
        terminalNotices(single, context),
        leftOutWarnings(single.dataDir, single.name, 1),
      );
    }
  });
  addHelp(
    serve,
    [
      ["kvorum serve", "a cluster of one node, for trying things out"],
      ["kvorum serve --config n1.yaml --log-level debug", "flags go before environment before file"],
      ["KVORUM_NAME=n1 kvorum serve --explain-config", "see what it would do, without doing it"],
      ["kvorum serve --name n4 --join 10.0.0.5:7412", "join an existing cluster"],
      ["kvorum serve --processes 4", "four nodes on this machine, for more cores"],
    ],
    [
      "To found a cluster of three, start each with the same list:",
      "  kvorum serve --name n1 --initial n1=HOST1:7412,n2=HOST2:7412,n3=HOST3:7412",
      "",
      "Every option can also stand in the YAML file (limits.requestTimeout as a key of limits) or in the environment",
      "(KVORUM_LIMITS_REQUEST_TIMEOUT). Exit codes: 0 stopped, 1 failed, 2 wrong options.",
    ].join("\n"),
  );
}

function flagFor(leaf: OptionLeaf): Option {
  const { description, placeholder } = leaf.info;
  const value = placeholder === undefined ? " [true|false]" : ` <${placeholder}>`;
  const fallback = `default: ${showOption(leaf, leaf.fallback)}`;
  const option = new Option(flagOf(leaf) + value, `${description} (${fallback})`);
  // Lists may be given piece by piece.
  if (Array.isArray(leaf.fallback)) {
    option.argParser((text: string, before: string[] | undefined) => [...(before ?? []), text]);
  }
  return option;
}

async function run(
  options: ServerOptions,
  context: CliContext,
  notices: Notices,
  warnings: readonly string[] = [],
): Promise<void> {
  const log = await context.createLogger(options.logLevel, options.name);
  for (const warning of warnings) log.warn({}, warning);
  const end = createEnd();
  const release = context.onSignal((signal) => end.reach({ type: "signal", signal }));
  try {
    const start = context.startServer(options, log, context.version);
    await opened(start, notices, end);
    if (end.reached === null) await untilReady(await start, log, notices, end);
    const reason = await end.promise;
    notices.clear();
    log.info(reason, "stopping");
    // A signal may come while the doors are still being opened.
    const server = await start;
    await server.close();
    log.info({}, "stopped");
    if (reason.type === "fatal") throw reason.error;
  } catch (error) {
    notices.clear();
    log.error({ error }, "the node cannot run");
    throw startFailure(error, options.dataDir);
  } finally {
    release();
    log.flush();
  }
}

async function opened(start: Promise<RunningServer>, notices: Notices, end: EndOfServe): Promise<void> {
  // Recovery of a large log takes a while before the node can say anything itself.
  const ticker = setInterval(() => notices.waiting("the data directory to be opened and recovered"), POLL_MS);
  try {
    await Promise.race([start, end.promise]);
  } finally {
    clearInterval(ticker);
  }
}

async function readiness(server: RunningServer): Promise<true> {
  await new Promise<void>((resolve) => server.node.whenReady(resolve));
  await server.administered;
  return true;
}

async function untilReady(
  server: RunningServer,
  log: ServerLogger,
  notices: Notices,
  end: EndOfServe,
): Promise<void> {
  const started = performance.now();
  const isReady = readiness(server);
  notices.opened(server);
  server.onFatal((error) => end.reach({ type: "fatal", error }));
  while (end.reached === null) {
    const pause = new Promise<false>((resolve) => setTimeout(resolve, POLL_MS, false));
    if ((await Promise.race([isReady, end.promise, pause])) === true) break;
    notices.waiting(server.node.status().waiting?.reason ?? "the node to become ready");
  }
  notices.clear();
  if (end.reached !== null) return;
  log.info(server.addresses, "ready");
  notices.ready(server, performance.now() - started);
}

function startFailure(error: unknown, dataDir: string): CliError {
  if (error instanceof CliError) return error;
  const message = messageOf(error);
  const { hint, kind } = error as { hint?: unknown; kind?: unknown };
  if (typeof hint === "string") return new CliError(message, hint, EXIT.failed, error);
  return new CliError(message, adviceFor(kind, error, dataDir), EXIT.failed, error);
}

function adviceFor(kind: unknown, error: unknown, dataDir: string): string {
  if (kind === "locked") return `Stop the process that uses ${dataDir}, or choose another --data-dir.`;
  if (kind === "corrupt") return `The directory is ${dataDir}; keep a copy of it for analysis.`;
  if (codeOf(error) === "EADDRINUSE" || /\bport\b.*\bin use\b/.test(messageOf(error))) {
    return "Other ports: --resp-port, --http-port, --peer-port, --cluster-port; `kvorum serve --explain-config` shows the present ones.";
  }
  return "The log above says more; --log-level debug tells everything.";
}
