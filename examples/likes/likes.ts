/**
 * The like button of the lecture, in three designs side by side, and a yardstick. A click does all of them, so that they can be
 * compared.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { connect, type ConnectOptions, counter, type Database, type Keyspaces, set } from "kvorum/client";
import { Doorbell } from "../web/doorbell.ts";

/**
 * The one word. `raft`: a majority of the nodes decides every like, so a node that is cut off takes none. `gossip`: every node takes
 * likes and tells the others when it can, so a node that is cut off goes on, and all of them agree once it is back.
 */
export const REPLICATION: Replication = "raft";

export type Replication = keyof typeof KEYSPACES;

const shards = 2;
const KEYSPACES = {
  raft: {
    /** f(n) = n + 1, repeated until there is an answer. Every lost answer counts once more. */
    repeated: counter({ shards }),
    /** The same increment, but the cluster knows a repetition when it sees one. */
    counted: counter({ shards }),
    /** f(S) = S ∪ {user}: idempotent, so the users are right however often it is done. */
    likes: set<string>({ shards }),
    /** The id of every click, for ever. Right, but it only grows: here it is the yardstick for the others. */
    clicks: set<string>({ shards }),
  },
  /** `counted` is missing: no node could know what another one, out of reach, has counted already. */
  gossip: {
    repeated: counter({ shards, replication: "gossip" }),
    likes: set<string>({ shards, replication: "gossip" }),
    clicks: set<string>({ shards, replication: "gossip" }),
  },
};

/** Throws for any other word. */
export function replicationOf(word: string): Replication {
  if (word === "raft" || word === "gossip") return word;
  throw new Error(`The likes are replicated by raft or gossip, not by ${word}.`);
}

/** A node that is cut off from the majority says so after this time. */
const PATIENCE_MS = 3_000;

type Raft = Database<typeof KEYSPACES.raft>;
type Gossip = Database<typeof KEYSPACES.gossip>;

export interface Counts {
  /** The counter that is incremented again after a lost answer. */
  readonly repeated: number;
  /** The counter that is incremented exactly once for each click; null: not on gossip. */
  readonly counted: number | null;
  /** Users who like the page. */
  readonly users: number;
  /** Clicks that were made. */
  readonly clicks: number;
}

export interface Click {
  /** Made by the browser, the same for every repetition of this click. */
  readonly id: string;
  readonly page: string;
  readonly user: string;
}

export class Likes {
  readonly #db: Raft | Gossip;
  /** For what only raft can do: once for each idempotency key. */
  readonly #raft: Raft | null;
  /** Null: gossip has no order in which changes could be told. */
  readonly #doorbell: Doorbell | null;

  private constructor(db: Raft | Gossip) {
    this.#db = db;
    this.#raft = "counted" in db ? db : null;
    this.#doorbell = "counted" in db ? new Doorbell([db.repeated, db.counted, db.likes, db.clicks]) : null;
  }

  /** Creates the keyspaces where they are missing. */
  static async open(
    url: string,
    replication: Replication,
    options: Pick<ConnectOptions<Keyspaces>, "route"> = {},
  ): Promise<Likes> {
    const common = { ensure: true, timeout: PATIENCE_MS, ...options };
    return new Likes(
      replication === "raft"
        ? await connect(url, { keyspaces: KEYSPACES.raft, ...common })
        : await connect(url, { keyspaces: KEYSPACES.gossip, ...common }),
    );
  }

  /**
   * Throws what the client throws, after which some of it may be done: do it again with the same click, here or at another
   * front end. All designs but the first are then as if it had been done once.
   */
  async like({ id, page, user }: Click): Promise<void> {
    await Promise.all([
      this.#db.repeated.increment(page, 1, { delivery: "at-least-once" }),
      // The client's session covers its own repetitions; the click's id those of the browser, through another front end too.
      this.#raft?.counted.increment(page, 1, { idempotencyKey: id }),
      this.#raft === null
        ? this.#db.likes.add(page, user)
        : this.#raft.likes.add(page, user, { idempotencyKey: id }),
      this.#db.clicks.add(page, id),
    ]);
  }

  /**
   * g(S) = S \ {user}. Idempotent as well, but f(g(f(S))) is not g(f(S)): a like that is repeated *after* it was taken back
   * would bring it back. On raft the click's id keeps that from happening: the late repetition is answered, and not done.
   */
  async takeBack({ id, page, user }: Click): Promise<void> {
    if (this.#raft === null) await this.#db.likes.remove(page, user);
    else await this.#raft.likes.remove(page, user, { idempotencyKey: id });
  }

  async doesLike(page: string, user: string): Promise<boolean> {
    return this.#db.likes.has(page, user);
  }

  async counts(page: string): Promise<Counts> {
    const [repeated, counted, users, clicks] = await Promise.all([
      this.#db.repeated.get(page),
      this.#raft?.counted.get(page) ?? null,
      this.#db.likes.size(page),
      this.#db.clicks.size(page),
    ]);
    return { repeated, counted, users, clicks };
  }

  /** The counts, now and whenever they have changed, by whichever front end; on gossip, every second. */
  async *changes(page: string, signal: AbortSignal): AsyncGenerator<Counts, void, undefined> {
    const rings = this.#doorbell?.rings([page], signal) ?? everySecond(signal);
    for await (const _ring of rings) yield await this.counts(page);
  }

  async reset(page: string): Promise<void> {
    await Promise.all([
      this.#db.repeated.delete(page),
      this.#raft?.counted.delete(page),
      this.#db.likes.clear(page),
      this.#db.clicks.clear(page),
    ]);
  }

  close(): void {
    this.#doorbell?.close();
    this.#db.close();
  }
}

async function* everySecond(signal: AbortSignal): AsyncGenerator<void, void, undefined> {
  for (; !signal.aborted; await sleep(1_000)) yield;
}
