/** `kvorum dev`: a whole cluster on this machine, each node a process of its own. */
import { Option, type Command } from "commander";
import { LOG_LEVELS } from "../../server/log-levels.ts";
import type { CliContext } from "../context.ts";
import { DevCluster } from "../dev/cluster.ts";
import type { DevNodeView } from "../dev/cluster.ts";
import type { ClusterView } from "../cluster-status.ts";
import {
  askControl,
  serveControl,
  type ControlAnswer,
  type ControlRequest,
  type ControlServer,
  type Verb,
} from "../dev/control.ts";
import { DEFAULT_BASE_PORT, DEFAULT_DIRECTORY, DEFAULT_NODES, prepareDirectory } from "../dev/directory.ts";
import { portsFit } from "../dev/layout.ts";
import { eventText, nodesTable, summaryText, timestamp } from "../dev/report.ts";
import { CliError, EXIT, usage } from "../failure.ts";
import { addHelp, command } from "../help.ts";
import { nearest } from "../text/suggest.ts";
import { plural } from "../text/units.ts";
import { waitingLine } from "../text/waiting.ts";

/** Ctrl-C reaches a process more than once when it was started through npm; only a later one means "at once". */
const SECOND_SIGNAL_MS = 1_000;
const TAKEOVER_PATIENCE_MS = 15_000;

interface DevFlags {
  readonly dir: string;
  readonly nodes?: string;
  readonly basePort?: string;
  readonly fresh?: true;
  readonly logLevel: string;
}

const DIR: [string, string, string] = ["--dir <path>", "where data and logs are kept", DEFAULT_DIRECTORY];

export function defineDev(dev: Command, context: CliContext): void {
  dev
    .option(...DIR)
    .option("--nodes <count>", `how many nodes (default: ${DEFAULT_NODES}, or as many as there were)`)
    .option(
      "--base-port <port>",
      `node i has RESP at PORT + 10·(i−1), HTTP one above, peers two above (default: ${DEFAULT_BASE_PORT})`,
    )
    .option("--fresh", "delete the data of an earlier run first")
    .addOption(new Option("--log-level <level>", "of the nodes' logs").choices(LOG_LEVELS).default("info"))
    // Taken, only to be refused with a better sentence than "too many arguments".
    .allowExcessArguments()
    .action((flags: DevFlags, self: Command) => {
      if (self.args[0] !== undefined) throw unknownVerb(self.args[0], self);
      return runDev(flags, context);
    });
  addHelp(
    dev,
    [
      ["kvorum dev", ""],
      ["kvorum dev --fresh --nodes 5", "start over, with five"],
      ["kvorum dev kill 2", "from another terminal: SIGKILL, as in a power cut"],
      ["kvorum dev restart 2", "bring it back; all of them: kvorum dev restart all"],
      ["kvorum dev pause 1 && sleep 10 && kvorum dev resume 1", "SIGSTOP, then SIGCONT"],
      ["kvorum dev add", "a fourth node joins"],
    ],
    "Ctrl-C stops all nodes gracefully; a second one, a second later, kills them.",
  );
  // The directory may be named on either side: kvorum dev --dir X kill 2, kvorum dev kill 2 --dir X.
  const sameDirectory: [string, string] = [
    "--dir <path>",
    `of the running cluster (default: ${DEFAULT_DIRECTORY})`,
  ];
  const directoryOf = (flags: Partial<DevFlags>) => flags.dir ?? dev.opts<DevFlags>().dir;
  const verbs: [Verb, string, string][] = [
    ["kill", "<nodes...>", "Kill nodes with SIGKILL: 2, n2 or all."],
    [
      "restart",
      "<nodes...>",
      "Start nodes again, after stopping those that run, and wait until they are ready.",
    ],
    [
      "stop",
      "[nodes...]",
      "Stop nodes gracefully; without a node, the whole cluster and `kvorum dev` itself.",
    ],
    ["pause", "<nodes...>", "Halt nodes with SIGSTOP, as a long pause of the machine would."],
    ["resume", "<nodes...>", "Let paused nodes go on (SIGCONT)."],
  ];
  for (const [verb, args, description] of verbs) {
    const sub = command(dev, `${verb} ${args}`)
      .description(description)
      .option(...sameDirectory)
      .action((nodes: string[], flags: Partial<DevFlags>) => {
        const request: ControlRequest =
          verb === "stop" && nodes.length === 0 ? { verb: "shutdown", nodes } : { verb, nodes };
        return tell(directoryOf(flags), request, context);
      });
    addHelp(sub, [[`kvorum dev ${verb} 2`, ""]]);
  }
  const add = command(dev, "add")
    .description("Start one node more, which joins the cluster.")
    .option(...sameDirectory)
    .action((flags: Partial<DevFlags>) => tell(directoryOf(flags), { verb: "add", nodes: [] }, context));
  addHelp(add, [["kvorum dev add", ""]]);
  const status = command(dev, "status")
    .description("Show the processes of the cluster.")
    .option(...sameDirectory)
    .action((flags: Partial<DevFlags>) => showStatus(directoryOf(flags), context));
  addHelp(status, [["kvorum dev status", ""]]);
}

function unknownVerb(word: string, dev: Command): CliError {
  const names = dev.commands.map((sub) => sub.name());
  const near = nearest(word, names);
  const meant = near === null ? "" : ` Did you mean \`kvorum dev ${near}\`?`;
  return usage(
    `unknown command '${word}'.${meant}`,
    `After \`kvorum dev\` there may be ${names.join(", ")}, or nothing.`,
  );
}

// From another terminal ----------------------------------------------------------------------------------------------

async function ask(
  directory: string,
  request: ControlRequest,
): Promise<Extract<ControlAnswer, { ok: true }>> {
  const answer = await askControl(directory, request);
  if (answer === null) {
    throw new CliError(
      `no \`kvorum dev\` is running in ${directory}`,
      "Start one with `kvorum dev`, or name its directory with --dir.",
      EXIT.unreachable,
    );
  }
  if (!answer.ok) throw new CliError(answer.message, answer.advice, answer.exitCode);
  return answer;
}

async function tell(directory: string, request: ControlRequest, context: CliContext): Promise<void> {
  const answer = await ask(directory, request);
  context.stdout.write(`${answer.text}\n`);
}

interface StatusData {
  readonly nodes: readonly DevNodeView[];
  readonly view: ClusterView | null;
}

async function showStatus(directory: string, context: CliContext): Promise<void> {
  const answer = await ask(directory, { verb: "status", nodes: [] });
  const { nodes, view } = answer.data as StatusData;
  context.stdout.write(nodesTable(nodes, view, context.style));
}

// In the foreground --------------------------------------------------------------------------------------------------

async function runDev(flags: DevFlags, context: CliContext): Promise<void> {
  const wanted = {
    directory: flags.dir,
    fresh: flags.fresh === true,
    nodes: wholeNumber("--nodes", flags.nodes, 1, 32),
    basePort: wholeNumber("--base-port", flags.basePort, 1, 65_000),
  };
  if (!portsFit(wanted.nodes ?? DEFAULT_NODES, wanted.basePort ?? DEFAULT_BASE_PORT)) {
    throw usage(
      "the ports of the last node would be over 65535",
      "Choose a lower --base-port or fewer --nodes.",
    );
  }
  await new DevRun(flags, wanted, context).run();
}

class DevRun {
  readonly #flags: DevFlags;
  readonly #wanted: Parameters<typeof prepareDirectory>[0];
  readonly #context: CliContext;
  #cluster: DevCluster | null = null;
  #starting = true;
  #stopping: { readonly since: number } | null = null;
  #end: () => void = () => undefined;
  readonly #ended = new Promise<void>((resolve) => (this.#end = resolve));

  constructor(flags: DevFlags, wanted: Parameters<typeof prepareDirectory>[0], context: CliContext) {
    this.#flags = flags;
    this.#wanted = wanted;
    this.#context = context;
  }

  /** Returns when somebody ended it; throws when it could not start. */
  async run(): Promise<void> {
    const line = waitingLine(this.#context.stdout, this.#context.style);
    const started = performance.now();
    const release = this.#context.onSignal((signal) => this.#onSignal(signal));
    let control: ControlServer | null = null;
    try {
      control = await this.#own((reason) => line.update(reason));
      this.#cluster = this.#create();
      const view = await this.#cluster.start((reason) => line.update(reason));
      this.#starting = false;
      line.clear();
      await this.#welcome(view, performance.now() - started);
      await this.#ended;
    } catch (error) {
      line.clear();
      await this.#cluster?.close(false);
      // Whoever pressed Ctrl-C during the start wanted just that.
      if (this.#stopping === null) throw error;
    } finally {
      release();
      await control?.close();
    }
    this.#context.stdout.write(this.#context.style.dim(`stopped; the data stays in ${this.#flags.dir}\n`));
  }

  /** The directory is ours once its control socket is. */
  async #own(waiting: (reason: string) => void): Promise<ControlServer> {
    const directory = this.#flags.dir;
    const deadline = performance.now() + TAKEOVER_PATIENCE_MS;
    for (;;) {
      const control = await serveControl(directory, (request) => this.#onRequest(request));
      if (control !== null) return control;
      const alive = await aliveNodes(directory);
      if ((alive ?? 0) > 0 || performance.now() > deadline) {
        throw new CliError(
          `a \`kvorum dev\` is running in ${directory} already (${plural(alive ?? 0, "node")} alive)`,
          "Use it, or end it with `npx kvorum dev stop`, or run a second one with --dir and --base-port.",
        );
      }
      // All its nodes were killed: it has nothing left to look after.
      if (alive === 0) await askQuietly(directory, { verb: "shutdown", nodes: [] });
      waiting("an earlier `kvorum dev`, all of whose nodes are dead, to end");
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  #create(): DevCluster {
    const { directory } = this.#wanted;
    const marker = prepareDirectory(this.#wanted);
    if (!portsFit(Math.max(...marker.nodes), marker.basePort)) {
      throw usage(
        "the ports of the last node would be over 65535",
        "Choose a lower --base-port or fewer --nodes.",
      );
    }
    const { self, env, stdout, style } = this.#context;
    return new DevCluster({
      directory,
      marker,
      self,
      env,
      logLevel: this.#flags.logLevel,
      onEvent: (event) => {
        // While starting, what matters is in the waiting line or in the error.
        if (this.#starting && event.type !== "died") return;
        stdout.write(
          `${stdout.isTTY ? "\r\u001b[K" : ""}${style.dim(timestamp(new Date()))}  ${eventText(event, style)}`,
        );
      },
    });
  }

  async #welcome(view: ClusterView, tookMs: number): Promise<void> {
    const { version, stdout, style } = this.#context;
    const nodes = await this.#cluster!.nodeViews();
    stdout.write(summaryText({ version, directory: this.#flags.dir, nodes, view, tookMs }, style));
  }

  #onSignal(signal: NodeJS.Signals): void {
    if (this.#stopping === null) this.#stop(signal === "SIGINT" ? "" : ` (${signal})`);
    else if (performance.now() - this.#stopping.since > SECOND_SIGNAL_MS) void this.#cluster?.close(true);
  }

  #stop(why: string): void {
    if (this.#stopping !== null) return;
    this.#stopping = { since: performance.now() };
    const { stdout, style } = this.#context;
    const alive = this.#cluster?.alive.length ?? 0;
    const what = alive === 0 ? "ending" : `stopping ${plural(alive, "node")}`;
    const hint = alive === 0 ? "" : style.dim(" (Ctrl-C again kills)");
    stdout.write(`${stdout.isTTY ? "\r\u001b[K" : ""}${what}${why} …${hint}\n`);
    const closed = this.#cluster?.close(false) ?? Promise.resolve();
    void closed.then(() => this.#end());
  }

  async #onRequest(request: ControlRequest): Promise<ControlAnswer> {
    const cluster = this.#cluster;
    if (request.verb === "shutdown") {
      this.#stop(" (asked from another terminal)");
      await cluster?.close(false);
      return { ok: true, text: "all nodes are stopped; the data stays" };
    }
    if (cluster === null) throw new CliError("`kvorum dev` is only just starting", "Try again in a second.");
    if (request.verb === "status") {
      const data: StatusData = { nodes: await cluster.nodeViews(), view: await cluster.view() };
      return { ok: true, text: "", data };
    }
    if (this.#stopping !== null)
      throw new CliError("`kvorum dev` is stopping", "Start it again with `kvorum dev`.");
    return { ok: true, text: await perform(cluster, request) };
  }
}

/** How many nodes the other `kvorum dev` still has; null while it is starting, or when it is just ending. */
async function aliveNodes(directory: string): Promise<number | null> {
  const answer = await askQuietly(directory, { verb: "status", nodes: [] });
  if (answer === null || !answer.ok) return null;
  return (answer.data as StatusData).nodes.filter(({ state }) => state === "running" || state === "paused")
    .length;
}

/** It may end while it is being asked; that is as good as an answer. */
async function askQuietly(directory: string, request: ControlRequest): Promise<ControlAnswer | null> {
  try {
    return await askControl(directory, request);
  } catch (error) {
    if (error instanceof CliError) return null;
    throw error;
  }
}

async function perform(cluster: DevCluster, request: ControlRequest): Promise<string> {
  switch (request.verb) {
    case "kill":
      return cluster.kill(cluster.select(request.nodes));
    case "stop":
      return cluster.stop(cluster.select(request.nodes));
    case "restart":
      return cluster.restart(cluster.select(request.nodes));
    case "pause":
      return cluster.pause(cluster.select(request.nodes));
    case "resume":
      return cluster.resume(cluster.select(request.nodes));
    case "add":
      return cluster.add();
    case "status":
    case "shutdown":
      throw new Error(`${request.verb} is answered elsewhere`);
  }
}

function wholeNumber(flag: string, text: string | undefined, min: number, max: number): number | undefined {
  if (text === undefined) return undefined;
  const value = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw usage(`${flag}: "${text}" is not a whole number from ${min} to ${max}`, "See `kvorum dev --help`.");
}
