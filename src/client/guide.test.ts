/** The code of docs/CLIENT.md, compiled and run: each of its blocks stands here, line by line. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { FakeCluster, NO_FAULTS, passing } from "./cluster.testkit.ts";
import {
  type ClientOptions,
  bytes,
  type Change,
  type Codec,
  CompactedError,
  counter,
  type Keyspaces,
  KvorumError,
  map,
  openClient,
  register,
  set,
  text,
} from "./index.ts";

interface Account {
  balance: number;
}

/** The guide's examples say what they have found; nobody listens here. */
const console = { log: (..._words: readonly unknown[]): void => undefined };

const source = readFileSync(new URL(import.meta.url), "utf8");

/** Runs a story of the guide on a cluster in virtual time. */
async function told<T>(story: (connect: Connect, cluster: FakeCluster) => Promise<T>): Promise<T> {
  const cluster = new FakeCluster(1, {});
  const connect: Connect = (_address, options) => openClient(cluster.connect(), cluster.runtime, options);
  return passing(cluster, story(connect, cluster));
}

type Connect = <const K extends Keyspaces>(
  address: string,
  options: ClientOptions<K>,
) => ReturnType<typeof openClient<K>>;

test("every block of the guide stands in this file", () => {
  const page = readFileSync(new URL("../../docs/CLIENT.md", import.meta.url), "utf8");
  const blocks = [...page.matchAll(/^```ts\n([^]*?)^```/gm)].map(([, block]) => block!);
  expect(blocks.length).toBeGreaterThan(10);
  const here = plain(source);
  expect(blocks.filter((block) => !here.includes(plain(block)))).toEqual([]);
});

/** Without indentation, imports and empty lines: those differ for a reason. */
const plain = (code: string): string =>
  code
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("import "))
    .join("\n");

describe("the guide", () => {
  test("ten lines", async () => {
    await told(async (connect) => {
      const db = await connect("kvorum://localhost:7410", {
        keyspaces: { accounts: register<Account>({ replication: "raft" }), hits: counter() },
        ensure: true,
      });
      await db.accounts.set("alice", { balance: 10 });
      await db.hits.increment("home");
      const alice = await db.accounts.get("alice"); // { balance: 10 }, or undefined
      db.close();
      expect(alice).toEqual({ balance: 10 });
    });
  });

  test("schema", async () => {
    await told(async (connect) => {
      const point: Codec<[number, number]> = {
        encode: ([x, y]) => new Uint8Array(Float64Array.of(x, y).buffer),
        decode: (bytes) => {
          const view = new DataView(bytes.buffer, bytes.byteOffset);
          return [view.getFloat64(0, true), view.getFloat64(8, true)];
        },
      };
      const db = await connect("kvorum://localhost:7410", {
        keyspaces: {
          accounts: register<Account>({ shards: 16, replicas: 3 }),
          users: register({ schema: z.object({ name: z.string(), karma: z.number().default(0) }) }),
          pages: register({ codec: text(), limits: { maxValueBytes: 100_000 } }),
          thumbnails: register({ codec: bytes() }),
          places: register({ codec: point }),
          followers: set<string>(),
          settings: map<string | boolean>(),
          hits: counter(),
        },
        ensure: true,
      });
      await db.places.set("home", [1.5, -2]);
      expect(await db.places.get("home")).toEqual([1.5, -2]);
      await db.users.set("ann", { name: "Ann" });
      expect(await db.users.get("ann")).toEqual({ name: "Ann", karma: 0 });

      await db.followers.add("alice", "bob"); // true: he is new
      await db.followers.has("alice", "bob");
      await db.followers.size("alice");
      await db.settings.set("alice", "dark", true);
      const all = await db.settings.getAll("alice"); // Map { "dark" => true }
      for await (const follower of db.followers.members("alice")) console.log(follower);
      expect(all).toEqual(new Map([["dark", true]]));

      await db.pages.set("draft", "…", { expiresIn: 60_000 }); // gone after a minute
      await db.pages.set("draft", "… and more", { keepExpiry: true });
      await db.hits.expire("home", 3_600_000); // any key of any type
      const left = await db.pages.expiresIn("draft"); // milliseconds; null: never; undefined: not there
      expect(left).toBeGreaterThan(0);
    });
  });

  test("merging", async () => {
    await told(async (connect) => {
      const db = await connect("kvorum://localhost:7410", {
        keyspaces: {
          likes: counter({ replication: "gossip" }),
          likers: set<string>({ replication: "gossip" }),
          carts: register<string[]>({ replication: "quorum", replicas: 3, quorum: { r: 2, w: 2 } }),
        },
        ensure: true,
      });
      await db.likes.increment("post:1"); // adds up with what others add, wherever they do
      await db.likers.add("post:1", "ada", { delivery: "at-most-once" });
      const likers = await db.likers.all("post:1");
      expect(likers).toEqual(["ada"]);
      await db.carts.set("ada", ["tea"]);
      expect(await db.carts.get("ada")).toEqual(["tea"]);
    });
  });

  test("calls", async () => {
    await told(async (connect) => {
      const db = await connect("kvorum://localhost:7410", {
        keyspaces: { accounts: register<Account>(), hits: counter() },
        ensure: true,
        timeout: 2_000,
      });
      const controller = new AbortController();
      const { signal } = controller;
      await db.hits.increment("home", 1, { timeout: 500, signal });
      await db.accounts.get("alice", { consistency: "sequential", hedgeAfter: 50 });
      expect(await db.hits.get("home")).toBe(1);
    });
  });

  test("the like button", async () => {
    await told(async (connect, cluster) => {
      const db = await connect("kvorum://localhost:7410", {
        keyspaces: { likes: counter({ shards: 1 }), likers: set<string>({ shards: 1 }) },
        ensure: true,
        timeout: 60_000,
      });
      const user = "alice";
      await db.likes.increment("once");
      cluster.faults = { ...NO_FAULTS, dropReply: 0.3 };
      const often = Array.from({ length: 100 }, async () => {
        await db.likes.increment("post:1", 1, { delivery: "at-least-once" });
      });
      await Promise.all(often);
      for (let click = 0; click < 5; click++) {
        await db.likers.add("post:1", user, { delivery: "at-least-once" });
        const count = await db.likers.size("post:1");
        expect(count).toBe(1);
      }
      const exactly = Array.from({ length: 100 }, async () => {
        await db.likes.increment("post:2");
      });
      await Promise.all(exactly);
      const clickId = "click-17";
      await db.likes.increment("post:3", 1, { idempotencyKey: clickId, idempotencyLifetime: 3_600_000 });
      await db.likes.increment("post:3", 1, { idempotencyKey: clickId, idempotencyLifetime: 3_600_000 });
      expect(await db.likes.get("post:1")).toBeGreaterThan(100);
      expect(await db.likes.get("post:2")).toBe(100);
      expect(await db.likes.get("post:3")).toBe(1);
    });
  });

  test("versions and batches", async () => {
    await told(async (connect) => {
      const db = await connect("kvorum://localhost:7410", {
        keyspaces: { accounts: register<Account>() },
        ensure: true,
      });
      await db.accounts.add("alice", { balance: 10 }); // only if she has none
      const entry = await db.accounts.getEntry("alice");
      if (entry !== undefined) {
        const more = { balance: entry.value.balance + 5 };
        const { swapped } = await db.accounts.compareAndSet("alice", entry.version, more);
        if (!swapped) console.log("somebody was faster: read it again");
      }
      expect(await db.accounts.get("alice")).toEqual({ balance: 15 });

      const [, before] = await db.accounts.batch((at) => [
        at.set("{bank}alice", { balance: 4 }),
        at.get("{bank}bob"),
        at.set("{bank}bob", { balance: 6 }),
      ]);
      expect(before).toBeUndefined();
      const a = await db.accounts.getEntry("{bank}alice");
      const b = await db.accounts.getEntry("{bank}bob");
      if (a !== undefined && b !== undefined) {
        const done = await db.accounts.batch(
          (at) => [
            at.set("{bank}alice", { balance: a.value.balance - 1 }),
            at.set("{bank}bob", { balance: b.value.balance + 1 }),
          ],
          { ifVersions: { "{bank}alice": a.version, "{bank}bob": b.version } },
        );
        if (done === null) console.log("one of them has changed: nothing was done");
      }
      expect(await db.accounts.getMany(["{bank}alice", "{bank}bob"])).toEqual([
        { balance: 3 },
        { balance: 7 },
      ]);
      for await (const key of db.accounts.keys({ prefix: "{bank}" })) console.log(key);
      for await (const [key, account] of db.accounts.entries()) console.log(key, account.balance);
      const page = await db.accounts.keyPage({ pageSize: 100 });
      const next = await db.accounts.keyPage({ pageSize: 100, cursor: page.cursor });
      expect(page.keys.length + next.keys.length).toBeGreaterThan(0);
    });
  });

  test("errors", async () => {
    await told(async (connect, cluster) => {
      const db = await connect("kvorum://localhost:7410", {
        keyspaces: { hits: counter({ shards: 1 }) },
        ensure: true,
      });
      const said: string[] = [];
      const tellUser = (words: string): void => void said.push(words);
      await db.hits.increment("home");
      cluster.faults = { ...NO_FAULTS, dropReply: 1 };
      try {
        await db.hits.increment("home", 1, { timeout: 500 });
      } catch (error) {
        if (!(error instanceof KvorumError)) throw error;
        if (error.definite) tellUser(`It was not done: ${error.message} ${error.hint}`);
        else tellUser("We do not know yet whether it was done.");
      }
      expect(said).toEqual(["We do not know yet whether it was done."]);
    });
  });

  test("watch", async () => {
    await told(async (connect) => {
      const db = await connect("kvorum://localhost:7410", {
        keyspaces: { accounts: register<Account>({ shards: 2 }) },
        ensure: true,
      });
      const balances = new Map<string, number>();
      const signal = AbortSignal.any([]);
      let kept: string | undefined;
      const writing = (async () => {
        for (let i = 0; i < 20; i++) await db.accounts.set(`user:${i % 3}`, { balance: i });
        await db.accounts.delete("user:0");
      })();
      const keep = (revision: string | undefined): Promise<void> => {
        kept = revision;
        return Promise.resolve();
      };
      const isEnough = (change: Change<Account>): boolean =>
        change.kind === "delete" || (change.kind === "set" && change.key === "user:9");
      const watching = (async () => {
        const watch = db.accounts.watch({ prefix: "user:", signal });
        await watch.started(); // every change after this moment will come
        for await (const [key, account] of db.accounts.entries({ prefix: "user:" })) {
          balances.set(key, account.balance);
        }
        for await (const change of watch) {
          if (change.kind === "set") balances.set(change.key, change.value?.balance ?? 0);
          else if (change.kind !== "flush") balances.delete(change.key);
          await keep(watch.revision); // wherever the balances are kept
          if (isEnough(change)) break; // leaving the loop ends the watch
        }
      })();
      await Promise.all([writing, watching]);
      expect(balances.has("user:0")).toBe(false);

      const lastRevision = kept!;
      await db.accounts.set("user:9", { balance: 9 });
      try {
        for await (const change of db.accounts.watch({ prefix: "user:", from: lastRevision })) {
          console.log(change.kind);
          if (isEnough(change)) break;
        }
      } catch (error) {
        if (!(error instanceof CompactedError)) throw error;
        console.log("too much has happened: begin anew with the present state");
      }
    });
  });

  test("a client that reads what it wrote, at any replica", async () => {
    await told(async (connect, cluster) => {
      const db = await connect("kvorum://localhost:7410", {
        keyspaces: { accounts: register<Account>() },
        ensure: true,
        consistency: "sequential",
      });
      await db.accounts.set("alice", { balance: 1 });
      await db.accounts.get("alice"); // at least as new as that write, from any replica
      await db.accounts.get("alice", { consistency: "linearizable" }); // what anyone has written
      expect(cluster.seen.slice(-2).map(({ request }) => request.atLeast)).toEqual([1, 0]);
    });
  });
});
