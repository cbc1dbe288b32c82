import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Failure, type Reply } from "../core/reply.ts";
import { call, plain, Shard } from "./data.testkit.ts";
import { type Envelope, envelopeProblem, SESSION_WINDOW } from "./delivery.ts";
import { checkRecords } from "./records.testkit.ts";
import { MOST_REPLY_BYTES, SESSION_LIFETIME_MS } from "./remembered.ts";

const inSession = (token: number, sequence: number, acknowledged = 1): Envelope => ({
  kind: "session",
  token,
  sequence,
  acknowledged,
});

const byKey = (key: string, lifetime = 60_000): Envelope => ({
  kind: "idempotency",
  key: new TextEncoder().encode(key),
  lifetime,
});

const open = (shard: Shard): number => shard.write(call(".session-open"))[0] as number;
const code = (reply: Reply | undefined): unknown => (reply instanceof Failure ? reply.code : reply);
const one = (shard: Shard, envelope: Envelope, ...words: [string, ...(string | number)[]]): unknown =>
  code(shard.deliver(envelope, call(...words))[0]);

describe("a session", () => {
  test("does a number once, and answers its repetitions with the first reply", () => {
    const shard = new Shard();
    const token = open(shard);
    expect(one(shard, inSession(token, 1), "incr", "hits")).toBe(1);
    expect(one(shard, inSession(token, 2), "incr", "hits")).toBe(2);
    expect(one(shard, inSession(token, 1), "incr", "hits")).toBe(1);
    // Also in one batch, and also what a command refused.
    expect(shard.deliver(inSession(token, 3), call("incr", "hits"), call("incr", "hits"))).toEqual([3, 3]);
    const refused = shard.deliver(inSession(token, 4), call("sadd", "hits", "x"))[0];
    shard.run("del", "hits");
    expect(shard.deliver(inSession(token, 4), call("sadd", "hits", "x"))[0]).toEqual(refused);
    expect(shard.run("exists", "hits")).toBe(0);
    checkRecords(shard);
  });

  test("takes numbers in any order", () => {
    const shard = new Shard();
    const token = open(shard);
    expect([3, 1, 2, 3].map((number) => one(shard, inSession(token, number), "incr", "hits"))).toEqual([
      1, 2, 3, 1,
    ]);
  });

  test("forgets what is acknowledged, and does it no more", () => {
    const shard = new Shard();
    const token = open(shard);
    for (let number = 1; number <= 5; number++) one(shard, inSession(token, number), "incr", "hits");
    expect(one(shard, inSession(token, 6, 5), "incr", "hits")).toBe(6);
    checkRecords(shard);
    // A late repetition comes with the acknowledgement of its time.
    expect(one(shard, inSession(token, 4, 1), "incr", "hits")).toBe("acknowledged");
    expect(one(shard, inSession(token, 5, 1), "incr", "hits")).toBe(5);
    expect(shard.run("get", "hits")).toBe("6");
  });

  test("has a window: what is beyond it is refused, definitely, until something is acknowledged", () => {
    const shard = new Shard();
    const token = open(shard);
    expect(one(shard, inSession(token, SESSION_WINDOW), "incr", "hits")).toBe(1);
    expect(one(shard, inSession(token, SESSION_WINDOW + 1), "incr", "hits")).toBe("overloaded");
    expect(one(shard, inSession(token, SESSION_WINDOW + 1, 2), "incr", "hits")).toBe(2);
    // A wild acknowledgement costs no more than the window.
    expect(one(shard, inSession(token, 2 ** 50, 2 ** 50), "incr", "hits")).toBe(3);
    checkRecords(shard);
  });

  test("covers a transaction as a whole, also one that its watched keys refused", () => {
    const shard = new Shard();
    const token = open(shard);
    const watched = [shard.watch("hits")];
    const calls = [call("incr", "hits"), call("incr", "hits")];
    expect(shard.deliverTransaction(inSession(token, 1), calls, watched)).toEqual([1, 2]);
    expect(shard.deliverTransaction(inSession(token, 2), calls, watched)).toEqual({ nullArray: true });
    expect(shard.deliverTransaction(inSession(token, 1), calls, watched)).toEqual([1, 2]);
    expect(shard.deliverTransaction(inSession(token, 2), calls, [shard.watch("hits")])).toEqual({
      nullArray: true,
    });
    expect(shard.run("get", "hits")).toBe("2");
    checkRecords(shard);
  });

  test("covers commands that load ranges", () => {
    const shard = new Shard();
    const token = open(shard);
    shard.run("sadd", "pool", ..."abcdef");
    const popped = plain(shard.deliver(inSession(token, 1), call("spop", "pool"))[0]!);
    expect(plain(shard.deliver(inSession(token, 1), call("spop", "pool"))[0]!)).toBe(popped);
    expect(shard.run("scard", "pool")).toBe(5);
  });

  test("that nobody opened, that was closed, or that expired, does nothing", () => {
    const shard = new Shard();
    expect(one(shard, inSession(99, 1), "incr", "hits")).toBe("session-expired");
    const closed = open(shard);
    expect(shard.run(".session-close", closed)).toBe(1);
    expect(shard.run(".session-close", closed)).toBe(0);
    expect(one(shard, inSession(closed, 1), "incr", "hits")).toBe("session-expired");
    const idle = open(shard);
    const busy = open(shard);
    expect(shard.expiries).toContain(shard.time + SESSION_LIFETIME_MS);
    shard.time += SESSION_LIFETIME_MS - 1;
    expect(one(shard, inSession(busy, 1), "incr", "hits")).toBe(1);
    shard.time += 1;
    const next = shard.run(".expire");
    expect(next).toBe(shard.time - 1 + SESSION_LIFETIME_MS);
    expect(one(shard, inSession(idle, 1), "incr", "hits")).toBe("session-expired");
    expect(one(shard, inSession(busy, 1), "incr", "hits")).toBe(1);
    checkRecords(shard);
  });

  test("remembers that a long reply was given, if not the reply", () => {
    const shard = new Shard();
    const token = open(shard);
    shard.run("set", "long", "x".repeat(MOST_REPLY_BYTES));
    expect(plain(shard.deliver(inSession(token, 1), call("getdel", "long"))[0]!)).toHaveLength(
      MOST_REPLY_BYTES,
    );
    expect(one(shard, inSession(token, 1), "getdel", "long")).toBe("reply-forgotten");
  });

  test("outlives FLUSHALL, a snapshot and a restart", () => {
    const shard = new Shard();
    const token = open(shard);
    one(shard, inSession(token, 1), "incr", "hits");
    shard.run(".flush");
    const other = new Shard(shard.records.snapshot(), shard.machine.encodeMeta());
    expect(one(other, inSession(token, 1), "incr", "hits")).toBe(1);
    expect(other.run("exists", "hits")).toBe(0);
    checkRecords(other);
  });

  test("many of them make room for one another, oldest first", () => {
    const shard = new Shard();
    const first = open(shard);
    for (let i = 1; i < 10_000; i++) open(shard);
    one(shard, inSession(first, 1), "incr", "hits");
    shard.time += 120_000;
    // Used, so that the second one is now the oldest.
    one(shard, inSession(first, 2), "incr", "hits");
    open(shard);
    expect(one(shard, inSession(first, 3), "incr", "hits")).toBe(3);
    expect(one(shard, inSession(first + 1, 1), "incr", "hits")).toBe("session-expired");
    expect(one(shard, inSession(first + 2, 1), "incr", "hits")).toBe(4);
    checkRecords(shard);
  });
});

describe("an idempotency key", () => {
  test("does a request once while it lives, and again after that", () => {
    const shard = new Shard();
    expect(one(shard, byKey("a"), "incr", "hits")).toBe(1);
    expect(one(shard, byKey("a"), "incr", "hits")).toBe(1);
    expect(one(shard, byKey("b"), "incr", "hits")).toBe(2);
    expect(shard.expiries).toContain(shard.time + 60_000);
    shard.time += 60_000;
    expect(one(shard, byKey("a"), "incr", "hits")).toBe(3);
    checkRecords(shard);
    shard.time += 60_000;
    expect(shard.run(".expire")).toBe(-1);
    expect(Object.keys(shard.records.dump()).filter((id) => /^[dj]/.test(id))).toEqual([]);
    checkRecords(shard);
  });

  test("of another request is refused", () => {
    const shard = new Shard();
    one(shard, byKey("a"), "incrby", "hits", 1);
    expect(one(shard, byKey("a"), "incrby", "hits", 2)).toBe("idempotency-mismatch");
    expect(one(shard, byKey("a"), "incrby", "hit", "s1")).toBe("idempotency-mismatch");
    expect(shard.run("get", "hits")).toBe("1");
  });

  test("a new leader learns when the next one expires", () => {
    const shard = new Shard();
    expect(shard.run(".next-expiry")).toBe(-1);
    one(shard, byKey("a", 5000), "incr", "hits");
    expect(shard.run(".next-expiry")).toBe(shard.time + 5000);
  });
});

test("whatever is repeated whenever, a counter counts every number once, and replicas agree", () => {
  const step = fc.record({
    session: fc.nat({ max: 2 }),
    sequence: fc.integer({ min: 1, max: 12 }),
    acknowledged: fc.integer({ min: 1, max: 12 }),
    minutes: fc.constantFrom(0, 0, 0, 1, 20),
    expire: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const shard = new Shard();
      const tokens = [open(shard), open(shard), open(shard)];
      const done = new Set<string>();
      for (const { session, sequence, acknowledged, minutes, expire } of steps) {
        shard.time += minutes * 60_000;
        if (expire) shard.run(".expire");
        const reply = one(shard, inSession(tokens[session]!, sequence, acknowledged), "incr", "hits");
        if (typeof reply === "number" && reply > done.size) done.add(`${session}/${sequence}`);
        expect(Number(shard.run("get", "hits") ?? 0)).toBe(done.size);
        checkRecords(shard);
      }
      const replica = new Shard();
      for (const payload of shard.log) replica.apply(payload);
      expect(replica.records.dump()).toEqual(shard.records.dump());
      expect(replica.machine.encodeMeta()).toEqual(shard.machine.encodeMeta());
    }),
  );
});

test("an envelope that no shard would take says why", () => {
  expect(envelopeProblem(inSession(1, 1))).toBeNull();
  expect(envelopeProblem(inSession(0, 1))).toMatch(/from 1 on/);
  expect(envelopeProblem(inSession(1, 1.5))).toMatch(/whole/);
  expect(envelopeProblem(inSession(1, 1, 2))).toMatch(/acknowledged already/);
  expect(envelopeProblem(byKey(""))).toMatch(/1 to 256 bytes/);
  expect(envelopeProblem(byKey("k".repeat(257)))).toMatch(/has 257/);
  expect(envelopeProblem(byKey("k", 0))).toMatch(/lives for/);
});
