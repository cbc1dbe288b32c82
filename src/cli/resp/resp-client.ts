/** One connection to a node's RESP door, for the command line: one command at a time, answers in order. */
import { connect, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { Failure, type Reply } from "../../core/reply.ts";
import type { Address } from "../../core/world.ts";
import { formatAddress, parseAddress } from "../../server/notation.ts";
import { CliError, codeOf, EXIT, messageOf, usage } from "../failure.ts";
import { whyUnreachable } from "../http-client.ts";
import { remote } from "../login.ts";
import { ReplyParser } from "./reply-parser.ts";

const CONNECT_TIMEOUT_MS = 3_000;
/** A node that works answers earlier: its own request timeout is shorter. One that was paused does not. */
const REPLY_TIMEOUT_MS = 30_000;

export interface RespConnection {
  readonly address: Address;
  /** False once the connection is gone; then `call` fails at once. */
  readonly open: boolean;
  /** Fails with a `CliError` when the connection is lost before the answer came. Error replies are replies. */
  call(args: readonly Uint8Array[]): Promise<Reply>;
  close(): void;
}

/** The nodes to talk to: `--address`, else KVORUM_ADDRESS, else those of `kvorum dev`. */
export function respAddresses(
  flag: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): Address[] {
  const given = flag ?? env["KVORUM_ADDRESS"];
  if (given === undefined || given === "")
    return [7410, 7420, 7430].map((port) => ({ host: "127.0.0.1", port }));
  return given.split(",").map((text) => {
    const address = parseAddress(text);
    if (address !== null) return address;
    const source = flag === undefined ? "KVORUM_ADDRESS" : "--address";
    throw usage(`${source}: "${text}" is not HOST:PORT`, "Write it as 127.0.0.1:7410.");
  });
}

/** Connects to the first node that lets us. */
export async function connectFirst(
  addresses: readonly Address[],
  replyTimeoutMs = REPLY_TIMEOUT_MS,
): Promise<RespConnection> {
  const reasons: string[] = [];
  for (const address of addresses) {
    try {
      return await logIn(await connectResp(address, replyTimeoutMs));
    } catch (error) {
      if (error instanceof CliError) throw error;
      reasons.push(`${formatAddress(address)} (${whyUnreachable(error)})`);
    }
  }
  throw new CliError(
    `no node answers at ${reasons.join(", ")}`,
    "Start a cluster with `kvorum dev`, or name a running node with --address (KVORUM_ADDRESS).",
    EXIT.unreachable,
  );
}

/** Who is not let in is told so at once: another node would say the same. */
async function logIn(connection: RespConnection): Promise<RespConnection> {
  const { login } = remote();
  if (login === null) return connection;
  const words = ["AUTH", login.user, login.password];
  const reply = await connection.call(words.map((word) => Buffer.from(word)));
  if (!(reply instanceof Failure)) return connection;
  connection.close();
  throw new CliError(
    `${formatAddress(connection.address)} does not let ${login.user} in: ${reply.message}`,
    "Correct --user and the password (--password-file, KVORUM_PASSWORD_FILE).",
  );
}

/** Encrypted where the command line names an authority; then `secureConnect` says that it is open. */
export function openSocket({ host, port }: Address): Socket {
  const { ca } = remote();
  if (ca === null) return connect({ host, port, noDelay: true });
  const socket = connectTls({ host, port, ca, ...(isIP(host) === 0 ? { servername: host } : {}) });
  return socket.setNoDelay(true);
}

function connectResp(address: Address, replyTimeoutMs: number): Promise<RespConnection> {
  return new Promise((resolve, reject) => {
    const socket = openSocket(address);
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => {
      socket.destroy(Object.assign(new Error("no answer in time"), { name: "TimeoutError" }));
    });
    socket.once("error", reject);
    socket.once(remote().ca === null ? "connect" : "secureConnect", () => {
      socket.off("error", reject);
      socket.setTimeout(0);
      resolve(new Connection(socket, address, replyTimeoutMs));
    });
  });
}

interface Waiting {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
}

class Connection implements RespConnection {
  readonly address: Address;
  readonly #socket: Socket;
  readonly #parser = new ReplyParser();
  readonly #waiting: Waiting[] = [];
  readonly #replyTimeoutMs: number;
  #lost: CliError | null = null;

  constructor(socket: Socket, address: Address, replyTimeoutMs: number) {
    this.#socket = socket;
    this.#replyTimeoutMs = replyTimeoutMs;
    this.address = address;
    socket.on("data", (chunk) => this.#receive(chunk));
    socket.on("error", (error) =>
      this.#lose(codeOf(error) === undefined ? messageOf(error) : whyUnreachable(error)),
    );
    socket.on("close", () => this.#lose("connection closed"));
    socket.on("timeout", () => {
      if (this.#waiting.length === 0) return;
      this.#lose(`no answer for ${this.#replyTimeoutMs / 1_000} s`);
      socket.destroy();
    });
  }

  get open(): boolean {
    return this.#lost === null;
  }

  call(args: readonly Uint8Array[]): Promise<Reply> {
    if (this.#lost !== null) return Promise.reject(this.#lost);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#socket.setTimeout(this.#replyTimeoutMs);
      this.#socket.write(encodeCommand(args));
    });
  }

  close(): void {
    this.#lost ??= new CliError("the connection was closed", "Connect again.");
    this.#socket.destroy();
  }

  #receive(chunk: Uint8Array): void {
    try {
      this.#parser.push(chunk);
      for (let reply = this.#parser.next(); reply !== undefined; reply = this.#parser.next()) {
        this.#waiting.shift()?.resolve(reply);
      }
    } catch (error) {
      this.#lose(`${messageOf(error)}: is it a RESP port?`);
      this.#socket.destroy();
    }
  }

  #lose(why: string): void {
    const where = formatAddress(this.address);
    this.#lost ??= new CliError(
      `${where}: ${why}; the command may or may not have been carried out`,
      "Read the key to learn the outcome, through another node if this one is down.",
      EXIT.unreachable,
    );
    for (const waiting of this.#waiting.splice(0)) waiting.reject(this.#lost);
  }
}

/** A command as RESP sends it: an array of bulk strings. */
export function encodeCommand(args: readonly Uint8Array[]): Uint8Array {
  const parts: Uint8Array[] = [Buffer.from(`*${args.length}\r\n`)];
  for (const arg of args) parts.push(Buffer.from(`$${arg.length}\r\n`), arg, Buffer.from("\r\n"));
  return Buffer.concat(parts);
}
