import { expect, test } from "vitest";
import { Failure } from "../core/reply.ts";
import { changesOf, type ChangesPage } from "./changes.ts";
import { call, type MapRecords, Shard, type Word } from "./data.testkit.ts";
import { History, MOST_VALUE_BYTES } from "./history.ts";
import { newHeader, STRING } from "./header.ts";

/** What `.changes` answers, as an asking node reads it. */
function changes(shard: Shard, after = 0, prefix = ""): ChangesPage {
  const page = changesOf(shard.read(call(".changes", after, prefix)));
  if (page instanceof Failure) throw new Error(page.message);
  return page;
}

/** `revision kind key=value …`, one line for each event. */
function lines(shard: Shard, after = 0, prefix = ""): string[] {
  return changes(shard, after, prefix).events.map(({ revision, changes }) =>
    [
      revision,
      ...changes.map((change) => {
        if (change.kind === "flush") return "flush";
        const value = change.kind === "set" && change.value !== null ? `=${text(change.value)}` : "";
        return `${change.kind} ${change.key}${value}`;
      }),
    ].join(" "),
  );
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

const set = (key: string, value: Word) => call("set", key, value);

test("every operation that changes something is one event, with the values of strings", () => {
  const shard = new Shard();
  shard.run("set", "a", "x");
  shard.run("incrby", "n", 5);
  shard.run("append", "a", "y");
  shard.run("sadd", "s", "m");
  shard.run("hset", "h", "f", "v");
  shard.run("rename", "a", "b");
  shard.run("del", "b", "n");
  expect(lines(shard)).toEqual([
    "1 set a=x",
    "2 set n=5",
    "3 set a=xy",
    "4 set s",
    "5 set h",
    "6 delete a set b=xy",
    "7 delete b delete n",
  ]);
});

test("what changes nothing is no event: refusals, conditions that do not hold, things that are there already", () => {
  const shard = new Shard();
  shard.run("set", "a", "x");
  shard.run("sadd", "s", "m");
  const { version } = shard.watch("a");
  shard.run("set", "a", "y");
  const before = lines(shard);
  shard.run("incr", "a");
  shard.run("sadd", "a", "m");
  shard.run("set", "a", "z", "NX");
  shard.run("sadd", "s", "m");
  shard.run("srem", "s", "other");
  shard.run("del", "nothing");
  shard.run("expire", "nothing", 10);
  shard.transaction([set("a", "refused")], [{ key: new TextEncoder().encode("a"), version }]);
  expect(lines(shard)).toEqual(before);
  expect(changes(shard).upTo).toBeGreaterThan(3);
});

test("a transaction is one event with each key as it was in the end, also when it waited for the disk in the middle", () => {
  const shard = new Shard();
  shard.run("sadd", "s", "m");
  const told: string[][] = [];
  const load = shard.records.load.bind(shard.records);
  shard.records.load = (request) => {
    told.push(shard.machine.history.after(0, "", 1e6).events.map(({ revision }) => String(revision)));
    return load(request);
  };
  shard.transaction([set("a", 1), set("b", 1), call("spop", "s"), set("a", 2), call("del", "b")]);
  // In the middle nothing of it is to be seen.
  expect(told).toEqual([["1"]]);
  expect(lines(shard, 1)).toEqual(["6 delete s set a=2 delete b"]);
});

test("an operation of a session that comes again is answered from memory, and no second event", () => {
  const shard = new Shard();
  const token = shard.run(".session-open") as number;
  const envelope = { kind: "session", token, sequence: 1, acknowledged: 1 } as const;
  shard.deliver(envelope, call("incr", "n"));
  shard.deliver(envelope, call("incr", "n"));
  const byKey = { kind: "idempotency", key: new TextEncoder().encode("k"), lifetime: 1000 } as const;
  shard.deliver(byKey, call("incr", "n"));
  shard.deliver(byKey, call("incr", "n"));
  expect(lines(shard)).toEqual([`${token + 1} set n=1`, `${token + 2} set n=2`]);
});

test("an expired key is an event once it is freed, by whatever comes first", () => {
  const shard = new Shard();
  shard.run("set", "a", "x", "PX", 100);
  shard.run("set", "b", "x", "PX", 100);
  shard.run("set", "c", "x", "PX", 100);
  shard.time += 200;
  shard.run("sadd", "b", "m");
  shard.run("incr", "c");
  shard.run(".expire");
  expect(lines(shard, 3)).toEqual(["4 set b", "5 set c=1", "6 expire a"]);
  shard.run("set", "d", "x", "PX", 100);
  shard.time += 200;
  // It finds the key due, frees it, and refuses: an event without a change of its own.
  expect(shard.run("set", "d", "y", "XX")).toBe(null);
  expect(lines(shard, 6)).toEqual(["7 set d=x", "8 expire d"]);
});

test("a flush is one change for all keys", () => {
  const shard = new Shard();
  shard.run("set", "a", "x");
  shard.run(".flush");
  shard.transaction([set("a", 1), call(".flush"), set("b", 2)]);
  expect(lines(shard, 1)).toEqual(["2 flush", "5 flush set b=2"]);
});

test("a prefix leaves out everything else, except flushes", () => {
  const shard = new Shard();
  shard.transaction([set("a1", 1), set("b1", 1)]);
  shard.run("set", "b2", 2);
  shard.run(".flush");
  expect(lines(shard, 0, "a")).toEqual(["2 set a1=1", "4 flush"]);
  expect(changes(shard, 0, "x").upTo).toBe(4);
});

test("two replicas have the same events with the same revisions, and after a restart the log brings back what follows the stored state", () => {
  const leader = new Shard();
  leader.run("set", "a", 1);
  leader.run("sadd", "s", "m");
  const meta = leader.machine.encodeMeta();
  const stored: MapRecords = leader.records.snapshot();
  const applied = leader.log.length;
  leader.transaction([set("a", 2), call("spop", "s")]);
  leader.run("get", "a");
  leader.run("del", "a");

  const follower = new Shard();
  for (const batch of leader.log) follower.apply(batch);
  expect(changes(follower)).toEqual(changes(leader));

  const restarted = new Shard(stored, meta);
  for (const batch of leader.log.slice(applied)) restarted.apply(batch);
  expect(changes(restarted, 2)).toEqual({ ...changes(leader, 2), start: 2 });
  // What came before is not known, and the answer says so.
  expect(changes(restarted, 1)).toEqual({ start: 2, upTo: 1, events: [] });
});

test("pages: at least one event, about as many bytes as asked for, and nothing lost between them", () => {
  const shard = new Shard();
  for (let i = 0; i < 300; i++) shard.run("set", `k${i}`, "v".repeat(1000));
  const told: string[] = [];
  let pages = 0;
  for (let at = 0; at < 300; pages++) {
    const page = changes(shard, at);
    expect(page.events.length).toBeGreaterThan(0);
    told.push(...page.events.flatMap((event) => event.changes.map((c) => (c.kind === "flush" ? "" : c.key))));
    at = page.upTo;
  }
  expect(told).toEqual(Array.from({ length: 300 }, (_, i) => `k${i}`));
  expect(pages).toBeGreaterThan(3);
});

test("the history stays within its limits, values counted, and its start moves with what is forgotten", () => {
  const history = new History({ bytes: 10_000, changes: 50 });
  const write = (revision: number, bytes: number): void => {
    history.noteSet(`k${revision}`, newHeader(STRING, revision, 0, bytes));
    history.commit(revision);
  };
  for (let revision = 1; revision <= 100; revision++) write(revision, 1);
  expect(history.start).toBe(50);
  for (let revision = 101; revision <= 3000; revision++) {
    write(revision, 2000);
    expect(history.bytes).toBeLessThanOrEqual(10_000);
  }
  const { events } = history.after(history.start, "", 1e6);
  expect(events.map(({ revision }) => revision)).toEqual([2997, 2998, 2999, 3000]);
  expect(history.start).toBe(2996);
});

test("a value beyond the limit, or in an event that would push out all others, is not carried", () => {
  const shard = new Shard();
  shard.run("set", "a", "v".repeat(MOST_VALUE_BYTES));
  shard.run("set", "b", "v".repeat(MOST_VALUE_BYTES + 1));
  shard.transaction(Array.from({ length: 20 }, (_, i) => set(`c${i}`, "v".repeat(60_000))));
  const carried = [];
  for (let at = 0; at < 22;) {
    const page = changes(shard, at);
    for (const { changes: all } of page.events)
      carried.push(all.map((change) => (change.kind === "set" ? (change.value?.length ?? null) : "")));
    at = page.upTo;
  }
  expect(carried).toEqual([[MOST_VALUE_BYTES], [null], Array.from({ length: 20 }, () => null)]);
});
