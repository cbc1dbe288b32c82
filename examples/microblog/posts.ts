/**
 * People and what they write. Everything that one user writes is in one shard, by the `{user}` tag of its keys, so that it
 * can change in one atomic step: a post, its number, and the memory of the request that made it.
 */
import type { Database, RegisterKeyspace } from "kvorum/client";
import { Refusal } from "../web/site.ts";
import type { KEYSPACES } from "./blog.ts";

/** How long a repeated request for a new post is recognised. */
const REMEMBERED_MS = 24 * 3_600_000;
const ATTEMPTS = 20;

export interface Post {
  readonly author: string;
  /** From 1, in the order in which the author wrote them. */
  readonly number: number;
  /** Milliseconds since 1970; grows with the number. */
  readonly at: number;
  readonly text: string;
}

/** What lies under `{author}/…`: how many posts there are, each of them, and which request made which. */
export type Written =
  | { readonly kind: "head"; readonly posts: number; readonly lastAt: number }
  | { readonly kind: "post"; readonly at: number; readonly text: string }
  | { readonly kind: "request"; readonly made: number };

export const headKey = (author: string): string => `{${author}}/head`;
const postKey = (author: string, number: number): string => `{${author}}/post/${number}`;
const requestKey = (author: string, id: string): string => `{${author}}/request/${id}`;

export class Posts {
  readonly #written: RegisterKeyspace<Written>;
  readonly #now: () => number;

  constructor({ written }: Database<typeof KEYSPACES>, now: () => number) {
    this.#written = written;
    this.#now = now;
  }

  /**
   * The head's version makes sure that nobody else has taken the number. `requestId` is the same whenever the browser repeats the
   * request: then the post that was made is answered, and no second one written.
   */
  async write(author: string, text: string, requestId: string): Promise<Post> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      // Both of one moment: between two reads, the request's first attempt could be done.
      const [earlier, head] = await this.#written.batch((all) => [
        all.get(requestKey(author, requestId)),
        all.entry(headKey(author)),
      ]);
      if (earlier?.kind === "request") {
        const [made] = await this.#get([{ author, number: earlier.made }]);
        if (made !== undefined) return made;
      }
      const last = head?.value.kind === "head" ? head.value : { posts: 0, lastAt: 0 };
      const number = last.posts + 1;
      const at = Math.max(this.#now(), last.lastAt + 1);
      const done = await this.#written.batch(
        (all) => [
          all.set(postKey(author, number), { kind: "post", at, text }),
          all.set(headKey(author), { kind: "head", posts: number, lastAt: at }),
          all.set(
            requestKey(author, requestId),
            { kind: "request", made: number },
            { expiresIn: REMEMBERED_MS },
          ),
        ],
        { ifVersions: { [headKey(author)]: head?.version ?? null } },
      );
      if (done !== null) return { author, number, at, text };
    }
    throw new Refusal(409, "busy", "You are writing from too many places at once. Try again.");
  }

  /** How many posts each of them has written. */
  async counts(authors: readonly string[]): Promise<number[]> {
    const heads = await this.#written.getMany(authors.map(headKey));
    return heads.map((head) => (head?.kind === "head" ? head.posts : 0));
  }

  /** Those that are there, in any order. */
  async #get(wanted: readonly { readonly author: string; readonly number: number }[]): Promise<Post[]> {
    const found = await this.#written.getMany(wanted.map(({ author, number }) => postKey(author, number)));
    return found.flatMap((post, i) =>
      post?.kind === "post" ? [{ ...wanted[i]!, at: post.at, text: post.text }] : [],
    );
  }

  /**
   * The newest of these authors' posts, at most `limit`, below the given numbers. The next post of each tells which `limit`
   * authors can be on the page at all; of those, so many more are fetched. Two rounds of reads, however many authors.
   */
  async newest(below: ReadonlyMap<string, number>, limit: number): Promise<Post[]> {
    const first = [...below]
      .filter(([, number]) => number > 1)
      .map(([author, number]) => ({ author, number: number - 1 }));
    const tops = (await this.#get(first)).sort(newestFirst).slice(0, limit);
    const more = tops.flatMap(({ author, number }) =>
      Array.from({ length: Math.min(limit, number) - 1 }, (_, i) => ({ author, number: number - 1 - i })),
    );
    return [...tops, ...(await this.#get(more))].sort(newestFirst).slice(0, limit);
  }
}

const newestFirst = (a: Post, b: Post): number =>
  b.at - a.at || a.author.localeCompare(b.author) || b.number - a.number;
