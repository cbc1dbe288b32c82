/** A full node in this process: the code that `kvorum serve` runs, with a client that needs no socket. */
import { type ClientOptions, type Database, type Keyspaces, openClient } from "../client/connect.ts";
import { KvorumError } from "../core/errors.ts";
import type { Address, Logger } from "../core/world.ts";
import type { NodeStatus } from "../node/api.ts";
import { startServer } from "../server/start-server.ts";
import { packageVersion } from "../version.ts";
import { NodeClock } from "../world/node-clock.ts";
import { createNodeRandom } from "../world/node-random.ts";
import { type NodeSettings, readSettings } from "./node-settings.ts";
import { NodeTransport } from "./node-transport.ts";

export interface CreateNodeOptions extends NodeSettings {
  /** Default: nothing is logged. A pino logger fits. */
  readonly log?: Logger;
  /** Where another node is to be reached whose own address is this one: for forwarded ports and proxies. */
  readonly route?: (address: Address) => Address;
}

export interface EmbeddedNode {
  readonly name: string;
  /** `host:port` of the doors; null where one is closed. */
  readonly addresses: { readonly resp: string | null; readonly http: string | null; readonly peer: string };
  /**
   * Resolves once the node knows its cluster and every shard has a leader; with other founding members, that needs most of
   * them. Rejects with `no-leader` after `timeout` milliseconds (default 30 000), and says what it waited for.
   */
  ready(timeout?: number): Promise<void>;
  /** The typed client, through this node. Waits until it is ready, for at most `openTimeout`. */
  connect<const K extends Keyspaces>(options: ClientOptions<K>): Promise<Database<K>>;
  /** What the node knows of itself and its cluster. */
  status(): NodeStatus;
  /** Called when the node can never serve from its directory again: corruption, a failed disk. It stays to be closed. */
  onFatal(callback: (error: Error) => void): void;
  /** Hands leaderships over, answers what is under way, closes everything. Nothing of it is left in the process. */
  close(): Promise<void>;
}

const SILENT: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

const READY_TIMEOUT_MS = 30_000;

/**
 * Starts a node. Resolves when its doors are open, which is before it is ready: founding members of one cluster wait for
 * each other. Rejects with `bad-request` when the options are wrong, otherwise with what is in the way (a locked directory, a
 * port in use); nothing stays open then.
 */
export async function createNode({
  log = SILENT,
  route,
  ...given
}: CreateNodeOptions): Promise<EmbeddedNode> {
  const options = readSettings(given);
  const doors = { resp: given.respPort !== undefined, http: given.httpPort !== undefined };
  const server = await startServer(options, log, packageVersion(), doors, route);
  const { node, addresses } = server;
  const clock = new NodeClock();
  const clients = new Set<{ close(): void }>();

  return {
    name: options.name,
    addresses,
    ready: (timeout = READY_TIMEOUT_MS) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          const { waiting } = node.status();
          reject(
            new KvorumError("no-leader", `Not ready: the node waits for ${waiting?.reason ?? "nothing"}.`),
          );
        }, timeout);
        node.whenReady(() => {
          clearTimeout(timer);
          resolve();
        });
      }),
    connect: async (clientOptions) => {
      const runtime = { clock, random: createNodeRandom() };
      const database = await openClient(new NodeTransport(node, clock), runtime, clientOptions);
      clients.add(database);
      return database;
    },
    status: () => node.status(),
    onFatal: (callback) => server.onFatal(callback),
    close: async () => {
      for (const client of clients) client.close();
      clients.clear();
      await server.close();
    },
  };
}
