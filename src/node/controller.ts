/**
 * Brings what is to what the catalog says should be. Every leader does so for its own group, so there is no controller to
 * fail over: replicas are added as learners, caught up, and take their place by joint consensus; leaderships go to where
 * they should be (leaderships.ts); the system group's leader creates what a cluster starts with and forgets nodes that left.
 */
import { type GroupId, type NodeId, SYSTEM_GROUP } from "../core/ids.ts";
import type { Millis } from "../core/machine.ts";
import type { Clock, Logger } from "../core/world.ts";
import type { RaftAdmin } from "../protocols/raft/messages.ts";
import { isJoint } from "../protocols/raft/configuration.ts";
import { type CatalogCommand, holdsAnything } from "./catalog/commands.ts";
import { type Catalog, type CatalogNode, DEFAULT_KEYSPACE } from "./catalog/state.ts";
import { fittestHeir, isCaughtUp } from "./heir.ts";
import type { Leaderships } from "./leaderships.ts";
import type { MergingReplica } from "./merging-replica.ts";
import type { OrderedReplica } from "./ordered-replica.ts";
import type { Replica } from "./replica.ts";

export interface ControllerHost {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly self: NodeId;
  /** Null on a node that joined later. */
  readonly founders: readonly CatalogNode[] | null;
  catalog(): Catalog;
  replicas(): Iterable<Replica>;
  isUp(node: NodeId): boolean;
  /** Of the keyspace that every cluster has; null: as many as any keyspace gets. */
  readonly defaultShards: number | null;
  readonly defaultReplicas: number | null;
  /** Nothing can be written here for now. */
  diskFull(): boolean;
  /** Through the system group, wherever it is led. `done` hears whether it was accepted. */
  change(command: CatalogCommand, done: (ok: boolean) => void): void;
}

const INTERVAL_MS = 200;
const GIVE_AWAY_RETRY_MS = 5000;

interface Desired {
  readonly voters: readonly NodeId[];
  readonly learners: readonly NodeId[];
}

export class Controller {
  readonly #host: ControllerHost;
  readonly #leaderships: Leaderships;
  /** Groups whose leader (this node) has a change under way. */
  readonly #changing = new Set<GroupId>();
  readonly #gaveAwayAt = new Map<GroupId, Millis>();
  readonly #proposing = new Set<string>();
  #stopped = false;

  constructor(host: ControllerHost, leaderships: Leaderships) {
    this.#host = host;
    this.#leaderships = leaderships;
  }

  start(): void {
    const tick = (): void => {
      if (this.#stopped) return;
      this.run();
      this.#host.clock.setTimer(INTERVAL_MS, tick);
    };
    this.#host.clock.setTimer(INTERVAL_MS, tick);
  }

  stop(): void {
    this.#stopped = true;
  }

  run(): void {
    const catalog = this.#host.catalog();
    this.#leaderships.begin();
    for (const replica of this.#host.replicas()) {
      if (replica.kind === "merging") {
        if (replica.isReady) this.#reportHeld(catalog, replica);
        continue;
      }
      if (!replica.isReady) {
        this.#leaderships.vacate(replica);
        continue;
      }
      const desired = desiredMembers(catalog, replica.group);
      if (this.#host.diskFull()) {
        this.#giveAway(replica);
        continue;
      }
      if (desired !== null && this.#reconcile(replica, desired)) this.#reportSettled(catalog, replica);
      if (replica.group === SYSTEM_GROUP) this.#tendCatalog(catalog, replica);
      else if (desired !== null) this.#tendLeadership(catalog, replica);
    }
  }

  /** One step towards the desired configuration. True when it is reached. */
  #reconcile(replica: OrderedReplica, desired: Desired): boolean {
    const present = replica.configuration;
    if (isJoint(present) || this.#changing.has(replica.group)) return false;
    const missing = desired.voters.filter((node) => !present.voters.includes(node));
    const strangers = missing.filter((node) => !present.learners.includes(node));
    if (strangers.length > 0) {
      this.#change(replica, { voters: present.voters, learners: [...present.learners, ...strangers] });
      return false;
    }
    if (missing.some((node) => !isCaughtUp(replica, node))) return false;
    if (sameNodes(present.voters, desired.voters) && sameNodes(present.learners, desired.learners))
      return true;
    this.#change(replica, desired);
    return false;
  }

  #change(replica: OrderedReplica, to: Desired): void {
    this.#changing.add(replica.group);
    const request: RaftAdmin = { type: "change", voters: [...to.voters], learners: [...to.learners] };
    this.#host.logger.info(
      { group: replica.group, voters: to.voters, learners: to.learners },
      "changing the members of a group",
    );
    replica.administer(request, (outcome) => {
      this.#changing.delete(replica.group);
      if (!outcome.ok && outcome.error !== "not-leader") {
        this.#host.logger.warn(
          { group: replica.group, error: outcome.error },
          "the change of members failed; it is tried again",
        );
      }
    });
  }

  #reportSettled(catalog: Catalog, replica: OrderedReplica): void {
    const group = catalog.groups.find((candidate) => candidate.id === replica.group);
    if (group === undefined || sameNodes(group.settled, group.replicas)) return;
    this.#proposeOnce({ type: "group-settled", group: group.id, replicas: group.replicas });
  }

  /** A new holder of a merging shard has what the others have: from now on it counts. */
  #reportHeld(catalog: Catalog, { group: id }: MergingReplica): void {
    const { self } = this.#host;
    const group = catalog.groups.find((candidate) => candidate.id === id);
    if (group === undefined || !group.replicas.includes(self) || group.settled.includes(self)) return;
    this.#proposeOnce({ type: "group-held", group: id, node: self, held: true });
  }

  /** A former holder has handed over everything. */
  reportLeft(id: GroupId): void {
    const { self } = this.#host;
    const group = this.#host.catalog().groups.find((candidate) => candidate.id === id);
    if (group?.settled.includes(self) === true)
      this.#proposeOnce({ type: "group-held", group: id, node: self, held: false });
  }

  /** A leader that cannot write hands over to one that can; it gets the leadership back once it has caught up again. */
  #giveAway(replica: OrderedReplica): void {
    const now = this.#host.clock.now();
    const last = this.#gaveAwayAt.get(replica.group);
    const heir = fittestHeir(replica, (node) => this.#host.isUp(node));
    if (heir === null || (last !== undefined && now - last < GIVE_AWAY_RETRY_MS)) return;
    this.#gaveAwayAt.set(replica.group, now);
    this.#leaderships.vacate(replica);
    this.#leaderships.giveAway(replica, heir);
  }

  #tendLeadership(catalog: Catalog, replica: OrderedReplica): void {
    const preferred = catalog.groups.find((group) => group.id === replica.group)?.replicas[0] ?? null;
    this.#leaderships.tend(replica, preferred, !this.#changing.has(replica.group));
  }

  #tendCatalog(catalog: Catalog, system: OrderedReplica): void {
    if (catalog.version === 0) {
      if (this.#host.founders !== null)
        this.#proposeOnce({ type: "cluster-found", nodes: this.#host.founders });
      return;
    }
    if (!catalog.keyspaces.some((keyspace) => keyspace.name === DEFAULT_KEYSPACE)) {
      const { defaultShards, defaultReplicas } = this.#host;
      const shards = defaultShards === null ? {} : { shards: defaultShards };
      const replicas = defaultReplicas === null ? {} : { replicas: defaultReplicas };
      this.#proposeOnce({
        type: "keyspace-create",
        spec: { name: DEFAULT_KEYSPACE, ...shards, ...replicas },
      });
    }
    for (const node of catalog.nodes) {
      const voting = system.configuration.voters.includes(node.id) || catalog.systemVoters.includes(node.id);
      if (node.leaving && !voting && !holdsAnything(catalog, node.id)) {
        this.#proposeOnce({ type: "node-forget", node: node.id });
      }
    }
  }

  #proposeOnce(command: CatalogCommand): void {
    const key = JSON.stringify(command);
    if (this.#proposing.has(key)) return;
    this.#proposing.add(key);
    this.#host.change(command, () => this.#proposing.delete(key));
  }
}

function desiredMembers(catalog: Catalog, group: GroupId): Desired | null {
  if (group === SYSTEM_GROUP) {
    if (catalog.version === 0) return null;
    const voters = catalog.systemVoters;
    return {
      voters,
      learners: catalog.nodes.map((node) => node.id).filter((node) => !voters.includes(node)),
    };
  }
  const shard = catalog.groups.find((candidate) => candidate.id === group);
  return shard === undefined ? null : { voters: shard.replicas, learners: [] };
}

const sameNodes = (a: readonly NodeId[], b: readonly NodeId[]): boolean =>
  a.length === b.length && a.every((node) => b.includes(node));
