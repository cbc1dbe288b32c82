import { connect, createServer, type Server, type Socket } from "node:net";
import type { Address } from "../core/world.ts";

/** Where sockets come from: the one place that knows whether they are encrypted. */
export interface SocketFactory {
  /** A server that is not listening yet. */
  server(onSocket: (socket: Socket) => void): Server;
  /** A socket on its way to `address`; it takes writes at once and keeps them until it is connected. */
  connect(address: Address): Socket;
}

export const plainTcp: SocketFactory = {
  server: (onSocket) => createServer({ noDelay: true }, onSocket),
  connect: (address) => connect({ host: address.host, port: address.port, noDelay: true }),
};

/** What the system says about a socket, in words, with the code for those who search for it. */
export function describeSocketError(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case "ECONNREFUSED":
      return "nothing listens there (ECONNREFUSED)";
    case "ECONNRESET":
    case "EPIPE":
      return `the connection was reset (${error.code})`;
    case "ETIMEDOUT":
      return "the connection timed out (ETIMEDOUT)";
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return `there is no route to it (${error.code})`;
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return `its name cannot be resolved (${error.code})`;
    default:
      return error.message;
  }
}
