/**
 * Redis and Kvorum. A connection serves one client, which may have many requests under way. With `wait`, WAIT follows what is
 * written at once, and nothing of that counts before it is answered.
 */
import { RespReplies } from "../resp-replies.mjs";
import { Connection, PerKey } from "./connection.mjs";

const bulk = (text) => `$${text.length}\r\n${text}\r\n`;
const command = (...words) => `*${words.length}\r\n${words.map(bulk).join("")}`;

export class RespConnection extends Connection {
  static sharesConnections = false;
  #replies = new RespReplies((error) => {
    this.#failed++;
    this.fail(error);
  });
  #failed = 0;
  #client = null;
  #asked = 0;
  /** Replies that are still to come; with `#together` nothing counts before the last of them. */
  #left = 0;
  #together = false;
  /** Bytes that have to come before all is answered. */
  #missing = 0;
  #size;
  #wait;
  #sets;
  #gets;

  constructor({ value, wait = 0 }) {
    super();
    this.#size = value.length;
    this.#wait = wait > 0 ? command("WAIT", String(wait), "0") : "";
    this.#sets = new PerKey((key) => command("SET", key, value));
    this.#gets = new PerKey((key) => command("GET", key));
  }

  /** Until so many replicas follow. */
  static setUp(connection, { replicas = 0 }) {
    if (replicas === 0) return;
    return new Promise((done) => {
      connection.onAnswer = done;
      connection.put(command("SET", "ready", "1") + command("WAIT", String(replicas), "0"));
      connection.#expect(null, 1, true);
      connection.flush();
    });
  }

  request(client, kind, keys) {
    const made = kind === "read" ? this.#gets : this.#sets;
    for (const key of keys) this.put(made.get(key));
    const waits = this.#wait !== "" && kind !== "read";
    if (waits) this.put(this.#wait);
    this.#expect(client, keys.length, waits);
    if (kind === "read") this.#missing = keys.length * this.#size;
  }

  #expect(client, asked, together) {
    this.#client = client;
    this.#asked = asked;
    this.#missing = 0;
    this.#together = together;
    this.#left = together ? asked + 1 : asked;
  }

  take(data) {
    const found = this.#replies.take(data);
    this.#left -= found;
    this.#missing -= data.length;
    // Nulls are shorter than values.
    if (this.#left === 0 && this.#missing > 0) {
      this.#failed++;
      this.fail("a key has no value");
    }
    if (this.#together && this.#left > 0) return data.length;
    const failed = this.#failed;
    this.#failed = 0;
    this.onAnswer(this.#client, this.#together ? this.#asked : found, failed);
    return data.length;
  }
}
