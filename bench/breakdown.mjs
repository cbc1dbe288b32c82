/**
 * Where each microsecond of an operation goes: profiles the node that is asked, and leads, and one that follows, while one load runs.
 *
 *   npm run build && node bench/breakdown.mjs [--clients 64] [--pipeline 1] [--read] [--shards 8] [--seconds 5] [--port 8200] [--json]
 *
 * Three nodes, values of 100 bytes over 1,000 keys. Microseconds of each node's event loop for an operation, by what it was at: a sample counts for the
 * nearest of our folders on its stack, calls of the system from there on their own. `waits` is an event loop with nothing to do; whoever
 * is put off the processor within a call of the system or in the middle of its work counts as working, so on a machine with fewer cores than
 * processes the figures contain waiting for one. The profiler itself costs about a tenth.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { Cluster } from "./lib/cluster.mjs";
import { generate } from "./lib/generator.mjs";
import { table } from "./lib/table.mjs";

const { values: flags } = parseArgs({
  options: {
    clients: { type: "string", default: "64" },
    pipeline: { type: "string", default: "1" },
    read: { type: "boolean", default: false },
    shards: { type: "string", default: "8" },
    seconds: { type: "string", default: "5" },
    port: { type: "string", default: "8200" },
    json: { type: "boolean", default: false },
  },
});

/** By the nearest frame of our own: the end of its folder or file, and what is done there. The first that fits. */
const PLACES = [
  ["data/history", "remembering changes for watchers"],
  ["data/", "commands and state"],
  ["storage/state", "commands and state"],
  ["protocols/", "protocol"],
  ["storage/", "log"],
  ["transport/frugal-socket", "requests and replies"],
  ["transport/", "messages between nodes"],
  ["server/", "requests and replies"],
  ["placement/", "node: routing, turns, batches"],
  ["node/", "node: routing, turns, batches"],
];
const SYSTEM_CALLS = {
  "messages between nodes": "system: writing to peers",
  "requests and replies": "system: writing to clients",
  log: "system: writing the log and waiting for the disk",
};
const NATIVE_WRITES = new Set(["writeBuffer", "writev", "writeBuffers", "fdatasync", "writeUtf8String"]);
const SPECIAL = {
  "(idle)": "waits",
  "(garbage collector)": "collecting garbage",
  "(program)": "runtime and system: polling, reading sockets",
};

function category(frames) {
  const leaf = frames[0];
  if (SPECIAL[leaf.functionName] !== undefined) return SPECIAL[leaf.functionName];
  for (const { url } of frames) {
    const own = url.split("/dist/")[1];
    if (own === undefined || url.includes("/node_modules/")) continue;
    const place = PLACES.find(([part]) => own.startsWith(part));
    if (place === undefined) break;
    return (NATIVE_WRITES.has(leaf.functionName) && SYSTEM_CALLS[place[1]]) || place[1];
  }
  return "runtime: everything else";
}

/** Microseconds by category, of samples between two times of the monotonic clock in microseconds. */
function spent(profile, from, to) {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const parents = new Map(
    profile.nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])),
  );
  const categories = new Map();
  const categoryOf = (id) => {
    if (!categories.has(id)) {
      const frames = [];
      for (let at = id; at !== undefined; at = parents.get(at)) frames.push(nodes.get(at).callFrame);
      categories.set(id, category(frames));
    }
    return categories.get(id);
  };
  const sums = new Map();
  let time = profile.startTime;
  for (const [i, id] of profile.samples.entries()) {
    const delta = profile.timeDeltas[i];
    time += delta;
    if (time < from || time > to) continue;
    const name = categoryOf(id);
    sums.set(name, (sums.get(name) ?? 0) + delta);
  }
  return sums;
}

const monotonic = () => Number(process.hrtime.bigint() / 1000n);

const profiles = mkdtempSync(join(tmpdir(), "kvorum-profiles-"));
const cluster = new Cluster({
  nodes: 3,
  port: Number(flags.port),
  flags: [`--default-shards=${flags.shards}`],
});
try {
  for (const node of cluster.nodes) {
    const folder = join(profiles, node.name);
    mkdirSync(folder);
    cluster.nodeFlags = ["--cpu-prof", `--cpu-prof-dir=${folder}`, "--cpu-prof-interval=250"];
    cluster.startNode(node, [`--initial=${cluster.initial}`]);
  }
  await Promise.all(cluster.nodes.map((node) => cluster.untilReady(node)));
  const [asked, other] = cluster.nodes;
  const shape = { protocol: "resp", ports: [asked.port], keys: 1000, value: "x".repeat(100) };
  await generate({ ...shape, kind: "fill", clients: 8, pipeline: 16, setUp: true });
  // Until leaderships have come here, and the code is compiled.
  const many = { ...shape, kind: "write", clients: 64, pipeline: 1 };
  for (let i = 0; i < 3; i++) await generate({ ...many, seconds: 6 });
  let from = 0;
  const { ops, perSecond, p50 } = await generate({
    ...shape,
    kind: flags.read ? "read" : "write",
    clients: Number(flags.clients),
    pipeline: Number(flags.pipeline),
    seconds: Number(flags.seconds),
    warmSeconds: 2,
    onStart: () => (from = monotonic()),
  });
  const to = from + Number(flags.seconds) * 1e6;
  await Promise.all(cluster.nodes.map((node) => cluster.stopNode(node)));
  const [leader, follower] = [asked, other].map(({ name }) => {
    const [file] = readdirSync(join(profiles, name)).filter((each) => each.endsWith(".cpuprofile"));
    return spent(JSON.parse(readFileSync(join(profiles, name, file), "utf8")), from, to);
  });
  const names = [...leader.keys()].toSorted((a, b) => leader.get(b) - leader.get(a));
  const each = (sums, name) => (sums.get(name) ?? 0) / ops;
  if (flags.json) {
    const entries = names.map((name) => [
      name,
      { asked: each(leader, name), follower: each(follower, name) },
    ]);
    console.log(JSON.stringify({ perSecond, p50, microseconds: Object.fromEntries(entries) }, null, 2));
  } else {
    console.log(`${Math.round(perSecond).toLocaleString("en-US")} operations/s, p50 ${Math.round(p50)} µs\n`);
    const rows = names.map((name) => [name, each(leader, name).toFixed(2), each(follower, name).toFixed(2)]);
    console.log(table(["µs of the event loop for an operation", "asked", "follower"], rows));
  }
} finally {
  await cluster.stop();
  rmSync(profiles, { recursive: true, force: true });
}
