/** `kvorum serve`: one node of a real cluster. */
import { Option, type Command } from "commander";
import { OPTION_LEAVES, type OptionLeaf, type ServerOptions } from "../../server/options.ts";
import type { ServerLogger } from "../../server/logger.ts";
import type { RunningServer } from "../../server/start-server.ts";
import type { CliContext } from "../context.ts";
import { CliError, codeOf, EXIT, messageOf } from "../failure.ts";
import { addHelp } from "../help.ts";
import { explainOptions, showOption } from "../options/explain.ts";
import { loadOptions } from "../options/load.ts";
import { flagOf, pathOf } from "../options/names.ts";
import { waitingLine, type WaitingLine } from "../text/waiting.ts";
import { duration } from "../text/units.ts";

const POLL_MS = 100;

interface ServeFlags {
  readonly config?: string;
  readonly explainConfig?: true;
  readonly [attribute: string]: unknown;
}

export function defineServe(serve: Command, context: CliContext): void {
  serve
    .option("--config <file>", "YAML file with options (KVORUM_CONFIG)")
    .option("--explain-config", "print every option, its value and where that came from, and exit");
  const options = OPTION_LEAVES.map((leaf) => ({ leaf, option: flagFor(leaf) }));
  for (const { option } of options) serve.addOption(option);
  serve.action(async (flags: ServeFlags) => {
    const given = options.map(({ leaf, option }) => [pathOf(leaf), flags[option.attributeName()]] as const);
    const loaded = loadOptions({ flags: new Map(given), env: context.env, configFile: flags.config });
    if (flags.explainConfig === true) context.stdout.write(explainOptions(loaded, context.style));
    else await run(loaded.options, context);
  });
  addHelp(
    serve,
    [
      ["kvorum serve", "a cluster of one node, for trying things out"],
      ["kvorum serve --config n1.yaml --log-level debug", "flags go before environment before file"],
      ["KVORUM_NAME=n1 kvorum serve --explain-config", "see what it would do, without doing it"],
      ["kvorum serve --name n4 --join 10.0.0.5:7412", "join an existing cluster"],
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

/** Why the node stops: somebody asked for it, or it can never serve from its directory again. */
type End =
  | { readonly type: "signal"; readonly signal: NodeJS.Signals }
  | { readonly type: "fatal"; readonly error: Error };

async function run(options: ServerOptions, context: CliContext): Promise<void> {
  const log = await context.createLogger(options.logLevel, options.name);
  const line = waitingLine(context.stdout, context.style);
  const end = createEnd();
  const release = context.onSignal((signal) => end.reach({ type: "signal", signal }));
  try {
    const start = context.startServer(options, log, context.version);
    await opened(start, line, end);
    if (end.reached === null) await untilReady(await start, options, log, line, end, context);
    const reason = await end.promise;
    line.clear();
    log.info(reason, "stopping");
    // A signal may come while the doors are still being opened.
    const server = await start;
    await server.close();
    log.info({}, "stopped");
    if (reason.type === "fatal") throw reason.error;
  } catch (error) {
    line.clear();
    log.error({ error }, "the node cannot run");
    throw startFailure(error, options.dataDir);
  } finally {
    release();
    log.flush();
  }
}

interface EndOfServe {
  readonly reached: End | null;
  readonly promise: Promise<End>;
  /** Only the first call counts. */
  reach(end: End): void;
}

function createEnd(): EndOfServe {
  let reached: End | null = null;
  let settle: (end: End) => void = () => undefined;
  const promise = new Promise<End>((resolve) => (settle = resolve));
  return {
    get reached() {
      return reached;
    },
    promise,
    reach(end) {
      reached ??= end;
      settle(end);
    },
  };
}

async function opened(start: Promise<RunningServer>, line: WaitingLine, end: EndOfServe): Promise<void> {
  // Recovery of a large log takes a while before the node can say anything itself.
  const ticker = setInterval(() => line.update("the data directory to be opened and recovered"), POLL_MS);
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
  options: ServerOptions,
  log: ServerLogger,
  line: WaitingLine,
  end: EndOfServe,
  context: CliContext,
): Promise<void> {
  const started = performance.now();
  const isReady = readiness(server);
  server.onFatal((error) => end.reach({ type: "fatal", error }));
  while (end.reached === null) {
    const pause = new Promise<false>((resolve) => setTimeout(resolve, POLL_MS, false));
    if ((await Promise.race([isReady, end.promise, pause])) === true) break;
    line.update(server.node.status().waiting?.reason ?? "the node to become ready");
  }
  line.clear();
  if (end.reached !== null) return;
  log.info(server.addresses, "ready");
  const { resp, cluster, http, peer } = server.addresses;
  const { style } = context;
  const name = style.bold(server.node.status().name);
  const took = style.dim(`(after ${duration(performance.now() - started)})`);
  context.stdout.write(
    `${name} is ready ${took}  redis ${resp}  ${cluster === null ? "" : `redis cluster ${cluster}  `}${options.tls.cert === null ? "http" : "https"}://${http}  peers ${peer}\n`,
  );
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
