/** `kvorum bench`: how fast a running cluster is. docs/BENCH.md says what the figures mean. */
import { readFileSync, writeFileSync } from "node:fs";
import type { Command } from "commander";
import { type Baseline, compare, parseBaseline } from "../../bench/compare.ts";
import { keyPrefix } from "../../bench/names.ts";
import { reportPage } from "../../bench/report-page.ts";
import { reportSvg } from "../../bench/report-plots.ts";
import { DEFAULT_SETTINGS, WORKLOAD_NAMES } from "../../bench/settings.ts";
import type { BenchSummary } from "../../bench/summary.ts";
import { clusterAt, respTargets, serversAt } from "../bench/cluster.ts";
import { countText } from "../bench/figures.ts";
import { type BenchFlags, settingsOf } from "../bench/flags.ts";
import { ProgressLine } from "../bench/progress.ts";
import { commandOf } from "../bench/repeat.ts";
import { BenchRun } from "../bench/run.ts";
import { comparisonText, headline, summaryText, workloadList } from "../bench/summary-text.ts";
import type { CliContext } from "../context.ts";
import { CliError, EXIT, messageOf, usage } from "../failure.ts";
import { addHelp, URL_OPTION } from "../help.ts";
import { createStyle, wantsColour } from "../text/style.ts";

/** Ctrl-C reaches a process more than once when it was started through npm; only a later one means "at once". */
const SECOND_SIGNAL_MS = 1_000;

export function defineBench(bench: Command, context: CliContext): void {
  const usual = DEFAULT_SETTINGS;
  bench
    .argument("[workload]", `what clients do: ${WORKLOAD_NAMES.join(", ")} (default: ${usual.workload})`)
    .option(...URL_OPTION)
    .option(
      "--protocol <name>",
      "typed: the typed client; resp: a plain Redis client that pipelines (default: typed)",
    )
    .option(
      "--resp <host:port>",
      "RESP ports to load, separated by commas, in place of all nodes that --url knows of; implies --protocol resp, and may be any Redis server",
    )
    .option("--workload <name>", "the same as the argument")
    .option("--read-ratio <share>", `share of reads in mixed, from 0 to 1 (default: ${usual.readRatio})`)
    .option("--keyspace <name>", `where the keys are (default: ${usual.keyspace})`)
    .option(
      "--consistency <name>",
      "of reads: linearizable, sequential or stale (default: what the keyspace gives)",
    )
    .option("--clients <count>", `callers, each with a request under way (default: ${usual.clients})`)
    .option(
      "--connections <count>",
      "connections that the callers share (default: one each with RESP, one typed client for all otherwise)",
    )
    .option("--pipeline <count>", `requests that each caller has under way (default: ${usual.pipeline})`)
    .option("--value-size <bytes>", `of values, such as 100 or 4KiB (default: ${usual.valueSize})`)
    .option("--keys <count>", `how many different keys (default: ${usual.keys})`)
    .option(
      "--distribution <name>",
      `of keys: uniform, or zipfian with exponent 0.99 (default: ${usual.distribution})`,
    )
    .option(
      "--duration <time>",
      `how long is measured, such as 30s (default: ${usual.duration! / 1_000}s, or until --requests)`,
    )
    .option("--requests <count>", "how many requests are measured (default: as many as fit into --duration)")
    .option("--warmup <time>", `of load before that, not measured (default: ${usual.warmup / 1_000}s)`)
    .option(
      "--rate <count>",
      "open loop: so many requests a second, whatever becomes of them (default: a closed loop)",
    )
    .option("--arrivals <name>", `of the open loop: constant, or poisson (default: ${usual.arrivals})`)
    .option("--seed <number>", `decides keys, values, mix and arrivals (default: ${usual.seed})`)
    .option("--prefix <text>", `what the keys begin with (default: ${usual.prefix})`)
    .option("--keep", "leave the keys there (default: they are deleted in the end)")
    .option("--json", "print the results as one JSON object")
    .option("--against <file>", "compare with an earlier run, of which --json was kept in this file")
    .option("--report <file>", "write a report as well, .html or .svg")
    .action((workload: string | undefined, flags: BenchFlags) => runBench(workload, flags, context));
  addHelp(
    bench,
    [
      ["kvorum bench", "64 callers set values for ten seconds"],
      ["kvorum bench get --consistency stale --distribution zipfian", ""],
      ["kvorum bench mixed --rate 5000 --report bench.html", "latencies under a load that does not wait"],
      ["kvorum bench incr --protocol resp --clients 16 --pipeline 16", ""],
      ["kvorum bench --json > before.json", ""],
      ["kvorum bench --against before.json", "the same load again, in ratios"],
      ["kvorum bench set --resp 127.0.0.1:6379", "the same load on another server that speaks RESP"],
    ],
    [
      `Workloads:\n${workloadList()}`,
      "",
      "Ctrl-C ends the run and prints what there is by then. The exit code is 1 when nothing succeeded.",
    ].join("\n"),
  );
}

async function runBench(workload: string | undefined, flags: BenchFlags, context: CliContext): Promise<void> {
  const settings = settingsOf(workload, flags);
  const render = rendererFor(flags.report);
  const baseline = flags.against === undefined ? null : readBaseline(flags.against);
  const cluster =
    flags.resp === undefined
      ? await clusterAt(flags.url, context.env, settings)
      : await serversAt(respTargets(flags.resp));
  const { stdout, stderr, style } = context;
  const where = cluster.nodes.map(({ name }) => name).join(", ");
  const quiet = flags.json === true;
  if (!quiet) stdout.write(`${style.bold("kvorum bench")} ${headline(settings, where)}\n\n`);
  const progress = new ProgressLine(
    quiet && !stderr.isTTY ? { ...stderr, write: () => undefined } : stderr,
    createStyle(wantsColour(stderr.isTTY, context.env)),
  );
  const run = new BenchRun(settings, cluster, progress);
  const release = interruptOnSignals(run, context);
  const url = flags.url ?? context.env["KVORUM_URL"] ?? "";
  const named = url === "" ? [] : ["--url", url];
  let summary: BenchSummary | null = null;
  try {
    await run.connect();
    await run.prepare();
    if (!run.interrupted) {
      summary = await run.measure({
        version: context.version,
        startedAt: new Date().toISOString(),
        command: commandOf(settings, flags.resp === undefined ? named : ["--resp", flags.resp]),
        nodes: cluster.nodes,
      });
      if (quiet) stdout.write(`${JSON.stringify(summary)}\n`);
      else stdout.write(summaryText(summary, style, stdout.columns));
      if (baseline !== null && !quiet)
        stdout.write(comparisonText(compare(summary, baseline), flags.against!, style));
      if (flags.report !== undefined) {
        writeReport(flags.report, render(summary));
        if (!quiet) stdout.write(`report      ${flags.report}\n`);
      }
    }
    await run.cleanUp();
  } finally {
    if (run.left > 0)
      stderr.write(
        `${countText(run.left)} keys that begin with ${keyPrefix(settings)} stay in the keyspace ${settings.keyspace}.\n`,
      );
    release();
    run.close();
  }
  if (summary !== null && summary.ok > 0) return;
  const first = summary?.failures[0];
  throw new CliError(
    first === undefined ? "nothing was measured" : `no request succeeded: ${first.detail}`,
    first === undefined ? "Let it run for longer." : "Look at the cluster with `kvorum status`.",
  );
}

function interruptOnSignals(run: BenchRun, { onSignal }: CliContext): () => void {
  let first: number | null = null;
  return onSignal(() => {
    const now = performance.now();
    if (first !== null && now - first < SECOND_SIGNAL_MS) return;
    first ??= now;
    run.interrupt();
  });
}

function rendererFor(file: string | undefined): (summary: BenchSummary) => string {
  if (file === undefined || file.endsWith(".html")) return reportPage;
  if (file.endsWith(".svg")) return reportSvg;
  throw usage(`--report writes .html or .svg, and "${file}" is neither`, "For example: --report bench.html");
}

function readBaseline(file: string): Baseline {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new CliError(`cannot read ${file}: ${messageOf(error)}`, "Correct the path.", EXIT.usage, error);
  }
  const baseline = parseBaseline(text);
  if (baseline === null)
    throw usage(`${file} is no result of kvorum bench`, "Make one with `kvorum bench --json > before.json`.");
  return baseline;
}

function writeReport(file: string, content: string): void {
  try {
    writeFileSync(file, content);
  } catch (error) {
    throw new CliError(
      `the report cannot be written: ${messageOf(error)}`,
      "Name another file.",
      EXIT.failed,
      error,
    );
  }
}
