/** The nodes' own watches (`src/node/watches.ts`) on fake nodes that crash: what they have told and is on its way is lost then. */
import type { GroupId, NodeId } from "../../core/ids.ts";
import type { Reply } from "../../core/reply.ts";
import type { History } from "../../data/history.ts";
import type { WatchHandle, WatchListener, WatchOptions } from "../../node/api.ts";
import { Watches } from "../../node/watches.ts";
import type { Scheduler } from "../../sim/scheduler.ts";
import type { SimulatedRandom } from "../../sim/simulated-random.ts";
import { word } from "../calls/operation.ts";
import type { ClientCommand } from "../transport.ts";

interface WatchableShard {
  readonly history: History;
  read(command: ClientCommand): Reply;
}

interface Node {
  watches: Watches;
  up: boolean;
  /** Told when the node crashes. */
  readonly open: Set<() => void>;
}

export class FakeWatches {
  /** Every watch that was asked for, in order. */
  readonly asked: { readonly node: NodeId; readonly group: GroupId; readonly from: number | undefined }[] =
    [];
  /** Events that were handed to clients. */
  told = 0;
  /** Handles that are neither closed nor ended. */
  open = 0;
  readonly #nodes: ReadonlyMap<NodeId, Node>;
  readonly #scheduler: Scheduler;
  readonly #random: SimulatedRandom;
  readonly #shard: (group: GroupId) => WatchableShard | undefined;

  constructor(
    nodes: readonly NodeId[],
    scheduler: Scheduler,
    random: SimulatedRandom,
    shard: (group: GroupId) => WatchableShard | undefined,
  ) {
    this.#scheduler = scheduler;
    this.#random = random;
    this.#shard = shard;
    this.#nodes = new Map(
      nodes.map((node) => [node, { watches: this.#fresh(), up: true, open: new Set<() => void>() }]),
    );
  }

  #fresh(): Watches {
    const scheduler = this.#scheduler;
    return new Watches({
      clock: {
        now: () => scheduler.now(),
        wall: () => scheduler.now(),
        setTimer: (delay, fire) => scheduler.after(delay, fire),
        defer: (task) => void scheduler.after(0, task),
      },
      limit: 1_000,
      refuses: () => null,
      exists: (group) => this.#shard(group) !== undefined,
      history: (group) => this.#shard(group)?.history ?? null,
      ask: (group, after, prefix, done) => {
        const reply = this.#shard(group)!.read({ name: ".changes", args: [word(after), prefix] });
        scheduler.after(3, () => done(reply));
      },
    });
  }

  onChanges(group: GroupId): void {
    for (const { watches, up } of this.#nodes.values()) if (up) watches.onChanges(group);
  }

  crash(node: NodeId): void {
    const crashed = this.#nodes.get(node)!;
    crashed.up = false;
    crashed.watches = this.#fresh();
    for (const end of crashed.open) end();
    crashed.open.clear();
  }

  restart(node: NodeId): void {
    this.#nodes.get(node)!.up = true;
  }

  watch(id: NodeId, group: GroupId, options: WatchOptions, listener: WatchListener): WatchHandle {
    this.asked.push({ node: id, group, from: options.from });
    this.open++;
    const node = this.#nodes.get(id)!;
    let handle: WatchHandle | null = null;
    let isOver = false;
    let lastAt = 0;
    /** In order, and a little later each. */
    const later = (task: () => void): void => {
      lastAt = Math.max(lastAt, this.#scheduler.now() + this.#random.between(0.2, 5));
      this.#scheduler.at(lastAt, () => {
        if (!isOver) task();
      });
    };
    const close = (): void => {
      if (isOver) return;
      isOver = true;
      this.open--;
      node.open.delete(onCrash);
      handle?.close();
    };
    const end = (...ended: Parameters<WatchListener["onEnd"]>): void => {
      close();
      listener.onEnd(...ended);
    };
    const onCrash = (): void => {
      // Nothing of what is on its way arrives.
      later(() => undefined);
      isOver = true;
      this.open--;
      this.#scheduler.after(1, () => listener.onEnd("unreachable", "", null));
    };
    if (!node.up) {
      later(() => end("unreachable", "", null));
    } else {
      node.open.add(onCrash);
      handle = node.watches.watch(group, options, {
        onStart: (revision) => later(() => listener.onStart(revision)),
        onEvents: (events, upTo) =>
          later(() => {
            this.told += events.length;
            listener.onEvents(events, upTo);
          }),
        onEnd: (error, detail, resumeFrom) => later(() => end(error, detail, resumeFrom)),
      });
    }
    return { pause: () => handle?.pause(), resume: () => handle?.resume(), close };
  }
}
