/** The microblog without its web pages: people, posts, following, timelines. */
import { connect, type Database, map, register, set } from "kvorum/client";
import { Doorbell } from "../web/doorbell.ts";
import { Refusal } from "../web/site.ts";
import { type Entry, Following } from "./following.ts";
import { headKey, type Post, Posts, type Written } from "./posts.ts";
import { type Position, positionFrom, positionText } from "./position.ts";

export interface Person {
  /** Milliseconds since 1970. */
  readonly joined: number;
}

export const KEYSPACES = {
  people: register<Person>({ shards: 2 }),
  written: register<Written>({ shards: 2 }),
  following: map<string>({ shards: 2 }),
  followers: set<Entry>({ shards: 2 }),
};

export interface Page {
  readonly posts: readonly Post[];
  /** Where the next page begins; undefined: there is none. */
  readonly next: string | undefined;
}

export interface Profile {
  readonly name: string;
  readonly joined: number;
  readonly posts: number;
  readonly following: readonly string[];
  readonly followers: readonly string[];
}

const PAGE_SIZE = 20;
const DIRECTORY_SIZE = 50;

export class Blog {
  readonly posts: Posts;
  readonly following: Following;
  readonly #db: Database<typeof KEYSPACES>;
  readonly #now: () => number;
  readonly #doorbell: Doorbell;

  private constructor(db: Database<typeof KEYSPACES>, now: () => number) {
    this.#db = db;
    this.#now = now;
    this.posts = new Posts(db, now);
    this.following = new Following(db, now);
    this.#doorbell = new Doorbell([db.written, db.following, db.followers]);
  }

  /** Creates the keyspaces where they are missing. */
  static async open(url: string, now: () => number = Date.now): Promise<Blog> {
    return new Blog(await connect(url, { ensure: true, keyspaces: KEYSPACES }), now);
  }

  /** Whether the name is new. */
  async enter(name: string): Promise<boolean> {
    return this.#db.people.add(name, { joined: this.#now() });
  }

  /** Throws a refusal for who is not there. */
  async person(name: string): Promise<Person> {
    const person = await this.#db.people.get(name);
    if (person === undefined) throw new Refusal(404, "unknown-user", `There is nobody called "${name}".`);
    return person;
  }

  async profile(name: string): Promise<Profile> {
    const { joined } = await this.person(name);
    const [[posts], following, followers] = await Promise.all([
      this.posts.counts([name]),
      this.following.following(name),
      this.following.followers(name),
    ]);
    return { name, joined, posts: posts ?? 0, following, followers };
  }

  /** Everybody, some at a time, in no order that means anything. */
  async people(
    from?: string,
  ): Promise<{ readonly names: readonly string[]; readonly next: string | undefined }> {
    const names: string[] = [];
    let next = from;
    // The client's pages end with each shard, and may be empty.
    do {
      const page = await this.#db.people.keyPage({ cursor: next, pageSize: DIRECTORY_SIZE });
      names.push(...page.keys);
      next = page.cursor;
    } while (next !== undefined && names.length < DIRECTORY_SIZE);
    return { names: names.sort(), next };
  }

  /** Newest first: what this user wrote. */
  async postsOf(name: string, from?: string): Promise<Page> {
    return this.#page(from === undefined ? await this.#present([name]) : positionFrom(from));
  }

  /** Newest first: what this user and those whom the user follows wrote. */
  async timeline(name: string, from?: string): Promise<Page> {
    if (from !== undefined) return this.#page(positionFrom(from));
    return this.#page(await this.#present([name, ...(await this.following.following(name))]));
  }

  /** Says nothing but that this user's timeline, followers or followed ones may be others now. */
  async *news(name: string, signal: AbortSignal): AsyncGenerator<object, void, undefined> {
    while (!signal.aborted) {
      const followed = await this.following.following(name);
      const keys = [name, headKey(name), ...followed.map(headKey)];
      for await (const _ring of this.#doorbell.rings(keys, signal)) {
        yield {};
        if (String(await this.following.following(name)) !== String(followed)) break;
      }
    }
  }

  async #present(authors: readonly string[]): Promise<Position> {
    const counts = await this.posts.counts(authors);
    return new Map(authors.map((author, i) => [author, counts[i]! + 1]));
  }

  async #page(position: Position): Promise<Page> {
    const posts = await this.posts.newest(position, PAGE_SIZE);
    const rest = new Map(position);
    for (const { author, number } of posts) rest.set(author, Math.min(rest.get(author) ?? number, number));
    for (const [author, number] of rest) if (number <= 1) rest.delete(author);
    return { posts, next: posts.length === 0 || rest.size === 0 ? undefined : positionText(rest) };
  }

  close(): void {
    this.#doorbell.close();
    this.#db.close();
  }
}
