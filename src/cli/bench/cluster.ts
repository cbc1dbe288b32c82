/** The cluster that is loaded: its nodes, and what the keyspace is. */
import type { NodeVersion } from "../../bench/summary.ts";
import type { BenchSettings } from "../../bench/settings.ts";
import { Failure } from "../../core/reply.ts";
import type { Address } from "../../core/world.ts";
import { isMerging, type NodeInfo, type Replication } from "../../node/api.ts";
import { formatAddress, parseAddress } from "../../server/notation.ts";
import { CliError, usage } from "../failure.ts";
import { fetchStatus, nodeUrls, reachNode, urlOfHost } from "../http-client.ts";
import { connectFirst } from "../resp/resp-client.ts";
import { nearest } from "../text/suggest.ts";

export interface LoadedCluster {
  readonly nodes: readonly NodeVersion[];
  /** Where connections go, in turn. */
  readonly addresses: readonly Address[];
  /** Null: not known, as nobody was asked but RESP ports. */
  readonly replication: Replication | null;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Asks a node over HTTP about all of them. */
export async function clusterAt(
  url: string | undefined,
  env: Environment,
  settings: BenchSettings,
): Promise<LoadedCluster> {
  const { status } = await reachNode(nodeUrls(url, env));
  const keyspace = status.keyspaces.find(({ name }) => name === settings.keyspace);
  if (keyspace === undefined) {
    const names = status.keyspaces.map(({ name }) => name);
    const near = nearest(settings.keyspace, names);
    throw new CliError(
      `there is no keyspace "${settings.keyspace}", only ${names.join(", ")}`,
      `${near === null ? "" : `Did you mean ${near}? `}Create it with \`kvorum keyspace create ${settings.keyspace}\`.`,
    );
  }
  if (settings.consistency !== null && isMerging(keyspace.replication))
    throw usage(
      `"${keyspace.name}" is replicated by ${keyspace.replication}, whose reads have no other consistency to choose`,
      "Leave --consistency out.",
    );
  const up = status.nodes.filter(({ up: isUp, id }) => isUp || id === status.id);
  return {
    nodes: await Promise.all(up.map(versionOf)),
    addresses: up.map(({ resp }) => parseAddress(resp)).filter((address) => address !== null),
    replication: keyspace.replication,
  };
}

async function versionOf({ name, http, resp }: NodeInfo): Promise<NodeVersion> {
  // A node that does not answer now is loaded all the same: the client knows what to do without it.
  const status = await fetchStatus(urlOfHost(http)).catch(() => null);
  return { name, address: resp, version: status === null ? null : `kvorum ${status.version}` };
}

/** Kvorum's RESP ports, or those of any other server that speaks it. */
export async function serversAt(addresses: readonly Address[]): Promise<LoadedCluster> {
  const nodes: NodeVersion[] = [];
  for (const address of addresses) {
    const connection = await connectFirst([address]).catch((error: unknown) => {
      if (!(error instanceof CliError)) throw error;
      throw new CliError(
        error.message,
        "Start a cluster with `kvorum dev`, or name running nodes with --resp.",
        error.exitCode,
      );
    });
    const reply = await connection.call([Buffer.from("INFO"), Buffer.from("server")]);
    connection.close();
    if (reply instanceof Failure && /^(NOAUTH|NOPERM)/.test(reply.message))
      throw new CliError(
        `${formatAddress(address)}: ${reply.message}`,
        "Log in with --user NAME --password-file FILE (KVORUM_USER, KVORUM_PASSWORD_FILE).",
      );
    const info = reply instanceof Uint8Array ? Buffer.from(reply).toString() : "";
    nodes.push({ name: formatAddress(address), address: formatAddress(address), version: versionIn(info) });
  }
  return { nodes, addresses, replication: null };
}

function versionIn(info: string): string | null {
  const match = /^(kvorum|redis)_version:(.+?)\r?$/m.exec(info);
  return match === null ? null : `${match[1]!} ${match[2]!}`;
}

export function respTargets(flag: string): readonly Address[] {
  return flag.split(",").map((text) => {
    const address = parseAddress(text);
    if (address !== null) return address;
    throw usage(
      `--resp: "${text}" is not HOST:PORT`,
      "Write it as 127.0.0.1:7410, several with commas between.",
    );
  });
}
