/**
 * Watchers of a keyspace that wander: each follows every shard, leaves its node now and then or loses it, and goes on at
 * another one from the last revision that it was told.
 */
import { binaryBytes, binaryString } from "../core/bytes.ts";
import type { GroupId } from "../core/ids.ts";
import type { WatchHandle } from "../node/api.ts";
import type { Stream, ToldChange } from "./checkers/watches.ts";
import type { SimulatedClock } from "./simulated-clock.ts";
import type { SimulatedCluster } from "./simulated-cluster.ts";
import type { SimulatedRandom } from "./simulated-random.ts";

const SHORTEST_STAY_MS = 50;
const LONGEST_STAY_MS = 3000;
/** How soon another node is tried. */
const RETRY_MS = 40;
/** A part of the stays begins with a pause: what came meanwhile is told afterwards, or forgotten. */
const PAUSES = 0.2;

export class Watchers {
  readonly #followers: Follower[] = [];

  /** `prefixes`: one watcher for each. */
  constructor(cluster: SimulatedCluster, groups: readonly GroupId[], prefixes: readonly string[]) {
    const random = cluster.random.fork("watchers");
    for (const [i, prefix] of prefixes.entries())
      for (const group of groups)
        this.#followers.push(
          new Follower(cluster, random.fork(`${i}/${group}`), `watcher ${i}`, group, prefix),
        );
  }

  start(): void {
    for (const follower of this.#followers) follower.go();
  }

  /** From now on everybody stays where it can. */
  settle(): void {
    for (const follower of this.#followers) follower.settle();
  }

  get streams(): readonly Stream[] {
    return this.#followers;
  }
}

class Follower implements Stream {
  readonly name: string;
  readonly group: GroupId;
  readonly prefix: string;
  readonly told: ToldChange[] = [];
  readonly gaps: { readonly after: number; readonly upTo: number }[] = [];
  at = 0;
  readonly #cluster: SimulatedCluster;
  readonly #random: SimulatedRandom;
  /** Counts the nodes that it was at; what an earlier one still says is not heard. */
  #visit = 0;
  #wandering = true;
  #leave: () => void = () => undefined;

  constructor(
    cluster: SimulatedCluster,
    random: SimulatedRandom,
    name: string,
    group: GroupId,
    prefix: string,
  ) {
    this.#cluster = cluster;
    this.#random = random;
    this.name = `${name} of group ${group}`;
    this.group = group;
    this.prefix = prefix;
  }

  /** To some node, and on to another one after a while. */
  go(): void {
    this.#leave();
    this.#leave = () => undefined;
    const visit = ++this.#visit;
    const { hosts } = this.#cluster;
    const { node, clock } = this.#random.pick(hosts);
    const stay = this.#random.between(SHORTEST_STAY_MS, LONGEST_STAY_MS);
    const pauses = this.#random.chance(PAUSES);
    if (node === null || clock === null) {
      this.#after(RETRY_MS, visit);
      return;
    }
    clock.deliver(() => {
      if (visit !== this.#visit) return;
      const handle = node.watch(
        this.group,
        { from: this.at, prefix: binaryBytes(this.prefix) },
        {
          onStart: () => undefined,
          onEvents: (events, upTo) => {
            if (visit !== this.#visit || clock.killed) return;
            for (const { revision, changes } of events)
              for (const change of changes)
                this.told.push({
                  revision,
                  kind: change.kind,
                  key: change.kind === "flush" ? "" : binaryString(change.key),
                  value: change.kind === "set" && change.value !== null ? binaryString(change.value) : null,
                });
            this.at = upTo;
          },
          onEnd: (error, _detail, resumeFrom) => {
            if (visit !== this.#visit || clock.killed) return;
            if (error === "compacted" && resumeFrom !== null) {
              this.gaps.push({ after: this.at, upTo: resumeFrom });
              this.at = resumeFrom;
            }
            this.#after(RETRY_MS, visit);
          },
        },
      );
      if (pauses && this.#wandering) {
        handle.pause();
        this.#cluster.scheduler.after(stay / 2, () => clock.deliver(() => handle.resume()));
      }
      this.#leave = leaving(clock, handle);
    });
    if (this.#wandering) this.#after(stay, visit);
    // A node that hangs or dies says nothing: without wandering, too, it is left.
    else this.#after(LONGEST_STAY_MS, visit);
  }

  settle(): void {
    this.#wandering = false;
    this.go();
  }

  #after(delay: number, visit: number): void {
    this.#cluster.scheduler.after(delay, () => {
      if (visit === this.#visit) this.go();
    });
  }
}

const leaving = (clock: SimulatedClock, handle: WatchHandle) => () => clock.deliver(() => handle.close());
