/**
 * How other terminals talk to a running `kvorum dev`: a Unix socket in its directory, one JSON line there, one back.
 * The socket is also the lock: who listens on it owns the directory.
 */
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { CliError, codeOf, EXIT, messageOf } from "../failure.ts";
import { SOCKET } from "./directory.ts";

/** Longer paths are cut off by the operating system (104 bytes on macOS, 108 on Linux). */
const MAX_SOCKET_PATH = 100;
const MAX_LINE = 1_000_000;

export const VERBS = ["status", "kill", "stop", "restart", "pause", "resume", "add", "shutdown"] as const;
export type Verb = (typeof VERBS)[number];

export interface ControlRequest {
  readonly verb: Verb;
  /** As typed: 2, n2 or all. Empty where the verb needs none. */
  readonly nodes: readonly string[];
}

export type ControlAnswer =
  | { readonly ok: true; readonly text: string; readonly data?: unknown }
  | { readonly ok: false; readonly message: string; readonly advice: string; readonly exitCode: number };

export interface ControlServer {
  /** Takes no more requests, and ends once those under way are answered. */
  close(): Promise<void>;
}

export function socketPath(directory: string): string {
  const path = join(resolve(directory), SOCKET);
  if (Buffer.byteLength(path) <= MAX_SOCKET_PATH) return path;
  const hash = createHash("sha256").update(resolve(directory)).digest("hex").slice(0, 16);
  return join(tmpdir(), `kvorum-dev-${process.getuid?.() ?? 0}-${hash}.sock`);
}

/** Listens. Null: another process does already. Errors of `handle` become answers. */
export async function serveControl(
  directory: string,
  handle: (request: ControlRequest) => Promise<ControlAnswer>,
): Promise<ControlServer | null> {
  mkdirSync(directory, { recursive: true });
  const path = socketPath(directory);
  const clients = new Map<Socket, Client>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("close", () => clients.delete(socket));
    socket.on("error", () => socket.destroy());
    clients.set(socket, new Client(socket, handle));
  });
  if (!(await listen(server, path))) {
    if (await somebodyListens(path)) return null;
    // Left behind by a process that was killed.
    rmSync(path, { force: true });
    if (!(await listen(server, path))) return null;
  }
  chmodSync(path, 0o600);
  return {
    async close() {
      server.close();
      await Promise.all([...clients.values()].map((client) => client.close()));
    },
  };
}

/** One connection: one request, one answer. */
class Client {
  readonly #socket: Socket;
  readonly #answered: Promise<void>;
  #asked = false;

  constructor(socket: Socket, handle: (request: ControlRequest) => Promise<ControlAnswer>) {
    this.#socket = socket;
    this.#answered = this.#answer(handle);
  }

  /** Whoever has asked gets the answer; whoever only holds the connection does not hold up the end. */
  async close(): Promise<void> {
    if (!this.#asked) this.#socket.destroy();
    await this.#answered;
    this.#socket.destroySoon();
  }

  async #answer(handle: (request: ControlRequest) => Promise<ControlAnswer>): Promise<void> {
    let reply: ControlAnswer;
    try {
      const line = await firstLine(this.#socket);
      this.#asked = true;
      reply = await handle(parseRequest(line));
    } catch (error) {
      reply = refusal(error);
    }
    this.#socket.end(`${JSON.stringify(reply)}\n`);
  }
}

function refusal(error: unknown): ControlAnswer {
  const known = error instanceof CliError ? error : null;
  const advice = known?.advice ?? "See what `kvorum dev` says in its own terminal.";
  return { ok: false, message: messageOf(error), advice, exitCode: known?.exitCode ?? EXIT.failed };
}

function listen(server: Server, path: string): Promise<boolean> {
  return new Promise((done, failed) => {
    const refused = (error: Error) => {
      if (codeOf(error) === "EADDRINUSE") done(false);
      else
        failed(
          new CliError(`cannot open ${path}: ${messageOf(error)}`, "Choose another directory with --dir."),
        );
    };
    server.once("error", refused);
    server.listen(path, () => {
      server.off("error", refused);
      done(true);
    });
  });
}

function somebodyListens(path: string): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      done(true);
    });
    socket.once("error", () => done(false));
  });
}

function parseRequest(line: string): ControlRequest {
  const request = JSON.parse(line) as Partial<ControlRequest>;
  const verb = VERBS.find((candidate) => candidate === request.verb);
  if (verb === undefined || !Array.isArray(request.nodes)) {
    throw new CliError(
      "this `kvorum dev` does not know that request",
      "Use the same version of Kvorum in both terminals.",
    );
  }
  return { verb, nodes: request.nodes.map(String) };
}

function firstLine(socket: Socket): Promise<string> {
  return new Promise((done, failed) => {
    let text = "";
    socket.setEncoding("utf8");
    socket.on("data", (chunk: string) => {
      text += chunk;
      const end = text.indexOf("\n");
      if (end >= 0) done(text.slice(0, end));
      else if (text.length > MAX_LINE) failed(new Error("the request is too long"));
    });
    socket.once("end", () => failed(new Error("the connection ended in the middle of a line")));
    socket.once("error", failed);
    socket.once("close", () => failed(new Error("the connection was lost")));
  });
}

/** Asks the `kvorum dev` of this directory. Null: none is running. */
export async function askControl(directory: string, request: ControlRequest): Promise<ControlAnswer | null> {
  const socket = connect(socketPath(directory));
  try {
    await new Promise<void>((done, failed) => {
      socket.once("connect", done);
      socket.once("error", failed);
    });
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ECONNREFUSED") return null;
    throw new CliError(
      `cannot reach \`kvorum dev\`: ${messageOf(error)}`,
      "Is it running as another user?",
      EXIT.unreachable,
    );
  }
  socket.write(`${JSON.stringify(request)}\n`);
  try {
    return JSON.parse(await firstLine(socket)) as ControlAnswer;
  } catch (error) {
    throw new CliError(
      `\`kvorum dev\` ended before it answered (${messageOf(error)})`,
      "Start it again with `kvorum dev`.",
      EXIT.unreachable,
    );
  } finally {
    socket.destroy();
  }
}
