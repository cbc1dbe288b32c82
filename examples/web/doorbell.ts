/** Rings when something under a key may have changed, in whichever keyspace. What it is has to be looked at. */
import { setTimeout as sleep } from "node:timers/promises";
import { type Change, KvorumError } from "kvorum/client";

export interface Watchable {
  watch(options: { readonly signal: AbortSignal }): AsyncIterable<Change<unknown>> & {
    started(): Promise<string>;
  };
}

type Listener = () => void;

/** Changes that come closer together ring once. */
const QUIET_MS = 100;

/** One watch of each keyspace, however many listen. */
export class Doorbell {
  readonly #stop = new AbortController();
  readonly #listeners = new Map<string, Set<Listener>>();

  constructor(keyspaces: readonly Watchable[]) {
    for (const keyspace of keyspaces) void this.#watch(keyspace);
  }

  /** Rings at once, and whenever one of the keys has changed since, until the signal is aborted. */
  async *rings(keys: readonly string[], signal: AbortSignal): AsyncGenerator<void, void, undefined> {
    let rung = true;
    let wake: Listener = () => undefined;
    const ring = (): void => {
      rung = true;
      wake();
    };
    for (const key of keys) this.#listeners.set(key, (this.#listeners.get(key) ?? new Set()).add(ring));
    signal.addEventListener("abort", ring, { once: true });
    try {
      while (!signal.aborted) {
        if (!rung) await new Promise<void>((resolve) => void (wake = resolve));
        rung = false;
        if (signal.aborted) return;
        yield;
        await sleep(QUIET_MS);
      }
    } finally {
      signal.removeEventListener("abort", ring);
      for (const key of keys) this.#forget(key, ring);
    }
  }

  /** Before the client is closed. */
  close(): void {
    this.#stop.abort();
  }

  async #watch(keyspace: Watchable): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        const watch = keyspace.watch({ signal });
        await watch.started();
        // Whatever was changed before it has started is not told.
        this.#ringAll();
        for await (const change of watch) {
          if (change.kind === "flush") this.#ringAll();
          else this.#ring(change.key);
        }
      } catch (error) {
        if (signal.aborted) return;
        // `compacted`: too slow to hear of every change. Nothing is lost, since a ring only asks to look.
        if (!(error instanceof KvorumError && error.code === "compacted")) throw error;
      }
    }
  }

  #forget(key: string, listener: Listener): void {
    const listeners = this.#listeners.get(key);
    listeners?.delete(listener);
    if (listeners?.size === 0) this.#listeners.delete(key);
  }

  #ring(key: string): void {
    for (const listener of this.#listeners.get(key) ?? []) listener();
  }

  #ringAll(): void {
    for (const key of this.#listeners.keys()) this.#ring(key);
  }
}
