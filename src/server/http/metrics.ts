/** `/metrics` in Prometheus' text format. Nothing is counted here: the node's own numbers are read when somebody asks. */
import { collectDefaultMetrics, Counter, Gauge, Registry } from "prom-client";
import type { KvorumNode } from "../../node/api.ts";

const PREFIX = "kvorum_";

interface MetricConfiguration {
  readonly name: string;
  readonly help: string;
  readonly registers: Registry[];
}

export interface MetricsPage {
  readonly contentType: string;
  render(): Promise<string>;
}

/** A registry of its own, so that an embedding application's metrics stay apart. */
export function metricsPage(node: KvorumNode): MetricsPage {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: PREFIX });

  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Gauge({ name: PREFIX + name, help, labelNames, registers: [registry] });
  const build = gauge("build_info", "Always 1; the version is a label.", ["version"]);
  const ready = gauge("ready", "1 once the node serves requests.");
  const uptime = gauge("uptime_seconds", "Since the process started serving.");
  const loopLag = gauge("loop_lag_seconds", "How late the event loop runs, as the node itself measures it.");
  const storageHealthy = gauge("storage_healthy", "0 after a disk error that is final for this process.");
  const logBytes = gauge("log_bytes", "Bytes of the write-ahead log on disk.");
  const overlayBytes = gauge(
    "overlay_bytes",
    "Applied records in memory that are not yet in the state store.",
  );
  const nodesUp = gauge("nodes_up", "Nodes of the cluster this node is connected to, itself included.");
  const nodes = gauge("nodes", "Nodes of the cluster.");
  const leads = gauge("replicas_leading", "Replicas on this node that lead their group.");
  const labels = ["keyspace", "shard"] as const;
  const term = gauge("replica_term", "Current term of the replica.", labels);
  const last = gauge("replica_last_index", "Last entry in the replica's log.", labels);
  const commit = gauge("replica_commit_index", "Last committed entry the replica knows of.", labels);
  const applied = gauge("replica_applied_index", "Last entry applied to the replica's state.", labels);
  const failed = gauge("replica_failed", "1 after the replica stopped itself.", labels);
  const lag = gauge("replica_lag_entries", "At the leader: how many entries another replica is behind.", [
    ...labels,
    "peer",
  ]);

  // The node may count what this file has not heard of: such a metric is made when it is first seen.
  function made<M extends Counter | Gauge>(name: string, kind: new (c: MetricConfiguration) => M): M {
    const known = registry.getSingleMetric(PREFIX + name);
    if (known instanceof kind) return known;
    return new kind({ name: PREFIX + name, help: `${name.replaceAll("_", " ")}.`, registers: [registry] });
  }

  function update(): void {
    const status = node.status();
    const { counters, gauges } = node.metrics();
    for (const [name, value] of Object.entries(counters)) {
      // The node counts; a counter of prom-client can only be made to show a total by starting it over.
      const metric = made(name.endsWith("_total") ? name : `${name}_total`, Counter);
      metric.reset();
      metric.inc(value);
    }
    for (const [name, value] of Object.entries(gauges)) made(name, Gauge).set(value);

    build.set({ version: status.version }, 1);
    ready.set(status.ready ? 1 : 0);
    uptime.set(status.uptimeMilliseconds / 1_000);
    loopLag.set(status.loopLagMilliseconds / 1_000);
    storageHealthy.set(status.storage.healthy ? 1 : 0);
    logBytes.set(status.storage.logBytes);
    overlayBytes.set(status.storage.overlayBytes);
    nodes.set(status.nodes.length);
    nodesUp.set(status.nodes.filter((info) => info.up).length);
    leads.set(status.replicas.filter((replica) => replica.role === "leader").length);

    // Replicas come and go; what is gone must not be reported for ever.
    for (const metric of [term, last, commit, applied, failed, lag]) metric.reset();
    const names = new Map(status.nodes.map((info) => [String(info.id), info.name]));
    for (const replica of status.replicas) {
      const where = { keyspace: replica.keyspace, shard: String(replica.shard) };
      last.set(where, replica.lastIndex);
      if (replica.merging === undefined) {
        term.set(where, replica.term);
        commit.set(where, replica.commitIndex);
      }
      applied.set(where, replica.appliedIndex);
      failed.set(where, replica.failed === null ? 0 : 1);
      for (const [peer, behind] of Object.entries(replica.lag)) {
        lag.set({ ...where, peer: names.get(peer) ?? peer }, behind);
      }
    }
  }

  return {
    contentType: registry.contentType,
    render() {
      update();
      return registry.metrics();
    },
  };
}
