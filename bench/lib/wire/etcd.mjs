/**
 * etcd: gRPC in HTTP/2 (RFC 9113), written by hand, since Node's own HTTP/2 costs the generator more than all the rest. A request is
 * always the same header block, which uses no table that could change, and a message; an answer is good when it has a
 * message. Clients share connections, as gRPC makes them.
 */
import { Connection, PerKey, u32 } from "./connection.mjs";

const FRAME = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goAway: 7, windowUpdate: 8 };
const END_STREAM = 1;
const ACK = 1;
const END_HEADERS = 4;
const FRAME_HEADER_BYTES = 9;
const INITIAL_WINDOW_SIZE = 4;
const MAX_WINDOW = 2 ** 31 - 1;
const DEFAULT_WINDOW = 65_535;
/** The other end may send so much more, each time that it has sent as much. */
const CREDIT = 1 << 20;

const char = String.fromCharCode;
const u24 = (n) => u32(n).slice(1);
const frame = (type, flags, stream, body) => u24(body.length) + char(type, flags) + u32(stream) + body;

/** Header fields of HPACK (RFC 7541): by index, or literal and not remembered. Names and values are short. */
const short = (text) => char(text.length) + text;
const METHOD_POST = char(0x83);
const SCHEME_HTTP = char(0x86);
const authority = (text) => char(0x01) + short(text);
const path = (text) => char(0x04) + short(text);
const contentType = (text) => char(0x0f, 0x10) + short(text);
const field = (name, text) => char(0) + short(name) + short(text);

/** A field of a protocol buffer that holds bytes; shorter than 16 KiB. */
function bytes(number, text) {
  const { length } = text;
  const size = length < 128 ? char(length) : char((length & 127) | 128, length >> 7);
  return char((number << 3) | 2) + size + text;
}
/** A message of gRPC: not compressed, its length, itself. */
const message = (text) => `\0${u32(text.length)}${text}`;

export class EtcdConnection extends Connection {
  static sharesConnections = true;
  #stream = -1;
  /** By stream. */
  #clients = new Map();
  #answered = new Set();
  /** Bytes that may still be sent, and that came since the last credit was given. */
  #window = DEFAULT_WINDOW;
  #received = 0;
  #greeted = null;
  /** The shortest message that is an answer: a read is to give the value. */
  #least = 1;
  #size;
  #headers = { put: "", range: "" };
  #puts;
  #ranges;

  constructor({ value }) {
    super();
    this.#size = value.length;
    const common = METHOD_POST + SCHEME_HTTP + authority("127.0.0.1");
    const grpc = contentType("application/grpc") + field("te", "trailers");
    this.#headers.put = `${common}${path("/etcdserverpb.KV/Put")}${grpc}`;
    this.#headers.range = `${common}${path("/etcdserverpb.KV/Range")}${grpc}`;
    this.#puts = new PerKey((key) => message(bytes(1, key) + bytes(2, value)));
    this.#ranges = new PerKey((key) => message(bytes(1, key)));
  }

  greet(done) {
    this.put("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    this.put(frame(FRAME.settings, 0, 0, char(0, INITIAL_WINDOW_SIZE) + u32(MAX_WINDOW)));
    this.put(frame(FRAME.windowUpdate, 0, 0, u32(MAX_WINDOW - DEFAULT_WINDOW)));
    this.flush();
    this.#greeted = done;
  }

  request(client, kind, keys) {
    const reads = kind === "read";
    const headers = reads ? this.#headers.range : this.#headers.put;
    for (const key of keys) {
      const body = (reads ? this.#ranges : this.#puts).get(key);
      this.#stream += 2;
      this.#clients.set(this.#stream, client);
      this.#window -= body.length;
      this.#least = reads ? this.#size : 1;
      if (this.#window < 0) throw new Error("more is under way than the other end's window holds");
      this.put(frame(FRAME.headers, END_HEADERS, this.#stream, headers));
      this.put(frame(FRAME.data, END_STREAM, this.#stream, body));
    }
  }

  take(data) {
    let at = 0;
    while (data.length - at >= FRAME_HEADER_BYTES) {
      const length = data.readUIntBE(at, 3);
      const from = at + FRAME_HEADER_BYTES;
      if (from + length > data.length) break;
      this.#frame(data[at + 3], data[at + 4], data.readUInt32BE(at + 5), data, from, length);
      at = from + length;
    }
    return at;
  }

  #frame(type, flags, stream, data, from, length) {
    switch (type) {
      case FRAME.data:
        if (length >= this.#least) this.#answered.add(stream);
        this.#received += length;
        if (this.#received >= CREDIT) {
          this.put(frame(FRAME.windowUpdate, 0, 0, u32(this.#received)));
          this.#received = 0;
        }
        break;
      case FRAME.headers:
        if ((flags & END_STREAM) !== 0) this.#end(stream, data.latin1Slice(from, from + length));
        break;
      case FRAME.reset:
        this.#end(stream, `the stream was reset (${data.readUInt32BE(from)})`);
        break;
      case FRAME.settings:
        if ((flags & ACK) !== 0) break;
        this.put(frame(FRAME.settings, ACK, 0, ""));
        this.#greeted?.();
        break;
      case FRAME.ping:
        if ((flags & ACK) === 0) this.put(frame(FRAME.ping, ACK, 0, data.latin1Slice(from, from + length)));
        break;
      case FRAME.windowUpdate:
        if (stream === 0) this.#window += data.readUInt32BE(from);
        break;
      case FRAME.goAway:
        throw new Error(`the server hangs up: ${data.latin1Slice(from + 8, from + length)}`);
    }
  }

  /** `why`, when it came without a message: its headers, most of which can be read. */
  #end(stream, why) {
    const ok = this.#answered.delete(stream);
    if (!ok) this.fail(why);
    const client = this.#clients.get(stream);
    this.#clients.delete(stream);
    this.onAnswer(client, 1, ok ? 0 : 1);
  }
}
