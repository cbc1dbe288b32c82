/**
 * ZooKeeper: every packet begins with its length; a request has a number (xid) and an operation, and replies come in the
 * order of the requests. Clients share connections, as ZooKeeper's own client library makes them.
 */
import { Connection, PerKey, u32 } from "./connection.mjs";

const CREATE = 1;
const GET_DATA = 4;
const SET_DATA = 5;
const ALL_PERMISSIONS = 31;
const ANY_VERSION = -1;
const NODE_EXISTS = -110;
const SESSION_MS = 30_000;
/** Length, xid, zxid, error. */
const REPLY_HEADER_BYTES = 20;

const string = (text) => u32(text.length) + text;
const ZERO_64 = u32(0) + u32(0);

export class ZooKeeperConnection extends Connection {
  static sharesConnections = true;
  #xid = 0;
  #clients = [];
  #first = 0;
  #greeted = null;
  #creates;
  #sets;
  #gets;

  constructor({ value }) {
    super();
    const acl = u32(1) + u32(ALL_PERMISSIONS) + string("world") + string("anyone");
    this.#creates = new PerKey((key) => u32(CREATE) + string(`/${key}`) + string(value) + acl + u32(0));
    this.#sets = new PerKey((key) => u32(SET_DATA) + string(`/${key}`) + string(value) + u32(ANY_VERSION));
    this.#gets = new PerKey((key) => `${u32(GET_DATA) + string(`/${key}`)}\0`);
  }

  /** Opens a session: protocol version, last zxid seen, timeout, session id, password, not read-only. */
  greet(done) {
    const greeting = `${u32(0) + ZERO_64 + u32(SESSION_MS) + ZERO_64 + string("\0".repeat(16))}\0`;
    this.put(string(greeting));
    this.flush();
    this.#greeted = done;
  }

  request(client, kind, keys) {
    const made = { fill: this.#creates, write: this.#sets, read: this.#gets }[kind];
    for (const key of keys) {
      this.put(string(u32(++this.#xid) + made.get(key)));
      this.#clients.push(client);
    }
  }

  take(data) {
    let at = 0;
    while (data.length - at >= 4) {
      const end = at + 4 + data.readUInt32BE(at);
      if (end > data.length) break;
      if (this.#greeted !== null) {
        this.#greeted();
        this.#greeted = null;
      } else {
        const error = data.readInt32BE(at + REPLY_HEADER_BYTES - 4);
        const failed = error !== 0 && error !== NODE_EXISTS;
        if (failed) this.fail(`error ${error}`);
        this.onAnswer(this.#next(), 1, failed ? 1 : 0);
      }
      at = end;
    }
    return at;
  }

  #next() {
    const client = this.#clients[this.#first++];
    // Moving what is left costs little when half is gone.
    if (this.#first > 1024 && this.#first * 2 > this.#clients.length) {
      this.#clients = this.#clients.slice(this.#first);
      this.#first = 0;
    }
    return client;
  }
}
