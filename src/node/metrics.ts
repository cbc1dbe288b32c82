/** What a node counts, put together when somebody asks: its own numbers, and those of its replicas. */
import type { NodeId } from "../core/ids.ts";
import type { MergingCounts } from "../core/merging.ts";
import type { MembershipInfo, NodeMetrics } from "./api.ts";
import { membershipMetrics } from "./members.ts";
import type { MergingReplica } from "./merging-replica.ts";
import type { Replica } from "./replica.ts";

interface MetricsParts {
  /** 0 while the node has no id, and no replicas either. */
  readonly self: NodeId;
  /** Counted by the node itself; each only grows. */
  readonly counters: Readonly<Record<string, number>>;
  readonly gauges: Readonly<Record<string, number>>;
  readonly membership: MembershipInfo;
  readonly replicas: readonly Replica[];
  /** Of the merging replicas that this node has deleted: a counter never goes back. */
  readonly gone: MergingTotals;
}

/** Of merging replicas: the sums of what they have counted. */
export class MergingTotals {
  readonly #sums = new Map<keyof MergingCounts | "behind", number>();

  add(replica: MergingReplica): void {
    for (const [name, count] of Object.entries(replica.machine.counts) as [keyof MergingCounts, number][])
      this.#add(name, count);
    this.#add("behind", replica.readsBehind);
  }

  of(name: keyof MergingCounts | "behind"): number {
    return this.#sums.get(name) ?? 0;
  }

  #add(name: keyof MergingCounts | "behind", count: number): void {
    this.#sums.set(name, this.of(name) + count);
  }
}

export function describeMetrics({
  self,
  counters,
  gauges,
  membership,
  replicas,
  gone,
}: MetricsParts): NodeMetrics {
  const members = membershipMetrics(membership);
  const merging = describeMerging(self, replicas, gone);
  return {
    counters: { ...members.counters, ...counters, ...merging.counters },
    gauges: {
      ...members.gauges,
      ...gauges,
      replicas: replicas.length,
      replicas_leading: replicas.filter((replica) => replica.kind === "ordered" && replica.isLeader).length,
      replicas_failed: replicas.filter((replica) => replica.failure !== null).length,
      ...merging.gauges,
    },
  };
}

/** docs/HTTP.md says what each means. */
function describeMerging(self: NodeId, replicas: readonly Replica[], gone: MergingTotals): NodeMetrics {
  const merging = replicas.filter((replica) => replica.kind === "merging");
  const now = new MergingTotals();
  for (const replica of merging) now.add(replica);
  const total = (name: Parameters<MergingTotals["of"]>[0]): number => now.of(name) + gone.of(name);
  return {
    counters: {
      rumor_deltas_total: total("deltasByRumor"),
      exchanges_done_total: total("exchangesDone"),
      exchanges_failed_total: total("exchangesFailed"),
      exchange_leaves_total: total("leavesReceived"),
      exchange_bytes_total: total("leafBytesReceived"),
      hints_refused_total: total("hintsRefused"),
      handovers_total: total("handoversDone"),
      read_repairs_total: total("readRepairs"),
      writes_without_quorum_total: total("writesWithoutQuorum"),
      deltas_refused_total: total("deltasRefused"),
      reads_behind_total: total("behind"),
    },
    gauges: {
      replicas_merging: merging.length,
      replicas_ready: merging.filter((replica) => replica.isReady).length,
      replicas_standing_in: merging.filter(({ members }) => !members.holders.includes(self)).length,
      rumors_hot: now.of("hotRumors"),
      hint_bytes: now.of("hintBytes"),
    },
  };
}
