/**
 * How long an append to the write-ahead log takes, on this machine's disk. Build first: npm run build.
 *
 *   node bench/micro/log.mjs [FOLDER] [SECONDS] [--json]
 *
 * Compares a write within which the kernel syncs (O_DSYNC: one trip through the thread pool) with a write and then an
 * fdatasync (two trips), one append at a time and many; with an idle event loop and with one that is busy, where each
 * trip also waits for the work of a turn.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

const dist = process.env["KVORUM_DIST"] ?? new URL("../../dist", import.meta.url).pathname;
const { NodeDisk } = await import(join(dist, "storage/disk/node-disk.js"));
const { openLog } = await import(join(dist, "storage/log/write-ahead-log.js"));

const json = process.argv.includes("--json");
const [parent = tmpdir(), seconds = "2"] = process.argv.slice(2).filter((each) => each !== "--json");
const milliseconds = Number(seconds) * 1000;

/** Hides the durable write of files, so that the log falls back to a write and a sync. */
function twoTrips(disk) {
  const plain = (done) => (error, file) => {
    if (error !== null) done(error);
    else {
      done(null, {
        write: (...of) => file.write(...of),
        sync: (...of) => file.sync(...of),
        close: (...of) => file.close(...of),
      });
    }
  };
  return {
    create: (path, bytes, done) => disk.create(path, bytes, plain(done)),
    open: (path, done) => disk.open(path, plain(done)),
    list: (...of) => disk.list(...of),
    remove: (...of) => disk.remove(...of),
  };
}

function spin(duration) {
  const end = performance.now() + duration;
  while (performance.now() < end);
}

async function measure({ trips, clients, bytes, busy }) {
  const root = mkdtempSync(join(parent, "kvorum-bench-"));
  const real = new NodeDisk(root, { openStore: () => undefined });
  const disk = trips === 1 ? real : twoTrips(real);
  const clock = { defer: setImmediate, setTimer: (delay, fire) => setTimeout(fire, delay) };
  const options = { clock, instance: "0".repeat(32), onPressure: () => undefined };
  const log = await new Promise((done, failed) => {
    openLog(
      disk,
      "log",
      options,
      () => undefined,
      (error, opened) => (error ? failed(error) : done(opened)),
    );
  });
  const latencies = [];
  const payload = new Uint8Array(bytes).fill(1);
  const end = performance.now() + milliseconds;
  let turns = 0;
  const work = () => {
    if (performance.now() > end) return;
    spin(busy);
    setImmediate(work);
  };
  if (busy > 0) work();
  const client = () =>
    new Promise((done, failed) => {
      const next = () => {
        const start = performance.now();
        if (start > end) {
          done();
          return;
        }
        // Each append is a full description, so that old segments go as they would in a node.
        log.append([{ group: 1, checkpoint: true, bytes: payload }], (error) => {
          if (error !== null) failed(error);
          latencies.push(performance.now() - start);
          turns++;
          next();
        });
      };
      next();
    });
  await Promise.all(Array.from({ length: clients }, client));
  const { syncs } = log.stats();
  await new Promise((done) => {
    log.close(done);
  });
  rmSync(root, { recursive: true });
  latencies.sort((a, b) => a - b);
  const us = (share) => latencies[Math.floor((latencies.length - 1) * share)] * 1000;
  const at = (share) => `${us(share).toFixed(0)} us`;
  const shape = `${clients} at once, ${bytes} B${busy > 0 ? ", busy loop" : ""}`;
  results.push({ name: `${shape}, ${trips} trip${trips === 1 ? "" : "s"}`, us: us(0.5) });
  if (json) return;
  console.log(
    [
      `${trips} trip${trips === 1 ? " " : "s"}`,
      `${clients} at once`.padStart(11),
      `${bytes} bytes`.padStart(11),
      busy > 0 ? `turns of ${busy} ms` : "idle loop     ",
      `${Math.round(turns / (milliseconds / 1000))} appends/s`.padStart(15),
      `${Math.round(syncs / (milliseconds / 1000))} syncs/s`.padStart(13),
      `median ${at(0.5)}`.padStart(15),
      `99% ${at(0.99)}`.padStart(12),
      `99.9% ${at(0.999)}`.padStart(14),
    ].join("  "),
  );
}

/** Median latencies, for all.mjs. */
const results = [];
for (const shape of [
  { clients: 1, bytes: 200, busy: 0 },
  { clients: 64, bytes: 200, busy: 0 },
  { clients: 1, bytes: 65536, busy: 0 },
  { clients: 1, bytes: 200, busy: 0.3 },
  { clients: 64, bytes: 200, busy: 0.3 },
]) {
  for (const trips of json ? [2, 1] : [2, 1, 2, 1]) await measure({ ...shape, trips });
}
if (json) console.log(JSON.stringify({ unit: "an append, median latency", results }));
