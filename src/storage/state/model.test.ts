import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { Clock, DiskError, Done, Store } from "../../core/world.ts";
import { openLevelStore } from "./level-store.ts";
import { isIndexed, LIMITS, Play, step } from "./model.testkit.ts";
import type { Stage } from "./model.testkit.ts";
import { StateStore } from "./state-store.ts";
import { TestNode } from "./state.testkit.ts";
import { call, realClock, SeededRandom } from "./world.testkit.ts";

function simulatedStage(seed: number): Stage {
  const node = new TestNode(seed, LIMITS, isIndexed);
  return {
    get state() {
      return node.state;
    },
    flushed: node.flushed,
    pass: async (duration) => node.clock.run(duration),
    wait: async (start) => node.wait(start),
    crash: async () => node.restart(),
    setFull: (full) => node.disk.setFull(full),
    countKeys: async () => node.disk.size,
  };
}

/** A process that can die: its store and its timers never call back again. */
class Mortal {
  #alive = true;

  kill(): void {
    this.#alive = false;
  }

  clock(): Clock {
    return {
      ...realClock,
      setTimer: (delay, fire) => realClock.setTimer(delay, () => this.#alive && fire()),
      defer: (task) => realClock.defer(() => this.#alive && task()),
    };
  }

  store(store: Store): Store {
    const still =
      <T>(done: Done<T>): Done<T> =>
      (error, value) => {
        if (this.#alive) done(error, value);
      };
    return {
      get: (key) => store.get(key),
      write: (operations, done) => store.write(operations, still(done)),
      range: (range, done) => store.range(range, still(done)),
      clear: (from, to, done) => store.clear(from, to, still(done)),
      snapshot: () => store.snapshot(),
      close: (done) => store.close(done),
    };
  }
}

async function levelStage(path: string, seed: number): Promise<Stage> {
  const random = new SeededRandom(seed);
  const flushed = new Map<number, number>();
  let store!: Store;
  let state!: StateStore;
  let process!: Mortal;
  const start = async (): Promise<void> => {
    process = new Mortal();
    store = await call<Store>((done) => openLevelStore(path, done));
    const options = {
      store: process.store(store),
      clock: process.clock(),
      random,
      limits: LIMITS,
      isIndexed,
      onFlushed: (group: number, index: number) => void flushed.set(group, index),
      onFailed: (error: DiskError) => {
        throw error;
      },
    };
    state = await call<StateStore>((done) => StateStore.open(options, done));
  };
  await start();
  return {
    get state() {
      return state;
    },
    flushed,
    pass: (duration) => new Promise((resolve) => setTimeout(resolve, duration / 20)),
    wait: call,
    // Not as sudden as a real one: LevelDB finishes the write it is at.
    crash: async () => {
      process.kill();
      await call<void>((done) => store.close(done));
      await start();
    },
    setFull: () => undefined,
    countKeys: async () => {
      const range = { from: new Uint8Array(0), to: Uint8Array.of(255), limit: 100_000, limitBytes: 1e9 };
      const page = await call<{ entries: readonly unknown[]; more: boolean }>((done) =>
        store.range(range, done),
      );
      return page.entries.length;
    },
  };
}

test("random histories on the simulated store agree with a plain map", async () => {
  const property = fc.asyncProperty(fc.integer(), fc.array(step, { maxLength: 60 }), (seed, steps) =>
    new Play(simulatedStage(seed)).run(steps),
  );
  await expect(fc.assert(property, { numRuns: 400 })).resolves.toBeUndefined();
});

test("random histories on the level store agree with a plain map", async () => {
  const steps = fc.array(step, { minLength: 20, maxLength: 60 });
  const property = fc.asyncProperty(fc.integer(), steps, async (seed, steps) => {
    const folder = await mkdtemp(join(tmpdir(), "kvorum-state-"));
    try {
      const stage = await levelStage(join(folder, "state"), seed);
      await new Play(stage).run(steps);
      await call<void>((done) => stage.state.close(done));
    } finally {
      await rm(folder, { recursive: true });
    }
  });
  await expect(fc.assert(property, { numRuns: 12 })).resolves.toBeUndefined();
});
