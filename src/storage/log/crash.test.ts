/**
 * The promise of the log under crashes: what was acknowledged is there, an append is there as a whole or not at all, and
 * what one opening found is found by every later one.
 */
import { describe, expect, test } from "vitest";
import type { CrashKind } from "../disk/simulated-disk.ts";
import { SeededRandom, simulatedWorld } from "../disk/test-world.testkit.ts";
import type { SimulatedWorld } from "../disk/test-world.testkit.ts";
import type { DiskFaults } from "../disk/disk-faults.ts";
import { INSTANCE, record, show } from "./log.testkit.ts";
import { openLog } from "./write-ahead-log.ts";
import type { LogRecord, WriteAheadLog } from "./write-ahead-log.ts";

const GROUPS = 3;

/** What each group has since its last checkpoint: what a replica would rebuild from the log. */
type State = Readonly<Record<number, readonly string[]>>;

function apply(state: State, one: LogRecord): State {
  const before = one.checkpoint ? [] : (state[one.group] ?? []);
  return { ...state, [one.group]: [...before, show(one)] };
}

/** Appends of different sizes, some with checkpoints, so that segments fill up and are freed. */
function makeAppends(seed: number, count: number): readonly (readonly LogRecord[])[] {
  const random = new SeededRandom(seed);
  return Array.from({ length: count }, (_, i) =>
    Array.from({ length: 1 + Math.floor(random.next() * 3) }, (_unused, j) => {
      const group = Math.floor(random.next() * GROUPS);
      const mark = random.next() < 0.3 ? "!" : ":";
      return record(`${group}${mark}${i}.${j} ${"x".repeat(Math.floor(random.next() ** 3 * 900))}`);
    }),
  );
}

/** One life of a node: opens the log, compares, and appends until everything is acknowledged or it crashes. */
class Story {
  readonly world: SimulatedWorld;
  readonly #appends: readonly (readonly LogRecord[])[];
  /** After each number of appends. */
  readonly #states: State[] = [{}];
  acknowledged = 0;
  submitted = 0;

  constructor(seed: number, faults: Partial<DiskFaults>, count = 40) {
    this.world = simulatedWorld(seed, faults);
    this.#appends = makeAppends(seed, count);
    for (const one of this.#appends) this.#states.push(one.reduce(apply, this.#states.at(-1)!));
  }

  get finished(): boolean {
    return this.acknowledged === this.#appends.length;
  }

  /** Lets the node live until it is done, or has crashed. */
  live(): void {
    let found: State = {};
    const options = {
      clock: this.world.clock,
      instance: INSTANCE,
      segmentBytes: 2048,
      retainBytes: 6144,
      onPressure: () => undefined,
    };
    openLog(
      this.world.disk,
      "log",
      options,
      (one) => {
        found = apply(found, one);
      },
      (error, log) => {
        if (error !== null) throw error;
        this.#compare(found);
        this.#appendNext(log!);
        this.#appendNext(log!);
      },
    );
    this.world.clock.run();
  }

  /** How much a damaged log still has. The last batch may hold two appends. */
  compareAfterDamage(found: State): "complete" | "lastLost" | "wrong" {
    if (same(found, this.#states.at(-1)!)) return "complete";
    return same(found, this.#states.at(-2)!) || same(found, this.#states.at(-3)!) ? "lastLost" : "wrong";
  }

  /** What was found is the state after some number of appends, no fewer than were acknowledged. */
  #compare(found: State): void {
    const candidates = this.#states.slice(this.acknowledged, this.submitted + 1);
    const index = candidates.findIndex((state) => same(state, found));
    if (index === -1)
      throw new Error(`${this.acknowledged} acknowledged, not found: ${JSON.stringify(found)}`);
    this.acknowledged += index;
    this.submitted = this.acknowledged;
  }

  /** Two appends at a time, so that some are put together. */
  #appendNext(log: WriteAheadLog): void {
    const next = this.#appends[this.submitted];
    if (next === undefined) return;
    const number = ++this.submitted;
    log.append(next, (error) => {
      if (error !== null) throw error;
      if (number !== this.acknowledged + 1) throw new Error(`append ${number} is answered out of order`);
      this.acknowledged = number;
      this.#appendNext(log);
    });
  }
}

const same = (a: State, b: State): boolean =>
  Array.from({ length: GROUPS }, (_, group) => (a[group] ?? []).join() === (b[group] ?? []).join()).every(
    Boolean,
  );

/** How many boundaries a story without crashes has. */
function boundariesOf(seed: number): number {
  const story = new Story(seed, {}, 24);
  let boundaries = 0;
  story.world.disk.setBoundaryHook((n) => {
    boundaries = n;
  });
  story.live();
  expect(story.finished).toBe(true);
  return boundaries;
}

describe("a crash at every boundary of a run, in turn", () => {
  test.each<[CrashKind]>([["power"], ["process"]])(
    "by %s: acknowledged is there, the rest is whole or not",
    (kind) => {
      const boundaries = boundariesOf(1);
      expect(boundaries).toBeGreaterThan(80);
      for (let at = 1; at <= boundaries; at++) {
        const story = new Story(1, {}, 24);
        story.world.disk.setBoundaryHook((n) => {
          if (n === at) story.world.disk.crash(kind);
        });
        story.live();
        // What was found is found again, also after a power failure right behind the recovery.
        story.live();
        story.world.disk.crash("power");
        story.live();
        expect(story.finished).toBe(true);
      }
    },
  );
});

describe("crashes at random, again and again", () => {
  test("also while the log recovers, on a slow disk: nothing acknowledged is ever lost", () => {
    let crashes = 0;
    for (let seed = 0; seed < 40; seed++) {
      const story = new Story(seed, {
        writeLatency: { min: 0, max: 4 },
        syncLatency: { min: 1, max: 9 },
        readLatency: { min: 0, max: 2 },
      });
      const random = new SeededRandom(seed + 1000);
      story.world.disk.setBoundaryHook(() => {
        if (crashes < 20 * (seed + 1) && random.next() < 0.08) {
          crashes++;
          story.world.disk.crash(random.next() < 0.5 ? "power" : "process");
        }
      });
      for (let life = 0; life < 60 && !story.finished; life++) story.live();
      expect(story.finished).toBe(true);
    }
    expect(crashes).toBeGreaterThan(400);
  });
});

/** What becomes of a finished story's log when it is opened once more. */
function reopen(story: Story): "refused" | "complete" | "lastLost" | "wrong" {
  const { disk, clock } = story.world;
  let outcome: ReturnType<typeof reopen> = "wrong";
  let found: State = {};
  const options = { clock, instance: INSTANCE, segmentBytes: 2048, onPressure: () => undefined };
  const visit = (one: LogRecord): void => {
    found = apply(found, one);
  };
  openLog(disk, "log", options, visit, (error) => {
    if (error === null) outcome = story.compareAfterDamage(found);
    else if (error.kind === "corrupt") outcome = "refused";
  });
  clock.run();
  return outcome;
}

describe("damage is refused, or takes only the last batch, or has no effect; it never passes for data", () => {
  test("a bit that flips anywhere in the log", () => {
    const seen = new Map<string, number>();
    for (let seed = 0; seed < 250; seed++) {
      const story = new Story(seed % 7, {}, 12);
      story.live();
      expect(story.finished).toBe(true);
      const { disk } = story.world;
      disk.crash("process");
      const random = new SeededRandom(seed);
      const paths = disk.paths();
      const path = paths[Math.floor(random.next() * paths.length)]!;
      disk.flipBit(path, Math.floor(random.next() * disk.peek(path).length), Math.floor(random.next() * 8));
      const outcome = reopen(story);
      seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
    }
    expect([...seen.keys()].sort()).toEqual(["complete", "lastLost", "refused"]);
    expect(Math.min(...seen.values())).toBeGreaterThan(5);
  });

  test("a write that lands elsewhere in its file, each in turn", () => {
    const seen = new Map<string, number>();
    for (let seed = 0; seed < 7; seed++) {
      for (let at = 1, finished = false; !finished; at++) {
        const story = new Story(seed, {}, 12);
        let writes = 0;
        story.world.disk.setBoundaryHook((_, kind) => {
          if (kind === "write-begun" && ++writes === at) story.world.disk.misdirectNextWrite();
        });
        story.live();
        finished = at > writes;
        story.world.disk.crash("power");
        const outcome = finished ? "complete" : reopen(story);
        seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
      }
    }
    // The last one too: its header says where it belongs.
    expect([...seen.keys()].sort()).toEqual(["complete", "refused"]);
    expect(seen.get("refused")).toBeGreaterThan(30);
  });
});
