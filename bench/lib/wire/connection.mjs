/**
 * One connection of the load generator, whatever it speaks. What the requests of one turn are goes out in one write, as a string
 * of bytes (latin1): requests are made of parts that never change, and joining strings is the cheapest way to do that.
 *
 * A protocol is a subclass with `request(client, kind, keys)`, which puts a request for each of the keys (numbers), and
 * `take(data)`, which gives how many bytes of `data` were whole answers; it may keep none of them.
 */
import { connect } from "node:net";

const EMPTY = Buffer.alloc(0);
/** All connections read into it, one after the other. */
const BUFFER = Buffer.alloc(64 * 1024);

export class Connection {
  #socket;
  #out = "";
  #rest = EMPTY;
  /** Called with (client, how many of its requests are answered, how many of those failed). */
  onAnswer = () => undefined;
  /** Why the first failed request did. */
  firstError = null;

  /** Called when the connection is lost. */
  onBroken = (error) => {
    throw error;
  };

  /** Resolves once the other end takes requests. */
  async open(port) {
    const { onBroken } = this;
    await new Promise((done, failed) => {
      this.onBroken = failed;
      const onread = { buffer: BUFFER, callback: (bytes) => this.#receive(bytes) };
      this.#socket = connect({ port, host: "127.0.0.1", noDelay: true, onread }, () => this.greet(done));
      this.#socket.on("error", (error) => this.onBroken(error));
      this.#socket.on("close", () => this.onBroken(new Error("the connection was closed")));
    });
    this.onBroken = onBroken;
    return this;
  }

  /** For protocols that begin with more than requests. */
  greet(done) {
    done();
  }

  close() {
    this.onBroken = () => undefined;
    this.#socket.destroy();
  }

  put(text) {
    this.#out += text;
  }

  flush() {
    if (this.#out === "") return;
    this.#socket.write(this.#out, "latin1");
    this.#out = "";
  }

  fail(why) {
    this.firstError ??= why;
  }

  #receive(bytes) {
    const piece = BUFFER.subarray(0, bytes);
    const data = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece]);
    const taken = this.take(data);
    this.#rest = taken === data.length ? EMPTY : Buffer.from(data.subarray(taken));
    this.flush();
    return true;
  }
}

/** A number of 32 bits as four characters. */
export const u32 = (n) =>
  String.fromCharCode((n >>> 24) & 0xff, (n >>> 16) & 0xff, (n >>> 8) & 0xff, n & 0xff);

/** Requests that `make(name)` makes for the key of a number, each of them once. */
export class PerKey {
  #made = [];
  #make;
  constructor(make) {
    this.#make = make;
  }
  get(number) {
    return (this.#made[number] ??= this.#make(`k${String(number).padStart(6, "0")}`));
  }
}
