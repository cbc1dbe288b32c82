/** The thread behind load.mjs: a small RESP client that only counts replies and notes when they came. */
import { randomFillSync } from "node:crypto";
import { connect } from "node:net";
import { parentPort, workerData } from "node:worker_threads";
import { Histogram } from "./histogram.mjs";
import { RespReplies } from "./resp-replies.mjs";

const {
  ports,
  connections = 1,
  pipeline = 1,
  seconds = Infinity,
  count = Infinity,
  rate = 0,
  reads = 0,
  valueBytes = 100,
  keys,
} = workerData;
const { from = 0, count: keyCount, order = "random", prefix = "k" } = keys;

const histogram = new Histogram();
let sent = 0;
let answered = 0;
let errors = 0;
let firstError = null;
let next = from;
let stopping = false;

// Values differ, and do not compress to nothing: slices of one random block.
const block = randomFillSync(Buffer.alloc(Math.max(1 << 20, 2 * valueBytes)))
  .toString("base64")
  .slice(0, Math.max(1 << 20, valueBytes + 4096));
const valueHeader = `$${valueBytes}\r\n`;

function key() {
  const n =
    order === "sequential"
      ? from + ((next++ - from) % keyCount)
      : from + Math.floor(Math.random() * keyCount);
  return `${prefix}${String(n).padStart(9, "0")}`;
}

function value() {
  const at = Math.floor(Math.random() * (block.length - valueBytes));
  return `${valueHeader}${block.slice(at, at + valueBytes)}\r\n`;
}

function request() {
  const name = key();
  if (reads > 0 && Math.random() < reads) return `*2\r\n$3\r\nGET\r\n$${name.length}\r\n${name}\r\n`;
  return `*3\r\n$3\r\nSET\r\n$${name.length}\r\n${name}\r\n${value()}`;
}

const countError = (error) => {
  errors++;
  firstError ??= error;
};

const started = performance.now();
const deadline = started + seconds * 1000;
const mayGoOn = () => !stopping && sent < count && performance.now() < deadline;
let open = connections;

function finish() {
  if (--open > 0) return;
  const took = (performance.now() - started) / 1000;
  parentPort.postMessage({
    ops: answered,
    errors,
    firstError,
    seconds: took,
    perSecond: answered / took,
    ...histogram.summary(),
  });
  parentPort.close();
}

/** Keeps `pipeline` requests under way: when all of them are answered, the next ones go. */
function closedLoop(socket) {
  const replies = new RespReplies(countError);
  let waiting = 0;
  let since = 0;
  const send = () => {
    if (!mayGoOn()) {
      socket.destroy();
      finish();
      return;
    }
    let text = "";
    for (let i = 0; i < pipeline; i++) text += request();
    waiting = pipeline;
    sent += pipeline;
    since = performance.now();
    socket.write(text, "latin1");
  };
  socket.on("data", (data) => {
    const found = replies.take(data);
    const took = (performance.now() - since) * 1000;
    for (let i = 0; i < found; i++) histogram.record(took);
    answered += found;
    waiting -= found;
    if (waiting === 0) send();
  });
  send();
}

/** A timer of a healthy event loop is up to this late. */
const TIMER_SLACK_MS = 2;

/** Sends when a request is due, answered or not, and counts from then: a stall delays all that fell into it. */
function openLoop(socket, i) {
  const replies = new RespReplies(countError);
  const interval = (1000 * connections) / rate;
  const due = [];
  let at = performance.now() + (interval * i) / connections;
  let ended = false;
  const end = () => {
    if (ended || due.length > 0) return;
    ended = true;
    socket.destroy();
    finish();
  };
  const tick = () => {
    const now = performance.now();
    let text = "";
    while (at <= now && mayGoOn()) {
      text += request();
      // What a timer's grain adds is not the server's; what this thread misses beyond that counts.
      due.push(now - at < TIMER_SLACK_MS ? now : at);
      sent++;
      at += interval;
    }
    if (text !== "") socket.write(text, "latin1");
    if (mayGoOn()) setTimeout(tick, Math.max(1, at - now));
    else end();
  };
  socket.on("data", (data) => {
    const now = performance.now();
    for (let found = replies.take(data); found > 0; found--) {
      histogram.record((now - due.shift()) * 1000);
      answered++;
    }
    if (!mayGoOn()) end();
  });
  tick();
}

parentPort.on("message", () => {
  stopping = true;
});
for (let i = 0; i < connections; i++) {
  const socket = connect(ports[i % ports.length], "127.0.0.1", () => {
    socket.setNoDelay(true);
    if (rate > 0) openLoop(socket, i);
    else closedLoop(socket);
  });
  socket.on("error", (error) => {
    throw error;
  });
}
