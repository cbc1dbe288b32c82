import { CodecError } from "../core/bytes.ts";
import { type GroupId, replicaOf } from "../core/ids.ts";
import type { GroupMembers, Summary } from "../core/merging.ts";
import { MergingShard } from "../data/merging/index.ts";
import { DEFAULT_GOSSIP_OPTIONS, Gossip, gossipCodec } from "../protocols/gossip/index.ts";
import { born, type MergingRecovered, recover } from "../protocols/merging/index.ts";
import { DEFAULT_QUORUM_OPTIONS, Quorum, quorumCodec } from "../protocols/quorum/index.ts";
import type { ShardRecords } from "../storage/state/records.ts";
import type { CatalogKeyspace } from "./catalog/state.ts";
import { type MergingProtocol, MergingReplica } from "./merging-replica.ts";
import type { ReplicaSetHost } from "./replica-set.ts";

interface Wanted {
  readonly group: GroupId;
  readonly keyspace: CatalogKeyspace;
  readonly members: GroupMembers;
  readonly records: ShardRecords;
  /** What the log has of it; undefined: it is new. */
  readonly recovered: readonly Uint8Array[] | undefined;
  /** The group begins with it: there is nothing that it could have missed. */
  readonly founder: boolean;
}

/** A replica of a merging protocol. Not started yet. */
export function openMerging(host: ReplicaSetHost, wanted: Wanted): MergingReplica {
  const { group, keyspace, members, records } = wanted;
  const recovered = recover(recordsOf(host, wanted), records.appliedIndex);
  const state = new MergingShard(records, {
    replica: recovered.replica,
    conflicts: keyspace.conflicts ?? "latest",
    noteExpiry: (at) => replica.noteExpiry(at),
    ...(records.meta.length === 0 ? {} : { meta: records.meta }),
  });
  const protocol = protocolOf(host, keyspace, recovered, state.summary);
  const quorums = keyspace.quorum ?? { r: 1, w: 1 };
  const replica: MergingReplica = new MergingReplica(group, host, protocol, state, records, members, quorums);
  return replica;
}

function recordsOf(host: ReplicaSetHost, { recovered, founder }: Wanted) {
  if (recovered !== undefined) return recovered.map((bytes) => gossipCodec.decodeRecord(bytes));
  const life = Math.floor(host.random.next() * 2 ** 31);
  return born(replicaOf(host.self, life), founder);
}

function protocolOf(
  host: ReplicaSetHost,
  { replication, quorum }: CatalogKeyspace,
  recovered: MergingRecovered,
  summary: Summary,
): MergingProtocol {
  const identity = { id: host.self, seed: Math.floor(host.random.next() * 2 ** 32) };
  if (replication === "gossip") {
    const machine = new Gossip({ ...DEFAULT_GOSSIP_OPTIONS, ...identity }, recovered, summary);
    return { machine, codec: gossipCodec } as MergingProtocol;
  }
  const sloppy = quorum?.sloppy ?? false;
  const machine = new Quorum({ ...DEFAULT_QUORUM_OPTIONS, ...identity, sloppy }, recovered, summary);
  return { machine, codec: quorumCodec } as MergingProtocol;
}

/** The message asks this node to stand in for another one. */
export function invitesStandIn(message: Uint8Array): boolean {
  try {
    return quorumCodec.decodeMessage(message).type === "hint";
  } catch (error) {
    if (error instanceof CodecError) return false;
    throw error;
  }
}
