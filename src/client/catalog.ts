/** What the client declares about its keyspaces, held against what the cluster has. */
import { KvorumError } from "../core/errors.ts";
import { isMerging, type KeyspaceInfo } from "../node/api.ts";
import type { Descriptor, KeyspaceOptions } from "./schema/keyspaces.ts";
import type { KeyspaceDefinition, Topology } from "./transport.ts";

export type Declarations = Readonly<Record<string, Descriptor>>;

/** Every difference between what is declared and what is there, in one definite error; null: there is none. */
export function drift(declared: Declarations, { keyspaces }: Topology): KvorumError | null {
  const differences = keyspaces.flatMap((actual) => {
    const descriptor = Object.hasOwn(declared, actual.name) ? declared[actual.name] : undefined;
    return descriptor === undefined ? [] : differencesOf(descriptor.options, actual);
  });
  if (differences.length === 0) return null;
  return new KvorumError(
    "contradiction",
    `The cluster's keyspaces are not what this client declares: ${differences.join("; ")}.`,
  );
}

/** Replication is compared even where it is left out: the calls of an ordered keyspace promise more than a merging one keeps. */
function differencesOf(options: KeyspaceOptions, actual: KeyspaceInfo): string[] {
  const { replication = "raft", replicas, shards, limits, quorum, conflicts, placement } = options;
  const pairs = {
    replication: [replication, actual.replication],
    replicas: [replicas, actual.replicas],
    shards: [shards, actual.shards],
    maxKeyBytes: [limits?.maxKeyBytes, actual.limits.maxKeyBytes],
    maxValueBytes: [limits?.maxValueBytes, actual.limits.maxValueBytes],
    r: [quorum?.r, actual.quorum?.r],
    w: [quorum?.w, actual.quorum?.w],
    sloppy: [quorum?.sloppy, actual.quorum?.sloppy],
    conflicts: [conflicts, actual.conflicts],
    placement: [placement, actual.placement],
  };
  return Object.entries(pairs)
    .filter(([, [wanted, found]]) => wanted !== undefined && wanted !== found)
    .map(([what, [wanted, found]]) => `${actual.name} has ${what} ${found}, declared is ${wanted}`);
}

export function missing(declared: Declarations, { keyspaces }: Topology): KeyspaceDefinition[] {
  const there = new Set(keyspaces.map(({ name }) => name));
  return Object.entries(declared)
    .filter(([name]) => !there.has(name))
    .map(([name, { options }]) => definitionOf(name, options));
}

/** Without what a JavaScript caller may have put there besides. */
function definitionOf(name: string, options: KeyspaceOptions): KeyspaceDefinition {
  const { replication, replicas, shards, limits, quorum, conflicts, placement } = options;
  return {
    name,
    ...(replication === undefined ? {} : { replication }),
    ...(replicas === undefined ? {} : { replicas }),
    ...(shards === undefined ? {} : { shards }),
    ...(limits === undefined ? {} : { limits }),
    ...(quorum === undefined ? {} : { quorum }),
    ...(conflicts === undefined ? {} : { conflicts }),
    ...(placement === undefined ? {} : { placement }),
  };
}

/** All shards are there, and each has a leader, where it needs one, as far as the nodes know. */
export const isServed = (declared: Declarations, { keyspaces }: Topology): boolean =>
  keyspaces
    .filter(({ name }) => Object.hasOwn(declared, name))
    .every(
      ({ replication, shards, shardList }) =>
        shardList.length >= shards &&
        (isMerging(replication) || shardList.every(({ leader }) => leader !== null)),
    );
