/**
 * What `--processes N` makes of the options of one machine: the options of N nodes. Pure; the same options give the same plan on
 * every start, since a node is its directory and its address.
 *
 *   process   name      data directory        ports
 *   1         n1        DIR                   as given, and one of its own for Redis clients
 *   2         n1.2      DIR/processes/2       the same, a stride higher
 *   3         n1.3      DIR/processes/3       two strides higher
 *
 * The first one keeps the directory, the peer port and the HTTP port of the machine, so a machine that ran one process can run several.
 * The given RESP port is shared by all.
 */
import { join } from "node:path";
import type { Address } from "../../core/world.ts";
import type { Contradiction, NamedAddress, ServerOptions } from "../options.ts";

export interface MachinePlan {
  /** The options of each process, in order; every one a complete set for one node. */
  readonly processes: readonly ServerOptions[];
  /** Where Redis clients connect who need not know that there are several. */
  readonly shared: Address;
  /** What is allowed, and should be known. */
  readonly warnings: readonly string[];
}

/** Where the processes' own ports for Redis clients begin, above the shared one: the three ports in between have other uses. */
const OWN_RESP_DISTANCE = 4;
/** Of the keyspace that a cluster starts with, for each process that founds it. */
const SHARDS_PER_PROCESS = 4;
const FEWEST_SHARDS = 8;
const MOST_SHARDS = 1024;
const MOST_REPLICAS = 3;
const LONGEST_NAME = 63;

/** `n1`, then `n1.2`, `n1.3`, … */
export const processName = (machine: string, number: number): string =>
  number === 1 ? machine : `${machine}.${number}`;

/** Where process `number` keeps its data. */
export const processDirectory = (dataDir: string, number: number): string =>
  number === 1 ? dataDir : join(processesDirectory(dataDir), String(number));

/** Holds the directories of all processes but the first. */
export const processesDirectory = (dataDir: string): string => join(dataDir, "processes");

export function planProcesses(options: ServerOptions): MachinePlan {
  const { founders, machines } = founding(options);
  const replicas = options.defaultReplicas ?? Math.min(MOST_REPLICAS, machines);
  const processes = numbers(options).map((number): ServerOptions => {
    const name = processName(options.name, number);
    return {
      ...options,
      ...portsOf(options, number),
      ...entryOf(options, founders, name),
      name,
      dataDir: processDirectory(options.dataDir, number),
      zone: options.zone ?? options.name,
      processes: 1,
      processRespPort: null,
      defaultReplicas: replicas,
      defaultShards: options.defaultShards ?? shardsFor(founders.length),
    };
  });
  const alone = options.join.length === 0 && machines === 1;
  return {
    processes,
    shared: { host: options.host, port: options.respPort },
    warnings:
      alone && replicas > 1
        ? [
            `the ${replicas} replicas of each shard of the default keyspace stand on this one machine: they survive a process that crashes, ` +
              "not the loss of the machine or of its disk",
          ]
        : [],
  };
}

/** Why there is no such plan. Empty when there is one. */
export function planProblems(options: ServerOptions): readonly Contradiction[] {
  const found: Contradiction[] = [];
  const { founders } = founding(options);
  if (
    options.defaultReplicas !== null &&
    options.join.length === 0 &&
    options.defaultReplicas > founders.length
  ) {
    found.push({
      options: ["defaultReplicas", "initial", "processes"],
      problem: `defaultReplicas ${options.defaultReplicas} needs as many founding nodes, and there are ${founders.length}`,
      advice: "lower defaultReplicas, or found the cluster with more nodes",
    });
  }
  if (options.processes === 1) return found;
  if (options.peerPort === 0) {
    found.push({
      options: ["processes", "peerPort"],
      problem: `peerPort 0 and processes ${options.processes}: the processes find each other by their ports`,
      advice: "choose a peerPort",
    });
  }
  const last = processName(options.name, options.processes);
  if (last.length > LONGEST_NAME) {
    found.push({
      options: ["processes", "name"],
      problem: `the last process would be called ${last}, which is longer than ${LONGEST_NAME} characters`,
      advice: "choose a shorter name",
    });
  }
  const clash = firstClash(options);
  if (clash !== null) {
    found.push({
      options: [
        "processes",
        "processPortStride",
        "respPort",
        "processRespPort",
        "httpPort",
        "peerPort",
        "clusterPort",
      ],
      problem: clash,
      advice: "choose ports that lie further apart, or another processPortStride",
    });
  }
  return found;
}

interface Founding {
  /** All processes of all founding machines; the first of each machine before the second of any. */
  readonly founders: readonly NamedAddress[];
  readonly machines: number;
}

/**
 * A list of machines stands for all their processes, which are as many and as far apart on each. A list that names a further
 * process, such as n1.2, is taken as it is: so machines of different sizes found a cluster.
 */
function founding(options: ServerOptions): Founding {
  const self = { name: options.name, host: options.advertiseHost ?? options.host, port: options.peerPort };
  const given = options.initial.length === 0 ? [self] : options.initial;
  const names = given.map(({ name }) => name);
  const further = given.filter(({ name }) => isFurtherProcess(name, names));
  const machines = given.length - further.length;
  if (further.length > 0) return { founders: given, machines };
  const founders = numbers(options).flatMap((number) =>
    given.map(({ name, host, port }) => ({
      name: processName(name, number),
      host,
      port: portFor(port, number, options),
    })),
  );
  return { founders, machines };
}

function isFurtherProcess(name: string, names: readonly string[]): boolean {
  const match = /^(.+)\.([1-9]\d*)$/.exec(name);
  return match !== null && Number(match[2]) > 1 && names.includes(match[1]!);
}

/** Who founds and who joins: the founders together, everybody else through any of them. */
function entryOf(
  options: ServerOptions,
  founders: readonly NamedAddress[],
  name: string,
): Pick<ServerOptions, "initial" | "join"> {
  if (options.join.length > 0) return { initial: [], join: options.join };
  if (founders.some((founder) => founder.name === name)) return { initial: [...founders], join: [] };
  return { initial: [], join: founders.map(({ host, port }) => ({ host, port })) };
}

function portsOf(
  options: ServerOptions,
  number: number,
): Pick<ServerOptions, "respPort" | "httpPort" | "peerPort" | "clusterPort"> {
  const { respPort, httpPort, peerPort, clusterPort } = options;
  const ownResp = options.processRespPort ?? (respPort === 0 ? 0 : respPort + OWN_RESP_DISTANCE);
  return {
    respPort: portFor(ownResp, number, options),
    httpPort: portFor(httpPort, number, options),
    peerPort: portFor(peerPort, number, options),
    clusterPort: clusterPort === null ? null : portFor(clusterPort, number, options),
  };
}

/** Any free port stays any free port. */
const portFor = (first: number, number: number, { processPortStride }: ServerOptions): number =>
  first === 0 ? 0 : first + processPortStride * (number - 1);

function firstClash(options: ServerOptions): string | null {
  const taken = new Map<number, string>();
  if (options.respPort !== 0) taken.set(options.respPort, "the shared RESP port");
  for (const number of numbers(options)) {
    for (const [door, port] of Object.entries(portsOf(options, number))) {
      const use = `${door} of ${processName(options.name, number)}`;
      if (port === null || port === 0) continue;
      if (port > 65_535) return `${use} would be ${port}, which is no port`;
      const other = taken.get(port);
      if (other !== undefined) return `port ${port} would be both ${other} and ${use}`;
      taken.set(port, use);
    }
  }
  return null;
}

const shardsFor = (founders: number): number =>
  Math.min(MOST_SHARDS, Math.max(FEWEST_SHARDS, SHARDS_PER_PROCESS * founders));

const numbers = ({ processes }: ServerOptions): readonly number[] =>
  Array.from({ length: processes }, (_, index) => index + 1);
