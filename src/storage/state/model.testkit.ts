/**
 * Random histories of one node against a plain map: entries, flushes, loads, snapshots, full disks and crashes in any
 * order. After a crash the state is the one after some applied entry, not before what the node was told is durable, and
 * the log is replayed from there.
 */
import * as fc from "fast-check";
import { assert } from "vitest";
import { groupId } from "../../core/ids.ts";
import type { LoadedRange } from "../../core/records.ts";
import type { Done } from "../../core/world.ts";
import type { ShardRecords } from "./records.ts";
import { readChunk } from "./snapshot-chunk.ts";
import type { SnapshotHandle } from "./snapshot-export.ts";
import type { StateLimits, StateStore } from "./state-store.ts";
import { bytes, text } from "./world.testkit.ts";

const GROUPS = [groupId(0), groupId(7)];
const BASES = ["", "a", "b\xff"];
const IDS = ["", "\0", "a", "a\0", "ab", "b", "b\xff", "b\xff\xff", "c", "\x80", "\xff", "\xff\xff"];
export const isIndexed = (space: string): boolean => !space.startsWith("b");
export const LIMITS: Partial<StateLimits> = {
  flushBytes: 3000,
  flushAge: 40,
  cacheBytes: 4000,
  batchBytes: 1500,
};

interface Change {
  readonly kind: "put" | "delete" | "drop";
  readonly base: number;
  readonly id: number;
  readonly size: number;
}

export type Step =
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
export const step: fc.Arbitrary<Step> = fc.oneof(
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
    arbitrary: fc.record({
      kind: fc.constant("wait" as const),
      duration: fc.constantFrom(1, 2, 3, 5, 8, 60),
    }),
  },
  { weight: 3, arbitrary: fc.constant({ kind: "flush" as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: "crash" as const }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("full" as const), full: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("export" as const), group }) },
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
export interface Stage {
  readonly state: StateStore;
  readonly flushed: Map<number, number>;
  pass(duration: number): Promise<void>;
  /** Answers what `start` asks for. */
  wait<T>(start: (done: Done<T>) => void): Promise<T>;
  crash(): Promise<void>;
  setFull(full: boolean): void;
  countKeys(): Promise<number>;
}

const plain = (range: LoadedRange): unknown => ({
  entries: range.entries.map(({ id, value }) => [id, text(value)]),
  more: range.more,
});

export class Play {
  readonly #stage: Stage;
  readonly #models = GROUPS.map(() => new Model());
  /** What is asked beside the history and not answered. A crash answers everything with silence. */
  #outstanding = new Set<object>();
  readonly #disagreements: unknown[] = [];

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  async run(steps: readonly Step[]): Promise<void> {
    for (const step of steps) {
      await this.#step(step);
      assert.deepEqual(this.#disagreements, []);
    }
    await this.#finish();
  }

  async #step(step: Step): Promise<void> {
    switch (step.kind) {
      case "entry":
        return this.#entry(step.group, step.changes, step.pause);
      case "load":
        return this.#load(step.group, step.base, IDS[step.from]!, step.limit);
      case "export":
        return this.#export(step.group);
      case "wait":
        return this.#stage.pass(step.duration);
      case "flush": {
        const answered = this.#ask();
        return this.#stage.state.flush((error) => this.#agree(answered, error, null));
      }
      case "full":
        return this.#stage.setFull(step.full);
      case "crash":
        this.#outstanding = new Set();
        await this.#stage.crash();
        return this.#recover();
    }
  }

  #open(g: number): ShardRecords {
    return this.#stage.state.openGroup(GROUPS[g]!);
  }

  /** For an answer that comes beside the history: a callback must not throw. */
  #ask(): object {
    const question = {};
    this.#outstanding.add(question);
    return question;
  }

  #agree(question: object, actual: unknown, expected: unknown): void {
    this.#outstanding.delete(question);
    const [found, wanted] = [JSON.stringify(actual), JSON.stringify(expected)];
    if (found !== wanted) this.#disagreements.push({ found, wanted });
  }

  async #entry(g: number, changes: readonly Change[], pause: number): Promise<void> {
    const model = this.#models[g]!;
    // A dropped space is not used again within its entry either.
    const dropAt = changes.findIndex((change) => change.kind === "drop");
    const entry = model.append(dropAt < 0 ? changes : changes.slice(0, dropAt + 1));
    await this.#apply(g, entry, model.log.length, pause);
    for (const [, space, id] of entry) {
      assert.equal(text(this.#open(g).get(space, id)), model.state.get(space)?.get(id));
    }
    this.#checkFirstBytes(
      g,
      model.state,
      BASES.map((_, which) => model.space(which)),
    );
  }

  async #apply(g: number, entry: Logged, index: number, pause: number): Promise<void> {
    const records = this.#open(g);
    records.begin();
    for (const [i, [kind, space, id, value]] of entry.entries()) {
      if (i === 1 && pause > 0) await this.#stage.pass(pause);
      if (kind === "put") records.put(space, id, bytes(value));
      else if (kind === "delete") records.delete(space, id);
      else records.drop(space);
    }
    records.applied(index, bytes(`meta ${index}`));
  }

  #load(g: number, base: number, from: string, limit: number): void {
    const model = this.#models[g]!;
    const space = model.space(base);
    const expected = [plain(expectedRange(model.state, space, from, limit))];
    const question = this.#ask();
    this.#open(g).load([{ space, from, limit }], (error, ranges) =>
      this.#agree(question, error ?? ranges!.map(plain), expected),
    );
  }

  #export(g: number): void {
    const model = this.#models[g]!;
    const least = model.log.length;
    const question = this.#ask();
    const found: string[] = [];
    const read = (handle: SnapshotHandle, cursor: Uint8Array): void =>
      handle.read(cursor, 60, (error, chunk) => {
        if (error !== null) {
          this.#agree(question, error, null);
          return;
        }
        for (const { space, id, value } of readChunk(chunk!.data)!.entries) {
          found.push(JSON.stringify([space, id, text(value)]));
        }
        if (chunk!.next !== null) {
          read(handle, chunk!.next);
          return;
        }
        handle.release();
        const expected = [...model.states[handle.index]!].flatMap(([space, records]) =>
          [...records].map(([id, value]) => JSON.stringify([space, id, value])),
        );
        this.#agree(question, [handle.index >= least, found.sort()], [true, expected.sort()]);
      });
    this.#stage.state.exportSnapshot(GROUPS[g]!, (error, handle) => {
      if (error === null) read(handle!, new Uint8Array(0));
      else this.#agree(question, error, null);
    });
  }

  async #recover(): Promise<void> {
    for (const [g, model] of this.#models.entries()) {
      const records = this.#open(g);
      const index = records.appliedIndex;
      assert.isAtLeast(index, this.#stage.flushed.get(GROUPS[g]!) ?? 0);
      assert.isAtMost(index, model.log.length);
      assert.equal(text(records.meta), index === 0 ? "" : `meta ${index}`);
      await this.#checkAll(g, model.states[index]!);
      for (let i = index; i < model.log.length; i++) await this.#apply(g, model.log[i]!, i + 1, 0);
      await this.#checkAll(g, model.state);
    }
  }

  async #checkAll(g: number, state: Contents): Promise<void> {
    const records = this.#open(g);
    const spaces = this.#models[g]!.spaces();
    const requests = spaces.map((space) => ({ space, from: "", limit: 1000 }));
    const ranges = await this.#stage.wait<readonly LoadedRange[]>((done) => records.load(requests, done));
    assert.deepEqual(
      ranges.map(plain),
      spaces.map((space) => plain(expectedRange(state, space, "", 1000))),
    );
    this.#checkFirstBytes(g, state, spaces);
    const all = spaces.flatMap((space) => IDS.map((id) => [space, id] as const));
    assert.deepEqual(
      all.map(([space, id]) => text(records.get(space, id))),
      all.map(([space, id]) => state.get(space)?.get(id)),
    );
  }

  #checkFirstBytes(g: number, state: Contents, spaces: readonly string[]): void {
    const records = this.#open(g);
    const all = spaces.flatMap((space) => IDS.map((id) => [space, id] as const));
    assert.deepEqual(
      all.map(([space, id]) => records.firstByte(space, id)),
      all.map(([space, id]) => state.get(space)?.get(id)?.charCodeAt(0) ?? -1),
    );
  }

  /** In the end everything is answered and flushed, and the disk holds what is alive and nothing else. */
  async #finish(): Promise<void> {
    const stage = this.#stage;
    stage.setFull(false);
    await stage.wait<void>((done) => stage.state.flush(done));
    for (const [g, model] of this.#models.entries()) await this.#checkAll(g, model.state);
    while (stage.state.stats().purgePending > 0 || this.#outstanding.size > 0) await stage.pass(100);
    assert.deepEqual(this.#disagreements, []);
    assert.equal(stage.state.overlayBytes(), 0);
    let keys = 1;
    for (const model of this.#models) {
      if (model.log.length > 0) keys++;
      for (const records of model.state.values()) keys += records.size;
    }
    assert.equal(await stage.countKeys(), keys);
  }
}
