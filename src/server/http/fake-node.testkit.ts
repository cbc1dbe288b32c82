/** A node that answers what a test tells it to: for the doors and the command line, which need no cluster to be tested. */
import { groupId, nodeId } from "../../core/ids.ts";
import { OK } from "../../core/reply.ts";
import type {
  AdminRequest,
  AdminResult,
  KvorumNode,
  LeadershipInfo,
  NodeMetrics,
  NodeStatus,
  ReplyCallback,
} from "../../node/api.ts";
import { channelsAlone } from "../../node/channels/alone.testkit.ts";
import { noMembership } from "../../node/members.ts";
import type { CatalogUser } from "../../node/catalog/users.ts";

export interface FakeNode extends KvorumNode {
  /** May be changed at any time. */
  state: NodeStatus;
  numbers: NodeMetrics;
  adminResult: AdminResult | null;
  userList: readonly CatalogUser[];
  leading: readonly LeadershipInfo[];
  readonly adminRequests: AdminRequest[];
}

export function fakeStatus(changes: Partial<NodeStatus> = {}): NodeStatus {
  const keyspace = {
    name: "default",
    replication: "raft",
    replicas: 3,
    shards: 2,
    limits: { maxKeyBytes: 65_536, maxValueBytes: 16_777_216 },
    quorum: null,
    conflicts: null,
    placement: "spread",
  } as const;
  const replicas = [nodeId(1), nodeId(2), nodeId(3)];
  const replica = {
    keyspace: "default",
    term: 2,
    lastIndex: 12,
    commitIndex: 12,
    appliedIndex: 11,
    voters: replicas,
    learners: [],
    failed: null,
    detail: null,
  };
  return {
    version: "0.1.0",
    cluster: "00112233445566778899aabbccddeeff",
    id: nodeId(1),
    name: "n1",
    waiting: null,
    ready: true,
    uptimeMilliseconds: 61_000,
    nodes: [1, 2, 3].map((number) => ({
      id: nodeId(number),
      name: `n${number}`,
      resp: `127.0.0.1:${7400 + number * 10}`,
      http: `127.0.0.1:${7401 + number * 10}`,
      peer: `127.0.0.1:${7402 + number * 10}`,
      up: number !== 3,
      membership: number === 3 ? "suspect" : "alive",
    })),
    keyspaces: [
      {
        ...keyspace,
        shardList: [
          { group: groupId(1), keyspace: "default", shard: 0, replicas, leader: nodeId(1) },
          { group: groupId(2), keyspace: "default", shard: 1, replicas, leader: nodeId(2) },
        ],
      },
    ],
    replicas: [
      {
        ...replica,
        group: groupId(0),
        keyspace: "system",
        shard: 0,
        role: "follower",
        leader: nodeId(2),
        lag: {},
      },
      { ...replica, group: groupId(1), shard: 0, role: "leader", leader: nodeId(1), lag: { "2": 0, "3": 7 } },
      { ...replica, group: groupId(2), shard: 1, role: "follower", leader: nodeId(2), lag: {} },
    ],
    storage: { healthy: true, problem: null, logBytes: 1024, overlayBytes: 12 },
    loopLagMilliseconds: 1.5,
    ...changes,
  };
}

const MEMBER = {
  id: nodeId(3),
  name: "n3",
  peer: "127.0.0.1:7432",
  state: "suspect",
  incarnation: 2,
  milliseconds: 1500,
  suspectedBy: nodeId(2),
} as const;

export function fakeNode(changes: Partial<NodeStatus> = {}): FakeNode {
  const answer = (done: ReplyCallback) => setImmediate(done, OK, null);
  const node: FakeNode = {
    state: fakeStatus(changes),
    numbers: { counters: { commands: 41, syncs_total: 7 }, gauges: { connections: 3 } },
    adminResult: { ok: true, detail: "done" },
    adminRequests: [],
    userList: [],
    leading: [],
    keyspaceOfKey: () => "default",
    users: () => node.userList,
    execute: (_call, _options, done) => answer(done),
    executeOn: (_group, _call, _options, done) => answer(done),
    transaction: (_calls, _watched, _options, done) => answer(done),
    groupOfKey: () => groupId(1),
    leaderOf: () => null,
    redirect: () => null,
    shards: () => node.state.keyspaces.flatMap((keyspace) => keyspace.shardList),
    keyspaces: () => node.state.keyspaces,
    status: () => node.state,
    nodes: () => node.state.nodes,
    members: () => ({ ...noMembership("n1"), enabled: true, members: [MEMBER] }),
    measuredLegs: () => null,
    leaderships: (_groups, done) => setImmediate(done, node.leading),
    metrics: () => node.numbers,
    channels: channelsAlone(),
    admin(request, done) {
      node.adminRequests.push(request);
      if (node.adminResult !== null) setImmediate(done, node.adminResult);
    },
    watch(_group, _options, listener) {
      setImmediate(() => listener.onEnd("no-leader", "", null));
      return { pause: () => undefined, resume: () => undefined, close: () => undefined };
    },
    whenReady: (callback) => callback(),
    close: (done) => setImmediate(done),
  };
  return node;
}
