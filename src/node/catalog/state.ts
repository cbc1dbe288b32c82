/** The catalog: who the nodes are, which keyspaces there are, and which nodes should hold each shard. The state of the system group. */
import type { GroupId, NodeId } from "../../core/ids.ts";
import type { Address } from "../../core/world.ts";
import type { KeyspaceSpec } from "../api.ts";
import { type ChannelMembership, NO_CHANNEL_MEMBERS } from "./channels.ts";
import type { CatalogUser } from "./users.ts";

/** How to reach a node. The RESP and HTTP doors are told to clients (empty: that door is closed), `peer` is for nodes. */
export interface NodeAddresses {
  readonly peer: Address;
  readonly resp: string;
  readonly http: string;
  /** The door for cluster-aware Redis clients; absent: that one is closed. */
  readonly cluster?: string;
  /** Where it stands: replicas of one shard go to different zones, where there are several. */
  readonly zone?: string;
}

export interface CatalogNode extends NodeAddresses {
  readonly id: NodeId;
  readonly name: string;
  /** Identifies the data directory, to notice that a node came back without its data. */
  readonly instance: string;
  /** Its replicas are moving elsewhere; it is forgotten once none is left. */
  readonly leaving: boolean;
}

export interface CatalogGroup {
  readonly id: GroupId;
  readonly keyspace: string;
  readonly shard: number;
  /** The replicas it was founded with: they start with this configuration, everybody else learns one. Never changes. */
  readonly founders: readonly NodeId[];
  /** Who held it once and was replaced. A founder in here has forgotten its votes: if it returns, it learns like others. */
  readonly departed: readonly NodeId[];
  /** Who should hold it. The group's leader brings its configuration there. The first is the preferred leader. */
  readonly replicas: readonly NodeId[];
  /** The configuration that the group's leader last reported as reached. A node in neither list deletes its replica. */
  readonly settled: readonly NodeId[];
}

export interface CatalogKeyspace extends KeyspaceSpec {
  /** By shard number. */
  readonly groups: readonly GroupId[];
}

export interface Catalog {
  /** Counts applied changes. */
  readonly version: number;
  readonly nextNode: number;
  readonly nextGroup: number;
  readonly nodes: readonly CatalogNode[];
  readonly keyspaces: readonly CatalogKeyspace[];
  readonly groups: readonly CatalogGroup[];
  /** Who should vote in the system group; every other node follows it as a learner. */
  readonly systemVoters: readonly NodeId[];
  /** None: nobody has to log in. */
  readonly users: readonly CatalogUser[];
  /** Who takes part in publish/subscribe. */
  readonly channels: ChannelMembership;
}

/** At most this many nodes vote in the system group: more would slow its commits without surviving more that matters. */
export const MAX_SYSTEM_VOTERS = 5;

export const DEFAULT_KEYSPACE = "default";
export const DEFAULT_SHARDS = 8;
export const DEFAULT_REPLICAS = 3;
export const DEFAULT_LIMITS = { maxKeyBytes: 64 * 1024, maxValueBytes: 16 * 1024 * 1024 } as const;

/** What the system group's log starts from, on founders and on nodes that join later alike. */
export const EMPTY_CATALOG: Catalog = {
  version: 0,
  nextNode: 1,
  nextGroup: 1,
  nodes: [],
  keyspaces: [],
  groups: [],
  systemVoters: [],
  users: [],
  channels: NO_CHANNEL_MEMBERS,
};

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Without channels as long as nobody has used them. */
export function encodeCatalog(catalog: Catalog): Uint8Array {
  const { channels, ...rest } = catalog;
  return encoder.encode(JSON.stringify(channels.epoch === 0 ? rest : catalog));
}

/** A catalog that an earlier version wrote lacks what came later: no users, no channels, and keyspaces that knew one protocol only. */
export function decodeCatalog(bytes: Uint8Array): Catalog {
  const stored = JSON.parse(decoder.decode(bytes)) as Partial<Catalog>;
  return {
    ...EMPTY_CATALOG,
    ...stored,
    keyspaces: (stored.keyspaces ?? []).map((keyspace) => ({ ...EARLIER_KEYSPACE, ...keyspace })),
  };
}

const EARLIER_KEYSPACE = { replication: "raft", quorum: null, conflicts: null, placement: "spread" } as const;
