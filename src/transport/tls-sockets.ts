/**
 * Sockets between nodes, encrypted, with a certificate on both sides. A node's certificate is one of the cluster's authority
 * with the DNS name `node.kvorum`: the same authority may vouch for clients, and those are no nodes. Which node it is, the
 * handshake above says; a node can do everything within its cluster anyway.
 */
import type { Server } from "node:net";
import { checkServerIdentity, connect, createServer, type Server as TlsServer } from "node:tls";
import type { Logger } from "../core/world.ts";
import type { SocketFactory } from "./sockets.ts";

/** The DNS name in the certificate of every node. */
export const NODE_NAME = "node.kvorum";

/** PEM. */
export interface TlsMaterial {
  readonly cert: string;
  readonly key: string;
  /** Who vouches for nodes. */
  readonly ca: string;
}

/** Certificates that may be renewed while the process runs. */
export interface TlsIdentity {
  /** As it is now, with what all our connections have in common. */
  readonly options: TlsMaterial & { readonly minVersion: "TLSv1.2" };
  /** New connections of this server get the new certificate when it changes. */
  renew(server: TlsServer): void;
}

/** Whoever connects has to finish the handshake within this time. */
export const TLS_HANDSHAKE_MS = 5_000;

export function tlsSockets(identity: TlsIdentity, log: Logger): SocketFactory {
  return {
    server(onSocket): Server {
      const server = createServer(
        {
          ...identity.options,
          requestCert: true,
          rejectUnauthorized: true,
          handshakeTimeout: TLS_HANDSHAKE_MS,
          noDelay: true,
        },
        (socket) => {
          const problem = checkServerIdentity(NODE_NAME, socket.getPeerCertificate());
          if (problem === undefined) {
            onSocket(socket);
            return;
          }
          log.warn(
            { audit: "peer-refused", address: socket.remoteAddress },
            `refused a connection of peers: its certificate is not one of a node (${NODE_NAME})`,
          );
          socket.on("error", () => socket.destroy());
          socket.destroy();
        },
      );
      server.on("tlsClientError", (error, socket) =>
        log.warn(
          { audit: "peer-refused", address: socket.remoteAddress, reason: error.message },
          "refused a connection of peers: no TLS, or no certificate of this cluster",
        ),
      );
      identity.renew(server);
      return server;
    },
    connect({ host, port }) {
      const socket = connect({
        ...identity.options,
        host,
        port,
        servername: NODE_NAME,
        rejectUnauthorized: true,
      });
      return socket.setNoDelay(true);
    },
  };
}
