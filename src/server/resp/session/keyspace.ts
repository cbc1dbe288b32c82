/** Commands over all shards: counting, listing, choosing and removing keys. */
import { randomInt } from "node:crypto";
import { Failure, OK, type Reply } from "../../../core/reply.ts";
import type { ShardInfo } from "../../../node/api.ts";
import type { OrderedCommand, Session } from "../session.ts";
import { SYNTAX_ERROR } from "../failures.ts";
import { word } from "../values.ts";
import { callOptionsOf } from "./call-options.ts";
import { firstFailure, onEveryShard, onShard, readableShards } from "./shards.ts";
import { type Page, readPage } from "./pages.ts";

type Done = (reply: Reply) => void;

const KEYS_PER_PAGE = 1000;
const NOTHING = new Uint8Array(0);

export const KEYSPACE_COMMANDS: readonly OrderedCommand[] = [
  {
    kind: "ordered",
    name: "dbsize",
    arity: 1,
    group: "server",
    since: "1.0.0",
    summary: "Return the number of keys in all keyspaces",
    flags: ["readonly", "fast"],
    run: (session, _args, done) =>
      count(session, readableShards(session), (counts) => done(Array.isArray(counts) ? sum(counts) : counts)),
  },
  {
    kind: "ordered",
    name: "keys",
    arity: 2,
    group: "generic",
    since: "1.0.0",
    summary: "Find all keys matching the given pattern (SCAN does the same in pieces)",
    flags: ["readonly"],
    run: (session, args, done) => new Listing(session, args[0]!, done).start(),
  },
  {
    kind: "ordered",
    name: "randomkey",
    arity: 1,
    group: "generic",
    since: "1.0.0",
    summary: "Return a random key",
    flags: ["readonly"],
    run: randomKey,
  },
  flush("flushall"),
  flush("flushdb"),
];

const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0);

/** Keys per shard, or the failure of one of them. */
function count(
  session: Session,
  shards: readonly ShardInfo[],
  done: (counts: readonly number[] | Failure) => void,
): void {
  onEveryShard(session.server.node, shards, ".dbsize", [], callOptionsOf(session), (replies) => {
    done(firstFailure(replies) ?? replies.map(Number));
  });
}

/** Every key is as likely as any other: shards count by how many keys they hold. */
function randomKey(session: Session, _args: unknown, done: Done): void {
  const shards = readableShards(session);
  count(session, shards, (counts) => {
    if (!Array.isArray(counts)) {
      done(counts);
      return;
    }
    const total = sum(counts);
    if (total === 0) {
      done(null);
      return;
    }
    let place = randomInt(total);
    const chosen = counts.findIndex((keys) => (place -= keys) < 0);
    onShard(session.server.node, shards[chosen]!.group, ".randomkey", [], callOptionsOf(session), done);
  });
}

function flush(name: "flushall" | "flushdb"): OrderedCommand {
  return {
    kind: "ordered",
    name,
    arity: -1,
    group: "server",
    since: "1.0.0",
    summary: "Remove all keys of all keyspaces; shard by shard, not in one atomic step",
    flags: ["write"],
    everywhere: "write",
    run(session, args, done) {
      if (args.length > 1 || (args.length === 1 && !["SYNC", "ASYNC"].includes(word(args[0])))) {
        done(SYNTAX_ERROR);
        return;
      }
      const { node } = session.server;
      onEveryShard(node, node.shards(), ".flush", [], {}, (replies) => {
        const failed = replies.filter((reply) => reply instanceof Failure);
        if (failed.length === 0) done(OK);
        else if (failed.length === replies.length) done(failed[0]!);
        else
          done(
            new Failure(
              `${failed[0]!.message} (in ${failed.length} of ${replies.length} shards; the others are empty now)`,
            ),
          );
      });
    },
  };
}

/** KEYS: one shard after the other, page by page, so that no shard is held up and a limit ends it early. */
class Listing {
  readonly #session: Session;
  readonly #pattern: Uint8Array;
  readonly #done: Done;
  readonly #shards: readonly ShardInfo[];
  readonly #keys: Reply[] = [];
  #shard = 0;
  #from: Uint8Array = NOTHING;
  /** A page came while the call that asked for it was still running: the loop goes on, instead of nesting. */
  #asking = false;
  #came = false;

  constructor(session: Session, pattern: Uint8Array, done: Done) {
    this.#session = session;
    this.#pattern = pattern;
    this.#done = done;
    this.#shards = readableShards(session);
  }

  start(): void {
    this.#asking = true;
    do {
      this.#came = false;
      this.#ask();
    } while (this.#came);
    this.#asking = false;
  }

  #ask(): void {
    const shard = this.#shards[this.#shard];
    if (shard === undefined) {
      this.#done(this.#keys);
      return;
    }
    const query = { from: this.#from, count: KEYS_PER_PAGE, match: this.#pattern, type: NOTHING };
    readPage(this.#session.server.node, shard.group, query, callOptionsOf(this.#session), (page) => {
      const failure = page instanceof Failure ? page : this.#take(page);
      if (failure !== null) this.#done(failure);
      else if (this.#asking) this.#came = true;
      else this.start();
    });
  }

  #take(page: Page): Failure | null {
    const { maxListedKeys } = this.#session.server.options;
    for (const key of page.elements) this.#keys.push(key);
    if (this.#keys.length > maxListedKeys)
      return new Failure(`ERR more than ${maxListedKeys} keys match: use SCAN`);
    if (page.next === null) this.#shard++;
    this.#from = page.next ?? NOTHING;
    return null;
  }
}
