/**
 * The process behind generator.mjs: one closed loop for all protocols. A client has `pipeline` requests under way; when all
 * of them are answered, the next ones go.
 */
import process from "node:process";
import { Histogram } from "./histogram.mjs";
import { EtcdConnection } from "./wire/etcd.mjs";
import { NatsConnection } from "./wire/nats.mjs";
import { RespConnection } from "./wire/resp.mjs";
import { ZooKeeperConnection } from "./wire/zookeeper.mjs";

const PROTOCOLS = {
  resp: RespConnection,
  etcd: EtcdConnection,
  nats: NatsConnection,
  zookeeper: ZooKeeperConnection,
};
/** Clients of protocols that allow it share so many connections. */
const SHARED_CONNECTIONS = 8;

const told = () => new Promise((done) => process.once("message", done));
const {
  protocol,
  ports,
  kind,
  clients,
  pipeline,
  seconds,
  warmSeconds = 0,
  keys,
  setUp,
  ...options
} = await told();
const Protocol = PROTOCOLS[protocol];

const connections = await Promise.all(
  Array.from(
    { length: Protocol.sharesConnections ? Math.min(clients, SHARED_CONNECTIONS) : clients },
    (_, i) => new Protocol(options).open(ports[i % ports.length]),
  ),
);
if (setUp) await Protocol.setUp?.(connections[0], options);
process.send("connected");
await told();

let filled = 0;
let busy = clients;
const deadline = performance.now() + (warmSeconds + seconds) * 1000;
/** What counts, from its start on. */
let counted;

function count() {
  counted = {
    ops: 0,
    // Failures count from the beginning.
    errors: counted?.errors ?? 0,
    histogram: new Histogram(),
    from: performance.now(),
    utilization: performance.eventLoopUtilization(),
    cpu: process.cpuUsage(),
  };
  process.send("counting");
}

const NONE = [];
const chosen = Array.from({ length: pipeline }, () => 0);

/** The keys of a client's next requests, good until the next call; none: it is done. Filling takes each key once. */
function keysFor() {
  if (kind === "fill") {
    const from = filled;
    filled = Math.min(keys, filled + pipeline);
    return Array.from({ length: filled - from }, (_, i) => from + i);
  }
  if (performance.now() >= deadline) return NONE;
  for (let i = 0; i < pipeline; i++) chosen[i] = Math.floor(Math.random() * keys);
  return chosen;
}

function go(client) {
  const next = keysFor();
  if (next.length === 0) {
    if (--busy === 0) finish();
    return;
  }
  client.left = next.length;
  client.since = performance.now();
  client.connection.request(client, kind, next);
}

function answered(client, times, failed) {
  const took = (performance.now() - client.since) * 1000;
  for (let i = 0; i < times; i++) counted.histogram.record(took);
  counted.ops += times;
  counted.errors += failed;
  client.left -= times;
  if (client.left === 0) go(client);
}

function finish() {
  const { ops, errors, histogram, from, utilization, cpu } = counted;
  const { user, system } = process.cpuUsage(cpu);
  for (const connection of connections) connection.close();
  process.send({
    ops,
    errors,
    firstError: connections.find(({ firstError }) => firstError !== null)?.firstError ?? null,
    seconds: (performance.now() - from) / 1000,
    histogram: histogram.export(),
    busy: performance.eventLoopUtilization(utilization).utilization,
    cpu: user + system,
  });
  process.disconnect();
}

count();
if (warmSeconds > 0) setTimeout(count, warmSeconds * 1000);
for (const connection of connections) connection.onAnswer = answered;
for (let i = 0; i < clients; i++) go({ connection: connections[i % connections.length], left: 0, since: 0 });
for (const connection of connections) connection.flush();
