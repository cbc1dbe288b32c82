/**
 * Stands in for a node in tests of `kvorum dev`: takes the arguments of `kvorum serve`, answers /v1/status, ends on
 * SIGTERM. The leader is the node with the smallest number that answers, so a killed leader is replaced by another.
 */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { createServer, request } from "node:http";
import { basename, dirname, join } from "node:path";

const options = new Map();
for (let index = 3; index < process.argv.length; index += 2)
  options.set(process.argv[index], process.argv[index + 1]);
const name = options.get("--name");
const number = Number(name.slice(1));
const httpPort = Number(options.get("--http-port"));
const dataDir = options.get("--data-dir");
const base = httpPort - 1 - 10 * (number - 1);

if (existsSync(join(dirname(dataDir), `refuse-${name}`))) {
  console.error("error: the fake was told to fail\n       take the file away");
  process.exit(1);
}
mkdirSync(dataDir, { recursive: true });
// Whether it was told to found or to join is what some tests are about.
writeFileSync(join(dataDir, "entry"), options.has("--join") ? "join" : "initial");
console.log(`{"level":30,"msg":"fake ${name} started"}`);

const known = () =>
  readdirSync(dirname(dataDir))
    .filter((folder) => /^n\d+$/.test(folder))
    .map((folder) => Number(basename(folder).slice(1)))
    .filter((other) => !existsSync(join(dirname(dataDir), `removed-n${other}`)))
    .sort((a, b) => a - b);

const answers = (other) =>
  new Promise((resolve) => {
    if (other === number) return resolve(true);
    const ask = request({
      host: "127.0.0.1",
      port: base + 10 * (other - 1) + 1,
      path: "/ping",
      timeout: 200,
    });
    ask.on("response", (response) => resolve(response.resume() !== undefined));
    ask.on("timeout", () => ask.destroy());
    ask.on("error", () => resolve(false));
    ask.end();
  });

async function status() {
  const members = known();
  const up = await Promise.all(members.map(answers));
  const leader = members.find((_, index) => up[index]);
  const replica = (group, keyspace) => ({
    group,
    keyspace,
    shard: 0,
    role: leader === number ? "leader" : "follower",
    term: leader,
    leader,
    lastIndex: 1,
    commitIndex: 1,
    appliedIndex: 1,
    voters: members,
    learners: [],
    lag: {},
    failed: null,
  });
  return {
    version: "0.0.0",
    cluster: "fake",
    id: number,
    name,
    waiting: null,
    ready: true,
    uptimeMilliseconds: 1,
    nodes: members.map((id) => ({ id, name: `n${id}`, resp: "", http: "", peer: "", up: true })),
    keyspaces: [
      {
        name: "default",
        replication: "raft",
        replicas: 3,
        shards: 1,
        limits: { maxKeyBytes: 1, maxValueBytes: 1 },
        shardList: [{ group: 1, keyspace: "default", shard: 0, replicas: members, leader }],
      },
    ],
    replicas: [replica(0, "(system)"), replica(1, "default")],
    storage: { healthy: true, problem: null, logBytes: 0, overlayBytes: 0 },
    loopLagMilliseconds: 0,
  };
}

const server = createServer((incoming, response) => {
  if (incoming.url === "/ping") response.end("{}");
  else void status().then((body) => response.end(JSON.stringify(body)));
});
server.listen(httpPort, "127.0.0.1");

process.on("SIGTERM", () => process.exit(0));
process.on("disconnect", () => {
  writeFileSync(join(dataDir, "orphaned"), "");
  process.exit(0);
});
