/**
 * The port that all processes of a machine share. The supervisor accepts, reads nothing, and hands the connection to one of them, in turn:
 * from then on client and node talk directly. (Sharing the listening socket itself would leave it to the kernel who accepts, and that
 * prefers whoever woke up last.)
 */
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import type { Address, Logger } from "../../core/world.ts";
import { formatAddress } from "../notation.ts";

/** Takes clients while it can. */
export interface Taker {
  readonly takesClients: boolean;
  take(socket: Socket): void;
}

const BACKLOG = 4_096;

export class SharedPort {
  readonly #takers: readonly Taker[];
  readonly #log: Logger;
  readonly #server: Server;
  #next = 0;

  constructor(takers: readonly Taker[], log: Logger) {
    this.#takers = takers;
    this.#log = log;
    this.#server = createServer({ pauseOnConnect: true }, (socket) => this.#accept(socket));
  }

  /** Resolves with where it listens; rejects with a sentence. */
  listen({ host, port }: Address): Promise<Address> {
    return new Promise((done, failed) => {
      const refused = (error: NodeJS.ErrnoException): void =>
        failed(
          new Error(
            error.code === "EADDRINUSE"
              ? `The shared RESP port ${formatAddress({ host, port })} is in use by another process. Stop that process, or choose another port.`
              : `Cannot listen on ${formatAddress({ host, port })}: ${error.message}`,
            { cause: error },
          ),
        );
      this.#server.once("error", refused);
      this.#server.listen({ host, port, backlog: BACKLOG }, () => {
        this.#server.off("error", refused);
        this.#server.on("error", (error) =>
          this.#log.error({ error: error.message }, "the shared RESP port failed"),
        );
        const { address, port: bound } = this.#server.address() as AddressInfo;
        done({ host: address, port: bound });
      });
    });
  }

  /** Takes no more connections. Those that were handed out belong to others. */
  close(): void {
    this.#server.close();
  }

  #accept(socket: Socket): void {
    socket.on("error", (error) =>
      this.#log.debug({ error: error.message }, "a client was gone before it was handed over"),
    );
    for (let tried = 0; tried < this.#takers.length; tried++) {
      const taker = this.#takers[this.#next]!;
      this.#next = (this.#next + 1) % this.#takers.length;
      if (!taker.takesClients) continue;
      taker.take(socket);
      return;
    }
    // As if nobody listened: clients try again.
    this.#log.warn({ address: socket.remoteAddress }, "a client was turned away: no process takes any now");
    socket.destroy();
  }
}
