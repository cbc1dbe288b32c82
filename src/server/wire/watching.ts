/** The watches of one attached client: nothing is told while its socket is full, or while it has paused the watch itself. */
import type { ErrorCode } from "../../core/errors.ts";
import type { KvorumNode, WatchHandle } from "../../node/api.ts";
import type { ClientMessage, NodeMessage } from "../../wire/messages.ts";
import type { Access } from "../security/access.ts";

export interface WatchingHost {
  readonly node: KvorumNode;
  /** What the client may do now; null: its login is no longer valid. */
  access(): Access | null;
  send(message: NodeMessage): void;
}

interface Watching {
  readonly handle: WatchHandle;
  pausedByClient: boolean;
}

type WatchMessage = Extract<ClientMessage, { type: "watch" }>;

export class ClientWatches {
  readonly #host: WatchingHost;
  readonly #watches = new Map<number, Watching>();
  #full = false;

  constructor(host: WatchingHost) {
    this.#host = host;
  }

  /** A number that is in use already is refused with `bad-request`, and the older watch goes on. */
  watch({ id, group, from, prefix }: WatchMessage): void {
    const { node, send } = this.#host;
    const keyspace = node.shards().find((shard) => shard.group === group)?.keyspace;
    const refusal = this.#refusal(keyspace);
    if (refusal !== null || this.#watches.has(id)) {
      const error = refusal ?? "bad-request";
      send({ type: "watch-end", id, error, detail: "", resumeFrom: from });
      return;
    }
    const handle = node.watch(
      group,
      { prefix, ...(from === null ? {} : { from }) },
      {
        onStart: (revision) => send({ type: "watch-start", id, revision }),
        onEvents: (events, upTo) => {
          // Roles may be taken away while a watch is on.
          const lost = this.#refusal(keyspace);
          if (lost === null) send({ type: "watch-events", id, upTo, events });
          else {
            this.unwatch(id);
            send({ type: "watch-end", id, error: lost, detail: "", resumeFrom: null });
          }
        },
        onEnd: (error, detail, resumeFrom) => {
          this.#watches.delete(id);
          send({ type: "watch-end", id, error, detail, resumeFrom });
        },
      },
    );
    this.#watches.set(id, { handle, pausedByClient: false });
    if (this.#full) handle.pause();
  }

  unwatch(id: number): void {
    this.#watches.get(id)?.handle.close();
    this.#watches.delete(id);
  }

  pause(id: number): void {
    const watching = this.#watches.get(id);
    if (watching === undefined) return;
    watching.pausedByClient = true;
    watching.handle.pause();
  }

  resume(id: number): void {
    const watching = this.#watches.get(id);
    if (watching === undefined) return;
    watching.pausedByClient = false;
    if (!this.#full) watching.handle.resume();
  }

  /** Whether more is waiting to be sent to the client than should be. */
  setFull(full: boolean): void {
    if (full === this.#full) return;
    this.#full = full;
    for (const { handle, pausedByClient } of this.#watches.values()) {
      if (full) handle.pause();
      else if (!pausedByClient) handle.resume();
    }
  }

  closeAll(): void {
    for (const { handle } of this.#watches.values()) handle.close();
    this.#watches.clear();
  }

  #refusal(keyspace: string | undefined): ErrorCode | null {
    const access = this.#host.access();
    if (access === null) return "unauthenticated";
    if (keyspace === undefined) return access.everywhere("read") ? "unknown-keyspace" : "forbidden";
    return access.in(keyspace, "read") ? null : "forbidden";
  }
}
