/** Watching the keys of a keyspace: server-sent events, resumable at every node (WHATWG HTML, "Server-sent events"). */
import type { ServerResponse } from "node:http";
import { z } from "zod";
import { ERRORS, type ErrorCode } from "../../../core/errors.ts";
import type { GroupId } from "../../../core/ids.ts";
import type { KeyspaceInfo, KvorumNode, WatchEvent, WatchHandle } from "../../../node/api.ts";
import { errorAnswer } from "../errors.ts";
import { type HttpProblem, problem } from "../problems.ts";
import type { Addressing } from "./address.ts";
import { malformed } from "./calls.ts";
import { bytesOut, jsonOf } from "./inputs.ts";
import { formatPositions, parsePositions, type Positions } from "./positions.ts";
import { check, type RouteInfo } from "./route.ts";

/** Comments so often keep proxies from closing a quiet stream, and find out who has gone. */
const HEARTBEAT_MS = 10_000;
/** How soon a browser comes back after the stream has ended. */
const RETRY_MS = 1000;
/** The stream begins within this time, or with an error. */
const START_LIMIT_MS = 10_000;

const query = z.strictObject({
  prefix: z.string().default("").meta({ description: "Only keys that begin with it." }),
  from: z.string().optional().meta({
    description:
      "The id of an event: goes on after it. Default: from now on. `Last-Event-ID` goes before it.",
  }),
});

const change = z.union([
  z.strictObject({
    kind: z.literal("set"),
    key: bytesOut,
    value: bytesOut.nullable().meta({
      description: "Of values and counters up to 64 KiB; null: a set, a map or a larger value, to be read.",
    }),
  }),
  z.strictObject({ kind: z.enum(["delete", "expire"]), key: bytesOut }),
  z.strictObject({ kind: z.literal("flush") }),
]);

const changeEvent = z.strictObject({
  shard: z.int(),
  revision: z.int().meta({ description: "Grows within a shard." }),
  changes: z.array(change).meta({ description: "What one operation or batch changed, each key once." }),
});

export const watchRoute: RouteInfo = {
  method: "GET",
  path: "/watch",
  id: "watch",
  group: "Watching",
  summary: "Follow the changes of all keys, or of those with a prefix",
  description:
    "Server-sent events. `change`: what one operation changed, in the order of each shard, without a gap or a duplicate " +
    "after a resumption with `Last-Event-ID` at any node. `compacted`: changes of a shard were missed, because the caller " +
    "was away or too slow for too long; read what matters again, the stream goes on. `end`: why it ends. Events of other " +
    "names and comments are to be passed over.",
  query,
  headers: ["last-event-id"],
  body: "none",
  answers: {
    200: {
      description: "The stream; the data of its `change` events.",
      schema: changeEvent,
      type: "text/event-stream",
    },
  },
};

export interface WatchRequest {
  readonly node: KvorumNode;
  readonly keyspace: KeyspaceInfo;
  readonly addressing: Addressing;
  readonly query: unknown;
  readonly lastEventId: string | undefined;
}

/** Answers once every shard is being watched; throws an `HttpProblem` where that cannot be. */
export function openWatch(request: WatchRequest): Promise<WatchStream> {
  const { prefix, from } = check(query, request.query, "the query");
  const resumed = request.lastEventId ?? from;
  const positions = resumed === undefined || resumed === "" ? null : parsePositions(resumed);
  if (resumed !== undefined && resumed !== "" && positions === null)
    throw malformed("from", `"${resumed.slice(0, 40)}" is not the id of an event`);
  return new Promise((resolve, reject) => {
    const stream = new WatchStream(request, prefix, positions, (failure) => {
      clearTimeout(timer);
      if (failure === null) resolve(stream);
      else reject(failure);
    });
    const timer = setTimeout(() => stream.giveUp(), START_LIMIT_MS);
  });
}

interface Shard {
  readonly number: number;
  readonly group: GroupId;
  handle: WatchHandle;
  started: boolean;
}

export class WatchStream {
  readonly #request: WatchRequest;
  readonly #prefix: Uint8Array;
  readonly #shards: Shard[] = [];
  readonly #positions = new Map<GroupId, number>();
  #response: ServerResponse | null = null;
  /** Blocks that came before the response was there. */
  #early: string[] = [];
  #opened: ((failure: HttpProblem | null) => void) | null;
  #heartbeat: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(
    request: WatchRequest,
    prefix: string,
    from: Positions | null,
    opened: (failure: HttpProblem | null) => void,
  ) {
    this.#request = request;
    this.#prefix = request.addressing.insidePrefix(Buffer.from(prefix));
    this.#opened = opened;
    const { shardList } = request.keyspace;
    for (const { shard: number, group } of shardList) {
      const after = from?.get(group);
      // The position is of another keyspace of this name, or of before its shards were these.
      if (from !== null && after === undefined) this.#tellCompacted(number, "There are other shards now.");
      this.#watch(number, group, after);
    }
  }

  /** Some shard does not answer. */
  giveUp(): void {
    this.#fail("timeout", "Not every shard could be watched in time.");
  }

  /** From now on, events go there; bounded by pausing the watches while it takes no more. */
  pipe(response: ServerResponse): void {
    if (this.#closed) {
      response.end();
      return;
    }
    this.#response = response;
    response.on("close", () => this.close());
    response.on("drain", () => this.#resume());
    this.#heartbeat = setInterval(() => this.#beat(), HEARTBEAT_MS);
    const early = this.#early;
    this.#early = [];
    const start = block("start", this.#id, { shards: this.#shards.length });
    this.#write([`retry: ${RETRY_MS}\n\n`, start, ...early].join(""));
    this.#resume();
  }

  /** The stream ends; `code` tells the reader why. */
  end(code: ErrorCode, detail: string): void {
    if (this.#closed) return;
    this.#write(block("end", this.#id, errorAnswer(code, sentenceOf(code, detail)).body.error));
    this.close();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#heartbeat !== null) clearInterval(this.#heartbeat);
    for (const { handle } of this.#shards) handle.close();
    this.#response?.end();
  }

  #watch(number: number, group: GroupId, from: number | undefined): void {
    const options = { prefix: this.#prefix, ...(from === undefined ? {} : { from }) };
    const handle = this.#request.node.watch(group, options, {
      onStart: (revision) => {
        this.#positions.set(group, revision);
        shard.started = true;
        // Nothing is told before there is somebody to tell.
        if (this.#response === null) shard.handle.pause();
        this.#checkOpened();
      },
      onEvents: (events, upTo) => {
        for (const event of events) this.#tell(shard, event);
        this.#positions.set(group, upTo);
      },
      onEnd: (error, detail, resumeFrom) => {
        if (error === "compacted" && resumeFrom !== null) {
          this.#positions.set(group, resumeFrom);
          this.#tellCompacted(number, detail);
          this.#shards.splice(this.#shards.indexOf(shard), 1);
          if (!this.#closed) this.#watch(number, group, resumeFrom);
        } else this.#fail(error, detail);
      },
    });
    const shard: Shard = { number, group, handle, started: false };
    this.#shards.push(shard);
    if (this.#response?.writableNeedDrain === true) handle.pause();
  }

  #checkOpened(): void {
    if (this.#opened === null || !this.#shards.every(({ started }) => started)) return;
    this.#opened(null);
    this.#opened = null;
  }

  #fail(code: ErrorCode, detail: string): void {
    if (this.#opened === null) {
      this.end(code, detail);
      return;
    }
    this.#opened(problem(code, sentenceOf(code, detail)));
    this.#opened = null;
    this.close();
  }

  #tell({ number, group }: Shard, { revision, changes }: WatchEvent): void {
    const { addressing } = this.#request;
    const told = [];
    for (const each of changes) {
      if (each.kind === "flush") {
        told.push(each);
        continue;
      }
      const key = addressing.outside(each.key);
      if (key === null) continue;
      const value = each.kind === "set" ? { value: each.value === null ? null : jsonOf(each.value) } : {};
      told.push({ kind: each.kind, key: jsonOf(key), ...value });
    }
    this.#positions.set(group, revision);
    if (told.length > 0) this.#write(block("change", this.#id, { shard: number, revision, changes: told }));
  }

  #tellCompacted(number: number, detail: string): void {
    const { error } = errorAnswer("compacted", sentenceOf("compacted", detail)).body;
    const hint = "Read again what matters; this stream goes on, and misses nothing from here.";
    this.#write(block("compacted", null, { ...error, hint, shard: number }));
  }

  /** The position goes on also where nothing under the prefix changes. */
  #beat(): void {
    this.#write(`: heartbeat\nid: ${this.#id}\n\n`);
  }

  #write(text: string): void {
    if (this.#closed) return;
    if (this.#response === null) this.#early.push(text);
    else if (!this.#response.write(text)) for (const { handle } of this.#shards) handle.pause();
  }

  #resume(): void {
    if (this.#response?.writableNeedDrain === true) return;
    for (const { handle } of this.#shards) handle.resume();
  }

  get #id(): string {
    return formatPositions(this.#positions);
  }
}

function sentenceOf(code: ErrorCode, detail: string): string {
  return detail === "" ? ERRORS[code].sentence : `${ERRORS[code].sentence} ${detail}`;
}

/** Without an id, the reader's position stays what it was. */
function block(event: string, id: string | null, data: unknown): string {
  return `event: ${event}\n${id === null ? "" : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`;
}
