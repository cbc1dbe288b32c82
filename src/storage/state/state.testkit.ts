/** A node's state store on a simulated disk, and a model of what it should hold. */
import { groupId } from "../../core/ids.ts";
import type { GroupId } from "../../core/ids.ts";
import type { LogIndex } from "../../core/machine.ts";
import type { LoadedRange, RangeRequest } from "../../core/records.ts";
import type { DiskError, Done, Store } from "../../core/world.ts";
import type { ShardRecords } from "./records.ts";
import { SimulatedStoreDisk } from "./simulated-store.ts";
import { StateStore } from "./state-store.ts";
import type { StateLimits } from "./state-store.ts";
import { bytes, SeededRandom, text, VirtualClock } from "./world.testkit.ts";

/** Crashes and comes back; what is on its disk stays. */
export class TestNode {
  readonly clock = new VirtualClock();
  readonly random: SeededRandom;
  readonly disk: SimulatedStoreDisk;
  readonly limits: Partial<StateLimits>;
  readonly isIndexed: (space: string) => boolean;
  /** Free bytes of the volume; null: nobody asks. */
  free: number | null = null;
  state!: StateStore;
  /** What the node was told: the index its log may be compacted to. */
  readonly flushed = new Map<GroupId, LogIndex>();
  failure: DiskError | null = null;

  constructor(seed = 1, limits: Partial<StateLimits> = {}, isIndexed = (_space: string): boolean => true) {
    this.random = new SeededRandom(seed);
    this.disk = new SimulatedStoreDisk({ clock: this.clock, random: this.random });
    this.limits = limits;
    this.isIndexed = isIndexed;
    this.start();
  }

  start(): void {
    this.failure = null;
    const store = this.wait<Store>((done) => this.disk.open(done));
    this.state = this.wait<StateStore>((done) => StateStore.open(this.options(store), done));
  }

  crash(): void {
    this.disk.crash();
    this.clock.forgetAll();
  }

  restart(): void {
    this.crash();
    this.start();
  }

  options(store: Store): Parameters<typeof StateStore.open>[0] {
    return {
      store,
      clock: this.clock,
      random: this.random,
      limits: this.limits,
      isIndexed: this.isIndexed,
      ...(this.free === null
        ? {}
        : { free: (done: Done<number>) => this.clock.defer(() => done(null, this.free ?? 0)) }),
      onFlushed: (group, index) => this.flushed.set(group, index),
      onFailed: (error) => (this.failure = error),
    };
  }

  /** Lets time pass until the answer is there. */
  wait<T>(start: (done: Done<T>) => void): T {
    let result: { readonly error: DiskError | null; readonly value: T | undefined } | null = null;
    start((error, value) => {
      if (result !== null) throw new Error("called back twice");
      result = { error, value };
    });
    if (result !== null) throw new Error("called back before it returned");
    this.clock.runUntil(() => result !== null);
    const { error, value } = result!;
    if (error !== null) throw error;
    return value as T;
  }

  flush(): void {
    this.wait<void>((done) => this.state.flush(done));
  }

  /** Until nothing is left to purge. */
  purge(): void {
    this.clock.runUntil(() => this.state.stats().purgePending === 0);
  }

  load(records: ShardRecords, ...requests: RangeRequest[]): readonly LoadedRange[] {
    return this.wait<readonly LoadedRange[]>((done) => records.load(requests, done));
  }
}

export const G1 = groupId(1);
export const G2 = groupId(2);

/** Applies one entry that makes these changes: [space, id, value or null]. */
export function apply(
  records: ShardRecords,
  ...changes: readonly (readonly [string, string, string | null])[]
): void {
  records.begin();
  for (const [space, id, value] of changes) {
    if (value === null) records.delete(space, id);
    else records.put(space, id, bytes(value));
  }
  records.applied(records.appliedIndex + 1, bytes(`meta ${records.appliedIndex + 1}`));
}

export function applyDrop(records: ShardRecords, ...spaces: readonly string[]): void {
  records.begin();
  for (const space of spaces) records.drop(space);
  records.applied(records.appliedIndex + 1, bytes(`meta ${records.appliedIndex + 1}`));
}

export function shown(range: LoadedRange | undefined): string {
  const entries = range!.entries.map(({ id, value }) => `${id}=${text(value)}`).join(" ");
  return range!.more ? `${entries} …` : entries;
}

export const everything = (space: string): RangeRequest => ({ space, from: "", limit: 1_000_000 });
