/** An HTTP door in front of a node in memory, with the real commands behind it. */
import type { Logger } from "../../../core/world.ts";
import type { KvorumNode } from "../../../node/api.ts";
import { FakeNode } from "../../resp/fake-node.testkit.ts";
import { type HttpServer, startHttpServer } from "../http-server.ts";

const quiet: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON. */
  readonly json: () => unknown;
  /** The code in the body of an error. */
  readonly code: () => unknown;
}

export class Door {
  readonly url: string;
  readonly #server: HttpServer;

  private constructor(server: HttpServer) {
    this.#server = server;
    const { port } = server.address;
    this.url = `http://127.0.0.1:${port}`;
  }

  static async open(node: KvorumNode = new FakeNode({ maxValueBytes: 100_000 })): Promise<Door> {
    const options = { host: "127.0.0.1", port: 0, allowedHosts: [], corsOrigins: ["https://app.example"] };
    return new Door(await startHttpServer(node, options, quiet));
  }

  close(): Promise<void> {
    return this.#server.close();
  }

  /** `path` below /v1/keyspaces. A body that is no text or bytes is sent as JSON. */
  async ask(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answered> {
    const plain = body === undefined || typeof body === "string" || body instanceof Uint8Array;
    const response = await fetch(`${this.url}/v1/keyspaces${path}`, {
      method,
      headers: { ...(plain ? {} : { "content-type": "application/json" }), ...headers },
      ...(body === undefined
        ? {}
        : { body: plain ? (body as string | Uint8Array<ArrayBuffer>) : JSON.stringify(body) }),
    });
    const text = await response.text();
    const json = (): unknown => JSON.parse(text);
    return {
      status: response.status,
      headers: response.headers,
      text,
      json,
      code: () => (json() as { error: { code: string } }).error.code,
    };
  }
}
