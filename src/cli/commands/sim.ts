/** `kvorum sim`: simulated clusters under faults, seed after seed, until something is wrong or the time is over. */
import { availableParallelism } from "node:os";
import type { Command } from "commander";
import { FAULT_NAMES, FAULTS } from "../../sim/faults/table.ts";
import {
  type Chosen,
  type Report,
  crashSchedule,
  momentCame,
  optionsOfMoment,
  optionsOfSeed,
  runSeed,
} from "../../sim/campaign.ts";
import { REPLICATIONS, isReplication } from "../../node/api.ts";
import { KNOBS } from "../../sim/knobs.ts";
import { MIX_NAMES, MIXES, isMixName } from "../../sim/mixes.ts";
import { CRASH_MOMENTS, type CrashMoment } from "../../sim/simulated-host.ts";
import { WORKLOAD_NAMES, WORKLOADS, isWorkloadName } from "../../sim/workloads/workloads.ts";
import type { CliContext } from "../context.ts";
import { EXIT, CliError, usage } from "../failure.ts";
import { addHelp } from "../help.ts";
import { explainFailure } from "../sim/explain.ts";
import { crashOf, faultsOf, momentOf, numberOf, rangeOf, strikesOf } from "../sim/flags.ts";
import { SimulationPool } from "../sim/pool.ts";
import type { Style } from "../text/style.ts";
import { table } from "../text/table.ts";

interface SimFlags {
  readonly seed?: string;
  readonly seeds?: string;
  readonly minutes?: string;
  readonly workload?: string;
  readonly mix?: string;
  readonly faults?: string;
  readonly nodes?: string;
  readonly clients?: string;
  readonly seconds?: string;
  readonly strikes?: string;
  readonly replication: string;
  readonly r?: string;
  readonly w?: string;
  readonly strict?: true;
  readonly shards?: string;
  readonly crashAt?: string;
  readonly every?: string;
  readonly jobs?: string;
  readonly shrink: boolean;
  readonly json?: true;
  readonly list?: true;
}

const DEFAULT_MINUTES = 2;

export function defineSim(sim: Command, context: CliContext): void {
  sim
    .option("--seed <number>", "one seed; says more about it than many")
    .option("--seeds <from-to>", "these seeds")
    .option("--minutes <minutes>", `seeds from a random one on, for so long (default ${DEFAULT_MINUTES})`)
    .option("--workload <name>", "what clients do (default: drawn from the seed)")
    .option("--mix <name>", "which faults strike (default: drawn from the seed)")
    .option("--faults <names>", "only these faults, such as wipe,crash, in the mix's world and rhythm")
    .option("--nodes <count>", "machines at the start (default: drawn from the seed)")
    .option("--clients <count>", "clients (default: drawn from the seed)")
    .option("--seconds <seconds>", "virtual time under faults (default: drawn from the seed)")
    .option("--crash-at <moment:n>", `one crash, at the n-th ${CRASH_MOMENTS.join(", ")} of a machine`)
    .option(
      "--every <moment>",
      `a crash at every ${CRASH_MOMENTS.join(", ")} of one machine in a short run, in turn`,
    )
    .option("--strikes <numbers>", "only these strikes of the schedule, such as 3,7; or none")
    .option(
      "--replication <protocol>",
      `of the keyspace that clients use: ${REPLICATIONS.join(", ")}`,
      "raft",
    )
    .option("--r <count>", "how many replicas a read asks, with quorum (default: a majority)")
    .option("--w <count>", "how many replicas a write is on, with quorum (default: a majority)")
    .option("--strict", "nobody stands in for replicas that cannot be reached, with quorum")
    .option("--shards <count>", "of that keyspace (default: drawn from the seed)")
    .option("--jobs <count>", "simulations side by side (default: one for each core)")
    .option("--no-shrink", "do not look for a shorter reproduction of a failure")
    .option("--json", "print one JSON object for each seed")
    .option("--list", "show every workload, mix, fault and knob")
    .action(async (flags: SimFlags) => {
      if (flags.list === true) context.stdout.write(listing(context.style));
      else await run(flags, context);
    });
  addHelp(sim, [
    ["kvorum sim", `${DEFAULT_MINUTES} minutes of everything, from a random seed on`],
    ["kvorum sim --seed 7", "one history, drawn if it is wrong"],
    ["kvorum sim --mix disks --seeds 1-100", "a hundred histories with broken disks"],
    ["kvorum sim --workload counters --minutes 30", "a soak"],
    ["kvorum sim --every boundary --seed 1", "a crash at each beginning and end of a write or sync, in turn"],
  ]);
}

function chosenFrom(flags: SimFlags): Chosen {
  const { workload, mix } = flags;
  if (workload !== undefined && !isWorkloadName(workload))
    throw usage(`There is no workload "${workload}".`, `There are: ${WORKLOAD_NAMES.join(", ")}.`);
  if (mix !== undefined && !isMixName(mix))
    throw usage(`There is no mix "${mix}".`, `There are: ${MIX_NAMES.join(", ")}.`);
  const nodes = numberOf("--nodes", flags.nodes, { least: 1, most: 9, whole: true });
  const clients = numberOf("--clients", flags.clients, { least: 1, most: 100, whole: true });
  const seconds = numberOf("--seconds", flags.seconds, { least: 0.1, most: 3600, whole: false });
  const shards = numberOf("--shards", flags.shards, { least: 1, most: 64, whole: true });
  const r = numberOf("--r", flags.r, { least: 1, most: 9, whole: true });
  const w = numberOf("--w", flags.w, { least: 1, most: 9, whole: true });
  const quorum = {
    ...(r === undefined ? {} : { r }),
    ...(w === undefined ? {} : { w }),
    ...(flags.strict === true ? { sloppy: false } : {}),
  };
  const keep = strikesOf(flags.strikes);
  const faults = faultsOf(flags.faults);
  const crash = crashOf(flags.crashAt);
  if (!isReplication(flags.replication))
    throw usage(`There is no replication "${flags.replication}".`, `There are: ${REPLICATIONS.join(", ")}.`);
  return {
    replication: flags.replication,
    ...(r === undefined && w === undefined && flags.strict === undefined ? {} : { quorum }),
    ...(shards === undefined ? {} : { shards }),
    ...(workload === undefined ? {} : { workload }),
    ...(mix === undefined ? {} : { mix }),
    ...(nodes === undefined ? {} : { nodes }),
    ...(clients === undefined ? {} : { clients }),
    ...(seconds === undefined ? {} : { duration: seconds * 1000 }),
    ...(keep === undefined ? {} : { keep }),
    ...(faults === undefined ? {} : { faults }),
    ...(crash === undefined ? {} : { schedule: crashSchedule(crash.moment, crash.n), mix: "calm" }),
  };
}

async function run(flags: SimFlags, context: CliContext): Promise<void> {
  const chosen = chosenFrom(flags);
  const seed = numberOf("--seed", flags.seed, { least: 0, most: Number.MAX_SAFE_INTEGER, whole: true });
  const range = rangeOf(flags.seeds);
  const minutes = numberOf("--minutes", flags.minutes, { least: 0.01, most: 100_000, whole: false });
  const jobs = numberOf("--jobs", flags.jobs, { least: 1, most: 256, whole: true }) ?? availableParallelism();
  if ([seed, range, minutes].filter((given) => given !== undefined).length > 1)
    throw usage("--seed, --seeds and --minutes exclude each other.", "Give one of them.");
  if (flags.every !== undefined) {
    await runEvery(momentOf("--every", flags.every), seed ?? 1, jobs, chosen, flags, context);
    return;
  }
  if (seed !== undefined) {
    runOne(seed, chosen, flags, context);
    return;
  }
  const first = range?.from ?? Math.floor(Math.random() * 1e9);
  const last = range?.to ?? Infinity;
  const deadline = range === undefined ? Date.now() + (minutes ?? DEFAULT_MINUTES) * 60_000 : Infinity;
  if (flags.json !== true) context.stdout.write(`seeds from ${first} on, ${jobs} side by side\n`);

  const total = new Totals();
  const failed = await SimulationPool.run(jobs, {
    next: (index) =>
      first + index <= last && Date.now() < deadline ? optionsOfSeed(first + index, chosen) : null,
    done(report) {
      total.add(report);
      if (flags.json === true) context.stdout.write(`${JSON.stringify(report)}\n`);
      else if (total.runs % 20 === 0 || report.problems.length > 0)
        context.stdout.write(`${total.line()}${report.problems.length > 0 ? "  FAILED" : ""}\n`);
      return report.problems.length === 0;
    },
  });
  if (flags.json !== true) context.stdout.write(`${total.line()}\n`);
  if (total.acknowledged === 0)
    throw new CliError("Nothing was checked: no operation was acknowledged.", "Give it more time or seeds.");
  if (failed !== null) fail(failed, flags, context);
}

/** One seed with a crash at each such moment in turn, until there are no more. */
async function runEvery(
  moment: CrashMoment,
  seed: number,
  jobs: number,
  chosen: Chosen,
  flags: SimFlags,
  context: CliContext,
): Promise<void> {
  const total = new Totals();
  let moments = 0;
  let isOver = false;
  const failed = await SimulationPool.run(jobs, {
    next: (index) => (isOver ? null : optionsOfMoment(seed, moment, index + 1, chosen)),
    done(report) {
      total.add(report);
      if (momentCame(report)) moments++;
      else isOver = true;
      if (flags.json === true) context.stdout.write(`${JSON.stringify(report)}\n`);
      else if (total.runs % 50 === 0) context.stdout.write(`${total.line()}\n`);
      return report.problems.length === 0;
    },
  });
  if (flags.json !== true)
    context.stdout.write(
      `${total.line()}\nseed ${seed}: a crash at each of ${moments} moments (${moment})\n`,
    );
  if (failed !== null) fail(failed, flags, context);
  if (moments === 0) throw new CliError(`There was no ${moment} to crash at.`, "Give it more --seconds.");
}

/** One seed, in this thread. */
function runOne(seed: number, chosen: Chosen, flags: SimFlags, context: CliContext): void {
  const options = optionsOfSeed(seed, chosen);
  const total = new Totals();
  const { report, result } = runSeed(options);
  total.add(report);
  if (flags.json === true) context.stdout.write(`${JSON.stringify({ ...report, history: result.events })}\n`);
  else {
    const { workload, mix, nodes, clients, duration } = options;
    context.stdout.write(
      [
        `seed ${seed}: ${workload}, mix ${mix}, ${nodes} nodes, ${clients} clients, ${duration / 1000} s under faults`,
        ...(result.knobs.length === 0 ? [] : [`knobs: ${result.knobs.join(", ")}`]),
        ...result.strikes.map(({ number, text }) => `  #${number} ${text}`),
        total.line(),
        `event hash ${result.hash}`,
        "",
      ].join("\n"),
    );
  }
  if (report.problems.length > 0) fail(report, flags, context);
  if (report.acknowledged === 0)
    throw new CliError("Nothing was checked: no operation was acknowledged.", "Give it more --seconds.");
}

function fail(report: Report, flags: SimFlags, context: CliContext): never {
  if (flags.json !== true) {
    const tell = (line: string): void => context.stdout.write(`${line}\n`);
    explainFailure(report, {
      shrink: flags.shrink,
      width: context.stdout.isTTY ? context.stdout.columns : 160,
      tell,
    });
  }
  throw new CliError(
    `Seed ${report.options.seed} failed.`,
    "The command above plays it again; docs/SIMULATION.md says how to read it.",
    EXIT.failed,
  );
}

class Totals {
  runs = 0;
  acknowledged = 0;
  #repeated = 0;
  #strikes = 0;
  #events = 0;
  #virtual = 0;
  readonly #started = performance.now();

  add(report: Report): void {
    this.runs++;
    this.acknowledged += report.acknowledged;
    if (report.repeated) this.#repeated++;
    this.#strikes += report.strikes;
    this.#events += report.events;
    this.#virtual += report.virtualMilliseconds / 1000;
  }

  line(): string {
    const seconds = (performance.now() - this.#started) / 1000;
    const each = (count: number): string => Math.round(count / Math.max(seconds, 0.001)).toLocaleString("en");
    return (
      `${this.runs} histories (${this.#repeated} twice), ${this.acknowledged.toLocaleString("en")} operations, ` +
      `${this.#strikes} strikes; ${each(this.#events)} events/s, ${each(this.#virtual)} simulated s/s`
    );
  }
}

function listing(style: Style): string {
  const section = (title: string, columns: readonly string[], rows: readonly (readonly string[])[]): string =>
    `${style.bold(title)}\n${table(
      columns.map((column) => ({ title: column })),
      rows,
      style,
    )}`;
  const named = (title: string, names: Readonly<Record<string, { readonly meaning: string }>>): string =>
    section(
      title,
      ["name", "meaning"],
      Object.entries(names).map(([name, { meaning }]) => [name, meaning]),
    );
  const faults = FAULT_NAMES.map((name) => {
    const { area, lasts, amount, meaning } = FAULTS[name];
    const size = amount.unit === "" ? "" : `${amount.from} to ${amount.to} ${amount.unit}`;
    return [name, area, lasts.to === 0 ? "" : `${lasts.from} to ${lasts.to} ms`, size, meaning];
  });
  return [
    named("Workloads", WORKLOADS),
    named("Mixes of faults", MIXES),
    section("Faults", ["name", "area", "lasts", "amount", "meaning"], faults),
    named("Knobs", KNOBS),
  ].join("\n");
}
