/** A plain Redis client that pipelines: what it is given in one turn of the event loop leaves in one write. */
import type { Socket } from "node:net";
import type { Lane, OperationFailure } from "../../bench/generator.ts";
import type { PlannedOperation } from "../../bench/plan.ts";
import { ReplyScanner } from "../../bench/reply-scanner.ts";
import { meaningOf } from "../../chaos/failures.ts";
import { Failure } from "../../core/reply.ts";
import type { Address } from "../../core/world.ts";
import { formatAddress } from "../../server/notation.ts";
import { CliError, messageOf } from "../failure.ts";
import { whyUnreachable } from "../http-client.ts";
import { remote } from "../login.ts";
import { encodeCommand, openSocket } from "../resp/resp-client.ts";

type Done = (failure: OperationFailure | null) => void;

export interface RespLaneOptions {
  readonly address: Address;
  /** As RESP, one character for each byte. */
  readonly encode: (operation: PlannedOperation) => string;
  /** Sent first on each connection, after the login. */
  readonly greeting: readonly (readonly string[])[];
}

const RECONNECT_MS = 100;
const CONNECT_TIMEOUT_MS = 3_000;

/** A lost connection is made again when the next request comes. */
export class RespLane implements Lane {
  readonly #options: RespLaneOptions;
  /** Of the requests that are sent or wait for the connection, in order. */
  readonly #waiting: Done[] = [];
  /** What the socket has not been given. */
  #pending = "";
  #socket: Socket | null = null;
  #open = false;
  #flushing = false;
  #reconnecting = false;
  #closed = false;

  constructor(options: RespLaneOptions) {
    this.#options = options;
  }

  /** Rejects with a `CliError` when the server cannot be reached, or does not take the greeting. */
  connect(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#connect((problem) => (problem === null ? resolve() : reject(problem)));
    });
  }

  send(operation: PlannedOperation, done: Done): void {
    this.#waiting.push(done);
    this.#pending += this.#options.encode(operation);
    if (this.#socket === null) this.#reconnect();
    else this.#flushSoon();
  }

  close(): void {
    this.#closed = true;
    this.#socket?.destroy();
  }

  /** Once what is happening now has added all it has. */
  #flushSoon(): void {
    if (this.#flushing || !this.#open) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      if (this.#open) this.#flush();
    });
  }

  #flush(): void {
    const text = this.#pending;
    this.#pending = "";
    if (text !== "") this.#socket!.write(text, "latin1");
  }

  /** Not at once: a server that refuses must not keep this process busy. */
  #reconnect(): void {
    if (this.#reconnecting) return;
    this.#reconnecting = true;
    setTimeout(() => {
      this.#reconnecting = false;
      this.#connect(() => undefined);
    }, RECONNECT_MS);
  }

  #connect(connected: (problem: CliError | null) => void): void {
    if (this.#closed || this.#socket !== null) return;
    const { address, greeting } = this.#options;
    const socket = openSocket(address);
    this.#socket = socket;
    const where = formatAddress(address);
    const { login, ca } = remote();
    const commands = [...(login === null ? [] : [["AUTH", login.user, login.password]]), ...greeting];
    let greeted = 0;
    let why = "connection closed";
    const ready = (): void => {
      socket.setTimeout(0);
      this.#open = true;
      connected(null);
      this.#flush();
    };
    const scanner = new ReplyScanner((error) => {
      if (greeted === commands.length) {
        this.#waiting.shift()?.(error === null ? null : failureOf(error));
        return;
      }
      if (error === null) {
        if (++greeted === commands.length) ready();
        return;
      }
      why = error;
      socket.destroy();
    });
    socket.setTimeout(CONNECT_TIMEOUT_MS, () =>
      socket.destroy(Object.assign(new Error("no answer in time"), { name: "TimeoutError" })),
    );
    socket.once(ca === null ? "connect" : "secureConnect", () => {
      for (const words of commands) socket.write(encodeCommand(words.map((word) => Buffer.from(word))));
      if (commands.length === 0) ready();
    });
    socket.on("data", (chunk) => {
      try {
        scanner.push(chunk);
      } catch (error) {
        socket.destroy(new Error(messageOf(error), { cause: error }));
      }
    });
    socket.on("error", (error) => (why = whyUnreachable(error)));
    socket.on("close", () => {
      const wasOpen = this.#open;
      this.#open = false;
      this.#socket = null;
      connected(new CliError(`${where}: ${why}`, "Look at the nodes with `kvorum status`."));
      this.#fail(
        wasOpen
          ? { code: "connection-lost", definite: false, detail: `${where}: ${why}` }
          : { code: "unreachable", definite: true, detail: `${where}: ${why}` },
      );
    });
  }

  /** Requests that were not even given to the socket had no effect, but the order of answers does not say which they are. */
  #fail(failure: OperationFailure): void {
    this.#pending = "";
    for (const done of this.#waiting.splice(0)) done(failure);
  }
}

function failureOf(text: string): OperationFailure {
  const { error, definite } = meaningOf(new Failure(text));
  return { code: error, definite, detail: text };
}
