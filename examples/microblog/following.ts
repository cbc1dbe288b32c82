/**
 * Who follows whom, from both sides. Following is the follower's own, and the truth; followers are an index of it, in another
 * shard. There is no transaction across shards, so the order of the writes keeps one thing true all the time:
 *
 *   **whoever follows you is in your index; who is in your index may not follow you (yet, or any more).**
 *
 * follow:    1. index += (follower, id)     2. truth[followed] = id
 * unfollow:  1. truth -= followed           2. index -= (follower, id)
 *
 * Whatever is interrupted leaves at most an entry too many in the index, never one too few. Who reads the index therefore asks the
 * truth about each entry, and takes out what has been wrong for longer than a request can take. The id is new for each
 * following, so that taking out an old entry cannot hit a new one.
 */
import type { Database, MapKeyspace, SetKeyspace } from "kvorum/client";
import { Refusal } from "../web/site.ts";
import type { KEYSPACES } from "./blog.ts";

/** The timeline reads from each of them. */
export const MAX_FOLLOWING = 200;
/** Longer than any following takes; its two writes have deadlines of 5 seconds each. */
const LEFTOVER_MS = 60_000;

/** One following of one by another: who, and when it began, with chance against others of the same moment. */
export interface Entry {
  readonly follower: string;
  readonly id: string;
}

export class Following {
  /** Key: the follower. Field: whom. Value: the id. */
  readonly #following: MapKeyspace<string>;
  /** Key: who is followed. */
  readonly #followers: SetKeyspace<Entry>;
  readonly #now: () => number;

  constructor({ following, followers }: Database<typeof KEYSPACES>, now: () => number) {
    this.#following = following;
    this.#followers = followers;
    this.#now = now;
  }

  /** Done again, it changes nothing. */
  async follow(follower: string, followed: string): Promise<void> {
    const present = await this.following(follower);
    if (present.includes(followed)) return;
    if (present.length >= MAX_FOLLOWING)
      throw new Refusal(409, "too-many", `Nobody can follow more than ${MAX_FOLLOWING} people.`);
    const entry = { follower, id: `${this.#now()}-${crypto.randomUUID()}` };
    await this.#followers.add(followed, entry);
    // False: another tab was faster, with an entry of its own.
    if (!(await this.#following.add(follower, followed, entry.id)))
      await this.#followers.remove(followed, entry);
  }

  /** Done again, it changes nothing. */
  async unfollow(follower: string, followed: string): Promise<void> {
    const id = await this.#following.get(follower, followed);
    if (id === undefined) return;
    await this.#following.delete(follower, followed);
    await this.#followers.remove(followed, { follower, id });
  }

  /** Sorted by name. */
  async following(follower: string): Promise<string[]> {
    return [...(await this.#following.getAll(follower)).keys()].sort();
  }

  /** Sorted by name. Takes leftovers out of the index. */
  async followers(followed: string): Promise<string[]> {
    const entries: Entry[] = [];
    for await (const entry of this.#followers.members(followed)) entries.push(entry);
    const truth = await Promise.all(entries.map(({ follower }) => this.#following.get(follower, followed)));
    const leftovers = entries.filter(({ id }, i) => truth[i] !== id && this.#isOld(id));
    if (leftovers.length > 0) await this.#followers.removeAll(followed, leftovers);
    return entries
      .filter(({ id }, i) => truth[i] === id)
      .map(({ follower }) => follower)
      .sort();
  }

  #isOld(id: string): boolean {
    return Number(id.split("-")[0]) < this.#now() - LEFTOVER_MS;
  }
}
