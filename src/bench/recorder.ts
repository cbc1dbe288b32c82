/** Keeps what a run's requests came to: latencies by kind, failures by code, and what happened in each interval. */
import type { Millis } from "../core/machine.ts";
import type { Observer, OperationFailure } from "./generator.ts";
import { Latencies } from "./latencies.ts";
import type { OperationKind } from "./plan.ts";

/** `detail` is that of the first. */
export interface FailureCount extends OperationFailure {
  readonly count: number;
}

/** Percentiles are null where nothing succeeded. */
export interface Interval {
  /** Milliseconds since the measured part began; less than 0 in the warm-up. */
  readonly from: Millis;
  readonly to: Millis;
  readonly ok: number;
  readonly failed: number;
  readonly p50: Millis | null;
  readonly p99: Millis | null;
  readonly max: Millis | null;
}

/** Without what is left when the last answers come, whose rate would say nothing. */
export function wholeIntervals(intervals: readonly Interval[]): readonly Interval[] {
  const longest = Math.max(0, ...intervals.map(({ from, to }) => to - from));
  return intervals.filter(({ from, to }) => to - from > longest / 2);
}

export interface RecorderOptions {
  readonly start: Millis;
  readonly measuredFrom: Millis;
  readonly interval: Millis;
  /** In a closed loop, requests are sent when they are due: service times would say the same again. */
  readonly openLoop: boolean;
}

export class Recorder implements Observer {
  /** From when a request was due until its answer. */
  readonly latencies = new Map<OperationKind, Latencies>();
  /** From when a request was sent until its answer. */
  readonly service = new Latencies();
  /** Of requests that failed. */
  readonly failing = new Latencies();
  /** By how much the generator itself was late. */
  readonly lateness = new Latencies();
  readonly intervals: Interval[] = [];
  /** Of the measured requests; the warm-up's only show in its intervals. */
  ok = 0;
  failed = 0;
  lastAnswer: Millis;
  readonly #options: RecorderOptions;
  readonly #failures = new Map<string, { failure: OperationFailure; count: number }>();
  readonly #current = new Latencies();
  #currentFailed = 0;
  /** When the present interval ends. */
  #currentEnd: Millis;
  #currentStart: Millis;
  #measuring = false;

  constructor(options: RecorderOptions) {
    this.#options = options;
    this.lastAnswer = options.measuredFrom;
    this.#currentStart = options.start;
    this.#currentEnd = this.#nextEnd(options.start);
  }

  measuring(): void {
    this.#measuring = true;
  }

  late(delay: Millis): void {
    if (this.#measuring) this.lateness.record(delay);
  }

  answered(
    kind: OperationKind,
    intended: Millis,
    sent: Millis,
    answered: Millis,
    failure: OperationFailure | null,
  ): void {
    if (answered >= this.#currentEnd) this.closeUntil(answered);
    const latency = answered - intended;
    if (failure === null) this.#current.record(latency);
    else this.#currentFailed++;
    if (intended < this.#options.measuredFrom) return;
    this.lastAnswer = answered;
    if (failure !== null) {
      this.#fail(failure);
      this.failing.record(latency);
      return;
    }
    this.ok++;
    this.#of(kind).record(latency);
    if (this.#options.openLoop) this.service.record(answered - sent);
  }

  /** The requests that were never answered: nobody knows what became of them. */
  unanswered(count: number): void {
    for (let i = 0; i < count; i++)
      this.#fail({
        code: "no-answer",
        definite: false,
        detail: "There was no answer when the run was over.",
      });
  }

  get failures(): readonly FailureCount[] {
    const all = [...this.#failures.values()].map(({ failure, count }) => ({ ...failure, count }));
    return all.sort((a, b) => b.count - a.count);
  }

  /** Ends all intervals up to this time; to be called while nothing is answered too. */
  closeUntil(now: Millis): void {
    while (now >= this.#currentEnd) this.#close(this.#currentEnd);
  }

  /** Ends the present interval too, where something was left in it. */
  finish(now: Millis): void {
    this.closeUntil(now);
    if (this.#current.count + this.#currentFailed > 0) this.#close(now);
  }

  #fail(failure: OperationFailure): void {
    this.failed++;
    const name = `${failure.code} ${failure.definite}`;
    const counted = this.#failures.get(name);
    if (counted === undefined) this.#failures.set(name, { failure, count: 1 });
    else counted.count++;
  }

  #of(kind: OperationKind): Latencies {
    let found = this.latencies.get(kind);
    if (found === undefined) this.latencies.set(kind, (found = new Latencies()));
    return found;
  }

  #close(end: Millis): void {
    const { measuredFrom } = this.#options;
    const { count: ok } = this.#current;
    const at = (percent: number) => (ok === 0 ? null : this.#current.at(percent));
    this.intervals.push({
      from: this.#currentStart - measuredFrom,
      to: end - measuredFrom,
      ok,
      failed: this.#currentFailed,
      p50: at(50),
      p99: at(99),
      max: ok === 0 ? null : this.#current.max,
    });
    this.#current.reset();
    this.#currentFailed = 0;
    this.#currentStart = end;
    this.#currentEnd = this.#nextEnd(end);
  }

  /** Intervals are counted from the beginning of the measured part, in both directions. */
  #nextEnd(start: Millis): Millis {
    const { measuredFrom, interval } = this.#options;
    const number = Math.floor((start - measuredFrom) / interval + 1e-6) + 1;
    return measuredFrom + number * interval;
  }
}
