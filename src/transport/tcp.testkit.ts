import { connect, createServer, type Server, type Socket } from "node:net";
import type { Address } from "../core/world.ts";
import { NodeClock } from "../world/node-clock.ts";
import { createNodeRandom } from "../world/node-random.ts";
import type { TcpOptions } from "./options.ts";
import type { SocketFactory } from "./sockets.ts";
import { createTcpNetwork, type TcpTransport } from "./tcp-network.ts";
import { Recorder, RecordingLog, type Endpoint, type TransportFixture } from "./transport.testkit.ts";

const LOOPBACK: Address = { host: "127.0.0.1", port: 0 };

export interface TcpEndpoint extends Endpoint {
  readonly transport: TcpTransport;
  readonly seen: Recorder;
}

/** Real sockets on loopback. */
export class TcpWorld implements TransportFixture {
  readonly clock = new NodeClock();
  readonly log = new RecordingLog();
  readonly #options: Partial<TcpOptions>;
  readonly #endpoints: TcpEndpoint[] = [];
  readonly #sockets: Socket[] = [];
  readonly #servers: Server[] = [];

  constructor(options: Partial<TcpOptions> = {}) {
    this.#options = options;
  }

  listen(
    at: Address = LOOPBACK,
    options: Partial<TcpOptions> = {},
    sockets?: SocketFactory,
  ): Promise<TcpEndpoint> {
    const seen = new Recorder();
    const network = createTcpNetwork({
      clock: this.clock,
      random: createNodeRandom(),
      log: this.log,
      options: { ...this.#options, ...options },
      ...(sockets === undefined ? {} : { sockets }),
    });
    return new Promise((resolve, reject) => {
      network.listen(at, seen, (error, transport) => {
        if (transport === undefined) {
          reject(error);
          return;
        }
        const endpoint = { transport, address: transport.address, seen };
        this.#endpoints.push(endpoint);
        resolve(endpoint);
      });
    });
  }

  tryListen(at: Address): Promise<Error | null> {
    return this.listen(at).then(
      () => null,
      (error: Error) => error,
    );
  }

  /** Within one process, closing is as close to killing as it gets: the sockets end, nothing is said. */
  kill(endpoint: TcpEndpoint): Promise<void> {
    return new Promise((resolve) => endpoint.transport.close(resolve));
  }

  async deadAddress(): Promise<Address> {
    const server = createServer();
    const address = await listening(server);
    await new Promise((resolve) => server.close(resolve));
    return address;
  }

  async until(condition: () => boolean): Promise<void> {
    const deadline = performance.now() + 10_000;
    while (!condition()) {
      if (performance.now() > deadline) throw new Error(`never: ${condition.toString()}`);
      await this.pass(2);
    }
  }

  pass(milliseconds: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, milliseconds));
  }

  async end(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    for (const server of this.#servers) server.close();
    await Promise.all(this.#endpoints.map((endpoint) => this.kill(endpoint)));
  }

  /** Somebody with a bare socket. */
  async stranger(to: Address): Promise<Stranger> {
    const socket = connect(to.port, to.host);
    this.#sockets.push(socket);
    await new Promise((resolve) => socket.once("connect", resolve));
    return new Stranger(socket);
  }

  /** A server of somebody else's; it answers whatever `onSocket` does. */
  async strangeServer(onSocket: (socket: Socket) => void): Promise<Address> {
    const server = createServer((socket) => {
      this.#sockets.push(socket);
      socket.on("error", () => undefined);
      onSocket(socket);
    });
    this.#servers.push(server);
    return listening(server);
  }
}

export class Stranger {
  readonly socket: Socket;
  received = Buffer.alloc(0);
  closed = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => (this.received = Buffer.concat([this.received, chunk])));
    socket.on("close", () => (this.closed = true));
    socket.on("error", () => undefined);
  }
}

function listening(server: Server): Promise<Address> {
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address() as { port: number };
      resolve({ host: "127.0.0.1", port: address.port });
    });
  });
}
