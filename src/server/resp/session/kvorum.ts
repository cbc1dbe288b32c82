/** KVORUM: what Redis has no command for. */
import { InvariantError } from "../../../core/assert.ts";
import { Failure, MapReply, OK, type Reply } from "../../../core/reply.ts";
import type { Args } from "../../../data/contract.ts";
import type { NodeId } from "../../../core/ids.ts";
import { type KeyspaceInfo, isMerging } from "../../../node/api.ts";
import { explainLeaders } from "../../../node/explain-leader.ts";
import { hashSlot, shardOfSlot } from "../../../placement/hash-slot.ts";
import { SYNTAX_ERROR, textOf } from "../failures.ts";
import type { OrderedCommand, ServerContext, Session } from "../session.ts";
import { WIRE_VERSION } from "../../../wire/messages.ts";
import { bulk, container, integer, word } from "../values.ts";

export const KVORUM = container(
  { name: "kvorum", group: "kvorum", since: "0.1.0", summary: "A container for commands of Kvorum itself" },
  {
    status: {
      arity: 2,
      help: ["STATUS", "Return what this node knows of itself and its cluster, as JSON."],
      run: ({ server }) => bulk(JSON.stringify(server.node.status(), null, 2)),
    },
    consistency: {
      arity: -2,
      help: [
        "CONSISTENCY [LINEARIZABLE|SEQUENTIAL|STALE]",
        "Return or choose the consistency of this connection's reads. Writes and transactions do not depend on it.",
      ],
      run(session, args) {
        if (args.length === 0) return bulk(session.consistency);
        const wanted = textOf(args[0]!).toLowerCase();
        if (wanted !== "linearizable" && wanted !== "sequential" && wanted !== "stale") {
          return new Failure("ERR consistency is one of: linearizable, sequential, stale");
        }
        session.consistency = wanted;
        return OK;
      },
    },
    quorum: {
      arity: -2,
      help: [
        "QUORUM [DEFAULT | <r> <w>]",
        "Return or choose how many replicas the reads and writes of this connection ask in quorum keyspaces, at most as many as there are. DEFAULT: what the keyspace says.",
      ],
      run: (session, args) => chooseQuorum(session, args),
    },
    cluster: {
      arity: -2,
      help: [
        "CLUSTER [ON [<keyspace>] | OFF]",
        "Return or choose whether this connection is told by MOVED which node leads a key of the keyspace, as in Redis Cluster, and may ask CLUSTER. Default: the keyspace of the port, else 'default'.",
      ],
      run: (session, args) => chooseCluster(session, args),
    },
    siblings: {
      arity: -3,
      help: [
        "SIBLINGS <key> [<field>]",
        "Return a token and the concurrent values of a key, the latest first. For keyspaces made with conflicts: siblings.",
      ],
      run: misplaced,
    },
    resolve: {
      arity: -5,
      help: [
        "RESOLVE <key> <token> <value> [<field>]",
        "Put the value in the place of those that came with the token. What was written since stays beside it.",
      ],
      run: misplaced,
    },
    attach: {
      arity: 3,
      help: [
        "ATTACH <version>",
        "Turn this connection into one of a typed client: after OK both sides send frames, no more RESP.",
      ],
      run(session, args) {
        if (integer(args[0]) !== WIRE_VERSION)
          return new Failure(`ERR this node speaks version ${WIRE_VERSION} of the typed client's protocol`);
        if (session.replyMode !== "on") return new Failure("ERR ATTACH needs replies (CLIENT REPLY ON)");
        session.attach();
        return OK;
      },
    },
    channels: {
      arity: 2,
      help: [
        "CHANNELS",
        "Return what this node knows of publish/subscribe, hold-back queues included, as JSON.",
      ],
      run: ({ server }) => bulk(JSON.stringify(server.node.channels.describe(), null, 2)),
    },
    explain: {
      arity: 3,
      help: [
        "EXPLAIN <key>",
        "Return where a key lives: its keyspace, shard, group, replicas and leader, and why that leads.",
      ],
      run: misplaced,
    },
  },
);

function misplaced(): never {
  throw new InvariantError("a subcommand that takes its time was run at once");
}

function chooseQuorum(session: Session, args: Args): Reply {
  if (args.length === 0)
    return session.quorum === null ? bulk("default") : [session.quorum.r, session.quorum.w];
  if (args.length === 1 && word(args[0]) === "DEFAULT") {
    session.quorum = null;
    return OK;
  }
  const [r, w] = args.map(integer);
  const sizes = session.server.node
    .keyspaces()
    .map(({ replication, replicas }) => (replication === "quorum" ? replicas : 0));
  const most = Math.max(0, ...sizes);
  if (most === 0) return new Failure("ERR there is no quorum keyspace: create one with --replication quorum");
  const fits = (count: number | undefined): count is number =>
    count !== undefined && count >= 1 && count <= most;
  if (args.length !== 2 || !fits(r) || !fits(w))
    return new Failure(`ERR QUORUM takes DEFAULT, or R and W from 1 to ${most}`);
  session.quorum = { r, w };
  return OK;
}

function chooseCluster(session: Session, args: Args): Reply {
  const { door, node } = session.server;
  const [mode, name] = [word(args[0]), args[1]];
  if (args.length === 0) return session.cluster === null ? bulk("off") : [bulk("on"), bulk(session.cluster)];
  if (mode === "OFF" && args.length === 1) {
    session.cluster = null;
    return OK;
  }
  if (mode !== "ON" || args.length > 2) return SYNTAX_ERROR;
  const chosen = name === undefined ? (door.keyspace ?? "default") : textOf(name);
  if (!node.keyspaces().some((keyspace) => keyspace.name === chosen))
    return new Failure(`ERR there is no keyspace '${chosen}'`);
  session.cluster = chosen;
  return OK;
}

/** Asks the leader, which may take a second. */
export const EXPLAIN: OrderedCommand = {
  kind: "ordered",
  name: "kvorum|explain",
  group: "kvorum",
  since: "0.1.0",
  summary: "Tell where a key lives, and why its leader sits where it sits",
  arity: 2,
  flags: ["noscript", "loading", "stale"],
  run: ({ server }, args, done) => explain(server, args[0]!, done),
};

function explain(server: ServerContext, key: Uint8Array, done: (reply: Reply) => void): void {
  const keyspace = keyspaceOf(server.node.keyspaces(), key);
  if (keyspace === undefined) {
    done(new Failure("CLUSTERDOWN the cluster has no keyspaces yet: it is still starting"));
    return;
  }
  const slot = hashSlot(key);
  const number = shardOfSlot(slot, keyspace.shards);
  const shard = keyspace.shardList.find(({ shard }) => shard === number);
  if (shard === undefined) {
    done(new Failure(`CLUSTERDOWN shard ${number} of '${keyspace.name}' is not placed yet`));
    return;
  }
  const { nodes } = server.node.status();
  const nameOf = (id: NodeId): string => nodes.find((node) => node.id === id)?.name ?? `node ${id}`;
  const where: readonly (readonly [Reply, Reply])[] = [
    [bulk("keyspace"), bulk(keyspace.name)],
    [bulk("replication"), bulk(keyspace.replication)],
    [bulk("slot"), slot],
    [bulk("shard"), number],
    [bulk("group"), shard.group],
    [bulk("replicas"), shard.replicas.map((id) => bulk(nameOf(id)))],
  ];
  if (isMerging(keyspace.replication)) {
    done(new MapReply([...where, [bulk("leader"), null]]));
    return;
  }
  server.node.leaderships([shard.group], (leaderships) => {
    const [found] = explainLeaders({ ...keyspace, shardList: [shard] }, leaderships, nameOf);
    const { leader, text } = found!;
    done(
      new MapReply([
        ...where,
        [bulk("leader"), leader === null ? null : bulk(leader)],
        [bulk("why"), bulk(text)],
      ]),
    );
  });
}

/** The same rule as the node's routing table: the keyspace named before the first `:`, where there is one. */
function keyspaceOf(keyspaces: readonly KeyspaceInfo[], key: Uint8Array): KeyspaceInfo | undefined {
  const text = Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString("latin1");
  const colon = text.indexOf(":");
  const named = colon > 0 ? keyspaces.find(({ name }) => name === text.slice(0, colon)) : undefined;
  return named ?? keyspaces.find(({ name }) => name === "default");
}
