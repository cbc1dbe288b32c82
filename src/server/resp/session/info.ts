/** INFO: Redis' sections with this node's real numbers where they exist, and one of our own. */
import { release } from "node:os";
import type { Reply } from "../../../core/reply.ts";
import type { OrderedCommand, ServerContext, Session } from "../session.ts";
import { textOf } from "../failures.ts";
import { bulk } from "../values.ts";
import { onEveryShard, readableShards } from "./shards.ts";
import { REDIS_VERSION } from "./version.ts";

type Fields = readonly (readonly [string, string | number])[];

const SECTIONS: Readonly<Record<string, (server: ServerContext, session: Session) => Fields>> = {
  server: serverSection,
  clients: clientsSection,
  memory: memorySection,
  persistence: persistenceSection,
  stats: statsSection,
  replication: replicationSection,
  cpu: cpuSection,
  errorstats: ({ stats }) => [["errorstat_ERR", `count=${stats.errors}`]],
  cluster: (_server, { cluster }) => [["cluster_enabled", cluster === null ? 0 : 1]],
  kvorum: kvorumSection,
};

const KEYSPACE = "keyspace";
const ALL = new Set(["default", "all", "everything"]);
/** Counting must not hold up the INFO that many clients wait for at connect. */
const COUNT_TIMEOUT_MS = 200;

export const INFO: OrderedCommand = {
  kind: "ordered",
  name: "info",
  arity: -1,
  group: "server",
  since: "1.0.0",
  summary: "Get information and statistics about the server",
  flags: ["loading", "stale"],
  run(session, args, done) {
    const { server } = session;
    const wanted = new Set(args.map((arg) => textOf(arg).toLowerCase()));
    const everything = wanted.size === 0 || [...wanted].some((name) => ALL.has(name));
    const texts = Object.entries(SECTIONS)
      .filter(([name]) => everything || wanted.has(name))
      .map(([name, fields]) => section(name, fields(server, session)));
    const finish = (): void => done(bulk(texts.join("\r\n")));
    if (!everything && !wanted.has(KEYSPACE)) {
      finish();
      return;
    }
    countKeys(session, (keys) => {
      texts.push(section(KEYSPACE, keys > 0 ? [["db0", `keys=${keys},expires=0,avg_ttl=0`]] : []));
      finish();
    });
  },
};

function section(name: string, fields: Fields): string {
  const title = name[0]!.toUpperCase() + name.slice(1);
  return `# ${title}\r\n${fields.map(([field, value]) => `${field}:${value}\r\n`).join("")}`;
}

/** As far as this node knows right now: a shard that does not answer at once is left out. */
function countKeys(session: Session, done: (keys: number) => void): void {
  const options = { consistency: "stale", timeout: COUNT_TIMEOUT_MS } as const;
  onEveryShard(
    session.server.node,
    readableShards(session),
    ".dbsize",
    [],
    options,
    (replies: readonly Reply[]) =>
      done(replies.reduce<number>((sum, reply) => (typeof reply === "number" ? sum + reply : sum), 0)),
  );
}

function serverSection(server: ServerContext, { cluster }: Session): Fields {
  const status = server.node.status();
  const uptime = Math.floor(status.uptimeMilliseconds / 1000);
  return [
    ["redis_version", REDIS_VERSION],
    ["redis_mode", cluster === null ? "standalone" : "cluster"],
    ["os", `${process.platform} ${release()} ${process.arch}`],
    ["arch_bits", 64],
    ["process_id", process.pid],
    ["run_id", (status.cluster ?? "").padEnd(40, "0")],
    ["tcp_port", server.port],
    ["server_time_usec", Date.now() * 1000],
    ["uptime_in_seconds", uptime],
    ["uptime_in_days", Math.floor(uptime / 86_400)],
    ["executable", process.execPath],
    ["config_file", ""],
    ["kvorum_version", status.version],
    ["node_version", process.version],
  ];
}

function clientsSection({ stats, options, cursors }: ServerContext): Fields {
  return [
    ["connected_clients", stats.connections],
    ["cluster_connections", 0],
    ["maxclients", options.maxConnections],
    ["blocked_clients", 0],
    ["tracking_clients", 0],
    ["client_buffered_bytes", stats.bufferedBytes],
    ["slow_clients_closed", stats.slowClientsClosed],
    ["idle_clients_closed", stats.idleClientsClosed],
    ["scan_cursors", cursors.size],
  ];
}

function memorySection(server: ServerContext): Fields {
  const { heapUsed, external, rss } = process.memoryUsage();
  const used = heapUsed + external;
  return [
    ["used_memory", used],
    ["used_memory_human", human(used)],
    ["used_memory_rss", rss],
    ["used_memory_rss_human", human(rss)],
    ["maxmemory", 0],
    ["maxmemory_human", "0B"],
    ["maxmemory_policy", "noeviction"],
    ["mem_fragmentation_ratio", (rss / used).toFixed(2)],
    ["overlay_bytes", server.node.status().storage.overlayBytes],
  ];
}

function human(bytes: number): string {
  let value = bytes;
  for (const unit of ["B", "K", "M"]) {
    if (value < 1024) return `${value.toFixed(unit === "B" ? 0 : 2)}${unit}`;
    value /= 1024;
  }
  return `${value.toFixed(2)}G`;
}

function persistenceSection(server: ServerContext): Fields {
  const { ready, waiting, storage } = server.node.status();
  const starting = !ready && waiting !== null;
  return [
    // Clients wait and ask again while this says 1.
    ["loading", starting ? 1 : 0],
    ...(starting ? ([["loading_eta_seconds", 1]] as const) : []),
    ["async_loading", 0],
    ["rdb_changes_since_last_save", 0],
    ["rdb_bgsave_in_progress", 0],
    ["rdb_last_bgsave_status", "ok"],
    ["aof_enabled", 1],
    ["aof_rewrite_in_progress", 0],
    ["aof_last_write_status", storage.healthy ? "ok" : "err"],
    ["aof_current_size", storage.logBytes],
  ];
}

function statsSection({ node, stats, commandsPerSecond }: ServerContext): Fields {
  return [
    ["total_connections_received", stats.totalConnections],
    ["total_commands_processed", stats.commands],
    ["instantaneous_ops_per_sec", commandsPerSecond],
    ["total_net_input_bytes", stats.bytesIn],
    ["total_net_output_bytes", stats.bytesOut],
    ["rejected_connections", stats.rejectedConnections],
    ["total_error_replies", stats.errors],
    ["redirects", stats.redirects],
    ["protocol_errors", stats.protocolErrors],
    ["evicted_keys", 0],
    ["evicted_clients", stats.slowClientsClosed],
    ["pubsub_channels", node.channels.names(null).length],
    ["pubsub_patterns", node.channels.patternCount],
  ];
}

/** To Redis clients every node is a master: it takes reads and writes of any key. */
function replicationSection(server: ServerContext): Fields {
  const { cluster, replicas } = server.node.status();
  return [
    ["role", "master"],
    ["connected_slaves", 0],
    ["master_failover_state", "no-failover"],
    ["master_replid", (cluster ?? "").padEnd(40, "0")],
    ["master_repl_offset", replicas.reduce((sum, { appliedIndex }) => sum + appliedIndex, 0)],
  ];
}

function cpuSection(): Fields {
  const { user, system } = process.cpuUsage();
  return [
    ["used_cpu_sys", (system / 1e6).toFixed(6)],
    ["used_cpu_user", (user / 1e6).toFixed(6)],
  ];
}

function kvorumSection(server: ServerContext): Fields {
  const status = server.node.status();
  const { replicas, nodes } = status;
  return [
    ["kvorum_version", status.version],
    ["kvorum_cluster", status.cluster ?? ""],
    ["kvorum_node", status.name],
    ["kvorum_ready", status.ready ? 1 : 0],
    ...(status.waiting === null ? [] : ([["kvorum_waiting_for", status.waiting.reason]] as const)),
    ["kvorum_nodes", nodes.length],
    ["kvorum_nodes_up", nodes.filter(({ up }) => up).length],
    ["kvorum_keyspaces", status.keyspaces.length],
    ["kvorum_replicas", replicas.length],
    ["kvorum_replicas_leading", replicas.filter(({ role }) => role === "leader").length],
    ["kvorum_replicas_failed", replicas.filter(({ failed }) => failed !== null).length],
    ["kvorum_storage", status.storage.problem ?? "ok"],
    ["kvorum_loop_lag_ms", status.loopLagMilliseconds],
  ];
}
