/** From an address to a database: the client over sockets. */
import type { ConnectionOptions } from "node:tls";
import { KvorumError } from "../../core/errors.ts";
import { NodeClock } from "../../world/node-clock.ts";
import { createNodeRandom } from "../../world/node-random.ts";
import { type ClientOptions, type Database, type Keyspaces, openClient } from "../connect.ts";
import { parseTarget } from "./address.ts";
import { type SocketAddress, SocketTransport } from "./socket-transport.ts";

export type ConnectOptions<K extends Keyspaces> = ClientOptions<K> & {
  /** Of a user of the cluster, where it has users. They go before those in the address. */
  readonly user?: string;
  readonly password?: string;
  /** For `kvorums:`, as in Node's `tls.connect`: `ca`, and `cert` with `key` where the nodes want one. */
  readonly tls?: ConnectionOptions;
  /** Milliseconds until an attempt to connect to a node is given up. Default 3 000. */
  readonly connectTimeout?: number;
  /** Where a node is to be reached whose own address is this one: for forwarded ports and proxies. */
  readonly route?: (address: SocketAddress) => SocketAddress;
};

const CONNECT_TIMEOUT_MS = 3_000;
const SILENCE_MS = 5_000;
const RETRY_MS = 250;

/**
 * Connects to the cluster of which the nodes in `url` are a part, `kvorum://host:port[,host:port…]`, checks that its
 * keyspaces are what is declared, and gives them to you, each with the methods of its type.
 *
 * Rejects with `unreachable` when no node answers within `openTimeout`, `unauthenticated` when user and password do not fit,
 * `unknown-keyspace` or `contradiction` when the cluster's keyspaces are others. All of these are definite.
 */
export async function connect<const K extends Keyspaces>(
  url: string,
  options: ConnectOptions<K>,
): Promise<Database<K>> {
  const target = parseTarget(url);
  const user = options.user ?? target.user;
  const password = options.password ?? target.password;
  if (user !== undefined && password === undefined)
    throw new KvorumError("bad-request", `A password is missing for the user "${user}".`);
  const { route, tls = {} } = options;
  const transport = new SocketTransport({
    seeds: target.seeds,
    connectTimeout: options.connectTimeout ?? CONNECT_TIMEOUT_MS,
    silence: SILENCE_MS,
    retryInterval: RETRY_MS,
    ...(user === undefined ? {} : { user }),
    ...(password === undefined ? {} : { password }),
    ...(target.tls ? { tls } : {}),
    ...(route === undefined ? {} : { route }),
  });
  try {
    return await openClient(transport, { clock: new NodeClock(), random: createNodeRandom() }, options);
  } catch (error) {
    throw explained(error, transport);
  }
}

/** Why nobody could be reached is known to the transport. */
function explained(error: unknown, { lastError }: SocketTransport): unknown {
  if (!(error instanceof KvorumError) || error.code !== "unreachable" || lastError === null) return error;
  return new KvorumError("unreachable", `No node could be reached. The last attempt: ${lastError.detail}.`);
}
