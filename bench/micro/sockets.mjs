/**
 * What a socket costs a server beyond the work itself: an echo server that answers each chunk with five bytes, asked by 64 closed loops with a `SET` of
 * 100 bytes each. This is the floor under every command that comes alone. Build first: npm run build.
 *
 *   node bench/micro/sockets.mjs [SECONDS] [--json]
 *
 *   node's sockets    as `net.createServer` hands them out: memory of its own for each read
 *   frugal sockets    src/transport/frugal-socket.ts: all read into one buffer
 *
 * Processor time of the server for each request, the median of rounds in which the two take turns.
 */
import { fork } from "node:child_process";
import { connect, createServer } from "node:net";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { median, part, report } from "../lib/micro.mjs";

const CONNECTIONS = 64;
const ROUNDS = 5;
const OK = new TextEncoder().encode("+OK\r\n");
const REQUEST = `*3\r\n$3\r\nSET\r\n$6\r\nk00001\r\n$100\r\n${"x".repeat(100)}\r\n`;
const KINDS = ["node's sockets", "frugal sockets"];

/** Tells its port, and its processor time whenever it is asked. */
async function serve(kind) {
  const { frugal } = await part("transport/frugal-socket.js");
  const isFrugal = kind === KINDS[1];
  const server = createServer({ noDelay: true, pauseOnConnect: isFrugal }, (accepted) => {
    const socket = isFrugal ? frugal(accepted) : accepted;
    socket.on("data", () => socket.write(OK));
    // The parent ends its connections as it likes.
    socket.on("error", () => socket.destroy());
  });
  server.listen(0, "127.0.0.1", () => process.send({ port: server.address().port }));
  process.on("message", () => process.send(process.cpuUsage()));
}

async function main() {
  const [seconds = "1"] = process.argv.slice(2).filter((word) => !word.startsWith("--"));
  const servers = KINDS.map((kind) => fork(fileURLToPath(import.meta.url), [kind]));
  try {
    const ports = (await Promise.all(servers.map(answer))).map(({ port }) => port);
    const costs = KINDS.map(() => []);
    // The first round warms up.
    for (let round = 0; round <= ROUNDS; round++) {
      for (const [i, server] of servers.entries()) {
        const cost = await ask(server, ports[i], (Number(seconds) * 1000) / ROUNDS);
        if (round > 0) costs[i].push(cost);
      }
    }
    report(
      "processor time of the server for a request",
      KINDS.map((name, i) => ({ name, us: median(costs[i]) })),
    );
  } finally {
    for (const server of servers) server.kill();
  }
}

const answer = (server) => new Promise((resolve) => server.once("message", resolve));

async function spent(server) {
  server.send("cpu");
  const { user, system } = await answer(server);
  return user + system;
}

async function ask(server, port, milliseconds) {
  const before = await spent(server);
  const end = performance.now() + milliseconds;
  const loops = Array.from({ length: CONNECTIONS }, () => loop(port, end));
  const requests = (await Promise.all(loops)).reduce((sum, count) => sum + count, 0);
  return ((await spent(server)) - before) / requests;
}

/** Sends a request, waits for the reply, and so on; gives how many. */
function loop(port, end) {
  return new Promise((resolve, reject) => {
    let count = 0;
    let missing = OK.length;
    const socket = connect({ port, host: "127.0.0.1", noDelay: true }, () => socket.write(REQUEST));
    socket.on("error", reject);
    socket.on("data", (chunk) => {
      missing -= chunk.length;
      if (missing > 0) return;
      count++;
      missing = OK.length;
      if (performance.now() < end) socket.write(REQUEST);
      else socket.end(() => resolve(count));
    });
  });
}

if (process.send !== undefined) await serve(process.argv[2]);
else await main();
