import { describe, expect, expectTypeOf, test } from "vitest";
import { FakeCluster, NO_FAULTS, passing } from "../cluster.testkit.ts";
import type { CallDefaults } from "../calls/options.ts";
import { type KeyspaceOf, openClient } from "../connect.ts";
import { text } from "../schema/codec.ts";
import { counter, map, register, set } from "../schema/keyspaces.ts";
import type { CounterKeyspace } from "./counter.ts";
import type { MapKeyspace } from "./map.ts";
import type {
  MergingCounterKeyspace,
  MergingMapKeyspace,
  MergingRegisterKeyspace,
  MergingSetKeyspace,
} from "./merging.ts";
import type { RegisterKeyspace } from "./register.ts";
import type { SetKeyspace } from "./set.ts";
import type { SiblingRegisterKeyspace } from "./sibling-register.ts";

const KEYSPACES = {
  notes: register({ codec: text(), replication: "quorum", quorum: { r: 1, w: 2 } }),
  likes: counter({ replication: "gossip" }),
  likers: set<string>({ replication: "gossip" }),
  ages: map<number>({ replication: "quorum" }),
};

async function story(defaults: CallDefaults = {}) {
  const cluster = new FakeCluster(1, { default: 1 });
  const db = await passing(
    cluster,
    openClient(cluster.connect(), cluster.runtime, { ...defaults, keyspaces: KEYSPACES, ensure: true }),
  );
  cluster.seen.length = 0;
  return { cluster, db, let: <T>(promise: Promise<T>) => passing(cluster, promise) };
}

/** As it looks to JavaScript, where nothing is checked before it runs. */
function unchecked(db: Awaited<ReturnType<typeof story>>["db"]) {
  const { notes, likes, likers, ages } = db as unknown as {
    notes: RegisterKeyspace<string>;
    likes: CounterKeyspace;
    likers: SetKeyspace<string>;
    ages: MapKeyspace<number>;
  };
  return { notes, likes, likers, ages };
}

const contradiction = (words: RegExp) =>
  expect.objectContaining({
    code: "contradiction",
    definite: true,
    message: expect.stringMatching(words) as string,
  });

describe("a keyspace that merges", () => {
  test("is created as declared, opened without a leader, and read and written", async () => {
    const { cluster, db, let: letPass } = await story();
    const there = cluster.topology().keyspaces.find(({ name }) => name === "notes");
    expect(there).toMatchObject({ replication: "quorum", quorum: { r: 1, w: 2 } });
    await letPass(db.notes.set("a", "hello", { quorum: 3 }));
    expect(await letPass(db.notes.get("a"))).toBe("hello");
    expect(await letPass(db.notes.get("a", { quorum: 2 }))).toBe("hello");
    expect(cluster.seen.map(({ request }) => request.quorum)).toEqual([3, null, 2]);
    expect(await letPass(db.likes.increment("post"))).toBe(1);
    expect(await letPass(db.likers.add("post", "ada"))).toBe(true);
    expect(await letPass(db.likers.all("post"))).toEqual(["ada"]);
    expect(await letPass(db.ages.increment("people", "ada", 36))).toBe(36);
    expect(await letPass(db.notes.getMany(["a", "b"]))).toEqual(["hello", undefined]);
    expect(await letPass(db.notes.count())).toBe(1);
    const keys: string[] = [];
    await letPass(
      (async () => {
        for await (const key of db.notes.keys()) keys.push(key);
      })(),
    );
    expect(keys).toEqual(["a"]);
    expect(cluster.violations).toEqual([]);
    expect(db.status().sessions).toBe(0);
  });

  test("sends what asks for siblings and resolves them, once, to where the key lives", async () => {
    const { cluster, db, let: letPass } = await story();
    const none = /no concurrent values/;
    // The cluster of these tests keeps everything in order, and says so.
    await expect(letPass(db.notes.siblings("a"))).rejects.toThrow(none);
    await expect(letPass(db.notes.resolve("a", new Uint8Array([0, 0]), "b"))).rejects.toThrow(none);
    const sent = cluster.seen.map(({ request: { operation } }) =>
      operation.kind === "command" ? operation.name : "",
    );
    expect(sent).toEqual([".siblings", ".resolve"]);
    expectTypeOf<RegisterKeyspace<string>>().not.toHaveProperty("siblings");
  });

  test("is asked by what the client otherwise asks for: neither freshness nor sessions", async () => {
    const {
      cluster,
      db,
      let: letPass,
    } = await story({ consistency: "sequential", delivery: "exactly-once" });
    await letPass(db.notes.set("a", "hello"));
    await letPass(db.notes.get("a"));
    expect(cluster.violations).toEqual([]);
    const seen = cluster.seen.map(({ request }) => [request.consistency, request.envelope]);
    expect(seen).toEqual([
      ["stale", null],
      ["stale", null],
    ]);
  });

  test("goes on at another node when the one it uses is down, and stays at one as long as it answers", async () => {
    const { cluster, db, let: letPass } = await story();
    for (let i = 0; i < 5; i++) await letPass(db.likes.increment("post"));
    const used = new Set(cluster.seen.map(({ node }) => node));
    expect(used.size).toBe(1);
    const [node] = used;
    cluster.crash(node!);
    expect(await letPass(db.likes.increment("post"))).toBe(6);
    expect(cluster.seen.at(-1)!.node).not.toBe(node);
  });
});

describe("after a failure that says nothing", () => {
  const lost = async () => {
    const given = await story();
    // Every other request is carried out, and nobody is told.
    given.cluster.faults = { ...NO_FAULTS, lostConnection: 1 };
    return given;
  };

  test("an increment is not sent again", async () => {
    const { cluster, db, let: letPass } = await lost();
    await expect(letPass(db.likes.increment("post", 1))).rejects.toMatchObject({
      code: "unknown",
      definite: false,
    });
    await expect(letPass(db.ages.increment("people", "ada"))).rejects.toMatchObject({ code: "unknown" });
    expect(cluster.seen).toHaveLength(2);
  });

  test("what can be done twice is sent until it is answered", async () => {
    const { cluster, db, let: letPass } = await lost();
    cluster.scheduler.after(500, () => (cluster.faults = NO_FAULTS));
    expect(await letPass(db.likers.add("post", "ada"))).toBeTypeOf("boolean");
    expect(await letPass(db.likers.all("post"))).toEqual(["ada"]);
    expect(cluster.seen.length).toBeGreaterThan(2);
  });

  test("the caller may choose otherwise, one way and the other", async () => {
    const { cluster, db, let: letPass } = await lost();
    await expect(letPass(db.likers.add("post", "ada", { delivery: "at-most-once" }))).rejects.toMatchObject({
      code: "unknown",
    });
    cluster.scheduler.after(500, () => (cluster.faults = NO_FAULTS));
    expect(await letPass(db.likes.increment("post", 1, { delivery: "at-least-once" }))).toBeGreaterThan(0);
  });
});

describe("what it cannot keep", () => {
  test("is refused before anything is sent, and the refusal says what to do", async () => {
    const { cluster, db, let: letPass } = await story();
    const { notes, likes, likers, ages } = unchecked(db);
    const refused: [() => Promise<unknown>, RegExp][] = [
      [() => notes.get("a", { consistency: "linearizable" }), /no linearizable reads: leave consistency out/],
      [
        () => likers.all("a", { consistency: "sequential" }),
        /"likers" is replicated by gossip.*no sequential/,
      ],
      [() => notes.get("a", { consistency: "stale", maxStaleness: 5 }), /leave maxStaleness out/],
      [() => notes.getEntry("a"), /no versions: read them with get/],
      [() => notes.add("a", "x"), /nothing can depend.*replication raft/],
      [() => notes.compareAndSet("a", 2, "x"), /nothing can depend/],
      [() => notes.compareAndDelete("a", 2), /nothing can depend/],
      [() => ages.add("a", "f", 1), /nothing can depend/],
      [() => likes.batch((at) => [at.increment("a"), at.increment("b")]), /no batches/],
      [() => likes.batch((at) => [at.get("a")]), /no batches/],
      [
        () => likes.batch((at) => [at.set("a", 1)], { ifVersions: { a: null } }),
        /no linearizable reads|no versions/,
      ],
      [() => likes.increment("a", 1, { idempotencyKey: "click" }), /no idempotency keys/],
      [() => likes.increment("a", 1, { delivery: "exactly-once" }), /nothing is exactly-once/],
    ];
    for (const [call, words] of refused) {
      await expect(letPass(call())).rejects.toEqual(contradiction(words));
    }
    for (const keyspace of [notes, likes, likers, ages]) {
      expect(() => keyspace.watch()).toThrow(contradiction(/order to be told in/));
    }
    expect(cluster.seen).toEqual([]);
  });

  test("does not compile", async () => {
    const { db } = await story();
    const contradictions = () => {
      // @ts-expect-error no order, no newest state
      void db.notes.get("a", { consistency: "linearizable" });
      // @ts-expect-error how stale a read is has no bound
      void db.notes.get("a", { consistency: "stale", maxStaleness: 5 });
      // @ts-expect-error there are no versions
      void db.notes.getEntry("a");
      // @ts-expect-error so they cannot be compared
      void db.notes.compareAndSet("a", 2, "x");
      // @ts-expect-error nor can absence
      void db.notes.add("a", "x");
      // @ts-expect-error of a field either
      void db.ages.add("a", "f", 1);
      // @ts-expect-error one order would be needed for it
      void db.likes.batch((at) => [at.increment("a")]);
      // @ts-expect-error nobody remembers them
      void db.likes.increment("a", 1, { idempotencyKey: "click" });
      // @ts-expect-error two replicas could do it
      void db.likes.increment("a", 1, { delivery: "exactly-once" });
      // @ts-expect-error changes have no order
      void db.likers.watch();
    };
    expect(contradictions).toBeTypeOf("function");
  });

  test("is everything that the types leave out: the classes can do what is left", () => {
    expectTypeOf<SiblingRegisterKeyspace<string>>().toExtend<MergingRegisterKeyspace<string>>();
    expectTypeOf<CounterKeyspace>().toExtend<MergingCounterKeyspace>();
    expectTypeOf<SetKeyspace<string>>().toExtend<MergingSetKeyspace<string>>();
    expectTypeOf<MapKeyspace<number>>().toExtend<MergingMapKeyspace<number>>();
    expectTypeOf<KeyspaceOf<typeof KEYSPACES.notes>>().toEqualTypeOf<MergingRegisterKeyspace<string>>();
    expectTypeOf<KeyspaceOf<typeof KEYSPACES.likes>>().toEqualTypeOf<MergingCounterKeyspace>();
    expectTypeOf<KeyspaceOf<typeof KEYSPACES.likers>>().toEqualTypeOf<MergingSetKeyspace<string>>();
    expectTypeOf<KeyspaceOf<typeof KEYSPACES.ages>>().toEqualTypeOf<MergingMapKeyspace<number>>();
    expect(KEYSPACES.likes.kind).toBe("counter");
  });
});

describe("a declaration", () => {
  test("that leaves replication out does not open a keyspace that merges: its calls would promise too much", async () => {
    const cluster = new FakeCluster(1, {});
    cluster.createKeyspace({ name: "likes", replication: "gossip" });
    const opening = openClient(cluster.connect(), cluster.runtime, { keyspaces: { likes: counter() } });
    await expect(passing(cluster, opening)).rejects.toEqual(
      contradiction(/likes has replication gossip, declared is raft/),
    );
  });

  test("is compared with what is there, to the last number", async () => {
    const cluster = new FakeCluster(1, {});
    cluster.createKeyspace({ name: "notes", replication: "quorum", quorum: { w: 3 } });
    const keyspaces = {
      notes: register<string>({
        replication: "quorum",
        quorum: { r: 1, w: 2, sloppy: false },
        conflicts: "siblings",
      }),
    };
    await expect(
      passing(cluster, openClient(cluster.connect(), cluster.runtime, { keyspaces })),
    ).rejects.toEqual(
      contradiction(
        /r 2, declared is 1; .*w 3, declared is 2; .*sloppy true, .*false; .*conflicts latest, .*siblings/,
      ),
    );
  });

  test("of a contradiction does not compile", () => {
    const contradictions = () => {
      // @ts-expect-error raft has its majorities
      register<string>({ quorum: { r: 1 } });
      // @ts-expect-error also when it is named
      counter({ replication: "raft", quorum: { w: 1 } });
      // @ts-expect-error gossip asks one replica
      counter({ replication: "gossip", quorum: { r: 2, w: 2 } });
      // @ts-expect-error one order has no conflicts
      set<string>({ conflicts: "siblings" });
      // @ts-expect-error there is no such policy
      map<string>({ replication: "gossip", conflicts: "first" });
    };
    expect(contradictions).toBeTypeOf("function");
  });
});
