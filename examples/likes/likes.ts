/**
 * The like button of the lecture, in three designs side by side, and a yardstick. A click does all of them, so that they can be
 * compared.
 */
import { connect, type ConnectOptions, counter, type Database, set } from "kvorum/client";
import { Doorbell } from "../web/doorbell.ts";

const KEYSPACES = {
  /** f(n) = n + 1, repeated until there is an answer. Every lost answer counts once more. */
  repeated: counter({ shards: 2 }),
  /** The same increment, but the cluster knows a repetition when it sees one. */
  counted: counter({ shards: 2 }),
  /** f(S) = S ∪ {user}: idempotent, so the users are right however often it is done. */
  likes: set<string>({ shards: 2 }),
  /** The id of every click, for ever. Right, but it only grows: here it is the yardstick for the others. */
  clicks: set<string>({ shards: 2 }),
};

export interface Counts {
  /** The counter that is incremented again after a lost answer. */
  readonly repeated: number;
  /** The counter that is incremented exactly once for each click. */
  readonly counted: number;
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
  readonly #db: Database<typeof KEYSPACES>;
  readonly #doorbell: Doorbell;

  private constructor(db: Database<typeof KEYSPACES>) {
    this.#db = db;
    this.#doorbell = new Doorbell([db.repeated, db.counted, db.likes, db.clicks]);
  }

  /** Creates the keyspaces where they are missing. */
  static async open(
    url: string,
    options: Pick<ConnectOptions<typeof KEYSPACES>, "route"> = {},
  ): Promise<Likes> {
    return new Likes(await connect(url, { ensure: true, keyspaces: KEYSPACES, ...options }));
  }

  /**
   * Throws what the client throws, after which some of it may be done: do it again with the same click, here or at another
   * front end. All designs but the first are then as if it had been done once.
   */
  async like({ id, page, user }: Click): Promise<void> {
    await Promise.all([
      this.#db.repeated.increment(page, 1, { delivery: "at-least-once" }),
      // The client's session covers its own repetitions; the click's id those of the browser, through another front end too.
      this.#db.counted.increment(page, 1, { idempotencyKey: id }),
      this.#db.likes.add(page, user, { idempotencyKey: id }),
      this.#db.clicks.add(page, id),
    ]);
  }

  /**
   * g(S) = S \ {user}. Idempotent as well, but f(g(f(S))) is not g(f(S)): a like that is repeated *after* it was taken back
   * would bring it back. The click's id keeps that from happening: the late repetition is answered, and not done.
   */
  async takeBack({ id, page, user }: Click): Promise<void> {
    await this.#db.likes.remove(page, user, { idempotencyKey: id });
  }

  async doesLike(page: string, user: string): Promise<boolean> {
    return this.#db.likes.has(page, user);
  }

  async counts(page: string): Promise<Counts> {
    const [repeated, counted, users, clicks] = await Promise.all([
      this.#db.repeated.get(page),
      this.#db.counted.get(page),
      this.#db.likes.size(page),
      this.#db.clicks.size(page),
    ]);
    return { repeated, counted, users, clicks };
  }

  /** The counts, now and whenever they have changed, by whichever front end. */
  async *changes(page: string, signal: AbortSignal): AsyncGenerator<Counts, void, undefined> {
    for await (const _ring of this.#doorbell.rings([page], signal)) yield await this.counts(page);
  }

  async reset(page: string): Promise<void> {
    await Promise.all([
      this.#db.repeated.delete(page),
      this.#db.counted.delete(page),
      this.#db.likes.clear(page),
      this.#db.clicks.clear(page),
    ]);
  }

  close(): void {
    this.#doorbell.close();
    this.#db.close();
  }
}
