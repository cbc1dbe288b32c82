/**
 * What a log entry costs on its way through three replicas, without sockets and disks: proposed, encoded, sent, persisted,
 * acknowledged, committed, applied and answered. Build first: npm run build.
 *
 *   node bench/micro/replica.mjs [ROUNDS] [--json]
 *
 * Prints microseconds of processor time for an entry (all three replicas together), for entries of several sizes, and what
 * an operation more in an entry costs. The applier counts only: what commands cost is in apply.mjs.
 */
import { join } from "node:path";
import process from "node:process";
import { threeReplicas } from "../lib/replica-world.mjs";

const dist = process.env["KVORUM_DIST"] ?? new URL("../../dist", import.meta.url).pathname;
const load = (file) => import(join(dist, file));
const { OrderedReplica } = await load("node/ordered-replica.js");
const { Request } = await load("node/request.js");
const { Pulse } = await load("node/pulse.js");
const { Raft } = await load("protocols/raft/raft.js");
const { configuration } = await load("protocols/raft/configuration.js");
const { DEFAULT_RAFT_OPTIONS } = await load("protocols/raft/options.js");
const { bootstrap, recover } = await load("protocols/raft/recovery.js");
const { findCommand } = await load("data/commands.js");
const { OK } = await load("core/reply.js");

const json = process.argv.includes("--json");
const [count = "20000"] = process.argv.slice(2).filter((each) => each !== "--json");
const rounds = Number(count);

function group() {
  const { nodes, run, pass } = threeReplicas(Pulse, (id, host) => {
    const records = {
      appliedIndex: 0,
      installing: false,
      begin() {},
      applied(index) {
        this.appliedIndex = index;
      },
    };
    const applier = {
      apply: (_index, command) => ({
        next: () => ({
          type: "done",
          replies: Array.from({ length: (command[24] ?? 0) | (command[23] << 8) }, () => OK),
        }),
      }),
      meta: () => new Uint8Array(0),
      restore() {},
      close() {},
    };
    const machine = new Raft(
      { ...DEFAULT_RAFT_OPTIONS, commitDelay: 5, id },
      { ...recover(bootstrap(configuration([1, 2, 3]))), applied: 0 },
    );
    const snapshots = { releaseAll() {}, release() {} };
    return { replica: new OrderedReplica(1, host, machine, applier, records, snapshots) };
  });
  pass(5000);
  return { leader: nodes.find(({ replica }) => replica.isReady).replica, nodes, run, pass };
}

const spec = findCommand("set");
const value = new Uint8Array(100).fill(120);
const key = new TextEncoder().encode("k000123");

function measure(operations) {
  const { leader, nodes, run, pass } = group();
  let answered = 0;
  const listener = () => answered++;
  const round = () => {
    for (let i = 0; i < operations; i++) {
      const operation = { kind: "command", spec, args: [key, value] };
      leader.propose(new Request({ group: 1, operation, write: true, deadline: 1e15 }, null, listener));
    }
    run();
  };
  const work = (count) => {
    for (let i = 0; i < count; i++) {
      round();
      if (i % 256 === 255) {
        pass(1);
        for (const { replica } of nodes) replica.compact(replica.appliedIndex - 10);
      }
    }
  };
  const count = Math.max(200, Math.round(rounds / Math.sqrt(operations)));
  work(count);
  answered = 0;
  const before = process.cpuUsage();
  work(count);
  const { user, system } = process.cpuUsage(before);
  if (answered !== count * operations)
    throw new Error(`${answered} answers to ${count * operations} operations`);
  return (user + system) / count;
}

const sizes = [1, 4, 30, 450];
const costs = sizes.map((operations) => [operations, measure(operations)]);
if (json) {
  const results = costs.map(([operations, us]) => ({ name: `entry of ${operations} operations`, us }));
  console.log(JSON.stringify({ unit: "an entry, three replicas", results }));
} else {
  console.log("operations in an entry   µs an entry   µs an operation");
  for (const [operations, cost] of costs) {
    console.log(
      String(operations).padStart(22) +
        cost.toFixed(1).padStart(14) +
        (cost / operations).toFixed(2).padStart(18),
    );
  }
}
