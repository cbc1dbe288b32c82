/** A client that sees the wire: sends text or commands, and reads replies as plain data. */
import { connect, type Socket } from "node:net";
import type { Logger } from "../../core/world.ts";
import { createRespServer, type RespServer, type RespServerSettings } from "./server.ts";

/**
 * A reply as JSON: bulk strings as strings (one char per byte), statuses as "+OK", errors as "-ERR …", doubles as ",1.5",
 * maps as {map: [[key, value], …]}, sets as {set: […]}, push messages as {push: […]}, a null array as "*-1".
 */
export type Wire =
  | null
  | number
  | bigint
  | boolean
  | string
  | readonly Wire[]
  | { readonly [kind: string]: readonly Wire[] };

/** Reads one reply; undefined when it is not all there. */
export function readWire(
  bytes: Buffer,
  at: number,
): { readonly value: Wire; readonly next: number } | undefined {
  const end = bytes.indexOf("\r\n", at);
  if (end < 0) return undefined;
  const type = String.fromCharCode(bytes[at]!);
  const line = bytes.toString("latin1", at + 1, end);
  const next = end + 2;
  switch (type) {
    case "+":
    case "-":
    case ",":
      return { value: type + line, next };
    case ":":
      return { value: Number.isSafeInteger(Number(line)) ? Number(line) : BigInt(line), next };
    case "_":
      return { value: null, next };
    case "#":
      return { value: line === "t", next };
    case "$":
    case "=": {
      const length = Number(line);
      if (length < 0) return { value: null, next };
      if (bytes.length < next + length + 2) return undefined;
      // A verbatim string names its format first: "txt:".
      const start = type === "=" ? next + 4 : next;
      return { value: bytes.toString("latin1", start, next + length), next: next + length + 2 };
    }
    case "*":
    case ">":
    case "~":
    case "%": {
      const count = Number(line);
      if (count < 0) return { value: "*-1", next };
      const elements: Wire[] = [];
      let place = next;
      for (let i = 0; i < (type === "%" ? count * 2 : count); i++) {
        const element = readWire(bytes, place);
        if (element === undefined) return undefined;
        elements.push(element.value);
        place = element.next;
      }
      if (type === "*") return { value: elements, next: place };
      if (type === ">") return { value: { push: elements }, next: place };
      if (type === "~") return { value: { set: elements }, next: place };
      const pairs = Array.from({ length: count }, (_, i) => [elements[i * 2]!, elements[i * 2 + 1]!]);
      return { value: { map: pairs }, next: place };
    }
    default:
      throw new Error(`not RESP: ${JSON.stringify(bytes.toString("latin1", at, at + 40))}`);
  }
}

export type Argument = string | number | Uint8Array;

export function encodeCommand(args: readonly Argument[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${args.length}\r\n`)];
  for (const arg of args) {
    const bytes = typeof arg === "object" ? Buffer.from(arg) : Buffer.from(String(arg), "latin1");
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from("\r\n"));
  }
  return Buffer.concat(parts);
}

export class TestClient {
  readonly socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  readonly #waiting: { readonly resolve: (value: Wire) => void; readonly reject: (error: Error) => void }[] =
    [];
  readonly #unread: Wire[] = [];
  /** Settles once the connection is closed, with everything that came and was not asked for. */
  readonly closed: Promise<readonly Wire[]>;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk) => this.#onData(chunk));
    socket.on("error", () => socket.destroy());
    this.closed = new Promise((resolve) => {
      socket.on("close", () => {
        for (const { reject } of this.#waiting.splice(0)) reject(new Error("the connection closed"));
        resolve(this.#unread);
      });
    });
  }

  static connect(address: string): Promise<TestClient> {
    const [host, port] = address.split(":") as [string, string];
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port: Number(port) }, () => resolve(new TestClient(socket)));
      socket.once("error", reject);
    });
  }

  write(data: string | Uint8Array): void {
    this.socket.write(typeof data === "string" ? Buffer.from(data, "latin1") : data);
  }

  /** The next reply. */
  read(): Promise<Wire> {
    const ready = this.#unread.shift();
    if (ready !== undefined) return Promise.resolve(ready);
    if (this.socket.closed) return Promise.reject(new Error("the connection is closed"));
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  async readMany(count: number): Promise<Wire[]> {
    const replies: Wire[] = [];
    for (let i = 0; i < count; i++) replies.push(await this.read());
    return replies;
  }

  call(...args: readonly Argument[]): Promise<Wire> {
    this.write(encodeCommand(args));
    return this.read();
  }

  /** All commands in one write; their replies in order. */
  pipeline(...commands: readonly (readonly Argument[])[]): Promise<Wire[]> {
    this.write(Buffer.concat(commands.map(encodeCommand)));
    return this.readMany(commands.length);
  }

  close(): Promise<readonly Wire[]> {
    this.socket.destroy();
    return this.closed;
  }

  #onData(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    let at = 0;
    for (;;) {
      const reply = at < this.#received.length ? readWire(this.#received, at) : undefined;
      if (reply === undefined) break;
      at = reply.next;
      const waiting = this.#waiting.shift();
      if (waiting === undefined) this.#unread.push(reply.value);
      else waiting.resolve(reply.value);
    }
    this.#received = this.#received.subarray(at);
  }
}

export interface LogLine {
  readonly level: string;
  readonly fields: object;
  readonly message: string;
}

export function memoryLog(): { readonly log: Logger; readonly lines: LogLine[] } {
  const lines: LogLine[] = [];
  const at =
    (level: string) =>
    (fields: object, message: string): void =>
      void lines.push({ level, fields, message });
  return { log: { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") }, lines };
}

export interface RunningServer {
  readonly server: RespServer;
  readonly address: string;
  readonly port: number;
  readonly lines: LogLine[];
  connect(): Promise<TestClient>;
  close(): Promise<void>;
}

/** A server on a free loopback port. */
export async function startServer(
  settings: Pick<RespServerSettings, "node"> & Partial<RespServerSettings>,
): Promise<RunningServer> {
  const { log, lines } = memoryLog();
  const server = createRespServer({ host: "127.0.0.1", port: 0, log, ...settings });
  await new Promise<void>((resolve, reject) =>
    server.listen((error) => (error === null ? resolve() : reject(error))),
  );
  const address = server.address!;
  return {
    server,
    address,
    port: Number(address.split(":")[1]),
    lines,
    connect: () => TestClient.connect(address),
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}
