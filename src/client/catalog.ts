/** What the client declares about its keyspaces, held against what the cluster has. */
import { KvorumError } from "../core/errors.ts";
import type { KeyspaceInfo } from "../node/api.ts";
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

function differencesOf(options: KeyspaceOptions, actual: KeyspaceInfo): string[] {
  const { replication, replicas, shards, limits } = options;
  const pairs = {
    replication: [replication, actual.replication],
    replicas: [replicas, actual.replicas],
    shards: [shards, actual.shards],
    maxKeyBytes: [limits?.maxKeyBytes, actual.limits.maxKeyBytes],
    maxValueBytes: [limits?.maxValueBytes, actual.limits.maxValueBytes],
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
  const { replication, replicas, shards, limits } = options;
  return {
    name,
    ...(replication === undefined ? {} : { replication }),
    ...(replicas === undefined ? {} : { replicas }),
    ...(shards === undefined ? {} : { shards }),
    // The catalog takes its defaults for the limits that are left out.
    ...(limits === undefined ? {} : { limits: limits as NonNullable<KeyspaceDefinition["limits"]> }),
  };
}

/** All shards are there, and each has a leader as far as the nodes know. */
export const isServed = (declared: Declarations, { keyspaces }: Topology): boolean =>
  keyspaces
    .filter(({ name }) => Object.hasOwn(declared, name))
    .every(
      ({ shards, shardList }) =>
        shardList.length >= shards && shardList.every(({ leader }) => leader !== null),
    );
