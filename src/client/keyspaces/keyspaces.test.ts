import { describe, expect, expectTypeOf, test } from "vitest";
import { z } from "zod";
import { FakeCluster, NO_FAULTS, passing } from "../cluster.testkit.ts";
import { openClient } from "../connect.ts";
import type { CallDefaults } from "../calls/options.ts";
import { BatchError } from "../errors.ts";
import { text } from "../schema/codec.ts";
import type { MapKeyspace } from "./map.ts";
import { counter, map, register, set } from "../schema/keyspaces.ts";

interface Account {
  readonly balance: number;
}

async function story(defaults: CallDefaults = {}) {
  const cluster = new FakeCluster(1, { default: 2, accounts: 4, hits: 2, tags: 3, ages: 1, checked: 1 });
  const db = await passing(
    cluster,
    openClient(cluster.connect(), cluster.runtime, {
      ...defaults,
      keyspaces: {
        default: register({ codec: text() }),
        accounts: register<Account>(),
        hits: counter(),
        tags: set<string | { readonly a: number; readonly b?: number }>(),
        ages: map<number>(),
        checked: register({ schema: z.object({ age: z.int() }) }),
      },
    }),
  );
  cluster.seen.length = 0;
  return { cluster, db, let: <T>(promise: Promise<T>) => passing(cluster, promise) };
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

describe("a register", () => {
  test("gets, sets, deletes", async () => {
    const { db, let: letPass } = await story();
    expect(await letPass(db.accounts.get("alice"))).toBeUndefined();
    await letPass(db.accounts.set("alice", { balance: 1 }));
    expect(await letPass(db.accounts.exists("alice"))).toBe(true);
    expect(await letPass(db.accounts.delete("alice"))).toBe(true);
    expect(await letPass(db.accounts.delete("alice"))).toBe(false);
  });

  test("compares versions: of an entry, of the last swap, of absence", async () => {
    const { db, let: letPass } = await story();
    expect(await letPass(db.accounts.getEntry("alice"))).toBeUndefined();
    const first = await letPass(db.accounts.compareAndSet("alice", null, { balance: 1 }));
    expect(await letPass(db.accounts.compareAndSet("alice", null, { balance: 9 }))).toEqual({
      swapped: false,
    });
    expect(await letPass(db.accounts.add("alice", { balance: 9 }))).toBe(false);
    const entry = await letPass(db.accounts.getEntry("alice"));
    expect(entry).toEqual({ value: { balance: 1 }, version: expect.any(Number), expiresIn: null });
    expect(first).toEqual({ swapped: true, version: entry?.version });
    const second = await letPass(db.accounts.compareAndSet("alice", entry!.version, { balance: 2 }));
    expect(second.swapped).toBe(true);
    expect(await letPass(db.accounts.compareAndSet("alice", entry!.version, { balance: 3 }))).toEqual({
      swapped: false,
    });
    expect(await letPass(db.accounts.compareAndDelete("alice", entry!.version))).toBe(false);
    expect(await letPass(db.accounts.get("alice"))).toEqual({ balance: 2 });
    expect(second.swapped && (await letPass(db.accounts.compareAndDelete("alice", second.version)))).toBe(
      true,
    );
  });

  test("expires, or keeps its expiry", async () => {
    const { cluster, db, let: letPass } = await story();
    await letPass(db.accounts.set("alice", { balance: 1 }, { expiresIn: 60_000 }));
    await letPass(db.accounts.set("alice", { balance: 2 }, { keepExpiry: true }));
    const { expiresIn } = (await letPass(db.accounts.getEntry("alice")))!;
    expect(expiresIn).toBeGreaterThan(0);
    expect(expiresIn).toBeLessThanOrEqual(60_000);
    expect(await letPass(db.accounts.persist("alice"))).toBe(true);
    expect(await letPass(db.accounts.expiresIn("alice"))).toBeNull();
    expect(await letPass(db.accounts.expire("alice", 100))).toBe(true);
    cluster.scheduler.after(200, () => undefined);
    while (cluster.scheduler.step());
    await letPass(db.accounts.set("bob", { balance: 1 }));
    await letPass(db.accounts.delete("alice"));
    expect(await letPass(db.accounts.expiresIn("alice"))).toBeUndefined();
    await expect(db.accounts.set("alice", { balance: 1 }, { expiresIn: 0 })).rejects.toMatchObject({
      code: "bad-request",
    });
  });

  test("many keys of all shards are read in the order in which they were named", async () => {
    const { cluster, db, let: letPass } = await story();
    const keys = Array.from({ length: 300 }, (_, i) => `k${i}`);
    await letPass(Promise.all(keys.map((key, i) => db.accounts.set(key, { balance: i }))));
    const found = await letPass(db.accounts.getMany([...keys, "nobody"]));
    expect(found.map((account) => account?.balance)).toEqual([...keys.keys(), undefined]);
    const reads = cluster.seen.filter(({ request }) => !request.write);
    expect(reads.length).toBeLessThanOrEqual(5);
  });

  test("a value that does not fit its schema is refused before it is sent", async () => {
    const { cluster, db, let: letPass } = await story();
    await expect(letPass(db.checked.set("a", { age: 1.5 }))).rejects.toMatchObject({
      code: "invalid-value",
      definite: true,
      issues: [{ path: ["age"] }],
    });
    // @ts-expect-error not what the schema takes
    await expect(letPass(db.checked.set("a", { age: "x" }))).rejects.toMatchObject({ code: "invalid-value" });
    expect(cluster.seen).toEqual([]);
  });

  test("a key of another type, and a value of another form, are told apart", async () => {
    const { cluster, db, let: letPass } = await story();
    await letPass(db.default.set("x", "{"));
    const other = await letPass(
      openClient(cluster.connect(), cluster.runtime, { keyspaces: { default: register<Account>() } }),
    );
    await expect(letPass(other.default.get("x"))).rejects.toMatchObject({ code: "invalid-value" });
    const sets = await letPass(
      openClient(cluster.connect(), cluster.runtime, { keyspaces: { default: set<string>() } }),
    );
    await expect(letPass(sets.default.add("x", "y"))).rejects.toMatchObject({
      code: "wrong-type",
      definite: true,
    });
    await letPass(sets.default.add("s", "y"));
    await expect(letPass(other.default.getEntry("s"))).rejects.toMatchObject({ code: "wrong-type" });
  });
});

describe("a counter", () => {
  test("counts", async () => {
    const { db, let: letPass } = await story();
    expect(await letPass(db.hits.get("home"))).toBe(0);
    expect(await letPass(db.hits.increment("home"))).toBe(1);
    expect(await letPass(db.hits.increment("home", 10))).toBe(11);
    expect(await letPass(db.hits.decrement("home", 2n))).toBe(9);
    await letPass(db.hits.set("home", -5));
    expect(await letPass(db.hits.get("home"))).toBe(-5);
    await expect(db.hits.increment("home", 0.5)).rejects.toMatchObject({ code: "bad-request" });
  });

  test("increments of one turn leave together, in one session for each shard", async () => {
    const { cluster, db, let: letPass } = await story();
    const counts = await letPass(Promise.all(Array.from({ length: 50 }, () => db.hits.increment("home"))));
    expect(counts.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
    expect(cluster.seen.filter(({ request }) => request.envelope === null)).toHaveLength(1);
  });
});

describe("a set", () => {
  test("has members by their contents", async () => {
    const { db, let: letPass } = await story();
    expect(await letPass(db.tags.add("x", { a: 1, b: 2 }))).toBe(true);
    expect(await letPass(db.tags.add("x", { b: 2, a: 1 }))).toBe(false);
    expect(await letPass(db.tags.addAll("x", ["red", "blue"]))).toBe(2);
    expect(await letPass(db.tags.hasEach("x", ["red", "green"]))).toEqual([true, false]);
    expect(await letPass(db.tags.has("x", { a: 1, b: 2 }))).toBe(true);
    expect(await letPass(db.tags.all("x"))).toHaveLength(3);
    expect(await letPass(db.tags.removeAll("x", ["red", "green"]))).toBe(1);
    expect(await letPass(db.tags.size("x"))).toBe(2);
    expect(await letPass(db.tags.clear("x"))).toBe(true);
    await expect(db.tags.addAll("x", [])).rejects.toMatchObject({ code: "bad-request", definite: true });
  });

  test("gives its members page by page", async () => {
    const { db, let: letPass } = await story();
    const names = Array.from({ length: 95 }, (_, i) => `user${i}`);
    await letPass(db.tags.addAll("x", names));
    const found = await letPass(all(db.tags.members("x", { pageSize: 10 })));
    expect(found.toSorted()).toEqual(names.toSorted());
  });
});

describe("a map", () => {
  test("has values under fields", async () => {
    const { db, let: letPass } = await story();
    expect(await letPass(db.ages.set("x", "ann", 30))).toBe(true);
    expect(await letPass(db.ages.setMany("x", { ann: 31, bob: 4 }))).toBe(1);
    expect(await letPass(db.ages.getMany("x", ["bob", "cid"]))).toEqual([4, undefined]);
    expect(await letPass(db.ages.increment("x", "bob"))).toBe(5);
    expect(await letPass(db.ages.add("x", "bob", 0))).toBe(false);
    expect(await letPass(db.ages.getAll("x"))).toEqual(
      new Map([
        ["ann", 31],
        ["bob", 5],
      ]),
    );
    expect(await letPass(all(db.ages.entries("x", { pageSize: 1 })))).toEqual([
      ["ann", 31],
      ["bob", 5],
    ]);
    expect(await letPass(db.ages.delete("x", "ann"))).toBe(true);
    expect([await letPass(db.ages.has("x", "ann")), await letPass(db.ages.size("x"))]).toEqual([false, 1]);
    const wrong = (words: MapKeyspace<string>) => {
      // @ts-expect-error words cannot be incremented
      void words.increment("x", "y");
    };
    expect(wrong).toBeTypeOf("function");
  });
});

describe("scans", () => {
  test("find every key with a prefix in every shard once, however small the pages", async () => {
    const { db, let: letPass } = await story();
    const keys = Array.from({ length: 120 }, (_, i) => `user*${i}`);
    await letPass(Promise.all(keys.map((key, i) => db.accounts.set(key, { balance: i }))));
    await letPass(Promise.all(["user", "usersX", "v"].map((key) => db.accounts.set(key, { balance: 0 }))));
    const found = await letPass(all(db.accounts.keys({ prefix: "user*", pageSize: 7 })));
    expect(found.toSorted()).toEqual(keys.toSorted());
    expect(await letPass(db.accounts.count())).toBe(123);
    const entries = await letPass(all(db.accounts.entries({ prefix: "user*", pageSize: 50 })));
    expect(new Map(entries).get("user*77")).toEqual({ balance: 77 });
  });

  test("go on from a cursor, also in another client", async () => {
    const { cluster, db, let: letPass } = await story();
    await letPass(
      Promise.all(Array.from({ length: 60 }, (_, i) => db.accounts.set(`k${i}`, { balance: i }))),
    );
    const other = await letPass(
      openClient(cluster.connect(), cluster.runtime, { keyspaces: { accounts: register<Account>() } }),
    );
    const found: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await letPass(other.accounts.keyPage({ cursor, pageSize: 9 }));
      found.push(...page.keys);
      ({ cursor } = page);
    } while (cursor !== undefined);
    expect(new Set(found).size).toBe(60);
    expect(found).toHaveLength(60);
    for (const wrong of ["", "9.AA==", "0.?", "x"])
      await expect(db.accounts.keyPage({ cursor: wrong })).rejects.toMatchObject({ code: "bad-request" });
  });
});

describe("a batch", () => {
  test("is one step with a typed result for each operation", async () => {
    const { cluster, db, let: letPass } = await story();
    const results = await letPass(
      db.accounts.batch((at) => [
        at.set("{t}a", { balance: 1 }),
        at.get("{t}a"),
        at.delete("{t}b"),
        at.entry("{t}b"),
      ]),
    );
    expect(results).toEqual([undefined, { balance: 1 }, false, undefined]);
    expectTypeOf(results[1]).toEqualTypeOf<Account | undefined>();
    expectTypeOf(results[2]).toEqualTypeOf<boolean>();
    expect(cluster.seen.filter(({ request }) => request.operation.kind === "transaction")).toHaveLength(1);
    expect(await letPass(db.accounts.batch(() => []))).toEqual([]);
  });

  test("of keys in two shards is a definite cross-shard, before anything is sent", async () => {
    const { cluster, db, let: letPass } = await story();
    const batch = db.accounts.batch((at) => ["a", "b", "c", "d"].map((key) => at.set(key, { balance: 1 })));
    await expect(letPass(batch)).rejects.toMatchObject({ code: "cross-shard", definite: true });
    expect(cluster.seen).toEqual([]);
  });

  test("only happens if the versions are still so", async () => {
    const { db, let: letPass } = await story();
    await letPass(db.accounts.set("{t}a", { balance: 10 }));
    const { version } = (await letPass(db.accounts.getEntry("{t}a")))!;
    const move = (versions: Record<string, number | null>) =>
      letPass(
        db.accounts.batch((at) => [at.set("{t}a", { balance: 4 }), at.set("{t}b", { balance: 6 })], {
          ifVersions: versions,
        }),
      );
    expect(await move({ "{t}a": version, "{t}b": 17 })).toBeNull();
    expect(await letPass(db.accounts.exists("{t}b"))).toBe(false);
    expect(await move({ "{t}a": version, "{t}b": null })).toEqual([undefined, undefined]);
    expect(await move({ "{t}b": null })).toBeNull();
    expect(await letPass(db.accounts.get("{t}b"))).toEqual({ balance: 6 });
  });

  test("tells which operations were refused; the others are done", async () => {
    const { cluster, db, let: letPass } = await story();
    const words = await letPass(
      openClient(cluster.connect(), cluster.runtime, { keyspaces: { hits: register({ codec: text() }) } }),
    );
    await letPass(words.hits.set("{t}word", "hello"));
    const batch = db.hits.batch((at) => [at.increment("{t}n"), at.increment("{t}word")]);
    const error = await letPass(batch.catch((thrown: unknown) => thrown));
    expect(error).toBeInstanceOf(BatchError);
    expect(error).toMatchObject({
      code: "batch-partly-refused",
      definite: false,
      results: [1, { code: "bad-request" }],
    });
    const refused = db.hits.batch((at) => [at.increment("{t}word")]);
    await expect(letPass(refused)).rejects.toMatchObject({ code: "bad-request", definite: true });
  });
});

describe("options of a call", () => {
  test("an idempotency key is in the place of a session, and done once for all clients", async () => {
    const { cluster, db, let: letPass } = await story();
    const other = await letPass(
      openClient(cluster.connect(), cluster.runtime, { keyspaces: { hits: counter() } }),
    );
    const once = { idempotencyKey: "order-17", idempotencyLifetime: 60_000 };
    expect(await letPass(db.hits.increment("n", 1, once))).toBe(1);
    expect(await letPass(other.hits.increment("n", 1, once))).toBe(1);
    expect(cluster.value("hits", "hits:n")).toBe("1");
    const long = { idempotencyKey: "x".repeat(300) };
    await expect(db.hits.increment("n", 1, long)).rejects.toMatchObject({ code: "bad-request" });
  });

  test("delivery of the client and of the call", async () => {
    const { cluster, db, let: letPass } = await story({ delivery: "at-least-once" });
    await letPass(db.hits.increment("n"));
    expect(cluster.seen.map(({ request }) => request.envelope)).toEqual([null]);
    await letPass(db.hits.increment("n", 1, { delivery: "exactly-once" }));
    await letPass(db.accounts.compareAndSet("a", null, { balance: 1 }));
    const kinds = cluster.seen.map(({ request }) => request.envelope?.kind ?? null);
    // A session is opened without an envelope, and each shard has its own.
    expect(kinds).toEqual([null, null, "session", null, "session"]);
  });

  test("what contradicts itself does not compile, and is refused", async () => {
    const { db } = await story();
    const account = { balance: 1 };
    const wrong = [
      // @ts-expect-error a key that may be repeated is exactly-once
      db.hits.increment("n", 1, { idempotencyKey: "k", delivery: "at-most-once" }),
      // @ts-expect-error a lifetime without its key
      db.hits.increment("n", 1, { idempotencyLifetime: 5 }),
      // @ts-expect-error a repetition would be refused although the first attempt was done
      db.accounts.compareAndSet("a", 4, account, { delivery: "at-least-once" }),
    ];
    for (const call of wrong)
      await expect(call).rejects.toMatchObject({ code: "contradiction", definite: true });
    const types = () => {
      // @ts-expect-error a write has no consistency
      void db.accounts.set("a", account, { consistency: "stale" });
      // @ts-expect-error a read has no delivery
      void db.accounts.get("a", { delivery: "exactly-once" });
      // @ts-expect-error either a new expiry or the old one
      void db.accounts.set("a", account, { expiresIn: 5, keepExpiry: true });
      // @ts-expect-error a bound on staleness is one for stale reads
      void db.accounts.get("a", { consistency: "sequential", maxStaleness: 100 });
    };
    expect(types).toBeTypeOf("function");
  });

  test("a timeout is what is known by then; a signal ends a call at once", async () => {
    const { cluster, db, let: letPass } = await story();
    await letPass(db.hits.increment("n"));
    cluster.faults = { ...NO_FAULTS, dropReply: 1 };
    const unsent = db.accounts.set("a", { balance: 1 }, { timeout: 300 });
    await expect(letPass(unsent)).rejects.toMatchObject({ code: "no-leader", definite: true });
    const late = db.hits.increment("n", 1, { timeout: 300 });
    await expect(letPass(late)).rejects.toMatchObject({ code: "timeout", definite: false });
    const controller = new AbortController();
    const read = db.hits.get("n", { signal: controller.signal });
    const write = db.hits.increment("n", 1, { signal: controller.signal, delivery: "at-most-once" });
    controller.abort(new Error("the user left"));
    await expect(letPass(read)).rejects.toMatchObject({ code: "aborted", message: "the user left" });
    await expect(letPass(write)).rejects.toMatchObject({ code: "unknown", definite: false });
    const after = db.hits.increment("n", 1, { signal: controller.signal });
    await expect(after).rejects.toMatchObject({ code: "aborted", definite: true });
    await expect(db.hits.get("n", { timeout: 0 })).rejects.toMatchObject({ code: "bad-request" });
    expect(db.status().calls).toBe(0);
  });

  test("sequential reads ask for a state with the client's own writes; stale ones for any, linearizable ones need not", async () => {
    const { cluster, db, let: letPass } = await story();
    await letPass(db.hits.increment("n"));
    await letPass(db.hits.increment("n"));
    cluster.seen.length = 0;
    for (const consistency of ["sequential", "stale", "linearizable"] as const)
      await letPass(db.hits.get("n", { consistency }));
    expect(cluster.seen.map(({ request }) => request.atLeast)).toEqual([2, 0, 0]);
    cluster.seen.length = 0;
    await letPass(db.hits.get("n", { consistency: "stale", maxStaleness: 100 }));
    expect(cluster.seen[0]!.request).toMatchObject({ consistency: "stale", maxStaleness: 100 });
  });

  test("a hedged read is answered by the second node", async () => {
    const { cluster, db, let: letPass } = await story();
    await letPass(db.hits.get("n"));
    cluster.faults = { ...NO_FAULTS, delayRequest: 1, longDelay: 400 };
    cluster.seen.length = 0;
    await letPass(db.hits.get("n", { hedgeAfter: 1 }));
    while (cluster.scheduler.step());
    expect(new Set(cluster.seen.map(({ node }) => node)).size).toBe(2);
  });
});
