import { describe, expect, test } from "vitest";
import { FakeCluster, passing } from "./cluster.testkit.ts";
import { type ClientOptions, type Keyspaces, openClient } from "./connect.ts";
import { counter, map, register, set } from "./schema/keyspaces.ts";

const open = <const K extends Keyspaces>(cluster: FakeCluster, options: ClientOptions<K>) =>
  passing(cluster, openClient(cluster.connect(), cluster.runtime, options));

const refused = (code: string, ...words: readonly string[]) =>
  expect.objectContaining({
    code,
    definite: true,
    message: expect.stringMatching(new RegExp(words.join(".*"), "s")),
  });

describe("opening", () => {
  test("gives a handle for each keyspace, and closes", async () => {
    const cluster = new FakeCluster(1, { accounts: 2, hits: 4 });
    const db = await open(cluster, {
      keyspaces: { accounts: register<{ balance: number }>(), hits: counter() },
    });
    await passing(cluster, db.accounts.set("alice", { balance: 10 }));
    expect(await passing(cluster, db.accounts.get("alice"))).toEqual({ balance: 10 });
    expect(await passing(cluster, db.hits.increment("home"))).toBe(1);
    expect(cluster.value("accounts", "accounts:alice")).toBe('{"balance":10}');
    db.close();
    expect(db.status()).toMatchObject({ calls: 0, alarms: 0 });
    await expect(db.hits.get("home")).rejects.toMatchObject({ code: "aborted" });
    expect(cluster.scheduler.pending).toBe(0);
  });

  test("names all keyspaces that are missing, in one definite error", async () => {
    const cluster = new FakeCluster(1, { hits: 1 });
    const keyspaces = { accounts: register(), hits: counter(), tags: set<string>() };
    await expect(open(cluster, { keyspaces })).rejects.toEqual(
      refused("unknown-keyspace", "accounts", "tags"),
    );
    expect(cluster.scheduler.pending).toBe(0);
  });

  test("ensure creates what is missing, as declared, and waits until it is served", async () => {
    const cluster = new FakeCluster(1, { hits: 1 });
    const limits = { maxValueBytes: 5_000 };
    const db = await open(cluster, {
      keyspaces: { accounts: register<number>({ shards: 5, replicas: 2, limits }), hits: counter() },
      ensure: true,
    });
    const made = cluster.topology().keyspaces.find(({ name }) => name === "accounts");
    expect(made).toMatchObject({ shards: 5, replicas: 2, limits });
    await passing(cluster, db.accounts.set("a", 1));
  });

  test("two clients that ensure the same keyspace at once both open", async () => {
    const cluster = new FakeCluster(1, {});
    const options = { keyspaces: { hits: counter({ shards: 3 }) }, ensure: true };
    const both = [1, 2].map(() => openClient(cluster.connect(), cluster.runtime, options));
    await passing(cluster, Promise.all(both));
    expect(cluster.topology().keyspaces).toHaveLength(1);
  });

  test("what the cluster refuses to create is a definite error", async () => {
    const cluster = new FakeCluster(1, {});
    const keyspaces = { hits: counter({ replicas: 9 }) };
    await expect(open(cluster, { keyspaces, ensure: true })).rejects.toEqual(
      refused("contradiction", "hits", "9 replicas"),
    );
  });

  test("drift is refused: every difference, and only of what is declared", async () => {
    const cluster = new FakeCluster(1, { hits: 4, tags: 1 });
    const wrong = {
      hits: counter({ shards: 8, replicas: 5, limits: { maxKeyBytes: 1024, maxValueBytes: 7 } }),
      tags: map<string>({ shards: 2 }),
    };
    await expect(open(cluster, { keyspaces: wrong, ensure: true })).rejects.toEqual(
      refused(
        "contradiction",
        "hits has replicas 3, declared is 5",
        "hits has shards 4, declared is 8",
        "hits has maxValueBytes 1048576, declared is 7",
        "tags has shards 1, declared is 2",
      ),
    );
    await open(cluster, { keyspaces: { hits: counter({ shards: 4, replication: "raft" }), tags: map() } });
  });

  test("without a cluster: unreachable, in time", async () => {
    const cluster = new FakeCluster(1);
    const silent = { ...cluster.connect(), listen: () => undefined, refresh: () => undefined };
    const opening = openClient(silent, cluster.runtime, { keyspaces: {}, openTimeout: 700 });
    await expect(passing(cluster, opening)).rejects.toEqual(refused("unreachable"));
    expect(cluster.scheduler.now()).toBeCloseTo(700, 0);
  });

  test("a keyspace cannot have the name of a method", async () => {
    const cluster = new FakeCluster(1, { close: 1 });
    // @ts-expect-error close is a method of every database
    await expect(open(cluster, { keyspaces: { close: counter() } })).rejects.toEqual(
      refused("bad-request", "close"),
    );
    // @ts-expect-error so is status
    await expect(open(cluster, { keyspaces: { status: counter() } })).rejects.toEqual(
      refused("bad-request", "status"),
    );
  });
});
