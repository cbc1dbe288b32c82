/** Load on any of the stores that Kvorum is compared with, from processes of its own. */
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Histogram } from "./histogram.mjs";

const WORKER = fileURLToPath(new URL("./generator-worker.mjs", import.meta.url));

const PATIENCE_SECONDS = 15;

/**
 * Runs one load to its end.
 *
 *   protocol     "resp", "etcd", "nats" or "zookeeper"
 *   ports        where to connect; connections go to them in turn
 *   kind         "write", "read", or "fill": writes every key once
 *   clients      closed loops, each with `pipeline` requests under way
 *   seconds      how long, after `warmSeconds` (0) that do not count: a generator has to be compiled first
 *   keys         how many there are
 *   value        what is written
 *   setUp        true: whatever the store needs before its first write
 *   generators   among how many processes the clients are divided
 *   onStart      called when it begins to count
 *   wait, replicas   of the protocol "resp", see there
 *
 * Gives { ops, seconds, perSecond, p50, p90, p99, p999, max, busy, cpu }: latencies in microseconds; `busy` is the share of time
 * that the busiest event loop of a generator had work, `cpu` the microseconds of processor time of all generators. Rejects
 * when a request fails, and when there is no end long after there should be one.
 */
export async function generate({ generators = 1, clients, onStart = () => undefined, ...options }) {
  const count = Math.min(generators, clients);
  const workers = Array.from({ length: count }, (_, i) => {
    const share = Math.floor(clients / count) + (i < clients % count ? 1 : 0);
    return start({ ...options, clients: share });
  });
  try {
    const all = (name) => Promise.all(workers.map((worker) => worker.until(name)));
    await all("connected");
    for (const worker of workers) worker.go();
    await all("counting");
    if (options.warmSeconds > 0) await all("counting");
    onStart();
    return merged(await all("result"));
  } finally {
    for (const worker of workers) worker.kill();
  }
}

/** What a generator says comes one after the other; `until` takes the next. */
function start(options) {
  const child = fork(WORKER, { stdio: ["ignore", "inherit", "pipe", "ipc"] });
  const said = [];
  let waiting = null;
  let ended = null;
  let complaint = "";
  const wake = () => waiting?.();
  child.stderr.on("data", (text) => {
    complaint += text;
  });
  child.on("message", (message) => {
    said.push(message);
    wake();
  });
  child.once("close", (code, signal) => {
    ended = new Error(complaint.trim() || `a generator ended with ${code ?? signal}`);
    wake();
  });
  const { seconds = 0, warmSeconds = 0 } = options;
  const patience = setTimeout(() => child.kill("SIGKILL"), (seconds + warmSeconds + PATIENCE_SECONDS) * 1000);
  const until = async (name) => {
    while (said.length === 0) {
      if (ended !== null) throw ended;
      await new Promise((done) => {
        waiting = done;
      });
    }
    const message = said.shift();
    if (name !== "result" && message !== name) throw new Error(`a generator said ${message}, not ${name}`);
    return message;
  };
  const kill = () => {
    clearTimeout(patience);
    child.kill("SIGKILL");
  };
  child.send(options);
  return { until, go: () => child.send("go"), kill };
}

function merged(results) {
  const histogram = new Histogram();
  const sum = (name) => results.reduce((total, each) => total + each[name], 0);
  for (const each of results) histogram.add(each.histogram);
  const errors = sum("errors");
  if (errors > 0) {
    const { firstError } = results.find((each) => each.errors > 0);
    throw new Error(`${errors} of ${sum("ops")} requests failed: ${firstError}`);
  }
  const seconds = Math.max(...results.map((each) => each.seconds));
  return {
    ops: sum("ops"),
    seconds,
    perSecond: sum("ops") / seconds,
    ...histogram.summary(),
    busy: Math.max(...results.map((each) => each.busy)),
    cpu: sum("cpu"),
  };
}
