/** A world for the load generator: time that the test moves, and a server whose stalls it decides. */
import type { Millis } from "../core/machine.ts";
import type { TimerHandle } from "../core/world.ts";
import { arrivalsOf } from "./arrivals.ts";
import { chanceFor } from "./chance.ts";
import { type Lane, type Load, type LoadClock, type LoadEnd, LoadGenerator } from "./generator.ts";
import { KeySet, WorkloadPlan } from "./plan.ts";
import { Recorder } from "./recorder.ts";
import { type BenchSettings, DEFAULT_SETTINGS } from "./settings.ts";
import { type BenchSummary, summarise } from "./summary.ts";

interface Event {
  readonly at: Millis;
  readonly order: number;
  readonly fire: () => void;
}

export class FakeClock implements LoadClock {
  #now = 1_000;
  #order = 0;
  #events: Event[] = [];
  #alarm: TimerHandle | null = null;

  now(): Millis {
    return this.#now;
  }

  setTimer(delay: Millis, fire: () => void): TimerHandle {
    const event = { at: this.#now + delay, order: this.#order++, fire };
    this.#events.push(event);
    return { cancel: () => void (this.#events = this.#events.filter((other) => other !== event)) };
  }

  alarm(at: Millis, ring: () => void): void {
    this.#alarm?.cancel();
    this.#alarm = this.setTimer(Math.max(0, at - this.#now), ring);
  }

  /** Until nothing is left to happen. */
  run(): void {
    while (this.#events.length > 0) {
      const next = this.#events.reduce((a, b) =>
        b.at < a.at || (b.at === a.at && b.order < a.order) ? b : a,
      );
      this.#events = this.#events.filter((event) => event !== next);
      this.#now = Math.max(this.#now, next.at);
      next.fire();
    }
  }
}

export interface FakeServer {
  /** Milliseconds that an answer takes. */
  readonly takes: Millis;
  /** Answers due in between come at the end of it; times since the start of the run. */
  readonly stall?: { readonly from: Millis; readonly to: Millis };
  /** Never answers requests after this time. */
  readonly silentFrom?: Millis;
  readonly failEvery?: number;
}

/** As many requests side by side as there are slots, none waiting for another. */
export function lanesTo(
  clock: FakeClock,
  server: FakeServer,
  count: number,
  sent: Millis[],
): readonly Lane[] {
  const start = clock.now();
  return Array.from({ length: count }, () => ({
    send: (_operation, done) => {
      sent.push(clock.now() - start);
      const time = clock.now() - start;
      if (server.silentFrom !== undefined && time >= server.silentFrom) return;
      const { stall } = server;
      const ready = time + server.takes;
      const answered = stall !== undefined && ready > stall.from && time < stall.to ? stall.to : ready;
      const isFailure = server.failEvery !== undefined && sent.length % server.failEvery === 0;
      clock.setTimer(Math.max(answered, ready) - time, () =>
        done(isFailure ? { code: "no-leader", definite: true, detail: "none" } : null),
      );
    },
  }));
}

export interface FakeRun {
  readonly summary: BenchSummary;
  readonly end: LoadEnd;
  /** When requests were sent, since the start. */
  readonly sent: readonly Millis[];
}

export function fakeRun(
  changes: Partial<BenchSettings>,
  server: FakeServer,
  interruptAt: Millis | null = null,
): FakeRun {
  const settings: BenchSettings = { ...DEFAULT_SETTINGS, clients: 4, warmup: 0, ...changes };
  const clock = new FakeClock();
  const sent: Millis[] = [];
  const start = clock.now();
  const { rate, arrivals, seed, warmup, duration, requests } = settings;
  const load: Load = {
    lanes: lanesTo(clock, server, settings.clients, sent),
    slots: settings.clients * settings.pipeline,
    plan: new WorkloadPlan(settings, new KeySet(settings.keys)),
    arrivals:
      rate === null ? null : arrivalsOf(arrivals, { rate, start, chance: chanceFor(seed, "arrivals") }),
    start,
    warmup,
    duration,
    requests,
    patience: 5_000,
  };
  const recorder = new Recorder({
    start,
    measuredFrom: start + warmup,
    interval: 1_000,
    openLoop: rate !== null,
  });
  const generator = new LoadGenerator(load, clock, recorder);
  let end: LoadEnd | null = null;
  generator.run((result) => (end = result));
  if (interruptAt !== null) clock.setTimer(interruptAt, () => generator.interrupt());
  clock.run();
  if (end === null) throw new Error("the run has no end");
  const over: LoadEnd = end;
  recorder.unanswered(over.unanswered);
  recorder.finish(over.finished);
  const facts = { version: "9", startedAt: "", command: "", nodes: [], utilisation: 0.5 };
  return { end: over, sent, summary: summarise(recorder, over, { ...facts, settings }) };
}

/** Of the run's latencies. */
export function percentile({ summary }: FakeRun, percent: number): Millis | null {
  return summary.latency?.percentiles.find((one) => one.percent === percent)?.latency ?? null;
}
