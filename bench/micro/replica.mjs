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

/** Three hosts on one virtual clock; what one sends or persists is dealt with when `run` is called. */
function group() {
  let time = 0;
  const timers = [];
  const clock = {
    now: () => time,
    wall: () => 1e12 + time,
    setTimer: (delay, fire) => {
      const timer = { at: time + delay, fire, cancelled: false };
      timers.push(timer);
      return { cancel: () => (timer.cancelled = true) };
    },
    defer: (task) => timers.push({ at: time, fire: task, cancelled: false }),
  };
  const mail = [];
  const nodes = [1, 2, 3].map((id) => {
    const dirty = new Set();
    const writes = [];
    const host = {
      clock,
      random: { next: () => (id === 1 ? 0 : 0.9), bytes: (length) => new Uint8Array(length) },
      logger: { info() {}, warn() {}, error() {}, debug() {} },
      persister: { add: (sink, write) => writes.push([sink, write]) },
      pulse: new Pulse(clock),
      send: (to, frame) => mail.push([id, to, frame]),
      schedule: (replica) => dirty.add(replica),
      onLeaderChange() {},
      onFailed: (_replica, error) => {
        throw error;
      },
      proposalTime: () => clock.wall(),
      maxValueBytes: () => 1 << 20,
    };
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
    const replica = new OrderedReplica(1, host, machine, applier, records, { releaseAll() {}, release() {} });
    return { replica, dirty, writes };
  });
  /** Until nothing is left to do at this moment. */
  const run = () => {
    for (let busy = true; busy;) {
      busy = false;
      for (const { dirty, writes } of nodes) {
        if (dirty.size > 0) {
          busy = true;
          for (const replica of dirty) {
            dirty.delete(replica);
            replica.flushTurn();
          }
        }
        if (writes.length > 0) {
          busy = true;
          for (const [sink, write] of writes.splice(0)) sink.onPersisted(write);
        }
      }
      if (mail.length > 0) {
        busy = true;
        for (const [from, to, frame] of mail.splice(0))
          nodes[to - 1].replica.onMessage(from, frame.subarray(2));
      }
    }
  };
  const pass = (duration) => {
    const end = time + duration;
    for (;;) {
      run();
      timers.sort((a, b) => a.at - b.at);
      if (timers.length === 0 || timers[0].at > end) break;
      const timer = timers.shift();
      time = Math.max(time, timer.at);
      if (!timer.cancelled) timer.fire();
    }
    time = end;
  };
  for (const { replica } of nodes) replica.start();
  pass(2000);
  const leader = nodes.find(({ replica }) => replica.isReady);
  return { leader: leader.replica, nodes, run, pass };
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
