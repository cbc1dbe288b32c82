/**
 * What the client needs from below: who is there, and a way to bring one request to one node. A socket implements it, and
 * so does a node in the same process. It neither repeats nor decides anything: that is the machine's.
 */
import type { KvorumError } from "../core/errors.ts";
import type { GroupId, NodeId } from "../core/ids.ts";
import type { Millis } from "../core/machine.ts";
import type { Reply } from "../core/reply.ts";
import type { Seen } from "../core/seen.ts";
import type { Envelope } from "../data/delivery.ts";
import type {
  AdminResult,
  Consistency,
  KeyspaceDeclaration,
  KeyspaceInfo,
  WatchHandle,
  WatchListener,
  WatchOptions,
} from "../node/api.ts";

/** A command by its name in `src/data`, with its arguments. */
export interface ClientCommand {
  readonly name: string;
  readonly args: readonly Uint8Array[];
}

export interface WatchedVersion {
  readonly key: Uint8Array;
  readonly version: number;
}

export type ClientOperation =
  | ({ readonly kind: "command" } & ClientCommand)
  /** Answers an array of replies, or NULL_ARRAY when a watched key has another version by then. */
  | {
      readonly kind: "transaction";
      readonly watched: readonly WatchedVersion[];
      readonly calls: readonly ClientCommand[];
    };

export interface ClientRequest {
  readonly group: GroupId;
  readonly operation: ClientOperation;
  readonly write: boolean;
  /** For reads. */
  readonly consistency: Consistency;
  /** Milliseconds until the node may give up. */
  readonly timeout: Millis;
  readonly envelope: Envelope | null;
  /** For reads that are not linearizable: what the state has to contain; 0: any state will do. */
  readonly atLeast: Seen;
  /** For stale reads: milliseconds. The state contains what was acknowledged so long before; null: any state will do. */
  readonly maxStaleness: Millis | null;
  /** On quorum keyspaces; null: what the keyspace says. */
  readonly quorum: number | null;
}

/** A keyspace that is to be created; the cluster has defaults for what is left out. */
export type KeyspaceDefinition = KeyspaceDeclaration;

export interface Topology {
  readonly nodes: readonly NodeId[];
  readonly keyspaces: readonly KeyspaceInfo[];
}

/**
 * The answer to one request. A `Failure` with the code null is the command's own reply; one with a code comes from a node
 * or from the transport. `leader`: who leads the group, where the node knows it. `seen`: the answer comes from a state that
 * contains all of that; null where it is not known.
 */
export type ReplyListener = (reply: Reply, leader: NodeId | null, seen: Seen | null) => void;

export interface TransportListener {
  /** The catalog as the cluster has it now; the first time when connected, then after changes and `refresh`. */
  onTopology(topology: Topology): void;
  /** A node refuses this client for a reason that does not pass by itself, such as a wrong password. */
  onRefused(error: KvorumError): void;
  /** The connection to this node is gone. Its open requests get their answers separately. */
  onDown(node: NodeId): void;
}

export interface ClientTransport {
  /** Called once, before anything is sent. */
  listen(listener: TransportListener): void;
  /** Asks for the present topology; any number of calls may be answered by one `onTopology`. */
  refresh(): void;
  /**
   * Brings the request to the node at most once; what one turn sends to a node may share a frame. Answers never before it
   * has returned, at most once, and possibly never. When the connection is lost: `unknown` for what may have left,
   * `unreachable` for what surely has not. A request that a node refused with a definite error is gone for good.
   */
  send(node: NodeId, request: ClientRequest, done: ReplyListener): void;
  /** Asks any node to create the keyspace. Answers once, as `KvorumNode.admin` does. */
  createKeyspace(definition: KeyspaceDefinition, done: (result: AdminResult) => void): void;
  /**
   * Watches the shard through this node, as `KvorumNode.watch` does. A watch that is lost ends with `unreachable`, or with any
   * other error that the client may meet: it goes on elsewhere. What it was told by then, it was told without a gap.
   */
  watch(node: NodeId, group: GroupId, options: WatchOptions, listener: WatchListener): WatchHandle;
  close(): void;
}
