/** CLUSTER: what cluster-aware clients ask, answered about the keyspace that the connection has chosen. Plain clients are refused. */
import { InvariantError } from "../../../core/assert.ts";
import { Failure, MapReply, type Reply } from "../../../core/reply.ts";
import type { KeyspaceInfo } from "../../../node/api.ts";
import { hashSlot, SLOTS, shardOfSlot } from "../../../placement/hash-slot.ts";
import { clusterNodes } from "../cluster/nodes.ts";
import { type ClusterNode, type SlotRange, slotMap } from "../cluster/slot-map.ts";
import { NOT_AN_INTEGER } from "../failures.ts";
import type { OrderedCommand, Session } from "../session.ts";
import { bulk, container, integer, type Subcommand } from "../values.ts";
import { callOptionsOf } from "./call-options.ts";
import { eachPage } from "./pages.ts";
import { NO_SHARDS } from "./shards.ts";

const DISABLED = new Failure("ERR This instance has cluster support disabled");
const INVALID_SLOT = new Failure("ERR Invalid slot");
const INVALID_COUNT = new Failure("ERR Invalid slot or number of keys");
const KEYS_PER_PAGE = 1000;

/** What there is to tell a client: its keyspace, the nodes that it can reach, and who has which slots. */
interface View {
  readonly cluster: string;
  readonly keyspace: KeyspaceInfo;
  readonly nodes: readonly ClusterNode[];
  readonly ranges: readonly SlotRange[];
  readonly encrypted: boolean;
}

const CLUSTER_FACTS = {
  name: "cluster",
  group: "cluster",
  since: "3.0.0",
  summary: "A container for Redis Cluster commands",
} as const;

export const CLUSTER = container(CLUSTER_FACTS, {
  info: told(2, ["INFO", "Return information about the cluster."], describeCluster),
  keyslot: {
    arity: 3,
    help: ["KEYSLOT <key>", "Return the hash slot for <key>."],
    run: ({ cluster }, args) => (cluster === null ? DISABLED : hashSlot(args[0]!)),
  },
  myid: told(2, ["MYID", "Return the node id."], ({ cluster, nodes }) => {
    const self = nodes.find((node) => node.self);
    return self === undefined ? NO_SHARDS : bulk(nodeName(cluster, self));
  }),
  nodes: told(2, ["NODES", "Return the nodes of the cluster, and their slots."], listNodes),
  shards: told(2, ["SHARDS", "Return the nodes, and the slots that each of them leads."], listShards),
  slots: told(2, ["SLOTS", "Return slot ranges, each with the node that leads it."], listSlots),
  countkeysinslot: onData(3, [
    "COUNTKEYSINSLOT <slot>",
    "Return the number of keys in <slot>, in this connection's keyspace. Looks at all keys of a shard.",
  ]),
  getkeysinslot: onData(4, [
    "GETKEYSINSLOT <slot> <count>",
    "Return at most <count> keys of <slot>, in this connection's keyspace. Looks at all keys of a shard.",
  ]),
});

/** Those subcommands that have to look at keys. */
export const CLUSTER_ON_DATA: readonly OrderedCommand[] = [
  {
    ...CLUSTER_FACTS,
    kind: "ordered",
    name: "cluster|countkeysinslot",
    arity: 2,
    flags: ["stale"],
    run(session, args, done) {
      const slot = integer(args[0]);
      let keys = 0;
      const count = (): boolean => (keys++, true);
      visitSlot(session, slot, INVALID_SLOT, count, (failure) => done(failure ?? keys));
    },
  },
  {
    ...CLUSTER_FACTS,
    kind: "ordered",
    name: "cluster|getkeysinslot",
    arity: 3,
    flags: ["stale"],
    run(session, args, done) {
      const [slot, wanted] = args.map(integer);
      const most = Math.min(wanted ?? 0, session.server.options.maxListedKeys);
      const keys: Uint8Array[] = [];
      const take = (key: Uint8Array): boolean => keys.length < most && keys.push(key) < most;
      const within = wanted === undefined || slot === undefined ? undefined : most < 0 ? -1 : slot;
      visitSlot(session, within, INVALID_COUNT, take, (failure) => done(failure ?? keys));
    },
  },
];

function told(arity: number, help: Subcommand["help"], tell: (view: View) => Reply): Subcommand {
  return {
    arity,
    help,
    run(session) {
      const view = viewOf(session);
      return view instanceof Failure ? view : tell(view);
    },
  };
}

function onData(arity: number, help: Subcommand["help"]): Subcommand {
  return {
    arity,
    help,
    run() {
      throw new InvariantError("a subcommand on data was run by the connection");
    },
  };
}

function viewOf({ cluster: chosen, server }: Session): View | Failure {
  if (chosen === null) return DISABLED;
  const keyspaces = server.node.keyspaces();
  const keyspace = keyspaces.find(({ name }) => name === chosen);
  const { cluster } = server.node.status();
  if (keyspaces.length === 0 || cluster === null) return NO_SHARDS;
  if (keyspace === undefined) return new Failure(`CLUSTERDOWN there is no keyspace '${chosen}'`);
  const nodes = clusterNodes(server);
  const { encrypted } = server.door;
  return { cluster, keyspace, nodes, ranges: slotMap(keyspace, nodes), encrypted };
}

/** Forty hexadecimal digits, as in Redis: the node's number, which is what tools show of it, then the cluster's 32. */
const nodeName = (cluster: string, { id }: ClusterNode): string => id.toString(16).padStart(8, "0") + cluster;

const rangesOf = ({ ranges }: View, { id }: ClusterNode): readonly SlotRange[] =>
  ranges.filter(({ node }) => node.id === id);

function describeCluster({ nodes, ranges }: View): Reply {
  const assigned = ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0);
  const fields: readonly (readonly [string, string | number])[] = [
    ["cluster_state", assigned === SLOTS ? "ok" : "fail"],
    ["cluster_slots_assigned", assigned],
    ["cluster_slots_ok", assigned],
    ["cluster_slots_pfail", 0],
    ["cluster_slots_fail", 0],
    ["cluster_known_nodes", nodes.length],
    ["cluster_size", new Set(ranges.map(({ node }) => node.id)).size],
    ["cluster_current_epoch", 0],
    ["cluster_my_epoch", 0],
    ["cluster_stats_messages_sent", 0],
    ["cluster_stats_messages_received", 0],
    ["total_cluster_links_buffer_limit_exceeded", 0],
  ];
  return bulk(fields.map(([name, value]) => `${name}:${value}\r\n`).join(""));
}

/** Every node is a master: to Redis that is who takes writes. Which shards it holds without leading them is not told. */
function listNodes(view: View): Reply {
  const lines = view.nodes.map((node) => {
    const flags = `${node.self ? "myself," : ""}master${node.up ? "" : ",fail"}`;
    const link = node.up ? "connected" : "disconnected";
    const slots = rangesOf(view, node).map(({ first, last }) =>
      first === last ? first : `${first}-${last}`,
    );
    const address = `${node.host}:${node.port}@${node.peerPort}`;
    return `${[nodeName(view.cluster, node), address, flags, "-", 0, 0, 0, link, ...slots].join(" ")}\n`;
  });
  return bulk(lines.join(""));
}

function listSlots({ cluster, ranges }: View): Reply {
  return ranges.map(({ first, last, node }) => [
    first,
    last,
    [bulk(node.host), node.port, bulk(nodeName(cluster, node)), new MapReply([])],
  ]);
}

function listShards(view: View): Reply {
  return view.nodes.map((node) => {
    const member = new MapReply([
      [bulk("id"), bulk(nodeName(view.cluster, node))],
      [bulk(view.encrypted ? "tls-port" : "port"), node.port],
      [bulk("ip"), bulk(node.host)],
      [bulk("endpoint"), bulk(node.host)],
      [bulk("role"), bulk("master")],
      [bulk("replication-offset"), 0],
      [bulk("health"), bulk(node.up ? "online" : "fail")],
    ]);
    return new MapReply([
      [bulk("slots"), rangesOf(view, node).flatMap(({ first, last }) => [first, last])],
      [bulk("nodes"), [member]],
    ]);
  });
}

/** Shows `visit` the keys of a slot, until it answers false. `slot` undefined: it was no number; `invalid` is for one that does not exist. */
function visitSlot(
  session: Session,
  slot: number | undefined,
  invalid: Failure,
  visit: (key: Uint8Array) => boolean,
  done: (failure: Failure | null) => void,
): void {
  const view = viewOf(session);
  if (view instanceof Failure) {
    done(view);
    return;
  }
  if (slot === undefined || slot < 0 || slot >= SLOTS) {
    done(slot === undefined ? NOT_AN_INTEGER : invalid);
    return;
  }
  const { name, shards, shardList } = view.keyspace;
  if (session.access?.in(name, "read") !== true) {
    done(
      new Failure(
        "NOPERM this user has no permissions to access one of the keys used as arguments",
        "forbidden",
      ),
    );
    return;
  }
  const number = shardOfSlot(slot, shards);
  const shard = shardList.find((other) => other.shard === number);
  if (shard === undefined) {
    done(NO_SHARDS);
    return;
  }
  const query = { count: KEYS_PER_PAGE, match: null, type: new Uint8Array(0) };
  const node = session.server.node;
  eachPage(node, shard.group, query, callOptionsOf(session), done, ({ elements }) =>
    elements.every((key) => !(key instanceof Uint8Array) || hashSlot(key) !== slot || visit(key)),
  );
}
