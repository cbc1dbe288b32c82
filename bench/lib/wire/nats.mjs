/**
 * NATS JetStream: a message published to a subject of a stream, with a subject for the answer, is answered once a majority of
 * the stream's replicas has it. The stream keeps the last message of each subject, as a bucket of keys and values does.
 * Reads are direct gets, which any replica answers. Clients share connections, as NATS' client libraries make them.
 */
import { Connection, PerKey } from "./connection.mjs";

const STREAM = "bench";
const CRLF = "\r\n";
const CR = 13;
const SPACE = 32;
/** What tells `{"stream":…}` from `{"error":…}`. */
const FIRST_LETTER = 2;
const S = 115;

const STREAM_OF_THREE = {
  name: STREAM,
  subjects: [`${STREAM}.>`],
  num_replicas: 3,
  storage: "file",
  retention: "limits",
  discard: "old",
  max_msgs_per_subject: 1,
  allow_direct: true,
};

export class NatsConnection extends Connection {
  static sharesConnections = true;
  #clients = [];
  #numbers = new Map();
  #greeted = null;
  #reply = null;
  #payload;
  #size;
  #subjects = new PerKey((key) => `PUB ${STREAM}.${key} `);
  #gets = new PerKey((key) => `PUB $JS.API.DIRECT.GET.${STREAM}.${STREAM}.${key} `);
  #inbox = `_INBOX.${process.pid}x${Math.random().toString(36).slice(2)}`;

  constructor({ value }) {
    super();
    this.#size = value.length;
    this.#payload = ` ${value.length}${CRLF}${value}${CRLF}`;
  }

  greet(done) {
    this.put(`CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true}${CRLF}`);
    this.put(`SUB ${this.#inbox}.* 1${CRLF}PING${CRLF}`);
    this.flush();
    this.#greeted = done;
  }

  /** Creates the stream; it may be there already. */
  static async setUp(connection) {
    const config = JSON.stringify(STREAM_OF_THREE);
    const answer = new Promise((done) => {
      connection.#reply = done;
    });
    connection.put(
      `PUB $JS.API.STREAM.CREATE.${STREAM} ${connection.#inbox}.setup ${config.length}${CRLF}${config}${CRLF}`,
    );
    connection.flush();
    const text = await answer;
    connection.#reply = null;
    if (!text.startsWith("{")) throw new Error(text);
    const { error } = JSON.parse(text);
    if (error !== undefined) throw new Error(error.description);
  }

  request(client, kind, keys) {
    let number = this.#numbers.get(client);
    if (number === undefined) {
      number = this.#clients.push(client) - 1;
      this.#numbers.set(client, number);
    }
    const to = `${this.#inbox}.${number}`;
    for (const key of keys) {
      if (kind === "read") this.put(`${this.#gets.get(key) + to} 0${CRLF}${CRLF}`);
      else this.put(this.#subjects.get(key) + to + this.#payload);
    }
  }

  take(data) {
    let at = 0;
    while (at < data.length) {
      const end = data.indexOf(CR, at);
      if (end < 0 || end + 2 > data.length) break;
      const line = data.latin1Slice(at, end);
      if (line.startsWith("MSG ") || line.startsWith("HMSG ")) {
        const words = line.split(" ");
        const size = Number(words[words.length - 1]);
        const next = end + 2 + size + 2;
        if (next > data.length) break;
        this.#message(words[1], line[0] === "H", data, end + 2, size);
        at = next;
        continue;
      }
      if (line === "PING") this.put(`PONG${CRLF}`);
      else if (line === "PONG") this.#greeted();
      else if (line.startsWith("-ERR")) throw new Error(line);
      at = end + 2;
    }
    return at;
  }

  #message(subject, hasHeaders, data, at, size) {
    if (this.#reply !== null) {
      this.#reply(data.latin1Slice(at, at + size));
      return;
    }
    const client = this.#clients[Number(subject.slice(subject.lastIndexOf(".") + 1))];
    // A value comes with headers that begin with a bare version; a version with a number behind it is a refusal.
    const ok = hasHeaders
      ? data[at + "NATS/1.0".length] !== SPACE && size > this.#size
      : data[at + FIRST_LETTER] === S;
    if (!ok) this.fail(data.latin1Slice(at, at + Math.min(size, 200)));
    this.onAnswer(client, 1, ok ? 0 : 1);
  }
}
