/**
 * The watches of one attached client. Each has at most one page of events on its way: the next one follows when the client
 * asks for more, so that a slow client costs no memory, and holds up neither its other watches nor its requests.
 *
 * ```
 *   watch ──▶ watch-start ──▶ watch-events ──▶ (watch-more) ──▶ watch-events … ──▶ watch-end
 * ```
 */
import { ERRORS, type ErrorCode } from "../../core/errors.ts";
import type { KvorumNode, WatchHandle } from "../../node/api.ts";
import type { ClientMessage, NodeMessage } from "../../wire/messages.ts";

type WatchRequest = Extract<ClientMessage, { readonly type: "watch" }>;

export interface AttachedWatchesHost {
  readonly node: KvorumNode;
  send(message: NodeMessage): void;
  /** Whether the client may read this keyspace now. */
  mayRead(keyspace: string): boolean;
}

/** Of one client at a time. */
const MOST_WATCHES = 512;
/** Where nothing matches, the client hears of progress in such steps: it never falls behind by more. */
const QUIET_REVISIONS = 500;

export class AttachedWatches {
  readonly #host: AttachedWatchesHost;
  readonly #handles = new Map<number, WatchHandle>();

  constructor(host: AttachedWatchesHost) {
    this.#host = host;
  }

  /** A number that is in use goes over to the new watch. */
  open({ number, group, from, prefix }: WatchRequest): void {
    const { node } = this.#host;
    this.close(number);
    const keyspace = node.shards().find((shard) => shard.group === group)?.keyspace;
    if (keyspace === undefined) {
      this.#end(number, "unknown-keyspace", `There is no group ${group}.`, from);
      return;
    }
    if (!this.#host.mayRead(keyspace)) {
      this.#end(number, "forbidden", "", from);
      return;
    }
    if (this.#handles.size >= MOST_WATCHES) {
      this.#end(number, "overloaded", `A connection has at most ${MOST_WATCHES} watches.`, from);
      return;
    }
    let told = from ?? 0;
    const handle = node.watch(group, from === null ? { prefix } : { prefix, from }, {
      onStart: (revision) => {
        told = revision;
        this.#host.send({ type: "watch-start", number, revision });
      },
      onEvents: (events, upTo) => {
        if (!this.#host.mayRead(keyspace)) {
          this.close(number);
          this.#end(number, "forbidden", "", told);
          return;
        }
        if (events.length === 0 && upTo - told < QUIET_REVISIONS) return;
        told = upTo;
        handle.pause();
        this.#host.send({ type: "watch-events", number, upTo, events });
      },
      onEnd: (error, detail, resumeFrom) => {
        this.#handles.delete(number);
        this.#end(number, error, detail, resumeFrom);
      },
    });
    this.#handles.set(number, handle);
  }

  more(number: number): void {
    this.#handles.get(number)?.resume();
  }

  close(number: number): void {
    this.#handles.get(number)?.close();
    this.#handles.delete(number);
  }

  /** Tells the client why. */
  endAll(code: ErrorCode): void {
    const numbers = [...this.#handles.keys()];
    this.closeAll();
    for (const number of numbers) this.#end(number, code, "", null);
  }

  closeAll(): void {
    for (const handle of this.#handles.values()) handle.close();
    this.#handles.clear();
  }

  #end(number: number, code: ErrorCode, detail: string, resumeFrom: number | null): void {
    const text = detail === "" ? ERRORS[code].sentence : detail;
    this.#host.send({ type: "watch-end", number, code, detail: text, resumeFrom });
  }
}
