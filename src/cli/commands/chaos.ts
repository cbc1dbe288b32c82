/** `kvorum chaos`: a real cluster on this machine, hurt on purpose, and a verdict about what its clients saw. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import {
  CHAOS_FAULTS,
  CHAOS_FAULT_NAMES,
  type ChaosFault,
  isChaosFault,
  needsOf,
} from "../../chaos/faults.ts";
import { whyNoNamespaces, whyNoNetem } from "../../chaos/network.ts";
import { type ChaosOptions, type ChaosResult, runChaos } from "../../chaos/run.ts";
import { summaryOf } from "../../chaos/summary.ts";
import { WORKLOADS, WORKLOAD_NAMES, isWorkloadName } from "../../sim/workloads/workloads.ts";
import type { CliContext } from "../context.ts";
import { isEmpty } from "../dev/directory.ts";
import { CliError, EXIT, messageOf, usage } from "../failure.ts";
import { addHelp } from "../help.ts";
import { numberOf } from "../sim/flags.ts";
import { table } from "../text/table.ts";

interface ChaosFlags {
  readonly nodes?: string;
  readonly seconds?: string;
  readonly seed?: string;
  readonly workload: string;
  readonly faults: string;
  readonly clients?: string;
  readonly directory?: string;
  readonly out?: string;
  readonly keep?: true;
  readonly list?: true;
}

const DEFAULTS = { nodes: 3, seconds: 60, clients: 8 };

export function defineChaos(chaos: Command, context: CliContext): void {
  chaos
    .option("--nodes <count>", `processes, 3 to 9 (default: ${DEFAULTS.nodes})`)
    .option("--seconds <seconds>", `time under faults (default: ${DEFAULTS.seconds})`)
    .option("--seed <number>", "repeats the plan of faults (default: a random one)")
    .option("--workload <name>", "what clients do", "registers")
    .option("--faults <names>", `of ${CHAOS_FAULT_NAMES.join(",")}; or all, or none`, "all")
    .option("--clients <count>", `clients (default: ${DEFAULTS.clients})`)
    .option("--directory <path>", "for data, logs and the history; stays (default: a temporary one)")
    .option("--out <file>", "where the history goes (default: into the directory)")
    .option("--keep", "keep the temporary directory also when everything holds")
    .option("--list", "show every fault and workload")
    .action(async (flags: ChaosFlags) => {
      if (flags.list === true) context.stdout.write(listing(context));
      else await run(flags, context);
    });
  addHelp(
    chaos,
    [
      ["kvorum chaos", "a minute of every fault that this machine allows"],
      ["kvorum chaos --faults kill,pause --workload counters", ""],
      ["kvorum chaos --nodes 5 --seconds 600 --out h.jsonl", "longer, and the history kept"],
      ["kvorum check h.jsonl --model register", "look at such a history again"],
    ],
    "Exit codes: 0 everything holds, 1 something is violated or failed, 2 wrong options, 3 nothing could be decided.",
  );
}

async function run(flags: ChaosFlags, context: CliContext): Promise<void> {
  const { workload } = flags;
  if (!isWorkloadName(workload))
    throw usage(`There is no workload "${workload}".`, `There are: ${WORKLOAD_NAMES.join(", ")}.`);
  const nodes = numberOf("--nodes", flags.nodes, { least: 3, most: 9, whole: true }) ?? DEFAULTS.nodes;
  const seconds =
    numberOf("--seconds", flags.seconds, { least: 1, most: 86_400, whole: false }) ?? DEFAULTS.seconds;
  const clients =
    numberOf("--clients", flags.clients, { least: 1, most: 1000, whole: true }) ?? DEFAULTS.clients;
  const seed =
    numberOf("--seed", flags.seed, { least: 0, most: Number.MAX_SAFE_INTEGER, whole: true }) ??
    Math.floor(Math.random() * 1e9);
  const { faults, leftOut } = possibleFaults(wantedFaults(flags.faults), flags.faults === "all");
  const { directory, isTemporary } = directoryFor(flags.directory);

  const { stdout, style } = context;
  stdout.write(
    `${nodes} nodes, ${workload}, ${clients} clients, ${seconds} s under ${faults.join(", ") || "no faults"}; ` +
      `seed ${seed}\n${style.dim(`data in ${directory}`)}\n`,
  );
  for (const line of leftOut) stdout.write(`${style.dim(`left out: ${line}`)}\n`);
  const interruption = new AbortController();
  const release = context.onSignal((signal) => interruption.abort(signal));
  let result: ChaosResult | null = null;
  try {
    const options: ChaosOptions = {
      seed,
      nodes,
      seconds,
      workload,
      faults,
      clients,
      directory,
      ...(flags.out === undefined ? {} : { out: resolve(flags.out) }),
      namespaces: faults.some((fault) => needsOf(fault) !== null),
      self: context.self,
      env: context.env,
      signal: interruption.signal,
      tell(at, what, node, text) {
        const time = `${(at / 1000).toFixed(1)} s`;
        stdout.write(`${style.dim(time.padStart(8))}  ${what.padEnd(9)}  ${node.padEnd(2)}  ${text}\n`);
      },
    };
    result = await runChaos(options);
  } catch (error) {
    if (!interruption.signal.aborted)
      throw new CliError(
        messageOf(error),
        `The logs of the nodes: ${join(directory, "logs")}`,
        EXIT.failed,
        error,
      );
    const why = String(interruption.signal.reason);
    throw new CliError(`Ended by ${why} before anything could be judged.`, "All nodes were stopped.");
  } finally {
    release();
    const isOver = result?.exitCode === 0 || interruption.signal.aborted;
    if (isTemporary && isOver && flags.keep !== true) rmSync(directory, { recursive: true, force: true });
  }
  const kept = !isTemporary || flags.keep === true || result.exitCode !== 0;
  stdout.write(summaryOf(result, style));
  if (kept || flags.out !== undefined) stdout.write(`history     ${result.history}\n`);
  if (kept) stdout.write(`logs        ${join(directory, "logs")}\n`);
  if (result.exitCode !== 0) {
    const advice = `The history and the logs of the nodes are kept; the same plan of faults: --seed ${seed}`;
    const what = result.exitCode === 1 ? "Something is violated." : "It could not be decided.";
    throw new CliError(what, advice, result.exitCode);
  }
}

function wantedFaults(text: string): readonly ChaosFault[] {
  if (text === "all") return CHAOS_FAULT_NAMES;
  if (text === "none") return [];
  const names = text.split(",").map((name) => {
    if (!isChaosFault(name))
      throw usage(
        `There is no fault "${name}".`,
        `There are: ${CHAOS_FAULT_NAMES.join(", ")}; or all, or none.`,
      );
    return name;
  });
  return [...new Set(names)];
}

/** What was asked for by name and cannot be is an error; of `all` it is left out, and said so. */
function possibleFaults(
  wanted: readonly ChaosFault[],
  all: boolean,
): { readonly faults: readonly ChaosFault[]; readonly leftOut: readonly string[] } {
  const faults: ChaosFault[] = [];
  const leftOut: string[] = [];
  for (const fault of wanted) {
    const needs = needsOf(fault);
    const why = needs === null ? null : (whyNoNamespaces() ?? (needs === "netem" ? whyNoNetem() : null));
    if (why === null) faults.push(fault);
    else if (all) leftOut.push(`${fault}, as ${why}`);
    else
      throw usage(
        `The fault "${fault}" is not possible here: ${why}.`,
        `Without root there are: ${CHAOS_FAULT_NAMES.filter((name) => needsOf(name) === null).join(", ")}.`,
      );
  }
  return { faults, leftOut };
}

function directoryFor(given: string | undefined): {
  readonly directory: string;
  readonly isTemporary: boolean;
} {
  if (given === undefined)
    return { directory: mkdtempSync(join(tmpdir(), "kvorum-chaos-")), isTemporary: true };
  const directory = resolve(given);
  if (existsSync(directory) && !isEmpty(directory))
    throw usage(`${directory} is not empty, so it stays untouched.`, "Name an empty or a new one.");
  return { directory, isTemporary: false };
}

function listing({ style }: CliContext): string {
  const named = (title: string, names: Readonly<Record<string, { readonly meaning: string }>>): string =>
    `${style.bold(title)}\n${table(
      [{ title: "name" }, { title: "meaning" }],
      Object.entries(names).map(([name, { meaning }]) => [name, meaning]),
      style,
    )}`;
  return [named("Faults", CHAOS_FAULTS), named("Workloads", WORKLOADS)].join("\n");
}
