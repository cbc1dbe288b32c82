/**
 * Watches one shard, through one node as long as it answers, then through another, from where the last one stopped.
 *
 * ```
 *             a node is chosen             it begins
 *   pausing ──────────────────▶ asking ─────────────▶ following
 *      ▲                          │                       │
 *      └────── the node ended it, for a reason that passes ┘        compacted, forbidden, … : failed
 * ```
 */
import { ERRORS, type ErrorCode, KvorumError } from "../../core/errors.ts";
import type { NodeId } from "../../core/ids.ts";
import type { TimerHandle } from "../../core/world.ts";
import type { ShardInfo, WatchEvent, WatchHandle } from "../../node/api.ts";
import type { ClientDriver } from "../driver.ts";
import { type Backoff, pauseAfter } from "../machine/backoff.ts";
import { mayPass } from "../machine/outcome.ts";

export interface ShardWatchListener {
  /** It begins after `position`; told once, also where it is what was asked for. */
  onStart(): void;
  /** In order, each once. Afterwards `position` is theirs. */
  onEvents(events: readonly WatchEvent[]): void;
  /** The last call. `resumeFrom` with `compacted`: where events are still remembered. */
  onFailed(error: KvorumError, resumeFrom: number | null): void;
}

const BACKOFF: Backoff = { base: 50, cap: 2_000 };

export class ShardWatch {
  readonly #driver: ClientDriver;
  readonly #shard: ShardInfo;
  readonly #prefix: Uint8Array;
  readonly #listener: ShardWatchListener;
  #position: number | null;
  #started = false;
  #paused = false;
  #handle: WatchHandle | null = null;
  #timer: TimerHandle | null = null;
  #failures = 0;
  #avoid: NodeId | null = null;
  /** Grows with every attempt: what an earlier one still says is not heard. */
  #attempt = 0;

  /** `from`: null for the present. */
  constructor(
    driver: ClientDriver,
    shard: ShardInfo,
    prefix: Uint8Array,
    from: number | null,
    listener: ShardWatchListener,
  ) {
    this.#driver = driver;
    this.#shard = shard;
    this.#prefix = prefix;
    this.#position = from;
    this.#listener = listener;
  }

  /** Everything up to there has been told; null before it has started. */
  get position(): number | null {
    return this.#position;
  }

  start(): void {
    const node = this.#choose();
    if (node === null) {
      this.#again();
      return;
    }
    const attempt = ++this.#attempt;
    const isCurrent = (): boolean => attempt === this.#attempt;
    const from = this.#position;
    this.#handle = this.#driver.watch(
      node,
      this.#shard.group,
      { prefix: this.#prefix, ...(from === null ? {} : { from }) },
      {
        onStart: (revision) => {
          if (isCurrent()) this.#onStart(revision);
        },
        onEvents: (events, upTo) => {
          if (isCurrent()) this.#onEvents(events, upTo);
        },
        onEnd: (error, detail, resumeFrom) => {
          if (isCurrent()) this.#onEnd(node, error, detail, resumeFrom);
        },
      },
    );
    if (this.#paused) this.#handle.pause();
  }

  /** What is on its way may still be told. */
  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#handle?.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#handle?.resume();
  }

  /** The listener is not called any more. */
  close(): void {
    this.#attempt++;
    this.#timer?.cancel();
    this.#handle?.close();
    this.#handle = null;
  }

  /** A replica, if there is one that did not just fail: it tells without asking others. */
  #choose(): NodeId | null {
    const { topology, random } = this.#driver;
    const current = topology?.keyspaces
      .flatMap(({ shardList }) => shardList)
      .find(({ group }) => group === this.#shard.group);
    const others = (nodes: readonly NodeId[]): NodeId[] => nodes.filter((node) => node !== this.#avoid);
    const nodes = topology?.nodes ?? [];
    const choices = [others(current?.replicas ?? []), others(nodes), nodes].find(({ length }) => length > 0);
    return choices?.[Math.floor(random.next() * choices.length)] ?? null;
  }

  #onStart(revision: number): void {
    this.#failures = 0;
    this.#position ??= revision;
    if (this.#started) return;
    this.#started = true;
    this.#listener.onStart();
  }

  #onEvents(events: readonly WatchEvent[], upTo: number): void {
    this.#failures = 0;
    const from = this.#position!;
    const fresh = events.filter(({ revision }) => revision > from);
    this.#position = Math.max(from, upTo);
    if (fresh.length > 0) this.#listener.onEvents(fresh);
  }

  #onEnd(node: NodeId, code: ErrorCode, detail: string, resumeFrom: number | null): void {
    this.#handle = null;
    if (ERRORS[code].definite && !mayPass(code)) {
      this.#attempt++;
      this.#listener.onFailed(new KvorumError(code, detail === "" ? undefined : detail), resumeFrom);
      return;
    }
    this.#avoid = node;
    this.#driver.refresh();
    this.#again();
  }

  #again(): void {
    this.#failures++;
    const { clock, random } = this.#driver;
    this.#timer = clock.setTimer(pauseAfter(this.#failures, BACKOFF, random.next()), () => this.start());
  }
}
