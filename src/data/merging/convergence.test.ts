import * as fc from "fast-check";
import { expect, test } from "vitest";
import { causal, dotMap, knows } from "../lattices/index.ts";
import { call, plain } from "../data.testkit.ts";
import { splitAddress } from "./address.ts";
import { decodeDelta, type Store, storesOf } from "./delta.ts";
import { Replica } from "./merging.testkit.ts";
import { checkRecords } from "./records.testkit.ts";

const keys = fc.constantFrom("a", "b");
const parts = fc.constantFrom("x", "y", "z");

const words: fc.Arbitrary<readonly [string, ...(string | number)[]]> = fc.oneof(
  fc.tuple(fc.constant("SET"), keys, fc.constantFrom("0", "5", "text")),
  fc.tuple(fc.constant("INCRBY"), keys, fc.integer({ min: -3, max: 3 })),
  fc.tuple(fc.constant("PEXPIRE"), keys, fc.constantFrom(1, 50)),
  fc.tuple(fc.constant("PERSIST"), keys),
  fc.tuple(fc.constant("SADD"), keys, parts),
  fc.tuple(fc.constant("SREM"), keys, parts),
  fc.tuple(fc.constant("HSET"), keys, parts, fc.constantFrom("1", "v")),
  fc.tuple(fc.constant("HINCRBY"), keys, parts, fc.integer({ min: -3, max: 3 })),
  fc.tuple(fc.constant("HDEL"), keys, parts),
  fc.tuple(fc.constant("DEL"), keys),
  fc.tuple(fc.constant(".expire")),
  fc.tuple(fc.constant(".flush")),
);

const who = fc.nat(2);
type Step =
  | {
      readonly do: "write";
      readonly at: number;
      readonly batch: readonly (readonly [string, ...(string | number)[]])[];
    }
  | { readonly do: "deliver"; readonly from: number; readonly to: number; readonly nth: number }
  | {
      readonly do: "pull" | "leaf" | "read";
      readonly from: number;
      readonly to: number;
      readonly nth: number;
    }
  | { readonly do: "restart" | "wait"; readonly at: number };

const delivery = fc.record({
  do: fc.constant("deliver" as const),
  from: who,
  to: who,
  nth: fc.nat(30),
});
const write = fc.record({
  do: fc.constant("write" as const),
  at: who,
  batch: fc.array(words, { minLength: 1, maxLength: 3 }),
});
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: write },
    { weight: 6, arbitrary: delivery },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constantFrom("pull" as const, "leaf" as const, "read" as const),
        from: who,
        to: who,
        nth: fc.nat(30),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constantFrom("restart" as const, "wait" as const), at: who }),
    },
  ),
  { maxLength: 40 },
);

const READS = [
  ["GET", "a"],
  ["GET", "b"],
  ["SMEMBERS", "a"],
  ["HGETALL", "a"],
  ["SCARD", "b"],
  ["TYPE", "a"],
  ["EXISTS", "a", "b"],
  [".dbsize"],
] as const;

class Story {
  readonly replicas = [new Replica(1), new Replica(2), new Replica(3)];
  readonly deltas: Uint8Array[][] = [[], [], []];

  take(step: Step): void {
    switch (step.do) {
      case "write":
        this.replicas[step.at]!.write(...step.batch.map(([name, ...args]) => call(name, ...args)));
        break;
      case "deliver":
        this.deliver(step.from, step.to, step.nth);
        break;
      case "pull":
        this.replicas[step.to]!.pull(this.replicas[step.from]!);
        break;
      case "leaf":
        this.pullLeaves(step.from, step.to);
        break;
      case "read":
        this.repair(step.from, step.to, step.nth);
        break;
      case "restart":
        this.restart(step.at);
        break;
      case "wait":
        this.replicas[step.at]!.time += 40;
    }
  }

  /** Deltas of all lives: a delta may come late. */
  sent(from: number): readonly Uint8Array[] {
    return [...this.deltas[from]!, ...this.replicas[from]!.deltas];
  }

  deliver(from: number, to: number, nth: number): void {
    const sent = this.sent(from);
    if (from !== to && sent.length > 0) this.replicas[to]!.merge(sent[nth % sent.length]!);
  }

  pullLeaves(from: number, to: number): void {
    const [a, b] = [this.replicas[from]!, this.replicas[to]!];
    const trees = [a.shard.summary.tree, b.shard.summary.tree] as const;
    const leaves: number[] = [];
    for (let leaf = 0; leaf < trees[0].leaves; leaf++) {
      const { high, low } = trees[0].hashOf(trees[0].firstLeaf + leaf);
      if (!trees[1].has(trees[1].firstLeaf + leaf, high, low)) leaves.push(leaf);
    }
    const answer = a.query({ type: "leaves", leaves: leaves.slice(0, 2), maxBytes: 1 });
    if (answer.type === "leaves") b.merge(answer.delta);
  }

  repair(from: number, to: number, nth: number): void {
    const [name, ...args] = READS[nth % (READS.length - 1)]!;
    const { reading } = this.replicas[to]!.read(call(name, ...args), true);
    const answer = this.replicas[from]!.query({
      type: "reading",
      reading: reading!.what,
      digest: reading!.digest,
    });
    if (answer.type === "reading" && answer.delta !== null) this.replicas[to]!.merge(answer.delta);
  }

  restart(at: number): void {
    const before = this.replicas[at]!;
    this.deltas[at]!.push(...before.deltas);
    const after = before.reopened();
    expect(after.shard.encodeMeta()).toEqual(before.shard.encodeMeta());
    after.time = before.time;
    this.replicas[at] = after;
  }

  heal(): void {
    const latest = Math.max(...this.replicas.map(({ time }) => time));
    for (let round = 0; round < 2; round++)
      for (const one of this.replicas) {
        one.time = latest;
        one.run(".expire");
        for (const other of this.replicas) if (other !== one) one.pull(other);
      }
  }
}

test("whatever is lost, late, doubled, repaired and restarted: replicas converge, and old deltas change nothing more", () => {
  fc.assert(
    fc.property(steps, (script) => {
      const story = new Story();
      for (const step of script) story.take(step);
      story.heal();
      const [first, ...others] = story.replicas as [Replica, Replica, Replica];
      const items = first.items();
      const replies = READS.map(([name, ...args]) => first.run(name, ...args));
      for (const other of others) {
        expect(other.items()).toEqual(items);
        expect(other.shard.summary.tree.root).toEqual(first.shard.summary.tree.root);
        expect(other.shard.summary.context()).toEqual(first.shard.summary.context());
        expect(READS.map(([name, ...args]) => other.run(name, ...args))).toEqual(replies);
      }
      for (const from of [0, 1, 2])
        for (const delta of story.sent(from)) for (const to of story.replicas) to.merge(delta);
      for (const one of story.replicas) {
        expect(one.items()).toEqual(items);
        checkRecords(one);
      }
    }),
    { numRuns: 40 },
  );
});

const states = causal("items", dotMap<Store>({ ...storesOf(2), ...anyStore() }));

/** Every address has stores of one kind: the oracle needs one that tells them apart. */
function anyStore(): Pick<ReturnType<typeof storesOf>, "join" | "isEmpty" | "dots"> {
  const of = (store: Store): ReturnType<typeof storesOf> => storesOf("writes" in store ? 1 : 2);
  const isNone = (store: Store): boolean => Array.isArray(store) && store.length === 0;
  return {
    isEmpty: (store) => of(store).isEmpty(store),
    dots: (store) => of(store).dots(store),
    join(left, leftKnows, right, rightKnows) {
      const kind = isNone(left) ? of(right) : of(left);
      return kind.join(
        isNone(left) ? kind.empty : left,
        leftKnows,
        isNone(right) ? kind.empty : right,
        rightKnows,
      );
    },
  };
}

test("a replica holds the join of the deltas that it had, whatever their order", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(write, delivery), { maxLength: 40 }), (script) => {
      const story = new Story();
      const oracle = story.replicas.map(() => states.bottom);
      const join = (at: number, bytes: Uint8Array): void => {
        const { context, items } = decodeDelta(bytes);
        const store = new Map(
          items
            .filter(({ kind, store }) => !storesOf(kind).isEmpty(store))
            .map((one) => [one.address, one.store]),
        );
        oracle[at] = states.join(oracle[at]!, { context, store });
      };
      for (const step of script) {
        if (step.do === "write") {
          const batch = step.batch.filter(([name]) => name !== ".expire");
          const before = story.replicas[step.at]!.deltas.length;
          story.take({ ...step, batch });
          for (const delta of story.replicas[step.at]!.deltas.slice(before)) join(step.at, delta);
        } else {
          story.take(step);
          const sent = story.sent(step.from);
          if (step.from !== step.to && sent.length > 0) join(step.to, sent[step.nth % sent.length]!);
        }
      }
      for (const [at, one] of story.replicas.entries()) {
        const held = decodeDelta(one.page());
        expect(held.context).toEqual(oracle[at]!.context);
        expect(new Map(held.items.map((item) => [item.address, item.store]))).toEqual(oracle[at]!.store);
        for (const { address, store } of held.items)
          for (const dot of storesOf(splitAddress(address).kind).dots(store))
            expect(knows(held.context, dot)).toBe(true);
      }
    }),
    { numRuns: 60 },
  );
});

test("a log repeated from any state that was stored gives the same bytes and replies", () => {
  fc.assert(
    fc.property(steps, fc.nat(30), (script, at) => {
      const story = new Story();
      const early = script.slice(0, at);
      for (const step of early) if (step.do !== "restart") story.take(step);
      const stored = story.replicas.map((one) => ({ copy: one.reopened(), from: one.log.length }));
      for (const step of script.slice(at)) if (step.do !== "restart") story.take(step);
      for (const [i, { copy, from }] of stored.entries()) {
        const one = story.replicas[i]!;
        for (const entry of one.log.slice(from)) copy.apply(entry).map(plain);
        expect(copy.records.dump()).toEqual(one.records.dump());
        expect(copy.shard.encodeMeta()).toEqual(one.shard.encodeMeta());
        expect(copy.deltas).toEqual(one.deltas.slice(one.deltas.length - copy.deltas.length));
        expect(copy.shard.summary.tree.root).toEqual(one.shard.summary.tree.root);
      }
    }),
    { numRuns: 40 },
  );
});
