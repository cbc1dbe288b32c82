/** Stories of one machine. What several machines do together is in `transcripts/`, and in the fuzzer's histories. */
import { describe, expect, test } from "vitest";
import { InvariantError } from "../../core/assert.ts";
import { nodeId, requestId, writeId } from "../../core/ids.ts";
import { configuration } from "./configuration.ts";
import { bytes, founding, testOptions } from "./host.testkit.ts";
import type { MessageOf, RaftEffect, RaftInput, RaftMessage } from "./messages.ts";
import type { RaftOptions } from "./options.ts";
import { Raft } from "./raft.ts";
import { recover } from "./recovery.ts";

const [one, two, three] = [nodeId(1), nodeId(2), nodeId(3)];
const trio = configuration([one, two, three]);

/** A machine and a clock; writes become durable when `sync` says so. */
class Bench {
  readonly raft: Raft;
  now = 1000;
  readonly effects: RaftEffect[] = [];
  #writes = 0;

  constructor(options: Partial<RaftOptions> = {}, group = trio) {
    this.raft = new Raft(testOptions(one, options), recover(founding(group)));
    this.step({ type: "start" });
  }

  step(input: RaftInput): readonly RaftEffect[] {
    const effects = this.raft.step(this.now, input);
    this.raft.check();
    this.effects.push(...effects);
    for (const effect of effects) if (effect.type === "persist") this.#writes = effect.id;
    return effects;
  }

  sync(): readonly RaftEffect[] {
    return this.step({ type: "persisted", upTo: writeId(this.#writes) });
  }

  from(peer: typeof one, message: RaftMessage): readonly RaftEffect[] {
    return this.step({ type: "message", from: peer, message });
  }

  propose(id: number, line = "x"): readonly RaftEffect[] {
    return this.step({ type: "propose", id: requestId(id), command: bytes(line) });
  }

  /** Elects the machine; its first entry is committed with 2. */
  lead(): this {
    for (let i = 0; i < 2; i++) {
      this.now += 300;
      this.step({ type: "timer", timer: "election" });
    }
    const term = this.raft.term + 1;
    this.from(two, { type: "vote-response", term, pre: true, granted: true });
    this.sync();
    this.from(two, { type: "vote-response", term, pre: false, granted: true });
    this.sync();
    const match = this.raft.lastIndex;
    this.from(two, { type: "append-accepted", term, round: 1, match });
    expect(this.raft.isReady).toBe(true);
    return this;
  }
}

const sent = (effects: readonly RaftEffect[], to = two): readonly RaftMessage[] =>
  effects.flatMap((effect) => (effect.type === "send" && effect.to === to ? [effect.message] : []));
const appends = (effects: readonly RaftEffect[], to = two): readonly MessageOf<"append">[] =>
  sent(effects, to).filter((message) => message.type === "append");
const outcomes = (effects: readonly RaftEffect[]): readonly string[] =>
  effects.flatMap((effect) =>
    effect.type === "reply" ? [`${effect.id} ${effect.outcome.ok ? "ok" : effect.outcome.error}`] : [],
  );

describe("a group of one", () => {
  test("leads at once, and commits when its own write is durable", () => {
    const bench = new Bench({}, configuration([one]));
    expect(bench.raft.role).toBe("candidate");
    bench.sync();
    expect([bench.raft.role, bench.raft.isReady]).toEqual(["leader", false]);
    bench.sync();
    expect(bench.raft.isReady).toBe(true);
    bench.propose(1);
    expect(bench.raft.commitIndex).toBe(1);
    expect(bench.sync()).toContainEqual({
      type: "apply",
      entries: [{ kind: "command", index: 2, command: bytes("x"), request: 1 }],
    });
    expect(bench.step({ type: "read", id: requestId(2), lease: false })).toContainEqual({
      type: "read-ready",
      ids: [2],
      index: 2,
    });
  });

  test("after a restart it waits like everybody: it may have voted in a larger group", () => {
    const raft = new Raft(testOptions(one), recover([...founding(configuration([one])), hardState(3)]));
    expect(raft.step(0, { type: "start" })).toContainEqual({
      type: "set-timer",
      timer: "election",
      min: 150,
      max: 150,
    });
    expect(raft.role).toBe("follower");
  });
});

const hardState = (term: number) => ({ type: "hard-state", term, vote: null, life: 0 }) as const;

describe("a replica that has not been told its group", () => {
  const passive = (): Bench => new Bench({}, configuration([]));

  test("sets no timer and never campaigns", () => {
    const bench = passive();
    expect(bench.effects.filter((effect) => effect.type === "set-timer")).toEqual([]);
    bench.now += 10_000;
    expect(bench.step({ type: "timer", timer: "election" })).toEqual([]);
  });

  test("votes when asked, for a candidate may count on it", () => {
    const bench = passive();
    const effects = bench.from(two, {
      type: "vote-request",
      term: 4,
      pre: false,
      transfer: false,
      lastIndex: 9,
      lastTerm: 3,
    });
    expect(sent(effects)).toEqual([{ type: "vote-response", term: 4, pre: false, granted: true }]);
    expect(effects[0]).toMatchObject({
      type: "persist",
      records: [{ type: "hard-state", term: 4, vote: 2 }],
    });
  });

  test("learns its group from the log", () => {
    const bench = passive();
    const entries = [{ kind: "configuration", term: 4, configuration: trio }] as const;
    bench.from(two, { type: "append", term: 4, round: 1, prevIndex: 0, prevTerm: 0, commit: 0, entries });
    expect(bench.raft.configuration).toEqual(trio);
  });
});

describe("proposals", () => {
  test("a follower refuses and names the leader it knows", () => {
    const bench = new Bench();
    expect(bench.propose(1)).toContainEqual({
      type: "reply",
      id: 1,
      outcome: { ok: false, error: "not-leader", leader: null },
    });
    bench.from(three, { type: "heartbeat", term: 1, round: 1, commit: 0 });
    expect(bench.propose(2)).toContainEqual({
      type: "reply",
      id: 2,
      outcome: { ok: false, error: "not-leader", leader: 3 },
    });
  });

  test("what is not committed is bounded; a single large one is taken when nothing else waits", () => {
    const bench = new Bench({ maxUncommittedBytes: 100 }).lead();
    expect(outcomes(bench.propose(1, "x".repeat(500)))).toEqual([]);
    expect(outcomes(bench.propose(2))).toEqual(["2 overloaded"]);
    bench.sync();
    bench.from(two, { type: "append-accepted", term: 1, round: 1, match: 2 });
    expect(outcomes(bench.propose(3))).toEqual([]);
  });

  test("appends leave before the leader's own write is durable, as many as fit the window", () => {
    const bench = new Bench({ maxInflightMessages: 2, maxMessageBytes: 1 }).lead();
    expect(appends(bench.propose(1))).toHaveLength(1);
    expect(appends(bench.propose(2))).toHaveLength(1);
    expect(appends(bench.propose(3))).toHaveLength(0);
    // 3 has not answered yet: one append is under way to it, to find out where it stands.
    expect(appends(bench.effects, three)).toHaveLength(1);
    const next = bench.from(two, { type: "append-accepted", term: 1, round: 1, match: 2 });
    expect(appends(next)).toMatchObject([{ prevIndex: 3, entries: [{ kind: "command" }] }]);
    expect([...bench.raft.peersLag()]).toEqual([
      [2, 2],
      [3, 4],
    ]);
  });

  test("a window full of bytes is full too, and one append carries what fits", () => {
    const bench = new Bench({ maxInflightBytes: 150, maxMessageBytes: 100, maxInflightMessages: 100 }).lead();
    expect([1, 2, 3, 4].map((id) => appends(bench.propose(id, "x".repeat(50))).length)).toEqual([1, 1, 0, 0]);
    const next = appends(bench.from(two, { type: "append-accepted", term: 1, round: 1, match: 3 }));
    expect(next.map((append) => append.entries.length)).toEqual([1, 1]);
  });
});

describe("reads", () => {
  test("are bounded, at the leader and at a follower", () => {
    const read = (bench: Bench, id: number) => bench.step({ type: "read", id: requestId(id), lease: false });
    const leader = new Bench({ maxPendingReads: 2 }).lead();
    expect([1, 2, 3].flatMap((id) => outcomes(read(leader, id)))).toEqual(["3 overloaded"]);
    const follower = new Bench({ maxPendingReads: 2 });
    expect(outcomes(read(follower, 1))).toEqual(["1 no-leader"]);
    follower.from(two, { type: "heartbeat", term: 1, round: 1, commit: 0 });
    expect([1, 2, 3].flatMap((id) => outcomes(read(follower, id)))).toEqual(["3 overloaded"]);
    // The leader is gone: they can be asked again elsewhere.
    follower.now += 400;
    follower.step({ type: "timer", timer: "election" });
    expect(outcomes(follower.step({ type: "timer", timer: "election" }))).toEqual([
      "1 no-leader",
      "2 no-leader",
    ]);
  });

  test("a lost question is asked again when the leader is heard", () => {
    const bench = new Bench();
    const beat = (): readonly RaftMessage[] =>
      sent(bench.from(two, { type: "heartbeat", term: 1, round: 1, commit: 0 })).filter(
        ({ type }) => type === "read-index",
      );
    beat();
    bench.step({ type: "read", id: requestId(1), lease: true });
    expect(beat()).toEqual([]);
    bench.now += 30;
    expect(beat()).toEqual([{ type: "read-index", term: 1, life: 1, read: 1, lease: true }]);
  });

  test("a lease counts from when the message was sent, not from when it was answered", () => {
    const bench = new Bench().lead();
    const sentAt = bench.now + 30;
    bench.now = sentAt;
    bench.step({ type: "timer", timer: "heartbeat" });
    bench.now += 100;
    bench.from(two, { type: "heartbeat-response", term: 1, round: 2, matched: 1, durable: 1 });
    const [ready] = bench.step({ type: "read", id: requestId(1), lease: true });
    expect(ready).toMatchObject({ type: "read-ready", validUntil: sentAt + 150 * 0.9 });
  });

  test("a lease is over after a pause, however the answers lie in the socket", () => {
    const bench = new Bench().lead();
    bench.now += 5000;
    expect(bench.step({ type: "read", id: requestId(1), lease: true }).map((effect) => effect.type)).toEqual([
      "send",
      "send",
    ]);
  });
});

describe("bad messages", () => {
  test("an answer beyond the leader's log, a future round, a stranger: nothing happens", () => {
    const bench = new Bench().lead();
    bench.propose(1);
    bench.sync();
    bench.from(two, { type: "append-accepted", term: 1, round: 99, match: 77 });
    bench.from(nodeId(9), { type: "append-accepted", term: 1, round: 1, match: 2 });
    bench.from(nodeId(9), { type: "heartbeat-response", term: 1, round: 1, matched: 2, durable: 2 });
    expect(bench.raft.commitIndex).toBe(1);
    expect(
      sent(bench.from(nodeId(9), { type: "read-index", term: 1, life: 1, read: 5, lease: true }), nodeId(9)),
    ).toEqual([{ type: "read-index-response", term: 1, life: 1, read: 5, index: null }]);
  });

  test("a second leader of one term is a broken invariant, not something to follow", () => {
    const bench = new Bench().lead();
    expect(() => bench.from(two, { type: "heartbeat", term: 1, round: 1, commit: 0 })).toThrow(
      InvariantError,
    );
  });

  test("a conflict with what is committed is a broken invariant", () => {
    const bench = new Bench().lead();
    const noop = { kind: "noop", term: 2 } as const;
    bench.from(two, {
      type: "append",
      term: 2,
      round: 1,
      prevIndex: 0,
      prevTerm: 0,
      commit: 0,
      entries: [noop],
    });
    // Entry 1 is committed here: an append that contradicts it changes nothing.
    expect(bench.raft.lastIndex).toBe(1);
    expect(bench.raft.commitIndex).toBe(1);
  });

  test("time that goes back is a defect of the host", () => {
    const bench = new Bench();
    bench.now -= 1;
    expect(() => bench.step({ type: "start" })).toThrow(InvariantError);
  });
});

describe("snapshots", () => {
  const behind = (): Bench => {
    const bench = new Bench({ maxMessageBytes: 1 }).lead();
    bench.propose(1);
    bench.sync();
    bench.from(two, { type: "append-accepted", term: 1, round: 1, match: 2 });
    bench.step({ type: "compact", upTo: 2 });
    bench.from(three, { type: "heartbeat-response", term: 1, round: 1, matched: 0, durable: 0 });
    return bench;
  };
  const load = (effects: readonly RaftEffect[]) =>
    effects.filter((effect) => effect.type === "snapshot-load");

  test("compaction stops at what is applied, and a snapshot older than the log's start is asked for anew", () => {
    const bench = behind();
    expect(bench.raft.logStart).toBe(2);
    bench.step({ type: "compact", upTo: 99 });
    expect(bench.raft.logStart).toBe(2);
    const beat = { type: "heartbeat-response", term: 1, round: 1, matched: 0, durable: 0 } as const;
    expect(load(bench.effects)).toHaveLength(1);
    const chunk = { cursor: new Uint8Array(), data: bytes("s"), next: null };
    const old = bench.step({ type: "snapshot-chunk", peer: three, snapshot: { id: "s", index: 1 }, chunk });
    expect(old).toEqual([{ type: "snapshot-release", peer: 3 }]);
    expect(load(bench.from(three, beat))).toHaveLength(1);
    expect(bench.step({ type: "snapshot-failed", peer: three })).toEqual([
      { type: "snapshot-release", peer: 3 },
    ]);
    expect(load(bench.from(three, beat))).toHaveLength(1);
    const good = bench.step({ type: "snapshot-chunk", peer: three, snapshot: { id: "t", index: 2 }, chunk });
    expect(sent(good, three)).toMatchObject([{ type: "snapshot", snapshotTerm: 1, configuration: trio }]);
  });

  test("a peer that stays away loses its snapshot; so does one whose leader steps down", () => {
    const away = behind();
    for (let i = 0; i < 300; i++) {
      away.now += 30;
      away.step({ type: "timer", timer: "heartbeat" });
      away.from(two, { type: "heartbeat-response", term: 1, round: i + 2, matched: 2, durable: 2 });
    }
    expect(away.effects.filter((effect) => effect.type === "snapshot-release")).toHaveLength(1);
    const deposed = behind();
    deposed.from(two, { type: "stale-term", term: 5 });
    expect(deposed.effects).toContainEqual({ type: "snapshot-release", peer: 3 });
  });

  test("while one is installed nothing is applied and no election is held; afterwards requests it covers are unknown", () => {
    const bench = new Bench().lead();
    bench.propose(7);
    const snapshot = { id: "s", index: 5 };
    const chunk = { cursor: new Uint8Array(), data: bytes("s"), next: null };
    bench.from(two, { type: "snapshot", term: 2, snapshot, snapshotTerm: 2, configuration: trio, chunk });
    bench.sync();
    bench.now += 1000;
    bench.step({ type: "timer", timer: "election" });
    bench.step({ type: "timer", timer: "election" });
    expect(bench.raft.role).toBe("follower");
    // The log goes on meanwhile, and what it commits waits.
    const entries = [{ kind: "noop", term: 2 }] as const;
    const append = {
      type: "append",
      term: 2,
      round: 1,
      prevIndex: 1,
      prevTerm: 1,
      commit: 2,
      entries,
    } as const;
    const meanwhile = [...bench.from(two, append), ...bench.sync()];
    expect(bench.raft.commitIndex).toBe(2);
    expect(meanwhile.filter((effect) => effect.type === "apply")).toEqual([]);
    const done = bench.step({ type: "snapshot-stored", snapshot, next: null, installed: true });
    expect(outcomes(done)).toEqual(["7 unknown"]);
    expect(done[0]).toMatchObject({ type: "persist", records: [{ type: "log-start", index: 5, term: 2 }] });
    expect(sent(done)).toEqual([{ type: "append-accepted", term: 2, round: 0, match: 5 }]);
    expect([bench.raft.appliedIndex, bench.raft.commitIndex, bench.raft.logStart]).toEqual([5, 5, 5]);
  });
});

test("a snapshot that cannot be installed leaves the replica as it was, and what waited is applied", () => {
  const bench = new Bench().lead();
  const snapshot = { id: "s", index: 5 };
  const chunk = { cursor: new Uint8Array(), data: bytes("s"), next: null };
  bench.from(two, { type: "snapshot", term: 2, snapshot, snapshotTerm: 2, configuration: trio, chunk });
  const entries = [{ kind: "noop", term: 2 }] as const;
  bench.from(two, { type: "append", term: 2, round: 1, prevIndex: 1, prevTerm: 1, commit: 2, entries });
  bench.sync();
  expect(bench.step({ type: "snapshot-stored", snapshot, next: null, installed: false })).toEqual([
    { type: "apply", entries: [{ kind: "noop", index: 2 }] },
  ]);
});

test("a checkpoint alone rebuilds what is durable", () => {
  const bench = new Bench().lead();
  bench.propose(1);
  bench.propose(2);
  bench.sync();
  bench.from(two, { type: "append-accepted", term: 1, round: 1, match: 3 });
  bench.step({ type: "compact", upTo: 2 });
  const recovered = recover(bench.raft.checkpoint());
  expect(recovered).toEqual({
    hardState: { term: 1, vote: 1, life: 0 },
    start: { index: 2, term: 1, configuration: trio },
    entries: [{ kind: "command", term: 1, command: bytes("x") }],
  });
  expect(new Raft(testOptions(one), recovered).checkpoint()).toEqual(bench.raft.checkpoint());
});

test("the status is plain data in a fixed order", () => {
  const bench = new Bench().lead();
  expect(JSON.stringify(bench.raft.status())).toBe(
    '{"id":1,"role":"leader","term":1,"vote":1,"leader":1,"ready":true,"logStart":0,"lastIndex":1,"durableIndex":1,' +
      '"commitIndex":1,"appliedIndex":1,"configuration":{"voters":[1,2,3],"outgoing":[],"learners":[]},"peers":[' +
      '{"id":2,"state":"replicate","match":1,"next":2,"inflight":0,"leaving":false},' +
      '{"id":3,"state":"probe","match":0,"next":1,"inflight":0,"leaving":false}]}',
  );
});

test("options that cannot work are refused", () => {
  const build = (changes: Partial<RaftOptions>) => () => new Raft(testOptions(one, changes), recover([]));
  expect(build({ electionTimeoutMin: 30 })).toThrow("heartbeatInterval");
  expect(build({ electionTimeoutMax: 100 })).toThrow("electionTimeoutMax");
  expect(build({ maxClockDrift: 1 })).toThrow("maxClockDrift");
  expect(build({ maxInflightMessages: 0 })).toThrow("maxInflightMessages");
  expect(build({ id: nodeId(0) })).toThrow("node id");
});

describe("the news that something is committed", () => {
  const commits = (effects: readonly RaftEffect[]): readonly RaftEffect[] =>
    effects.filter((effect) => effect.type === "send" && effect.message.type === "commit");

  /** A write that the second of three has, and whose answer commits it. */
  function commitOne(bench: Bench): readonly RaftEffect[] {
    bench.propose(1);
    bench.sync();
    const { term, lastIndex: match } = bench.raft;
    return bench.from(two, { type: "append-accepted", term, round: 2, match });
  }

  test("goes out at once where no delay is wanted", () => {
    expect(commits(commitOne(new Bench().lead()))).toHaveLength(1);
  });

  test("waits for its timer, which is set once, and then goes to every idle follower that lacks it", () => {
    const bench = new Bench({ commitDelay: 5 }).lead();
    bench.step({ type: "timer", timer: "commit" });
    const effects = commitOne(bench);
    expect(commits(effects)).toEqual([]);
    expect(effects).toContainEqual({ type: "set-timer", timer: "commit", min: 5, max: 5 });
    const { term, lastIndex: match } = bench.raft;
    const later = bench.from(three, { type: "append-accepted", term, round: 2, match });
    expect(later.some((effect) => effect.type === "set-timer" && effect.timer === "commit")).toBe(false);
    expect(commits(bench.step({ type: "timer", timer: "commit" }))).toHaveLength(2);
    expect(commits(bench.step({ type: "timer", timer: "commit" }))).toEqual([]);
  });
});
