/**
 * One connection to one node: opened, logged in, attached; then requests out and replies in. It repeats nothing.
 *
 * ```
 * TCP or TLS -> AUTH user password (if there is one) -> KVORUM ATTACH -> frames (src/wire)
 * ```
 */
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions } from "node:tls";
import { CodecError } from "../../core/bytes.ts";
import { ERRORS, type ErrorCode } from "../../core/errors.ts";
import type { GroupId } from "../../core/ids.ts";
import { Failure } from "../../core/reply.ts";
import type { AdminResult, WatchHandle, WatchListener, WatchOptions } from "../../node/api.ts";
import type { ClientRequest } from "../../node/client-request.ts";
import {
  type ClientMessage,
  decodeNodeMessage,
  encodeClientMessage,
  type NodeMessage,
  WIRE_VERSION,
  type WireTopology,
} from "../../wire/messages.ts";
import { FrameStream, MAX_FRAME_BYTES } from "../../wire/stream.ts";
import type { ReplyListener } from "../transport.ts";

export interface LinkOptions {
  readonly user?: string;
  readonly password?: string;
  /** Present: TLS. */
  readonly tls?: ConnectionOptions;
  /** Milliseconds until an attempt to connect is given up. */
  readonly connectTimeout: number;
  /** Milliseconds of silence, while answers are awaited, after which the node is asked for a sign of life. */
  readonly silence: number;
}

export interface LinkOwner {
  onAttached(): void;
  onTopology(topology: WireTopology): void;
  /** Called once, after everything that was open has been answered. `error`: why it never was attached, or was lost. */
  onClose(error: LinkError): void;
}

/** Why there is no connection. `unauthenticated` will not pass by itself. */
export interface LinkError {
  readonly code: Extract<ErrorCode, "unreachable" | "unauthenticated" | "throttled" | "bad-request">;
  readonly detail: string;
}

interface LinkWatch {
  readonly listener: WatchListener;
  /** Everything up to this revision has been told. */
  told: number | null;
  paused: boolean;
  /** The node waits until it is asked for the next page. */
  owesMore: boolean;
  /** What came while it was paused: a page at most, and the end. */
  held: WatchMessage[];
}

type WatchMessage = Extract<NodeMessage, { type: "watch-start" | "watch-events" | "watch-end" }>;

type Phase = "connecting" | "greeting" | "attached" | "closed";

const NO_PREFIX = new Uint8Array(0);
/** As long as a node's answer to AUTH or ATTACH may be. */
const MAX_GREETING_BYTES = 4096;

export class Link {
  readonly host: string;
  readonly port: number;
  readonly #options: LinkOptions;
  readonly #owner: LinkOwner;
  readonly #socket: Socket;
  readonly #deadline: NodeJS.Timeout;
  #phase: Phase = "connecting";
  #error: LinkError | null = null;
  #greeting = "";
  #greetings: string[] = [];
  #stream: FrameStream | null = null;
  readonly #pending = new Map<number, ReplyListener>();
  readonly #pendingAdmin = new Map<number, (result: AdminResult) => void>();
  readonly #watches = new Map<number, LinkWatch>();
  #lastId = 0;
  #lastHeard = 0;
  #asked = false;
  #watchdog: NodeJS.Timeout | null = null;

  constructor(host: string, port: number, options: LinkOptions, owner: LinkOwner) {
    this.host = host;
    this.port = port;
    this.#options = options;
    this.#owner = owner;
    const { tls } = options;
    this.#socket =
      tls === undefined ? connectTcp({ host, port, noDelay: true }) : connectTls({ host, port, ...tls });
    this.#socket.setNoDelay(true);
    this.#socket.setKeepAlive(true, 10_000);
    this.#socket.once(tls === undefined ? "connect" : "secureConnect", () => this.#greet());
    this.#socket.on("data", this.#onGreeting);
    this.#socket.on("error", this.#onError);
    this.#socket.on("close", this.#onGone);
    this.#deadline = setTimeout(() => {
      this.#fail("unreachable", `no connection within ${options.connectTimeout} ms`);
    }, options.connectTimeout);
  }

  get attached(): boolean {
    return this.#phase === "attached";
  }

  /** Only while it is attached. `id` of the request is replaced. */
  request(request: ClientRequest, done: ReplyListener): void {
    const id = ++this.#lastId;
    const frame = encodeClientMessage({ type: "request", request: { ...request, id } });
    if (frame.length > MAX_FRAME_BYTES) {
      // The node would end the connection, with everything else on it.
      const text = `TOOLARGE ${ERRORS["too-large"].sentence} The request has ${frame.length} bytes, over ${MAX_FRAME_BYTES}.`;
      process.nextTick(() => done(new Failure(text, "too-large"), null, null));
      return;
    }
    this.#pending.set(id, done);
    this.#sendFrame(frame);
  }

  admin(request: unknown, done: (result: AdminResult) => void): void {
    const id = ++this.#lastId;
    this.#pendingAdmin.set(id, done);
    this.#send({ type: "admin", id, request });
  }

  watch(group: GroupId, { from, prefix }: WatchOptions, listener: WatchListener): WatchHandle {
    const number = ++this.#lastId;
    const watch: LinkWatch = { listener, told: from ?? null, paused: false, owesMore: false, held: [] };
    this.#watches.set(number, watch);
    this.#send({ type: "watch", number, group, from: from ?? null, prefix: prefix ?? NO_PREFIX });
    return {
      pause: () => void (watch.paused = true),
      resume: () => {
        watch.paused = false;
        for (const message of watch.held.splice(0)) this.#onWatch(message);
        this.#askForMore(number, watch);
      },
      close: () => {
        if (this.#watches.delete(number) && this.attached) this.#send({ type: "unwatch", number });
      },
    };
  }

  /** The node sends one page at a time. */
  #askForMore(number: number, watch: LinkWatch): void {
    if (!watch.owesMore || watch.paused || !this.#watches.has(number)) return;
    watch.owesMore = false;
    this.#send({ type: "watch-more", number });
  }

  askTopology(): void {
    this.#send({ type: "topology" });
  }

  close(): void {
    this.#fail("unreachable", "the client was closed");
  }

  #send(message: ClientMessage): void {
    this.#sendFrame(encodeClientMessage(message));
  }

  #sendFrame(frame: Uint8Array): void {
    this.#stream!.send(frame);
    if (this.#watchdog !== null) return;
    this.#lastHeard = performance.now();
    this.#asked = false;
    this.#watchdog = setInterval(() => this.#watch(), this.#options.silence / 2);
    this.#watchdog.unref();
  }

  /** A machine that lost its power says nothing, for ever. */
  #watch(): void {
    if (performance.now() - this.#lastHeard < this.#options.silence) return;
    const expected = this.#pending.size + this.#pendingAdmin.size + this.#watches.size;
    if (expected === 0 && !this.#asked) {
      clearInterval(this.#watchdog!);
      this.#watchdog = null;
    } else if (this.#asked) {
      this.#fail("unreachable", "it has fallen silent");
    } else {
      this.#asked = true;
      this.#lastHeard = performance.now();
      this.askTopology();
    }
  }

  // From the connection to the first frame

  #greet(): void {
    this.#phase = "greeting";
    const { user, password } = this.#options;
    const commands = password === undefined ? [] : [["AUTH", user ?? "default", password]];
    commands.push(["KVORUM", "ATTACH", String(WIRE_VERSION)]);
    this.#greetings = commands.map(([name]) => name!);
    this.#socket.write(commands.map(respCommand).join(""));
  }

  readonly #onGreeting = (chunk: Buffer): void => {
    this.#greeting += chunk.toString("latin1");
    for (let end = this.#greeting.indexOf("\r\n"); end >= 0; end = this.#greeting.indexOf("\r\n")) {
      const line = this.#greeting.slice(0, end);
      this.#greeting = this.#greeting.slice(end + 2);
      const command = this.#greetings.shift();
      if (!line.startsWith("+")) {
        this.#refused(command, line);
        return;
      }
      if (this.#greetings.length === 0) {
        this.#attach(Buffer.from(this.#greeting, "latin1"));
        return;
      }
    }
    if (this.#greeting.length > MAX_GREETING_BYTES) this.#fail("bad-request", "it does not speak RESP");
  };

  #refused(command: string | undefined, line: string): void {
    const [prefix] = line.slice(1).split(" ");
    if (prefix === "WRONGPASS" || prefix === "NOAUTH" || prefix === "NOPERM") {
      this.#fail("unauthenticated", line.slice(1));
    } else if (command === "AUTH") this.#fail("throttled", line.slice(1));
    else this.#fail("bad-request", `${this.host}:${this.port} refused the connection: ${line.slice(1)}`);
  }

  #attach(rest: Buffer): void {
    clearTimeout(this.#deadline);
    const socket = this.#socket;
    socket.off("data", this.#onGreeting);
    socket.off("error", this.#onError);
    socket.off("close", this.#onGone);
    this.#phase = "attached";
    this.#stream = new FrameStream(socket, {
      onFrame: (frame) => this.#onFrame(frame),
      onDrain: () => undefined,
      onClose: () => this.#fail("unreachable", "the connection was lost"),
      onProblem: (problem) => this.#fail("unreachable", problem),
    });
    this.#owner.onAttached();
    if (rest.length > 0) socket.emit("data", rest);
  }

  readonly #onError = (error: Error): void => this.#fail("unreachable", error.message);
  readonly #onGone = (): void => this.#fail("unreachable", "the node closed the connection");

  // Answers

  #onFrame(frame: Uint8Array): void {
    this.#lastHeard = performance.now();
    this.#asked = false;
    let message: NodeMessage;
    try {
      message = decodeNodeMessage(frame);
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      this.#fail("unreachable", `a malformed frame: ${error.message}`);
      return;
    }
    switch (message.type) {
      case "reply": {
        const done = this.#pending.get(message.id);
        this.#pending.delete(message.id);
        done?.(message.reply, message.leader, message.seen);
        break;
      }
      case "topology":
        this.#owner.onTopology(message.topology);
        break;
      case "admin-result": {
        const done = this.#pendingAdmin.get(message.id);
        this.#pendingAdmin.delete(message.id);
        done?.(message.result);
        break;
      }
      case "watch-start":
      case "watch-events":
      case "watch-end":
        this.#onWatch(message);
        break;
    }
  }

  #onWatch(message: WatchMessage): void {
    const { number } = message;
    const watch = this.#watches.get(number);
    if (watch === undefined) return;
    if (watch.paused) {
      watch.held.push(message);
      return;
    }
    switch (message.type) {
      case "watch-start":
        watch.told = message.revision;
        watch.listener.onStart(message.revision);
        break;
      case "watch-events":
        watch.told = message.upTo;
        watch.owesMore = true;
        watch.listener.onEvents(message.events, message.upTo);
        this.#askForMore(number, watch);
        break;
      case "watch-end":
        this.#watches.delete(number);
        watch.listener.onEnd(message.code, message.detail, message.resumeFrom);
        break;
    }
  }

  #fail(code: LinkError["code"], detail: string): void {
    if (this.#phase === "closed") return;
    this.#phase = "closed";
    this.#error = { code, detail: `${this.host}:${this.port}: ${detail}` };
    clearTimeout(this.#deadline);
    if (this.#watchdog !== null) clearInterval(this.#watchdog);
    // Until it is gone, it may still report an error.
    this.#socket.on("error", () => undefined);
    this.#socket.destroy();
    this.#answerAll();
    this.#owner.onClose(this.#error);
  }

  /** Everything sent may have been done. */
  #answerAll(): void {
    const open = [...this.#pending.values()];
    const admin = [...this.#pendingAdmin.values()];
    const watches = [...this.#watches.values()];
    this.#pending.clear();
    this.#pendingAdmin.clear();
    this.#watches.clear();
    const failure = new Failure(`UNKNOWN ${ERRORS.unknown.sentence}`, "unknown");
    for (const done of open) done(failure, null, null);
    for (const { listener, told } of watches) listener.onEnd("unreachable", this.#error!.detail, told);
    for (const done of admin) done({ ok: false, code: "unknown", message: this.#error!.detail });
  }
}

function respCommand(words: readonly string[]): string {
  const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
  return `*${words.length}\r\n${parts.join("")}`;
}
