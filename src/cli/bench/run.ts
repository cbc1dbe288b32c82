/** One run from the first connection to the last deleted key. */
import { performance } from "node:perf_hooks";
import { arrivalsOf } from "../../bench/arrivals.ts";
import { chanceFor } from "../../bench/chance.ts";
import {
  type Load,
  type LoadEnd,
  LoadGenerator,
  type Observer,
  type OperationFailure,
} from "../../bench/generator.ts";
import { EachKeyPlan, everyKey, KeySet, WorkloadPlan } from "../../bench/plan.ts";
import { Recorder } from "../../bench/recorder.ts";
import type { BenchSettings } from "../../bench/settings.ts";
import { type BenchSummary, type RunFacts, summarise } from "../../bench/summary.ts";
import type { Millis } from "../../core/machine.ts";
import { isMerging } from "../../node/api.ts";
import { CliError } from "../failure.ts";
import { countText } from "./figures.ts";
import type { LoadedCluster } from "./cluster.ts";
import { encoderFor } from "./encode.ts";
import { MetronomeClock } from "./load-clock.ts";
import type { ProgressLine } from "./progress.ts";
import { RespLane } from "./resp-lane.ts";
import { type TypedLane, typedLane } from "./typed-lane.ts";

/** Longer than the deadline of the typed client's calls, and than that of nodes. */
const PATIENCE_MS = 10_000;
const PROGRESS_MS = 250;
const PROBE_MS = 5;
/** Of the parts that are not measured. */
const BUSY_SLOTS = 128;

export class BenchRun {
  readonly #settings: BenchSettings;
  readonly #cluster: LoadedCluster;
  readonly #progress: ProgressLine;
  readonly #clock = new MetronomeClock();
  readonly #written: KeySet;
  #lanes: readonly TypedLane[] = [];
  #running: LoadGenerator | null = null;
  #interruptions = 0;

  constructor(settings: BenchSettings, cluster: LoadedCluster, progress: ProgressLine) {
    this.#settings = settings;
    this.#cluster = cluster;
    this.#progress = progress;
    this.#written = new KeySet(settings.keys);
  }

  /** Keys that the run has written and not deleted. */
  get left(): number {
    return this.#written.size;
  }

  get interrupted(): boolean {
    return this.#interruptions > 0;
  }

  /** The first one ends what is going on; the second one does not wait for answers, and keeps keys where they are. */
  interrupt(): void {
    this.#interruptions++;
    this.#running?.interrupt();
  }

  async connect(): Promise<void> {
    const lanes = await Promise.all(
      Array.from({ length: this.#settings.connections }, (_, at) => this.#openLane(at)),
    );
    this.#lanes = lanes;
  }

  /** Writes every key, where the workload is going to read. */
  async prepare(): Promise<void> {
    const { workload, keys } = this.#settings;
    if (workload !== "get" && workload !== "mixed") return;
    const plan = new EachKeyPlan("set", everyKey(keys));
    const failure = await this.#quietly(plan, keys, "writing the keys to read", (key, problem) => {
      if (problem === null || !problem.definite) this.#written.add(key);
    });
    if (failure !== null)
      throw new CliError(
        `the keys to read could not be written: ${failure.detail}`,
        "Look at the cluster with `kvorum status`.",
      );
  }

  async measure(facts: Omit<RunFacts, "utilisation" | "settings">): Promise<BenchSummary> {
    const settings = this.#settings;
    const { rate, arrivals, warmup, duration, requests, seed } = settings;
    const start = this.#clock.now();
    const measuredFrom = start + warmup;
    const recorder = new Recorder({
      start,
      measuredFrom,
      interval: intervalOf(settings),
      openLoop: rate !== null,
    });
    const load: Load = {
      lanes: this.#lanes,
      slots: settings.clients * settings.pipeline,
      plan: new WorkloadPlan(settings, this.#written),
      arrivals:
        rate === null ? null : arrivalsOf(arrivals, { rate, start, chance: chanceFor(seed, "arrivals") }),
      start,
      warmup,
      duration,
      requests,
      patience: PATIENCE_MS,
    };
    const ticker = setInterval(() => {
      const now = this.#clock.now();
      recorder.closeUntil(now);
      const interval = recorder.intervals.at(-1) ?? null;
      const warming = now < measuredFrom;
      this.#progress.show({ elapsed: now - start, warming, interval, errors: recorder.failed });
    }, PROGRESS_MS);
    const busy = new BusyMeter();
    const observer: Observer = {
      measuring: () => {
        busy.start();
        recorder.measuring();
      },
      answered: (kind, intended, sent, answered, failure) =>
        recorder.answered(kind, intended, sent, answered, failure),
      late: (delay) => recorder.late(delay),
    };
    const stopProbing = rate === null ? this.#probe((delay) => recorder.late(delay)) : () => undefined;
    const end = await this.#run(load, observer);
    stopProbing();
    clearInterval(ticker);
    this.#progress.clear();
    recorder.unanswered(end.unanswered);
    recorder.finish(end.finished);
    return summarise(recorder, end, { ...facts, settings, utilisation: busy.share() });
  }

  /** Deletes what the run wrote, unless somebody is in a hurry. `left` says what remains. */
  async cleanUp(): Promise<void> {
    if (this.#settings.keep || this.#written.size === 0 || this.#interruptions > 1) return;
    const plan = new EachKeyPlan("del", this.#written);
    await this.#quietly(plan, this.#written.size, "deleting the keys of this run", (key, problem) => {
      if (problem === null) this.#written.delete(key);
    });
  }

  close(): void {
    for (const lane of this.#lanes) lane.close();
    this.#clock.close();
  }

  /** In a closed loop nothing is due at a certain time: an alarm that does nothing shows how late this process is. */
  #probe(late: (delay: Millis) => void): () => void {
    let stopped = false;
    const next = (): void => {
      const due = this.#clock.now() + PROBE_MS;
      this.#clock.alarm(due, () => {
        if (stopped) return;
        late(this.#clock.now() - due);
        next();
      });
    };
    next();
    return () => void (stopped = true);
  }

  async #openLane(at: number): Promise<TypedLane> {
    const { protocol, consistency } = this.#settings;
    if (protocol === "typed") return typedLane(this.#settings, this.#cluster);
    const { addresses, replication } = this.#cluster;
    const chosen =
      consistency === null || (replication !== null && isMerging(replication)) ? null : consistency;
    const lane = new RespLane({
      address: addresses[at % addresses.length]!,
      encode: encoderFor(this.#settings),
      greeting: chosen === null ? [] : [["KVORUM", "CONSISTENCY", chosen]],
    });
    await lane.connect();
    return lane;
  }

  /** Carries the whole plan out; resolves with the first failure. */
  async #quietly(
    plan: EachKeyPlan,
    count: number,
    what: string,
    done: (key: number, problem: OperationFailure | null) => void,
  ): Promise<OperationFailure | null> {
    const start = this.#clock.now();
    let finished = 0;
    let first: OperationFailure | null = null;
    const counted: Observer = {
      measuring: () => undefined,
      late: () => undefined,
      answered: (_kind, _intended, _sent, _answered, failure) => {
        finished++;
        first ??= failure;
      },
    };
    const lanes = this.#lanes.map(
      (lane): TypedLane => ({
        close: () => lane.close(),
        send: (operation, answered) =>
          lane.send(operation, (failure) => {
            done(operation.key, failure);
            answered(failure);
          }),
      }),
    );
    const ticker = setInterval(
      () =>
        this.#progress.note(
          `${what}: ${countText(finished)} of ${countText(count)}`,
          this.#clock.now() - start,
        ),
      PROGRESS_MS,
    );
    const load: Load = {
      lanes,
      slots: Math.max(BUSY_SLOTS, lanes.length),
      plan,
      arrivals: null,
      start,
      warmup: 0,
      duration: null,
      requests: count,
      patience: PATIENCE_MS,
    };
    await this.#run(load, counted);
    clearInterval(ticker);
    this.#progress.clear();
    return first;
  }

  async #run(load: Load, observer: Observer): Promise<LoadEnd> {
    const generator = new LoadGenerator(load, this.#clock, observer);
    this.#running = generator;
    const end = await new Promise<LoadEnd>((resolve) => generator.run(resolve));
    this.#running = null;
    return end;
  }
}

const SHORTEST_INTERVAL_MS = 100;
const LONGEST_INTERVAL_MS = 1_000;

/** Twenty of them or more, where that leaves each long enough. */
function intervalOf({ duration, requests }: BenchSettings): Millis {
  if (requests !== null || duration === null) return LONGEST_INTERVAL_MS / 2;
  const fitting = Math.floor(duration / 20 / SHORTEST_INTERVAL_MS) * SHORTEST_INTERVAL_MS;
  return Math.min(LONGEST_INTERVAL_MS, Math.max(SHORTEST_INTERVAL_MS, fitting));
}

/** How busy the event loop of this process is. */
class BusyMeter {
  #begin = performance.eventLoopUtilization();

  start(): void {
    this.#begin = performance.eventLoopUtilization();
  }

  share(): number {
    return performance.eventLoopUtilization(this.#begin).utilization;
  }
}
