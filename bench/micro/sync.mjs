/**
 * Ways of making 200 bytes durable in a preallocated file, one write after the other, on this machine's disk.
 *
 *   node bench/micro/sync.mjs [FOLDER] [SECONDS] [--json]
 *
 *   write + fdatasync   two operations of libuv's thread pool
 *   O_DSYNC, pool       one operation of the pool: the kernel syncs within the write
 *   O_DSYNC, worker     a thread of its own that waits for messages, writes, and answers
 *   O_DSYNC, in place   a synchronous call: the event loop waits for the disk, and nobody has to be woken
 *
 * With an idle event loop, and with one whose turns take 0.3 ms, so that whoever answers also waits for a turn. CPU is that of the whole
 * process, for each write. What a node does: src/storage/disk/write-pace.ts.
 */
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { Worker, isMainThread, parentPort, workerData } from "node:worker_threads";

const SIZE = 8 * 1024 * 1024;
const BYTES = 200;
const { O_DSYNC, O_RDWR } = fs.constants;

async function main() {
  const [parent = tmpdir(), seconds = "1"] = process.argv.slice(2).filter((word) => !word.startsWith("--"));
  const json = process.argv.includes("--json");
  const folder = fs.mkdtempSync(join(parent, "kvorum-bench-"));
  const path = join(folder, "log");
  fs.writeFileSync(path, new Uint8Array(SIZE), { flush: true });
  const results = [];
  try {
    for (const busy of [0, 0.3]) {
      for (const [name, open] of WAYS) {
        const way = open(path);
        results.push({ ...(await measure(way, busy, Number(seconds) * 1000)), name, busy });
        way.close();
      }
    }
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
  if (json) {
    const lines = results.map(({ name, busy, median }) => ({
      name: `${name}${busy > 0 ? ", busy loop" : ""}`,
      us: median,
    }));
    console.log(JSON.stringify({ unit: "a durable write, median latency", results: lines }));
    return;
  }
  console.log("event loop   way                   writes/s   median µs      99% µs   CPU µs");
  for (const { name, busy, rate, median, p99, cpu } of results) {
    console.log(
      (busy > 0 ? "busy" : "idle").padEnd(13) +
        name.padEnd(20) +
        rate.toFixed(0).padStart(10) +
        median.toFixed(0).padStart(12) +
        p99.toFixed(0).padStart(12) +
        cpu.toFixed(0).padStart(9),
    );
  }
}

/** `write(position, done)`; `done` comes in a later turn, or before it returns. */
const WAYS = [
  [
    "write + fdatasync",
    (path) => {
      const descriptor = fs.openSync(path, O_RDWR);
      const bytes = new Uint8Array(BYTES).fill(1);
      return {
        write: (position, done) =>
          fs.write(descriptor, bytes, 0, BYTES, position, () => fs.fdatasync(descriptor, done)),
        close: () => fs.closeSync(descriptor),
      };
    },
  ],
  [
    "O_DSYNC, pool",
    (path) => {
      const descriptor = fs.openSync(path, O_RDWR | O_DSYNC);
      const bytes = new Uint8Array(BYTES).fill(1);
      return {
        write: (position, done) => fs.write(descriptor, bytes, 0, BYTES, position, done),
        close: () => fs.closeSync(descriptor),
      };
    },
  ],
  [
    "O_DSYNC, worker",
    (path) => {
      const worker = new Worker(new URL(import.meta.url), { workerData: path });
      let waiting;
      worker.on("message", () => waiting());
      return {
        write: (position, done) => {
          waiting = done;
          worker.postMessage(position);
        },
        close: () => worker.postMessage(-1),
      };
    },
  ],
  [
    "O_DSYNC, in place",
    (path) => {
      const descriptor = fs.openSync(path, O_RDWR | O_DSYNC);
      const bytes = new Uint8Array(BYTES).fill(1);
      return {
        write: (position, done) => {
          fs.writeSync(descriptor, bytes, 0, BYTES, position);
          done();
        },
        close: () => fs.closeSync(descriptor),
      };
    },
  ],
];

function measure({ write }, busy, milliseconds) {
  return new Promise((resolve) => {
    const latencies = [];
    let position = 0;
    // The first writes start threads and compile.
    let counted = performance.now() + milliseconds / 5;
    let before = null;
    let over = false;
    const turn = () => {
      if (over) return;
      const end = performance.now() + busy;
      while (performance.now() < end);
      setImmediate(turn);
    };
    if (busy > 0) turn();
    const next = () => {
      const start = performance.now();
      if (before === null && start >= counted) {
        before = process.cpuUsage();
        counted = start;
      }
      if (before !== null && start - counted > milliseconds) {
        over = true;
        const { user, system } = process.cpuUsage(before);
        latencies.sort((a, b) => a - b);
        const at = (share) => latencies[Math.floor((latencies.length - 1) * share)] * 1000;
        const count = latencies.length;
        resolve({
          rate: count / (milliseconds / 1000),
          median: at(0.5),
          p99: at(0.99),
          // Of a busy loop nearly all of it is the loop's own.
          cpu: (user + system) / count,
        });
        return;
      }
      position = position + BYTES + BYTES > SIZE ? 0 : position + BYTES;
      write(position, () => {
        if (before !== null) latencies.push(performance.now() - start);
        setImmediate(next);
      });
    };
    next();
  });
}

if (isMainThread) await main();
else {
  const descriptor = fs.openSync(workerData, O_RDWR | O_DSYNC);
  const bytes = new Uint8Array(BYTES).fill(1);
  parentPort.on("message", (position) => {
    if (position < 0) {
      fs.closeSync(descriptor);
      parentPort.close();
      return;
    }
    fs.writeSync(descriptor, bytes, 0, BYTES, position);
    parentPort.postMessage(position);
  });
}
