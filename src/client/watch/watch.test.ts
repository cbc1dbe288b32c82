import { describe, expect, test } from "vitest";
import { FakeCluster, passing } from "../cluster.testkit.ts";
import { openClient } from "../connect.ts";
import { nodeId } from "../../core/ids.ts";
import { CompactedError } from "../errors.ts";
import { text } from "../schema/codec.ts";
import { counter, register, set } from "../schema/keyspaces.ts";
import type { Change, Watch } from "./watch.ts";

async function story(seed = 1) {
  const cluster = new FakeCluster(seed, { default: 1, hits: 3, accounts: 3, tags: 1 });
  const open = () =>
    passing(
      cluster,
      openClient(cluster.connect(), cluster.runtime, {
        keyspaces: { hits: counter(), accounts: register<number>(), tags: set<string>() },
      }),
    );
  const db = await open();
  return { cluster, db, open, let: <T>(promise: Promise<T>) => passing(cluster, promise) };
}

/** The next `count` changes. */
async function take<T>(watch: Watch<T>, count: number): Promise<Change<T>[]> {
  const changes: Change<T>[] = [];
  while (changes.length < count) {
    const step = await watch.next();
    if (step.done === true) throw new Error(`over after ${changes.length} of ${count}`);
    changes.push(step.value);
  }
  return changes;
}

describe("a watch", () => {
  test("tells what changes below a prefix, in all shards, with its values", async () => {
    const { db, let: letPass } = await story();
    await letPass(db.accounts.set("user:0", 0));
    const watch = db.accounts.watch({ prefix: "user:" });
    await letPass(watch.started());
    await letPass(db.accounts.set("user:1", 1));
    await letPass(db.accounts.set("other", 2));
    await letPass(db.accounts.set("user:2", 3, { expiresIn: 5_000 }));
    await letPass(db.accounts.delete("user:1"));
    const changes = await letPass(take(watch, 3));
    expect(changes).toHaveLength(3);
    expect(changes).toContainEqual({ kind: "set", key: "user:1", value: 1 });
    expect(changes).toContainEqual({ kind: "set", key: "user:2", value: 3 });
    expect(changes.findIndex(({ kind }) => kind === "delete")).toBeGreaterThan(
      changes.findIndex((change) => change.kind === "set" && change.key === "user:1"),
    );
  });

  test("tells of sets and maps which keys changed", async () => {
    const { db, let: letPass } = await story();
    const watch = db.tags.watch();
    await letPass(watch.started());
    await letPass(db.tags.add("x", "red"));
    await letPass(db.tags.clear("x"));
    expect(await letPass(take(watch, 2))).toEqual([
      { kind: "set", key: "x", value: undefined },
      { kind: "delete", key: "x" },
    ]);
  });

  test("ends with its loop, a signal, or the client; nothing stays behind", async () => {
    const { cluster, db, let: letPass } = await story();
    const looped = letPass(
      (async () => {
        for await (const change of db.hits.watch()) return change;
        return null;
      })(),
    );
    const writing = setTicks(() => void db.hits.increment("a").catch(() => undefined), cluster, 5);
    expect(await looped).toMatchObject({ kind: "set", key: "a" });
    writing.stop();
    expect(cluster.watches.open).toBe(0);

    const controller = new AbortController();
    const watch = db.hits.watch({ signal: controller.signal });
    const next = watch.next();
    await letPass(watch.started());
    controller.abort(new Error("enough"));
    await expect(next).rejects.toMatchObject({ code: "aborted", definite: true, message: "enough" });
    expect(await watch.next()).toEqual({ done: true, value: undefined });

    const last = db.hits.watch();
    const open = last.next();
    await letPass(last.started());
    db.close();
    await expect(open).rejects.toMatchObject({ code: "aborted" });
    expect(cluster.watches.open).toBe(0);
    await expect(db.hits.watch().next()).rejects.toMatchObject({ code: "aborted" });
  });

  test("tells of a value that another client wrote wrongly, and goes on", async () => {
    const { cluster, db, let: letPass } = await story();
    const words = await letPass(
      openClient(cluster.connect(), cluster.runtime, { keyspaces: { hits: register({ codec: text() }) } }),
    );
    const watch = db.hits.watch();
    await letPass(watch.started());
    await letPass(words.hits.set("a", "many"));
    await letPass(db.hits.set("a", 3));
    expect(await letPass(take(watch, 2))).toEqual([
      {
        kind: "set",
        key: "a",
        value: undefined,
        invalid: expect.objectContaining({ code: "invalid-value" }),
      },
      { kind: "set", key: "a", value: 3 },
    ]);
  });
});

describe("a watch goes on", () => {
  test("elsewhere when its node is lost, without a gap or a duplicate", async () => {
    let asked = 0;
    for (let seed = 1; seed <= 12; seed++) {
      const { cluster, db, let: letPass } = await story(seed);
      const random = cluster.random.fork("crashes");
      const watch = db.hits.watch({ bufferBytes: 2_000 });
      await letPass(watch.started());
      const keys = ["a", "b", "c", "d", "e"];
      const rounds = 60;
      const told: Record<string, number[]> = {};
      const reading = (async () => {
        for (const change of await take(watch, keys.length * rounds)) {
          if (change.kind !== "set") throw new Error(change.kind);
          (told[change.key] ??= []).push(change.value!);
        }
      })();
      const crashing = setTicks(
        () => {
          const node = nodeId(random.pick([1, 2, 3]));
          if (cluster.down.size > 0) for (const each of cluster.down) cluster.restart(each);
          else cluster.crash(node);
        },
        cluster,
        60,
      );
      for (let round = 0; round < rounds; round++)
        await letPass(Promise.all(keys.map((key) => db.hits.increment(key, 1, { timeout: 60_000 })))).then(
          () => letPass(rest(cluster, 5)),
        );
      await letPass(reading);
      crashing.stop();
      const expected = Array.from({ length: rounds }, (_, i) => i + 1);
      expect([seed, told]).toEqual([seed, Object.fromEntries(keys.map((key) => [key, expected]))]);
      asked += cluster.watches.asked.length;
      await watch.return();
      expect(cluster.watches.open).toBe(0);
    }
    // Three for each seed would be enough if no node was ever lost.
    expect(asked).toBeGreaterThan(100);
  });

  test("in another client, from the revision of what was taken", async () => {
    const { db, open, let: letPass } = await story();
    const first = db.hits.watch();
    await letPass(first.started());
    for (let i = 0; i < 10; i++) await letPass(db.hits.increment("a"));
    await letPass(take(first, 4));
    const { revision } = first;
    await first.return();
    await letPass(db.hits.increment("b"));
    const second = (await open()).hits.watch({ from: revision! });
    const rest = await letPass(take(second, 7));
    expect(
      rest
        .filter(({ kind }) => kind === "set")
        .map((change) => "value" in change && change.value)
        .sort(),
    ).toEqual([1, 10, 5, 6, 7, 8, 9]);
  });

  test("from before an atomic batch until the last of its changes was taken", async () => {
    const { db, let: letPass } = await story();
    const watch = db.hits.watch({ prefix: "{t}" });
    const start = await letPass(watch.started());
    await letPass(db.hits.batch((at) => [at.increment("{t}a"), at.increment("{t}b"), at.increment("{t}c")]));
    await letPass(take(watch, 1));
    expect(watch.revision).toBe(start);
    await letPass(take(watch, 2));
    expect(watch.revision).not.toBe(start);
    const again = db.hits.watch({ prefix: "{t}", from: start });
    expect((await letPass(take(again, 3))).map((change) => "key" in change && change.key)).toEqual([
      "{t}a",
      "{t}b",
      "{t}c",
    ]);
  });

  test("only in the keyspace whose revision it is", async () => {
    const { db, let: letPass } = await story();
    const revision = await letPass(db.accounts.watch().started());
    for (const from of [revision, "", "x", `${revision}-1`])
      expect(() => db.hits.watch({ from })).toThrow(
        expect.objectContaining({ code: "bad-request", definite: true }),
      );
  });
});

describe("a slow reader", () => {
  test("makes the cluster wait, within its bound, and misses nothing", async () => {
    const { cluster, db, let: letPass } = await story();
    const watch = db.hits.watch({ bufferBytes: 1_000 });
    const start = await letPass(watch.started());
    for (let i = 0; i < 400; i++) await letPass(db.hits.increment("a"));
    await letPass(rest(cluster, 100));
    expect(cluster.watches.told).toBeLessThan(20);
    const values = (await letPass(take(watch, 400))).map((change) => "value" in change && change.value);
    expect(values).toEqual(Array.from({ length: 400 }, (_, i) => i + 1));
    expect(watch.revision).not.toBe(start);
  });

  test("that is too slow is told so, after what it can still have, and goes on from what is remembered", async () => {
    const { cluster, db, let: letPass } = await story();
    const watch = db.hits.watch({ bufferBytes: 1_000 });
    await letPass(watch.started());
    for (const shard of cluster.shards) shard.historyLimits.changes = 10;
    for (let i = 0; i < 400; i++) await letPass(db.hits.increment("a"));
    const values: number[] = [];
    const error = await letPass(
      (async () => {
        try {
          for await (const change of watch) if (change.kind === "set") values.push(change.value!);
        } catch (thrown) {
          return thrown;
        }
        return null;
      })(),
    );
    expect(error).toBeInstanceOf(CompactedError);
    expect(error).toMatchObject({ code: "compacted", definite: true });
    expect(values).toEqual(Array.from({ length: values.length }, (_, i) => i + 1));
    expect(values.length).toBeLessThan(390);
    expect(cluster.watches.open).toBe(0);
    const again = db.hits.watch({ from: (error as CompactedError).revision! });
    const later = await letPass(take(again, 10));
    expect(later.at(-1)).toEqual({ kind: "set", key: "a", value: 400 });
  });

  test("who reads the present after the start, and then the changes, ends with the truth", async () => {
    const { db, let: letPass } = await story();
    const writes = Array.from({ length: 50 }, (_, i) => db.hits.increment(`k${i % 7}`));
    const watch = db.hits.watch();
    await letPass(watch.started());
    const state = new Map<string, number>();
    await letPass(
      (async () => {
        for (let i = 0; i < 7; i++) state.set(`k${i}`, await db.hits.get(`k${i}`));
      })(),
    );
    await letPass(Promise.all(writes));
    await letPass(db.hits.set("end", 1));
    await letPass(
      (async () => {
        // The shards have no common order: the end of each one's has to be seen.
        const present = new Map([...Array(7).keys()].map((i) => [`k${i}`, Math.ceil((50 - i) / 7)]));
        for await (const change of watch) {
          if (change.kind === "set") state.set(change.key, change.value!);
          if ([...present].every(([key, count]) => state.get(key) === count) && state.has("end")) return;
        }
      })(),
    );
    expect(state.get("k0")).toBe(8);
  });
});

/** Something again and again, in virtual time. */
function setTicks(task: () => void, { scheduler }: FakeCluster, every: number): { stop(): void } {
  let stopped = false;
  const tick = (): void => {
    if (stopped) return;
    task();
    scheduler.after(every, tick);
  };
  scheduler.after(every, tick);
  return { stop: () => void (stopped = true) };
}

const rest = ({ scheduler }: FakeCluster, duration: number): Promise<void> =>
  new Promise((resolve) => void scheduler.after(duration, resolve));
