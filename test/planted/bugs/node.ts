/** Bugs of the node around the protocol: requests, identity, expiry, the catalog. */
import type { PlantedBug } from "../bug.ts";

export const NODE_BUGS: readonly PlantedBug[] = [
  {
    name: "persisted-before-append",
    breaks: "The node tells its replicas that records are durable when it hands them to the log.",
    file: "src/node/persister.ts",
    find: `this.#inFlight = batch;`,
    replace: `this.#inFlight = batch;\n    for (const { sink, id } of batch.writes.splice(0)) this.#clock.defer(() => sink.onPersisted(id));`,
    scenarios: ["power-failures"],
  },
  {
    name: "repeated-request-done-twice",
    breaks: "A forwarded write whose frame comes twice is done twice.",
    file: "src/node/seen-requests.ts",
    find: `if (id <= seen.highest - WINDOW || ids.has(id)) return false;`,
    replace: `if (id <= seen.highest - WINDOW) return false;`,
    scenarios: ["lossy", "counters"],
  },
  {
    name: "retry-after-indefinite-failure",
    breaks: "A write of which nobody knows whether it was done is tried again: it may be done twice.",
    file: "src/node/router.ts",
    find: `const isRepeatable = !request.write || request.operation.envelope !== undefined;`,
    replace: `const isRepeatable = true;`,
    scenarios: ["counters", "partitions"],
  },
  {
    name: "lost-leader-is-definite",
    breaks: "A write that was sent to a leader which then fell silent is answered as surely not done.",
    file: "src/node/router.ts",
    find: `forward.request.fail(forward.request.exposed ? "unknown" : "not-leader");`,
    replace: `forward.request.fail("not-leader");`,
    scenarios: ["counters", "partitions"],
  },
  {
    name: "timeout-is-definite",
    breaks: "A write that ran out of time is answered as surely not done, though it may have been ordered.",
    file: "src/node/requests.ts",
    find: `request.giveUp(request.exposed ? "timeout" : request.behind ? "behind" : "no-leader");`,
    replace: `request.giveUp("no-leader");`,
    scenarios: ["partitions", "partitions"],
  },
  {
    name: "replies-shifted",
    breaks: "When commands of one batch are answered, each gets the reply of its neighbour.",
    file: "src/node/ordered-replica.ts",
    find: `proposal?.requests.forEach((request, i) => request.succeed(replies[i]!, entry.index));`,
    replace: `proposal?.requests.forEach((request, i) => request.succeed(replies[(i + 1) % replies.length]!, entry.index));`,
    scenarios: ["counters"],
  },
  {
    name: "acknowledged-when-proposed",
    breaks: "A write is answered as soon as the leader has proposed it.",
    file: "src/node/ordered-replica.ts",
    find: `this.step({ type: "propose", id, command });
  }

  #ask(`,
    replace: `this.step({ type: "propose", id, command });
    for (const request of requests) request.succeed(null);
  }

  #ask(`,
    scenarios: ["power-failures", "partitions"],
  },
  {
    name: "lost-disk-keeps-its-id",
    breaks:
      "A node that lost its disk gets its old identity again, and with it votes that it does not remember.",
    file: "src/node/formation.ts",
    find: `? identity.members.find((candidate) => candidate.name === name && candidate.instance === instance)`,
    replace: `? identity.members.find((candidate) => candidate.name === name && instance.length > 0)`,
    scenarios: ["wipes"],
  },
  {
    name: "hash-differs-on-one-node",
    breaks: "One node computes the shard of a key by another function than the others.",
    file: "src/node/routing-table.ts",
    find: `return keyspace.groups[shardOfSlot(hashSlot(key), keyspace.shards)]!;`,
    replace: `const own = (globalThis as { plantedTables?: WeakMap<object, number>; plantedCount?: number });
    own.plantedTables ??= new WeakMap();
    let number = own.plantedTables.get(this);
    if (number === undefined) own.plantedTables.set(this, (number = own.plantedCount = (own.plantedCount ?? 0) + 1));
    return keyspace.groups[(shardOfSlot(hashSlot(key), keyspace.shards) + (number % 3 === 0 ? 1 : 0)) % keyspace.shards]!;`,
    scenarios: ["partitions"],
  },
];
