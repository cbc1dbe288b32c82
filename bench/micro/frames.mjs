/**
 * What it costs to bring things from node to node, without the sockets: frames, the packets they are sent in, and forwarded
 * requests with their outcomes. Build first: npm run build.
 *
 *   node bench/micro/frames.mjs [--json]          KVORUM_DIST=FOLDER: another build
 *
 * Microseconds of processor time:
 *   frame N B       for a protocol message of N bytes: made a frame, queued, written (with the copy that a socket makes),
 *                   cut out of the stream with its checksum, read. `× 16`: 16 of them in a packet, for each
 *   only queued     the sender's half of that
 *   requests × N    for a forwarded SET of 100 bytes, N of them in a frame, encoded by one node and decoded by the other
 *   outcomes × N    for its outcome, likewise
 */
import { measure, part, report } from "../lib/micro.mjs";

const frames = await part("node/frames.js");
const { FrameQueue, longestPacket } = await part("transport/frame-queue.js");
const { PacketDecoder } = await part("transport/packet-decoder.js");
const { PREFACE, splitFrames } = await part("transport/packet.js");
const { findCommand } = await part("data/commands.js");
const { OK } = await part("core/reply.js");

let read = 0;

/** Takes what a socket would, and copies it as the kernel does, to and fro in a block of memory of its own. */
class Sink {
  writableLength = 0;
  #block = new Uint8Array(1 << 20);
  #at = 0;
  #written = [];
  write(bytes) {
    if (this.#at + bytes.length > this.#block.length) this.#at = 0;
    this.#block.set(bytes, this.#at);
    this.#written.push(new Uint8Array(this.#block.buffer, this.#at, bytes.length));
    this.#at += bytes.length;
  }
  cork() {}
  uncork() {}
  take() {
    const written = this.#written;
    this.#written = [];
    return written;
  }
}

function peerFrames(bytes, many, { receive }) {
  const message = new Uint8Array(bytes).fill(7);
  const queue = new FrameQueue();
  const sink = new Sink();
  const decoder = new PacketDecoder(() => longestPacket(1 << 20));
  const onPacket = (_kind, body) => {
    const found = [];
    splitFrames(body, found);
    for (const frame of found) read += frames.decodePeerFrame(frame).message.length;
    return true;
  };
  decoder.push(PREFACE, onPacket);
  const work = () => {
    for (let i = 0; i < many; i++) queue.push(frames.encodeProtocolFrame(3, message));
    queue.writeTo(sink);
    for (const chunk of sink.take()) if (receive) decoder.push(chunk, onPacket);
  };
  const name = `frame ${bytes} B${many > 1 ? ` × ${many}` : ""}${receive ? "" : ", only queued"}`;
  return { name, each: many, work };
}

const operation = {
  kind: "command",
  spec: findCommand("set"),
  args: [new TextEncoder().encode("k000123"), new Uint8Array(100).fill(120)],
};

function requests(many) {
  const builder = new frames.RequestFrameBuilder(12_345);
  let id = 0;
  const work = () => {
    for (let i = 0; i < many; i++) {
      builder.add({
        id: ++id,
        group: 3,
        write: true,
        consistency: "linearizable",
        atLeast: 0,
        maxStaleness: null,
        quorum: null,
        timeout: 5000,
        operation,
      });
    }
    read += frames.decodePeerFrame(builder.finish()).requests.length;
  };
  return { name: `requests × ${many}`, each: many, work };
}

function outcomes(many) {
  const builder = new frames.ResponseFrameBuilder(12_345);
  let id = 0;
  const work = () => {
    for (let i = 0; i < many; i++) {
      builder.add({ id: ++id, outcome: { ok: true, reply: OK, seen: 1_000_000 + id } });
    }
    read += frames.decodePeerFrame(builder.finish()).responses.length;
  };
  return { name: `outcomes × ${many}`, each: many, work };
}

const results = measure([
  ...[40, 200, 4000].map((bytes) => peerFrames(bytes, 1, { receive: true })),
  ...[40, 200, 4000].map((bytes) => peerFrames(bytes, 16, { receive: true })),
  ...[40, 200, 4000].map((bytes) => peerFrames(bytes, 1, { receive: false })),
  ...[1, 16, 64].map(requests),
  ...[1, 16, 64].map(outcomes),
]);
report("each", results);
if (read === 0) throw new Error("nothing was read");
