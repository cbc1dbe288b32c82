/** A replica on this node, of whichever kind its keyspace's protocol is, and what it needs from the node. */
import type { GroupId, NodeId } from "../core/ids.ts";
import type { LogIndex } from "../core/machine.ts";
import type { Clock, Logger, Random } from "../core/world.ts";
import type { MergingReplica } from "./merging-replica.ts";
import type { OrderedReplica } from "./ordered-replica.ts";
import type { Persister } from "./persister.ts";
import type { Pulse } from "./pulse.ts";

export type Replica = OrderedReplica | MergingReplica;

export interface ReplicaHost {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly persister: Persister;
  readonly pulses: ReadonlyMap<string, Pulse>;
  /** `frame`: of kind `protocol`. */
  send(to: NodeId, frame: Uint8Array): void;
  /** The replica has work for the end of this turn: `flushTurn` will be called. */
  schedule(replica: Replica): void;
  onLeaderChange(replica: OrderedReplica): void;
  /** A merging replica may be asked now, or has nothing more to do here. */
  onReady(replica: MergingReplica): void;
  onRetired(replica: MergingReplica): void;
  /** Frees what is due in a merging replica. */
  expire(replica: MergingReplica, done: () => void): void;
  onFailed(replica: Replica, error: Error): void;
  /** A command is about to be applied. */
  readonly onApply?: (replica: OrderedReplica, index: LogIndex, command: Uint8Array) => void;
  /** The machine of an ordered protocol has taken a step. */
  readonly onStep?: (replica: OrderedReplica) => void;
  /** The proposer's clock, in whole milliseconds. */
  proposalTime(): number;
  maxValueBytes(group: GroupId): number;
}
