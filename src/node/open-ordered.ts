import type { GroupId, NodeId } from "../core/ids.ts";
import { raftCodec } from "../protocols/raft/codec.ts";
import { configuration } from "../protocols/raft/configuration.ts";
import { DEFAULT_RAFT_OPTIONS } from "../protocols/raft/options.ts";
import { Raft } from "../protocols/raft/raft.ts";
import { bootstrap, recover } from "../protocols/raft/recovery.ts";
import type { ShardRecords } from "../storage/state/records.ts";
import type { StateStore } from "../storage/state/state-store.ts";
import { OrderedReplica } from "./ordered-replica.ts";
import { PeerSnapshots } from "./peer-snapshots.ts";
import type { ReplicaSetHost } from "./replica-set.ts";

/** Followers apply this much later when nothing else is said to them: a write in the meantime goes first. */
const COMMIT_DELAY_MS = 5;

/** A replica of an ordered protocol, from what the log has of it (undefined: nothing) and the store. Not started yet. */
export function openOrdered(
  host: ReplicaSetHost,
  state: StateStore,
  group: GroupId,
  records: ShardRecords,
  recovered: readonly Uint8Array[] | undefined,
  founders: readonly NodeId[],
): OrderedReplica {
  const founding = founders.length > 0 ? bootstrap(configuration(founders)) : [];
  const log = recovered?.map((bytes) => raftCodec.decodeRecord(bytes)) ?? founding;
  const machine = new Raft(
    { ...DEFAULT_RAFT_OPTIONS, commitDelay: COMMIT_DELAY_MS, ...host.timings, id: host.self },
    { ...recover(log), applied: records.appliedIndex },
  );
  const snapshots = new PeerSnapshots(group, state, host.snapshotChunkBytes, () => records.appliedIndex);
  return new OrderedReplica(group, host, machine, host.createApplier(group, records), records, snapshots);
}
