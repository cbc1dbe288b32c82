/**
 * Stories of keyspaces that merge, in simulated clusters of real nodes: what a partition, a long absence, a lost disk, a move or a clock makes of what was
 * written. Each can be told with any seed, and for gossip as well as for quorums unless it is about one of them.
 */
import { invariant } from "../core/assert.ts";
import { MapReply, SetReply } from "../core/reply.ts";
import type { KeyspaceDeclaration, ReplicaStatus } from "../node/api.ts";
import { DEFAULT_GOSSIP_OPTIONS } from "../protocols/gossip/index.ts";
import { DEFAULT_QUORUM_OPTIONS } from "../protocols/quorum/index.ts";
import { partitions } from "../transport/network-faults.ts";
import type { Seen } from "../core/seen.ts";
import type { SimulatedHost } from "./simulated-host.ts";
import type { ClusterOptions } from "./simulated-cluster.ts";
import { commandCall } from "./workloads/workload.ts";
import { plain, Story } from "./stories.testkit.ts";

export type MergingStory = keyof typeof MERGING_STORIES;

type Kind = "gossip" | "quorum";

const BOTH = ["gossip", "quorum"] as const satisfies readonly Kind[];
const QUORUM = ["quorum"] as const satisfies readonly Kind[];

export const MERGING_STORIES = {
  partition: {
    meaning: "both sides of a partition write to everything there is, and hear of each other again",
    kinds: BOTH,
    tell: tellPartition,
  },
  absence: {
    meaning: "a node is away for longer than hints are kept, and what it holds is deleted and written anew",
    kinds: BOTH,
    tell: tellAbsence,
  },
  "lost-disk": {
    meaning: "a node loses its disk; there are deletions before, while it is away, and after",
    kinds: BOTH,
    tell: tellLostDisk,
  },
  "stand-in": {
    meaning: "no holder can be reached: others stand in, hand over when they can, and are gone then",
    kinds: QUORUM,
    tell: tellStandIn,
  },
  strict: {
    meaning: "no holder can be reached, and nobody may stand in",
    kinds: QUORUM,
    tell: tellStrict,
  },
  move: {
    meaning:
      "a node is removed: who held its shards beside it has everything, and so has who takes its place",
    kinds: BOTH,
    tell: tellMove,
  },
  "deleted-counter": {
    meaning: "a counter is deleted on one side of a partition, and counted on both",
    kinds: BOTH,
    tell: tellDeletedCounter,
  },
  "jumped-clock": {
    meaning: "a clock jumps back: who writes after having seen what came later is still the last",
    kinds: ["gossip"],
    tell: tellJumpedClock,
  },
  session: {
    meaning: "a session that was on one side of a partition reads on the other",
    kinds: BOTH,
    tell: tellSession,
  },
  expiry: {
    meaning: "a value expires while a node is away, and while another one is cut off",
    kinds: BOTH,
    tell: tellExpiry,
  },
} as const satisfies Record<
  string,
  { readonly meaning: string; readonly kinds: readonly Kind[]; tell(seed: number, kind: Kind): void }
>;

/** What went wrong, in sentences. */
export function tryMergingStory(name: MergingStory, seed: number): readonly string[] {
  const { kinds, tell }: { readonly kinds: readonly Kind[]; tell(seed: number, kind: Kind): void } =
    MERGING_STORIES[name];
  return kinds.flatMap((kind) => {
    try {
      tell(seed, kind);
      return [];
    } catch (error) {
      return [`story: ${name} (${kind}): ${error instanceof Error ? error.message : String(error)}`];
    }
  });
}

/** Rumors and hints, then anti-entropy at its longest interval with each of two peers, more than once. */
const SETTLE_MS = 30_000;
const SHARD_LIMIT_MS = 30_000;
const SOON_MS = 200;

class MergingCluster extends Story {
  constructor(declaration: Omit<KeyspaceDeclaration, "name" | "shards">, options: Partial<ClusterOptions>) {
    super({ defaultShards: 1, ...options });
    const result = this.admin("n1", {
      type: "keyspace-create",
      spec: { name: "m", shards: 1, ...declaration },
    });
    invariant(result.ok, "the keyspace is created");
    const wanted = Math.min(this.cluster.hosts.length, declaration.replicas ?? 3);
    this.until("the shard's holders", () => this.holders().length === wanted, SHARD_LIMIT_MS);
    this.pass(SETTLE_MS / 10);
  }

  /** The replica of the one shard at this host. */
  replica(host: SimulatedHost): ReplicaStatus | undefined {
    return host.node?.status().replicas.find(({ keyspace }) => keyspace === "m");
  }

  holders(): readonly SimulatedHost[] {
    return this.cluster.hosts.filter((host) => {
      const detail = this.replica(host)?.detail as { readonly holder?: boolean } | undefined;
      return detail?.holder === true;
    });
  }

  /** Who is not asks others when it is asked: what is read through it says nothing of what it has. */
  expectHoldersReady(): void {
    for (const host of this.holders()) {
      const detail = this.replica(host)!.detail as { readonly ready?: boolean };
      if (detail.ready !== true) throw new Error(`${host.name} holds the shard, and has not got all of it`);
    }
  }

  /** Who has a replica and should not hold the shard. */
  standIns(): readonly string[] {
    const holders = new Set(this.holders());
    return this.cluster.hosts
      .filter((host) => !holders.has(host) && this.replica(host) !== undefined)
      .map(({ name }) => name);
  }

  /** That every running node answers each command with this. */
  expectEverywhere(answers: Readonly<Record<string, unknown>>): void {
    for (const { name, node } of this.cluster.hosts) {
      if (node === null) continue;
      for (const [command, answer] of Object.entries(answers)) this.expect(name, command, answer);
    }
  }

  expect(host: string, command: string, answer: unknown): void {
    const given = JSON.stringify(ordered(this.do(host, command)));
    if (given === JSON.stringify(answer)) return;
    throw new Error(
      `${host} answers ${command} with ${given.slice(0, 200)} in place of ${JSON.stringify(answer)}`,
    );
  }

  /** Runs commands that must succeed. */
  all(host: string, ...commands: readonly string[]): void {
    for (const command of commands) {
      const answer = this.do(host, command);
      if (typeof answer === "string" && /^[A-Z]{3,} /.test(answer))
        throw new Error(`${host} answers ${command} with ${answer}`);
    }
  }

  /** Until a write succeeds here: it takes a while to notice who cannot be reached. */
  untilWritable(host: string): void {
    this.until(`a write at ${host}`, () => this.do(host, "set m:probe 1") === "OK");
  }

  /** Parts that do not hear each other, until `heal`. */
  split(one: readonly string[]): void {
    const others = this.cluster.hosts.map(({ name }) => name).filter((name) => !one.includes(name));
    this.cluster.network.partition(partitions.halves(one, others));
    this.pass(1000);
  }

  heal(): void {
    this.cluster.network.heal();
    this.pass(SETTLE_MS);
  }
}

/** What a set or hash is made of comes in no order. */
function ordered(answer: unknown): unknown {
  if (answer instanceof SetReply) return answer.members.map((member) => String(plain(member))).sort();
  if (answer instanceof MapReply)
    return answer.pairs
      .flat()
      .map((part) => String(plain(part)))
      .sort();
  return answer;
}

/** Loses no write with one disk, and every side of a partition takes writes. */
const declared = (kind: Kind): Omit<KeyspaceDeclaration, "name" | "shards"> => ({
  replication: kind,
  replicas: 3,
  ...(kind === "quorum" ? { quorum: { r: 2, w: 2, sloppy: true } } : {}),
});

/** Reads and writes are answered by one replica: either side of a partition has one. */
const declaredAlone = (kind: Kind): Omit<KeyspaceDeclaration, "name" | "shards"> => ({
  ...declared(kind),
  ...(kind === "quorum" ? { quorum: { r: 1, w: 1, sloppy: true } } : {}),
});

function tellPartition(seed: number, kind: Kind): void {
  const story = new MergingCluster({ ...declaredAlone(kind), conflicts: "siblings" }, { seed });
  story.all("n1", "incrby m:count 5", "sadd m:set a b", "hset m:hash f 1 g 2", "set m:text old");
  story.pass(SOON_MS);
  story.split(["n1"]);
  story.all("n1", "incrby m:count 10", "sadd m:set c", "srem m:set a", "hset m:hash f here");
  story.all("n2", "incrby m:count 100", "decrby m:count 1", "sadd m:set d", "hset m:hash h 3");
  story.all("n3", "hdel m:hash g");
  story.all("n1", "set m:text here");
  story.pass(SOON_MS);
  story.all("n2", "set m:text there");
  story.heal();
  story.expectEverywhere({
    "get m:count": "114",
    "smembers m:set": ["b", "c", "d"],
    "hgetall m:hash": ["3", "f", "h", "here"],
    "get m:text": "there",
  });
  for (const { name } of story.cluster.hosts) {
    const [, ...values] = story.do(name, ".siblings m:text") as readonly unknown[];
    const both = JSON.stringify(values);
    if (!both.includes("here") || !both.includes("there"))
      throw new Error(`${name} has not kept both of two concurrent writes, but ${both}`);
  }
}

/** So slow that hours pass in a moment; nothing here is about leaders or about being found dead. */
const PATIENT = {
  raft: { electionTimeoutMin: 8000, electionTimeoutMax: 16_000, heartbeatInterval: 6000 },
  membership: { enabled: false },
} as const satisfies Partial<ClusterOptions>;
const LONGER_THAN_HINTS_MS = DEFAULT_QUORUM_OPTIONS.hintTtl + 600_000;

function tellAbsence(seed: number, kind: Kind): void {
  const story = new MergingCluster(declared(kind), { seed, ...PATIENT });
  const before = ["set m:text old", "incrby m:count 7", "sadd m:set a b c", "hset m:hash f 1 g 2"];
  story.all("n3", ...before);
  story.pass(SETTLE_MS);
  story.host("n3").crash();
  story.untilWritable("n1");
  story.untilWritable("n2");
  story.all("n1", "del m:text", "del m:count", "srem m:set a", "hdel m:hash f", "set m:new 1");
  story.all("n2", "srem m:set b");
  story.all("n2", "sadd m:set b");
  story.pass(LONGER_THAN_HINTS_MS);
  story.all("n2", "srem m:set c");
  story.host("n3").start();
  story.ready(10 * SHARD_LIMIT_MS);
  story.pass(SETTLE_MS);
  story.expectEverywhere({
    "get m:text": null,
    "get m:count": null,
    "smembers m:set": ["b"],
    "hgetall m:hash": ["2", "g"],
    "get m:new": "1",
  });
}

function tellLostDisk(seed: number, kind: Kind): void {
  const story = new MergingCluster(declared(kind), { seed });
  story.all("n2", "incrby m:count 7", "sadd m:set a b c d", "set m:kept 1", "set m:text 1");
  story.pass(SETTLE_MS / 10);
  story.all("n1", "srem m:set a");
  story.pass(SETTLE_MS / 10);
  const lost = story.host("n2");
  lost.wipe();
  story.untilWritable("n1");
  story.untilWritable("n3");
  story.all("n1", "srem m:set b");
  story.all("n3", "del m:text");
  story.all("n1", "incrby m:count 10");
  lost.start();
  story.pass(SOON_MS);
  story.all("n3", "srem m:set c");
  story.ready();
  story.pass(SETTLE_MS);
  story.all("n2", "incrby m:count 100");
  story.pass(SETTLE_MS);
  story.expectHoldersReady();
  story.expectEverywhere({
    "smembers m:set": ["d"],
    "get m:text": null,
    "get m:kept": "1",
    "get m:count": "117",
  });
}

/** Two of five, that hold nothing. */
function othersOf(story: MergingCluster): readonly [string, string] {
  const holders = new Set(story.holders());
  const others = story.cluster.hosts.filter((host) => !holders.has(host)).map(({ name }) => name);
  invariant(others.length === 2, "three of five hold the shard");
  return [others[0]!, others[1]!];
}

function tellStandIn(seed: number, kind: Kind): void {
  const story = new MergingCluster(declared(kind), { seed, nodes: 5 });
  const [one, other] = othersOf(story);
  story.all(one, "incrby m:count 1");
  for (const round of [1, 2]) {
    story.pass(SOON_MS);
    story.split([one, other]);
    story.untilWritable(one);
    story.untilWritable(other);
    story.all(one, "incrby m:count 10");
    story.all(other, "incrby m:count 100");
    story.all(one, `sadd m:set s${round}`);
    if (!story.standIns().includes(one)) throw new Error(`${one} does not stand in`);
    // The handover meets a link that breaks while it is under way.
    story.cluster.network.heal();
    story.pass(100 * story.cluster.random.next());
    story.split([one, other]);
    story.heal();
    const left = story.standIns();
    if (left.length > 0) throw new Error(`after all was handed over, ${left.join(" and ")} still stand in`);
    story.expectEverywhere({ "get m:count": String(1 + 110 * round) });
  }
  story.expectEverywhere({ "smembers m:set": ["s1", "s2"] });
}

const DEFINITE = /^(NOQUORUM|TIMEOUT|UNREACHABLE|NOLEADER|CLUSTERDOWN)/;

function tellStrict(seed: number, kind: Kind): void {
  const story = new MergingCluster(
    { ...declared(kind), quorum: { r: 2, w: 2, sloppy: false } },
    { seed, nodes: 5 },
  );
  const [one, other] = othersOf(story);
  story.split([one, other]);
  // Until it is known who cannot be reached, a request may have been on its way there.
  story.until("a definite refusal", () => DEFINITE.test(String(story.do(one, "set m:early 1"))));
  const refused = String(story.do(one, "set m:text 1"));
  if (!DEFINITE.test(refused)) throw new Error(`a write that nobody may take was answered with ${refused}`);
  if (story.standIns().length > 0) throw new Error("somebody stands in, though that is forbidden");
  story.heal();
  story.expectEverywhere({ "get m:text": null });
}

function tellMove(seed: number, kind: Kind): void {
  const story = new MergingCluster(declaredAlone(kind), { seed, nodes: 4 });
  const [first, second, gone] = story.holders().map(({ name }) => name);
  story.all(first!, "sadd m:set a b");
  story.split([gone!]);
  story.all(gone!, "incrby m:count 10");
  story.all(second!, "incrby m:count 100", "srem m:set a");
  story.heal();
  const stays = story.cluster.hosts.map(({ name }) => name).find((name) => name !== gone)!;
  const removal = story.admin(stays, { type: "node-remove", node: gone! });
  if (!removal.ok) throw new Error(`${gone} is not removed: ${removal.message}`);
  story.until(
    "another holder",
    () => story.holders().filter(({ name }) => name !== gone).length === 3,
    SHARD_LIMIT_MS,
  );
  story.pass(SETTLE_MS);
  story.cluster.retire(story.host(gone!));
  story.pass(SETTLE_MS / 10);
  story.expectEverywhere({ "smembers m:set": ["b"], "get m:count": "110" });
}

function tellDeletedCounter(seed: number, kind: Kind): void {
  const story = new MergingCluster(declaredAlone(kind), { seed });
  story.all("n1", "incrby m:count 1");
  story.all("n2", "incrby m:count 10");
  story.pass(SETTLE_MS / 10);
  story.split(["n1"]);
  story.all("n1", "del m:count");
  story.all("n1", "incrby m:count 100");
  story.all("n2", "incrby m:count 1000");
  story.heal();
  // n1 deleted its own 1 and the 10; the 1000 brings the 10 of its replica with it.
  story.expectEverywhere({ "get m:count": "1110" });
}

/** Larger than any rumor: anti-entropy brings it, later than what was written after it. */
const TOO_LARGE_FOR_RUMORS = DEFAULT_GOSSIP_OPTIONS.maxRumorBytes + 1000;
const JUMP_MS = 20_000;

function tellJumpedClock(seed: number, kind: Kind): void {
  const story = new MergingCluster(declared(kind), { seed });
  story.host("n2").clock!.jumpWall(-JUMP_MS);
  story.all("n1", `set m:text ${"x".repeat(TOO_LARGE_FOR_RUMORS)}`, "set m:told 1");
  story.until("n2 has heard of the later write", () => story.do("n2", "get m:told") === "1");
  story.all("n2", "set m:text last");
  story.pass(SETTLE_MS);
  story.expectEverywhere({ "get m:text": "last" });
}

function tellSession(seed: number, kind: Kind): void {
  const story = new MergingCluster(declaredAlone(kind), { seed });
  story.split(["n1"]);
  let seen: Seen = new Uint8Array(0);
  const inSession = (host: string, ...words: readonly string[]): unknown => {
    let answer: unknown;
    story
      .host(host)
      .node!.execute(commandCall(words[0]!, ...words.slice(1)), { atLeast: seen }, (reply, shown) => {
        answer = plain(reply);
        if (shown !== null) seen = shown;
      });
    story.until(`the answer to ${words.join(" ")}`, () => answer !== undefined);
    return answer;
  };
  inSession("n1", "incrby", "m:count", "5");
  const early = String(inSession("n2", "get", "m:count"));
  if (!early.startsWith("BEHIND")) throw new Error(`a session reads ${early} where its write cannot be`);
  story.heal();
  const late = inSession("n2", "get", "m:count");
  if (late !== "5") throw new Error(`a session reads ${String(late)} in place of the 5 that it has written`);
}

const LIVES_MS = 10_000;

function tellExpiry(seed: number, kind: Kind): void {
  const story = new MergingCluster(declaredAlone(kind), { seed });
  story.all("n1", `set m:text 1 px ${LIVES_MS}`);
  story.all("n1", `set m:longer 1 px ${LIVES_MS}`);
  story.pass(SETTLE_MS / 10);
  story.expectEverywhere({ "get m:text": "1" });
  story.host("n2").crash();
  story.split(["n3"]);
  story.all("n3", `pexpire m:longer ${10 * SETTLE_MS}`);
  story.pass(LIVES_MS);
  story.expectEverywhere({ "get m:text": null });
  story.host("n2").start();
  story.until("n2 answers", () => story.host("n2").node?.ready === true);
  story.expect("n2", "get m:text", null);
  story.heal();
  story.expectEverywhere({ "get m:text": null, "get m:longer": "1" });
}
