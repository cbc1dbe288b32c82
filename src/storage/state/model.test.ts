/**
 * Random histories of one node against a plain map: entries, flushes, loads, snapshots, full disks and crashes in any
 * order. After a crash the state is the one after some applied entry, not before what the node was told is durable, and
 * the log is replayed from there.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { LoadedRange } from "../../core/records.ts";
import type { DiskError, Store } from "../../core/world.ts";
import { groupId } from "../../core/ids.ts";
import { openLevelStore } from "./level-store.ts";
import type { ShardRecords } from "./records.ts";
import type { SnapshotHandle } from "./snapshot-export.ts";
import { readChunk } from "./snapshot-chunk.ts";
import { StateStore } from "./state-store.ts";
import type { StateLimits } from "./state-store.ts";
import { TestNode } from "./state.testkit.ts";
import { bytes, call, realClock, SeededRandom, text } from "./world.testkit.ts";

const GROUPS = [groupId(0), groupId(7)];
const BASES = ["", "a", "b\xff"];
const IDS = ["", "\0", "a", "a\0", "ab", "b", "b\xff", "b\xff\xff", "c", "\x80", "\xff", "\xff\xff"];
const LIMITS: Partial<StateLimits> = { flushBytes: 3000, flushAge: 40, cacheBytes: 4000, batchBytes: 1500 };

interface Change {
  readonly kind: "put" | "delete" | "drop";
  readonly base: number;
  readonly id: number;
  readonly size: number;
}

type Step =
  | {
      readonly kind: "entry";
      readonly group: number;
      readonly changes: readonly Change[];
      readonly pause: number;
    }
  | { readonly kind: "wait"; readonly duration: number }
  | { readonly kind: "flush" }
  | { readonly kind: "crash" }
  | { readonly kind: "full"; readonly full: boolean }
  | {
      readonly kind: "load";
      readonly group: number;
      readonly base: number;
      readonly from: number;
      readonly limit: number;
    }
  | { readonly kind: "export"; readonly group: number };

const group = fc.integer({ min: 0, max: GROUPS.length - 1 });
const base = fc.integer({ min: 0, max: BASES.length - 1 });
const id = fc.integer({ min: 0, max: IDS.length - 1 });
const change: fc.Arbitrary<Change> = fc.record({
  kind: fc.constantFrom("put", "put", "put", "put", "delete", "delete", "drop"),
  base,
  id,
  size: fc.integer({ min: 0, max: 60 }),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant("entry" as const),
      group,
      changes: fc.array(change, { maxLength: 8 }),
      pause: fc.constantFrom(0, 0, 0, 2, 60),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("load" as const),
      group,
      base,
      from: id,
      limit: fc.integer({ min: 0, max: 8 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("wait" as const), duration: fc.integer({ min: 1, max: 60 }) }),
  },
  { weight: 2, arbitrary: fc.constant({ kind: "flush" as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: "crash" as const }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("full" as const), full: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("export" as const), group }) },
);

type Contents = ReadonlyMap<string, ReadonlyMap<string, string>>;
type Logged = readonly (readonly [kind: Change["kind"], space: string, id: string, value: string])[];

/** One group: its log, and its state after each entry. */
class Model {
  readonly log: Logged[] = [];
  readonly states: Contents[] = [new Map()];
  readonly #incarnations = BASES.map(() => 0);

  get state(): Contents {
    return this.states.at(-1)!;
  }

  space(base: number): string {
    return `${BASES[base]}${this.#incarnations[base]}`;
  }

  /** All names that were ever used. */
  spaces(): string[] {
    return BASES.flatMap((base, i) =>
      Array.from({ length: this.#incarnations[i]! + 1 }, (_, n) => `${base}${n}`),
    );
  }

  append(changes: readonly Change[]): Logged {
    const state = new Map([...this.state].map(([space, records]) => [space, new Map(records)]));
    const entry: [Change["kind"], string, string, string][] = [];
    changes.forEach(({ kind, base, id: which, size }, i) => {
      const space = this.space(base);
      const id = IDS[which]!;
      const value = `${this.log.length}.${i}`.padEnd(size);
      entry.push([kind, space, id, value]);
      const records = state.get(space) ?? new Map<string, string>();
      state.set(space, records);
      if (kind === "put") records.set(id, value);
      else if (kind === "delete") records.delete(id);
      else {
        state.delete(space);
        this.#incarnations[base]! += 1;
      }
    });
    this.log.push(entry);
    this.states.push(state);
    return entry;
  }
}

function expectedRange(state: Contents, space: string, from: string, limit: number): LoadedRange {
  const all = [...(state.get(space) ?? [])].filter(([id]) => id >= from).sort(([a], [b]) => (a < b ? -1 : 1));
  const entries = all.slice(0, limit).map(([id, value]) => ({ id, value: bytes(value) }));
  return { entries, more: all.length > limit };
}

/** Where a history is played: the simulated node, or a real store and real time. */
interface Stage {
  readonly state: StateStore;
  pass(duration: number): Promise<void>;
  /** Answers what `start` asks for. */
  wait<T>(start: (done: (error: DiskError | null, value?: T) => void) => void): Promise<T>;
  crash(): Promise<void>;
  setFull(full: boolean): void;
  readonly flushed: Map<number, number>;
}

const plain = (range: LoadedRange): unknown => ({
  entries: range.entries.map(({ id, value }) => [id, text(value)]),
  more: range.more,
});

async function play(stage: Stage, steps: readonly Step[]): Promise<void> {
  const models = GROUPS.map(() => new Model());
  const open = (g: number): ShardRecords => stage.state.openGroup(GROUPS[g]!);
  let running: Promise<void>[] = [];
  let epoch = 0;

  const checkAll = async (g: number, state: Contents): Promise<void> => {
    const spaces = models[g]!.spaces();
    const ranges = await stage.wait<readonly LoadedRange[]>((done) =>
      open(g).load(
        spaces.map((space) => ({ space, from: "", limit: 1000 })),
        done,
      ),
    );
    expect(ranges.map(plain)).toEqual(spaces.map((space) => plain(expectedRange(state, space, "", 1000))));
    for (const space of spaces) {
      for (const id of IDS) expect(text(open(g).get(space, id))).toBe(state.get(space)?.get(id));
    }
  };
  const applyEntry = async (g: number, entry: Logged, index: number, pause: number): Promise<void> => {
    const records = open(g);
    records.begin();
    for (const [i, [kind, space, id, value]] of entry.entries()) {
      if (i === 1 && pause > 0) await stage.pass(pause);
      if (kind === "put") records.put(space, id, bytes(value));
      else if (kind === "delete") records.delete(space, id);
      else records.drop(space);
    }
    records.applied(index, bytes(`meta ${index}`));
  };
  const recover = async (): Promise<void> => {
    for (const [g, model] of models.entries()) {
      const records = open(g);
      const index = records.appliedIndex;
      expect(index).toBeGreaterThanOrEqual(stage.flushed.get(GROUPS[g]!) ?? 0);
      expect(index).toBeLessThanOrEqual(model.log.length);
      if (index > 0) expect(text(records.meta)).toBe(`meta ${index}`);
      await checkAll(g, model.states[index]!);
      for (let i = index; i < model.log.length; i++) await applyEntry(g, model.log[i]!, i + 1, 0);
      await checkAll(g, model.state);
    }
  };
  /** Runs beside the history; its answer is dropped when the node crashes before it. */
  const beside = (task: () => Promise<void>): void => {
    const started = epoch;
    running.push(
      task().catch((error: unknown) => {
        if (epoch === started) throw error;
      }),
    );
  };

  for (const next of steps) {
    switch (next.kind) {
      case "entry": {
        const model = models[next.group]!;
        // A dropped space is not used again within its entry either.
        const dropAt = next.changes.findIndex((item) => item.kind === "drop");
        const changes = dropAt < 0 ? next.changes : next.changes.slice(0, dropAt + 1);
        const entry = model.append(changes);
        await applyEntry(next.group, entry, model.log.length, next.pause);
        for (const [, space, id] of entry) {
          expect(text(open(next.group).get(space, id))).toBe(model.state.get(space)?.get(id));
        }
        break;
      }
      case "wait":
        await stage.pass(next.duration);
        break;
      case "flush":
        beside(() => stage.wait<void>((done) => stage.state.flush(done)));
        break;
      case "load": {
        const model = models[next.group]!;
        const space = model.space(next.base);
        const from = IDS[next.from]!;
        const expected = plain(expectedRange(model.state, space, from, next.limit));
        beside(async () => {
          const ranges = await stage.wait<readonly LoadedRange[]>((done) =>
            open(next.group).load([{ space, from, limit: next.limit }], done),
          );
          expect(plain(ranges[0]!)).toEqual(expected);
        });
        break;
      }
      case "export": {
        const model = models[next.group]!;
        const least = model.log.length;
        beside(async () => {
          const handle = await stage.wait<SnapshotHandle>((done) =>
            stage.state.exportSnapshot(GROUPS[next.group]!, done),
          );
          expect(handle.index).toBeGreaterThanOrEqual(least);
          const found: string[] = [];
          for (let cursor: Uint8Array | null = new Uint8Array(0); cursor !== null;) {
            const at: Uint8Array = cursor;
            const chunk = await stage.wait<{ data: Uint8Array; next: Uint8Array | null }>((done) =>
              handle.read(at, 60, done),
            );
            for (const { space, id, value } of readChunk(chunk.data)!.entries) {
              found.push(JSON.stringify([space, id, text(value)]));
            }
            cursor = chunk.next;
          }
          handle.release();
          const expected = [...model.states[handle.index]!].flatMap(([space, records]) =>
            [...records].map(([id, value]) => JSON.stringify([space, id, value])),
          );
          expect(found.sort()).toEqual(expected.sort());
        });
        break;
      }
      case "full":
        stage.setFull(next.full);
        break;
      case "crash":
        epoch++;
        running = [];
        await stage.crash();
        await recover();
    }
  }

  stage.setFull(false);
  await stage.wait<void>((done) => stage.state.flush(done));
  await Promise.all(running);
  for (const [g, model] of models.entries()) await checkAll(g, model.state);
  while (stage.state.stats().purgePending > 0 || stage.state.problem !== null) await stage.pass(20);
  await stage.pass(50);
  expect(stage.state.overlayBytes()).toBe(0);
  const live = models.map((model) => [...model.state.values()].reduce((sum, { size }) => sum + size, 0));
  const indices = models.filter((model) => model.log.length > 0).length;
  expect(await countKeys(stage)).toBe(1 + indices + live.reduce((a, b) => a + b));
}

const stores = new WeakMap<StateStore, () => Promise<number>>();
const countKeys = (stage: Stage): Promise<number> => stores.get(stage.state)!();

/** Virtual time passes whenever the history waits for something. */
function simulatedStage(seed: number): Stage {
  const node = new TestNode(seed, LIMITS);
  const know = (): void => void stores.set(node.state, async () => node.disk.size);
  know();
  return {
    get state() {
      return node.state;
    },
    flushed: node.flushed,
    pass: async (duration) => node.clock.run(duration),
    wait: async (start) => {
      let outcome: { error: DiskError | null; value: unknown } | null = null;
      start((error, value) => (outcome = { error, value }));
      // Callers beside the history let it go on: whoever needs the answer to continue makes time pass.
      for (let i = 0; outcome === null && i < 3; i++) await Promise.resolve();
      while (outcome === null) {
        if (!node.clock.step()) throw new Error("nothing is left to happen");
        await Promise.resolve();
      }
      const { error, value } = outcome as { error: DiskError | null; value: unknown };
      if (error !== null) throw error;
      return value as never;
    },
    crash: async () => {
      node.restart();
      know();
    },
    setFull: (full) => node.disk.setFull(full),
  };
}

test("random histories on the simulated store agree with a plain map", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), fc.array(step, { maxLength: 60 }), (seed, steps) =>
      play(simulatedStage(seed), steps),
    ),
    { numRuns: 250 },
  );
});

test("random histories on the level store agree with a plain map", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), fc.array(step, { minLength: 20, maxLength: 60 }), async (seed, steps) => {
      const folder = await mkdtemp(join(tmpdir(), "kvorum-state-"));
      const stage = await levelStage(join(folder, "state"), seed);
      await play(stage, steps);
      await call<void>((done) => stage.state.close(done));
      await rm(folder, { recursive: true });
    }),
    { numRuns: 12 },
  );
});

async function levelStage(path: string, seed: number): Promise<Stage> {
  const random = new SeededRandom(seed);
  const flushed = new Map<number, number>();
  let store!: Store;
  let state!: StateStore;
  const start = async (): Promise<void> => {
    store = await call<Store>((done) => openLevelStore(path, done));
    const opened = store;
    let alive = true;
    state = await call<StateStore>((done) =>
      StateStore.open(
        {
          store,
          clock: {
            ...realClock,
            setTimer: (delay, fire) => realClock.setTimer(delay, () => alive && fire()),
            defer: (task) => realClock.defer(() => alive && task()),
          },
          random,
          limits: LIMITS,
          onFlushed: (group, index) => flushed.set(group, index),
          onFailed: (error) => {
            throw error;
          },
        },
        done,
      ),
    );
    stores.set(state, async () => {
      const range = { from: new Uint8Array(0), to: Uint8Array.of(255), limit: 100_000, limitBytes: 1e9 };
      const page = await call<{ entries: readonly unknown[]; more: boolean }>((done) =>
        opened.range(range, done),
      );
      return page.entries.length;
    });
    kill = () => (alive = false);
  };
  let kill = (): boolean => false;
  await start();
  return {
    get state() {
      return state;
    },
    flushed,
    pass: (duration) => new Promise((resolve) => setTimeout(resolve, duration / 10)),
    wait: (start) => call(start),
    // Not as sudden as a real one: what LevelDB has been given is finished.
    crash: async () => {
      kill();
      await call<void>((done) => store.close(done));
      await start();
    },
    setFull: () => undefined,
  };
}
