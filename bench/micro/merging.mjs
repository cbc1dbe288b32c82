/**
 * What an operation costs in keyspaces that merge, in processor time. Build first: npm run build.
 *
 *   node bench/micro/merging.mjs [ROUNDS] [state|replicas] [WORKLOAD]
 *
 * `state`: batches of 30 operations on the state of one replica, and their deltas joined at another one: microseconds of an
 * operation for the batch, for the join, for the meta of both, and the bytes of delta. `replicas`: the same batches proposed to one
 * of three whole replicas under gossip and under quorums, without sockets and disks, until all three have them: microseconds
 * of an operation for all three together. The best of several rounds, as others use the machine too.
 */
import { join } from "node:path";
import process from "node:process";
import { threeReplicas } from "../lib/replica-world.mjs";

const dist = process.env["KVORUM_DIST"] ?? new URL("../../dist", import.meta.url).pathname;
const load = (file) => import(join(dist, file));
const { MergingShard } = await load("data/merging/index.js");
const { BatchBuilder, decodeBatch } = await load("data/batch.js");
const { findCommand } = await load("data/commands.js");
const { nodeId, replicaOf } = await load("core/ids.js");
const { Layer } = await load("storage/state/layer.js");

const rounds = Number(process.argv[2] ?? 7);
const parts = process.argv[3] === undefined ? ["state", "replicas"] : [process.argv[3]];

const OPERATIONS = 30;
const BATCHES = 400;

const FLUSH_BYTES = 8 << 20;

/** Records in memory. What was flushed is read only for as long as the next flush takes: all keys come again before that. */
class Records {
  layer = new Layer();
  flushed = new Layer();
  appliedIndex = 0;
  meta = new Uint8Array(0);
  get(space, id) {
    const written = this.layer.get(space, id);
    return (written === undefined ? this.flushed.get(space, id) : written) ?? undefined;
  }
  put(space, id, value) {
    this.layer.set(space, id, value);
    if (this.layer.bytes < FLUSH_BYTES) return;
    this.flushed = this.layer;
    this.layer = new Layer();
  }
  delete(space, id) {
    this.layer.set(space, id, null);
  }
  begin() {}
  applied(index, meta) {
    this.appliedIndex = index;
    this.meta = meta;
  }
  load(requests, done) {
    const nothing = requests.map(() => ({ entries: [], more: false }));
    this.defer(() => done(null, nothing));
  }
}

const encoder = new TextEncoder();
const bytes = (text) => encoder.encode(text);
const below = (limit) => Math.floor(Math.random() * limit);
const value = bytes("x".repeat(100));
const call = (name, ...args) => ({ kind: "command", spec: findCommand(name), args });
const keys = Array.from({ length: 1000 }, (_, i) => bytes(`likes:${String(i).padStart(6, "0")}`));

const WORKLOADS = {
  "INCR of 1,000 keys": () => call("incr", keys[below(1000)]),
  "INCR of one key": () => call("incr", keys[0]),
  "SADD of new members": () => call("sadd", keys[below(1000)], bytes(`user:${below(1e9)}`)),
  "SET of 100 bytes": () => call("set", keys[below(1000)], value),
};

const workloads = Object.entries(WORKLOADS).filter(([name]) => name.includes(process.argv[4] ?? ""));

const cpu = () => {
  const { user, system } = process.cpuUsage();
  return user + system;
};

function shard(id) {
  const state = new MergingShard(new Records(), {
    replica: replicaOf(nodeId(id), 1_234_567 + id),
    conflicts: "latest",
  });
  state.open({ entries: [], more: false });
  return state;
}

function batchOf(next, time) {
  const batch = new BatchBuilder();
  for (let i = 0; i < OPERATIONS; i++) batch.add(next());
  return batch.finish({ time, seed: 1, maxValueBytes: 1 << 20 });
}

function measureState(next) {
  const [one, other] = [shard(1), shard(2)];
  const best = { start: Infinity, merge: Infinity, meta: Infinity, bytes: 0 };
  for (let round = -2; round < rounds; round++) {
    const commands = Array.from({ length: BATCHES }, (_, i) => batchOf(next, 1e12 + round * BATCHES + i));
    const deltas = [];
    let from = cpu();
    for (const command of commands) deltas.push(one.start(decodeBatch(command)).next().delta);
    const start = cpu() - from;
    from = cpu();
    for (const delta of deltas) other.merge(delta).next();
    const merge = cpu() - from;
    from = cpu();
    for (let i = 0; i < BATCHES; i++) {
      one.adopt(EMPTY_CONTEXT);
      one.encodeMeta();
      other.encodeMeta();
    }
    const meta = cpu() - from;
    if (round < 0) continue;
    const count = OPERATIONS * BATCHES;
    best.start = Math.min(best.start, start / count);
    best.merge = Math.min(best.merge, merge / count);
    best.meta = Math.min(best.meta, meta / count);
    best.bytes = deltas.reduce((sum, delta) => sum + delta.length, 0) / count;
  }
  return best;
}
const EMPTY_CONTEXT = Uint8Array.of(0, 0);

const columns = (name, ...numbers) => console.log(name.padEnd(22) + numbers.map(column).join(""));
const column = (number) => (typeof number === "string" ? number : number.toFixed(2)).padStart(12);

if (parts.includes("state")) {
  columns("µs an operation", "start", "merge", "meta", "delta bytes");
  for (const [name, next] of workloads) {
    const { start, merge, meta, bytes: length } = measureState(next);
    columns(name, start, merge, meta, length);
  }
}

async function group(protocol) {
  const { MergingReplica } = await load("node/merging-replica.js");
  const { Pulse } = await load("node/pulse.js");
  const { born, recover } = await load("protocols/merging/index.js");
  const gossip = await load("protocols/gossip/index.js");
  const quorum = await load("protocols/quorum/index.js");
  const { nodes, pass } = threeReplicas(Pulse, (id, host) => {
    const records = new Records();
    records.defer = host.clock.defer;
    const recovered = recover(born(replicaOf(nodeId(id), 1_234_567 + id), true), 0);
    const state = new MergingShard(records, { replica: recovered.replica, conflicts: "latest" });
    const { summary } = state;
    const identity = { id, seed: id };
    const machine =
      protocol === "gossip"
        ? new gossip.Gossip({ ...gossip.DEFAULT_GOSSIP_OPTIONS, ...identity }, recovered, summary)
        : new quorum.Quorum(
            { ...quorum.DEFAULT_QUORUM_OPTIONS, ...identity, sloppy: false },
            recovered,
            summary,
          );
    const codec = protocol === "gossip" ? gossip.gossipCodec : quorum.quorumCodec;
    const members = { holders: [1, 2, 3], fallbacks: [] };
    const quorums = protocol === "gossip" ? { r: 1, w: 1 } : { r: 2, w: 2 };
    const replica = new MergingReplica(1, host, { machine, codec }, state, records, members, quorums);
    return { replica, state };
  });
  pass(3000);
  return { nodes, pass };
}

async function measureReplicas(protocol, next) {
  const { Request } = await load("node/request.js");
  const { nodes, pass } = await group(protocol);
  const { replica } = nodes[0];
  let answered = 0;
  const listener = () => answered++;
  let best = Infinity;
  for (let round = -2; round < rounds; round++) {
    answered = 0;
    const from = cpu();
    for (let i = 0; i < BATCHES; i++) {
      for (let j = 0; j < OPERATIONS; j++)
        replica.propose(
          new Request({ group: 1, operation: next(), write: true, deadline: 1e15 }, null, listener),
        );
      pass(0.5);
      if (i % 100 === 99) for (const each of nodes) each.replica.compact(each.replica.appliedIndex);
    }
    pass(200);
    const spent = (cpu() - from) / BATCHES / OPERATIONS;
    if (answered !== BATCHES * OPERATIONS) throw new Error(`${answered} answers`);
    const [root, ...others] = nodes.map(({ state }) => state.summary.tree.root);
    if (others.some(({ high, low }) => high !== root.high || low !== root.low))
      throw new Error("the replicas differ");
    if (round >= 0) best = Math.min(best, spent);
  }
  return best;
}

if (parts.includes("replicas")) {
  columns("µs of all three", "gossip", "quorum");
  for (const [name, next] of workloads)
    columns(name, await measureReplicas("gossip", next), await measureReplicas("quorum", next));
}
