/** Where the nodes of a development cluster live: their names, ports and files. */
import { join } from "node:path";

export const HOST = "127.0.0.1";
const PORTS_PER_NODE = 10;
const MAX_NODES = 32;

/** One node of `kvorum dev` or `kvorum chaos`. */
export interface DevNode {
  /** From 1. */
  readonly number: number;
  readonly name: string;
  /** Where it listens; `HOST` when it is not said. */
  readonly host?: string;
  readonly resp: number;
  readonly http: number;
  readonly peer: number;
  /** For cluster-aware Redis clients. None when it is not said. */
  readonly cluster?: number;
  readonly dataDir: string;
  readonly logFile: string;
}

/** Node i has base + 10·(i−1): RESP there, HTTP one above, peers two above, cluster-aware clients three above. */
export function devNode(number: number, basePort: number, directory: string): DevNode {
  const resp = basePort + PORTS_PER_NODE * (number - 1);
  const name = `n${number}`;
  return {
    number,
    name,
    resp,
    http: resp + 1,
    peer: resp + 2,
    cluster: resp + 3,
    dataDir: join(directory, name),
    logFile: join(directory, "logs", `${name}.log`),
  };
}

/** 2, "2" and "n2" are the second node; null when it is no node's number. */
export function nodeNumber(text: string): number | null {
  const match = /^n?([1-9]\d?)$/.exec(text);
  const number = match === null ? 0 : Number(match[1]);
  return number >= 1 && number <= MAX_NODES ? number : null;
}

export function portsFit(nodes: number, basePort: number): boolean {
  return basePort >= 1 && basePort + PORTS_PER_NODE * (nodes - 1) + 3 <= 65_535;
}

/** How a node is started: as a founder with the others, or into a cluster that exists. */
export type Entry = { readonly initial: readonly DevNode[] } | { readonly join: readonly DevNode[] };

/** The arguments of `kvorum serve`. */
export function serveArguments(node: DevNode, entry: Entry, logLevel: string): string[] {
  const peers: readonly [string, string] =
    "initial" in entry
      ? ["--initial", entry.initial.map((other) => `${other.name}=${hostOf(other)}:${other.peer}`).join(",")]
      : ["--join", entry.join.map((other) => `${hostOf(other)}:${other.peer}`).join(",")];
  const flags: readonly (readonly [flag: string, value: string])[] = [
    ["--name", node.name],
    ["--data-dir", node.dataDir],
    ["--host", hostOf(node)],
    ["--resp-port", String(node.resp)],
    ["--http-port", String(node.http)],
    ["--peer-port", String(node.peer)],
    ...(node.cluster === undefined ? [] : [["--cluster-port", String(node.cluster)] as const]),
    ["--log-level", logLevel],
    peers,
  ];
  // A network that only this machine has: between network namespaces.
  const foreign = hostOf(node) === HOST ? [] : ["--insecure"];
  return ["serve", ...flags.flat(), ...foreign];
}

export const hostOf = (node: DevNode): string => node.host ?? HOST;
