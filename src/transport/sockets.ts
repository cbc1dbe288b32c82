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

export function formatAddress(address: Address): string {
  return address.host.includes(":") ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

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

/** Why a node cannot listen, and what to do about it. */
export function describeListenError(error: NodeJS.ErrnoException, address: Address): Error {
  const where = `cannot listen for peers on ${formatAddress(address)}`;
  switch (error.code) {
    case "EADDRINUSE":
      return new Error(
        `${where}: the port is in use (EADDRINUSE). Stop the process that uses it, or choose another port.`,
      );
    case "EACCES":
      return new Error(
        `${where}: not permitted (EACCES). Choose a port above 1023, or run with the right to use this one.`,
      );
    case "EADDRNOTAVAIL":
      return new Error(
        `${where}: this machine has no such address (EADDRNOTAVAIL). Choose one of its own, or 0.0.0.0 for all.`,
      );
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return new Error(
        `${where}: the name cannot be resolved (${error.code}). Use an address, or correct the name.`,
      );
    default:
      return new Error(`${where}: ${error.message}`);
  }
}
