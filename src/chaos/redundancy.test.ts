import { describe, expect, test } from "vitest";
import type { GroupId, NodeId } from "../core/ids.ts";
import type { NodeStatus, ReplicaStatus } from "../node/api.ts";
import { redundancyMissing } from "./redundancy.ts";

const id = (number: number): NodeId => number as NodeId;

interface Told {
  readonly voters?: readonly number[];
  readonly learners?: readonly number[];
  readonly lag?: Readonly<Record<string, number>>;
  readonly led?: boolean;
}

/** Three nodes with a keyspace of one shard, group 5, that the first one leads and tells this about. */
function cluster({ voters = [1, 2, 3], learners = [], lag = {}, led = true }: Told = {}): NodeStatus[] {
  const replica = (group: number, leads: boolean, told: Told): ReplicaStatus => ({
    group: group as GroupId,
    keyspace: group === 0 ? "" : "k",
    shard: 0,
    role: leads ? "leader" : "follower",
    term: 3,
    leader: id(1),
    lastIndex: 9,
    commitIndex: 9,
    appliedIndex: 9,
    voters: (told.voters ?? [1, 2, 3]).map(id),
    learners: (told.learners ?? []).map(id),
    lag: told.lag ?? {},
    failed: null,
    detail: null,
  });
  const shardList = [
    { group: 5 as GroupId, keyspace: "k", shard: 0, replicas: [1, 2, 3].map(id), leader: null },
  ];
  const limits = { maxKeyBytes: 1, maxValueBytes: 1 };
  return [1, 2, 3].map((number) => ({
    version: "0",
    cluster: "c",
    id: id(number),
    name: `n${number}`,
    waiting: null,
    ready: true,
    uptimeMilliseconds: 1,
    nodes: [],
    keyspaces: [
      {
        name: "k",
        replication: "raft",
        replicas: 3,
        shards: 1,
        limits,
        quorum: null,
        conflicts: null,
        placement: "spread",
        shardList,
      },
    ],
    replicas: [replica(0, number === 1, {}), replica(5, led && number === 1, { voters, learners, lag })],
    storage: { healthy: true, problem: null, logBytes: 0, overlayBytes: 0 },
    loopLagMilliseconds: 0,
  }));
}

describe("redundancy", () => {
  test("is complete when every shard has a leader and all its voters, nearly caught up", () => {
    expect(redundancyMissing(cluster())).toBe(null);
    expect(redundancyMissing(cluster({ lag: { "2": 5 } }))).toBe(null);
  });

  const cases: readonly (readonly [Told, RegExp])[] = [
    [{ led: false }, /shard 0 of k has no leader/],
    [{ voters: [1, 2] }, /2 of 3 voters/],
    [{ voters: [1, 2, 3, 7] }, /a voter that is gone/],
    [{ voters: [1, 2, 7] }, /a voter that is gone/],
    [{ learners: [3] }, /still learns/],
    [{ lag: { "3": 100_000 } }, /100000 entries behind/],
  ];
  test.each(cases)("is not, given %j", (told, problem) => {
    expect(redundancyMissing(cluster(told))).toMatch(problem);
  });

  test("is not without a leader of the system group", () => {
    const leaderless = cluster().map((status) => ({ ...status, replicas: status.replicas.slice(1) }));
    expect(redundancyMissing(leaderless)).toMatch(/system group has no leader/);
  });
});
