/**
 * Every option of a node, in one schema: its name, what it means, its unit, its default and what it accepts. Flags,
 * environment variables, the YAML file, `--explain-config` and the documentation are all derived from this table.
 *
 * Values may come as text (flags, environment) or typed (YAML); each option accepts both.
 */
import { z } from "zod";
import type { Address } from "../core/world.ts";
import {
  DEFAULT_MEMBERSHIP,
  DEFAULT_NODE_LIMITS,
  DEFAULT_PLACEMENT,
  DEFAULT_TIMINGS,
} from "../node/options.ts";
import { LOG_LEVELS } from "./log-levels.ts";
import { isLoopback, parseAddress, parseBytes } from "./notation.ts";
import { planProblems } from "./processes/plan.ts";
import { DEFAULT_OPTIONS as DEFAULT_RESP_OPTIONS } from "./resp/options.ts";

export { formatAddress } from "./notation.ts";

/** A founding member: a node's name and where its peers reach it. */
export interface NamedAddress extends Address {
  readonly name: string;
}

/** What the table knows of an option besides its schema. */
export interface OptionInfo {
  readonly description: string;
  /** How an accepted value looks, in words: completes the sentence "expected …". */
  readonly expects: string;
  readonly unit?: string;
  /** Placeholder in `--help`; options without one are switches. */
  readonly placeholder?: string;
}

const info = z.registry<OptionInfo>();

const NAME_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

const KIB = 1_024;
const MIB = 1_048_576;

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000 };

function millis(value: unknown): unknown {
  const match = typeof value === "string" ? /^(\d+(?:\.\d+)?)\s*(ms|s|m)?$/.exec(value.trim()) : null;
  return match === null ? value : Number(match[1]) * UNITS[match[2] ?? "ms"]!;
}

function size(value: unknown): unknown {
  return typeof value === "string" ? (parseBytes(value) ?? value) : value;
}

function number(value: unknown): unknown {
  return typeof value === "string" && /^-?\d+$/.test(value.trim()) ? Number(value) : value;
}

function boolean(value: unknown): unknown {
  if (value === "true" || value === "1" || value === "yes") return true;
  if (value === "false" || value === "0" || value === "no") return false;
  return value;
}

/** Text is a comma-separated list; flags that are given several times arrive as a list of such texts. */
function list(value: unknown): unknown {
  if (typeof value === "string") return split(value);
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value.flatMap(split);
  return value;
}

function split(text: string): string[] {
  return text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}

/** In YAML the founding members may also be a map of name to address. */
function members(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return list(value);
  return Object.entries(value).map(([name, address]) => `${name}=${String(address)}`);
}

const address = z.string().transform((text, context): Address => {
  const parsed = parseAddress(text);
  if (parsed !== null) return parsed;
  context.addIssue({ code: "custom", message: `"${text}" is not HOST:PORT` });
  return z.NEVER;
});

const namedAddress = z.string().transform((text, context): NamedAddress => {
  const equals = text.indexOf("=");
  const name = text.slice(0, Math.max(equals, 0)).trim();
  const parsed = parseAddress(text.slice(equals + 1));
  if (NAME_PATTERN.test(name) && parsed !== null) return { name, ...parsed };
  context.addIssue({ code: "custom", message: `"${text}" is not NAME=HOST:PORT` });
  return z.NEVER;
});

const port = (fallback: number, description: string) =>
  z.preprocess(number, z.int().min(0).max(65_535)).default(fallback).register(info, {
    description,
    expects: "a port number from 0 to 65535 (0: any free port)",
    placeholder: "port",
  });

const duration = (fallback: number, min: number, max: number, description: string) =>
  z
    .preprocess(millis, z.number().min(min).max(max))
    .default(fallback)
    .register(info, {
      description,
      expects: `a duration from ${min} to ${max} ms, such as 750, 750ms or 5s`,
      unit: "ms",
      placeholder: "ms",
    });

const count = (fallback: number, min: number, max: number, unit: string, description: string) =>
  z
    .preprocess(number, z.int().min(min).max(max))
    .default(fallback)
    .register(info, {
      description,
      expects: `a whole number from ${min} to ${max}`,
      unit,
      placeholder: "count",
    });

const optionalCount = (min: number, max: number, unit: string, description: string) =>
  z
    .preprocess(number, z.int().min(min).max(max).nullable())
    .default(null)
    .register(info, {
      description,
      expects: `a whole number from ${min} to ${max}`,
      unit,
      placeholder: "count",
    });

const byteCount = (fallback: number, min: number, description: string) =>
  z
    .preprocess(size, z.int().min(min))
    .default(fallback)
    .register(info, {
      description,
      expects: `a size of at least ${min} bytes, such as 1048576 or 1MiB`,
      unit: "bytes",
      placeholder: "bytes",
    });

const toggle = (fallback: boolean, description: string) =>
  z
    .preprocess(boolean, z.boolean())
    .default(fallback)
    .register(info, { description, expects: "true or false" });

const file = (description: string) =>
  z.string().min(1).nullable().default(null).register(info, {
    description,
    expects: "a path",
    placeholder: "file",
  });

const host = z.string().regex(/^[A-Za-z0-9.:_-]{1,253}$/);

/** As a browser sends it: scheme, host and a port that is not the scheme's own, nothing else. */
const origin = z.string().transform((text, context): string => {
  if (/^https?:\/\//.test(text) && URL.canParse(text) && new URL(text).origin === text) return text;
  const problem = text === "*" ? "every web page there is could then write here" : "not an origin";
  context.addIssue({ code: "custom", message: `"${text}": ${problem}` });
  return z.NEVER;
});

const schema = z.strictObject({
  name: z.string().regex(NAME_PATTERN).default("n1").register(info, {
    description: "The node's name, unique in its cluster; it stays with the data directory.",
    expects: "1 to 63 letters, digits, dots, dashes or underscores, starting with a letter or digit",
    placeholder: "name",
  }),
  dataDir: z.string().min(1).default("kvorum-data").register(info, {
    description: "Where the node keeps its log and its state. One running node per directory.",
    expects: "a path",
    placeholder: "path",
  }),
  host: host.default("127.0.0.1").register(info, {
    description: "The address on which all doors listen.",
    expects: "an IP address or a host name, without a port",
    placeholder: "host",
  }),
  advertiseHost: host.nullable().default(null).register(info, {
    description: "The host under which clients and peers reach this node; without it, the same as host.",
    expects: "an IP address or a host name, without a port",
    placeholder: "host",
  }),
  respPort: port(7410, "Where Redis clients connect."),
  httpPort: port(7411, "Where /health, /metrics and /v1 are served."),
  peerPort: port(7412, "Where the other nodes connect."),
  clusterPort: z.preprocess(number, z.int().min(0).max(65_535).nullable()).default(null).register(info, {
    description:
      "Where Redis clients connect that know Redis Cluster: they are told which node leads a key, and go there. Its limits are those of respPort, counted apart. Without it there is no such port.",
    expects: "a port number from 0 to 65535 (0: any free port)",
    placeholder: "port",
  }),
  clusterKeyspace: z.string().regex(NAME_PATTERN).default("default").register(info, {
    description:
      "Whose leaders the clients of clusterPort are told of; keys of other keyspaces are forwarded. The same on all nodes.",
    expects: "the name of a keyspace",
    placeholder: "keyspace",
  }),
  zone: z.string().regex(NAME_PATTERN).nullable().default(null).register(info, {
    description:
      "Where the node stands: a rack, a building, a data centre. Replicas of a shard go to different zones, where there are several.",
    expects: "1 to 63 letters, digits, dots, dashes or underscores, starting with a letter or digit",
    placeholder: "zone",
  }),
  processes: count(
    1,
    1,
    256,
    "processes",
    "How many nodes run on this machine, each a process with a directory and ports of its own; they share respPort. See docs/CORES.md.",
  ),
  processPortStride: count(
    10,
    1,
    10_000,
    "ports",
    "With several processes: how far the ports of one lie above those of the one before. The same on all machines that found a cluster together.",
  ),
  processRespPort: z.preprocess(number, z.int().min(0).max(65_535).nullable()).default(null).register(info, {
    description:
      "With several processes: the port for Redis clients that the first has to itself, besides the shared respPort. None: four above respPort.",
    expects: "a port number from 0 to 65535 (0: any free port)",
    placeholder: "port",
  }),
  initial: z
    .preprocess(members, z.array(namedAddress))
    .default([])
    .register(info, {
      description:
        "The nodes that found a new cluster together, this one included; the same list on each. Ignored once the " +
        "data directory belongs to a cluster. Empty, with join empty too: a new cluster of this node alone.",
      expects: "a list of NAME=HOST:PEER-PORT",
      placeholder: "name=host:port,...",
    }),
  join: z.preprocess(list, z.array(address)).default([]).register(info, {
    description:
      "Peer addresses of an existing cluster that this node joins. Ignored once the data directory belongs to one.",
    expects: "a list of HOST:PEER-PORT",
    placeholder: "host:port,...",
  }),
  defaultShards: optionalCount(
    1,
    1_024,
    "shards",
    "Of the keyspace default, when this node founds a cluster. None: 8, and with several processes four for each process that founds.",
  ),
  defaultReplicas: optionalCount(
    1,
    16,
    "replicas",
    "Of the keyspace default, when this node founds a cluster. None: 3, or as many as there are nodes; with several processes, as there are machines.",
  ),
  insecure: toggle(
    false,
    "Allows listening beyond this machine without TLS, and while there are no users without a login: whoever reaches a port can read and write.",
  ),
  allowedHosts: z
    .preprocess(list, z.array(host))
    .default([])
    .register(info, {
      description:
        "Further host names under which /v1 may be called. IP addresses, localhost, host and advertiseHost always may; " +
        "the check keeps web pages from reaching the node by DNS rebinding.",
      expects: "a list of host names, without ports",
      placeholder: "host,...",
    }),
  corsOrigins: z
    .preprocess(list, z.array(origin))
    .default([])
    .register(info, {
      description:
        "Origins whose web pages may read and write keyspaces over HTTP from a browser (CORS). Nobody by default; never the " +
        "administration.",
      expects: "a list of origins such as https://app.example, without a path",
      placeholder: "origin,...",
    }),
  adminPasswordFile: file(
    "Holds the password of the user admin, whom a cluster without users gets from it. With it, nobody does anything without a login.",
  ),
  tls: z.strictObject({
    cert: file("Certificate of this node, in PEM. With it, all three ports are encrypted."),
    key: file("Its private key, in PEM."),
    ca: file("Certificate of the authority that vouches for the nodes of this cluster, in PEM."),
  }),
  openMetrics: toggle(false, "Lets anybody read /metrics. Otherwise any user may, once there are users."),
  logLevel: z
    .enum(LOG_LEVELS)
    .default("info")
    .register(info, {
      description: "What is logged, to standard error, one JSON object a line (readable text on a terminal).",
      expects: LOG_LEVELS.join(", "),
      placeholder: "level",
    }),
  limits: z.strictObject({
    requestTimeout: duration(
      5_000,
      10,
      3_600_000,
      "How long a request may take before its client gets `timeout` (indefinite) or `no-leader` (definite).",
    ),
    maxConnections: count(
      DEFAULT_RESP_OPTIONS.maxConnections,
      1,
      1_000_000,
      "connections",
      "Redis clients at a time; one more is told so and disconnected.",
    ),
    maxInFlight: count(
      DEFAULT_NODE_LIMITS.maxInFlight,
      1,
      10_000_000,
      "requests",
      "Requests under way at this node; one more is refused as overloaded.",
    ),
    maxPipelinedCommands: count(
      DEFAULT_RESP_OPTIONS.maxPipelinedCommands,
      1,
      1_000_000,
      "commands",
      "Unanswered commands of one client, at which reading from it pauses.",
    ),
    maxPipelinedBytes: byteCount(
      DEFAULT_RESP_OPTIONS.maxPipelinedBytes,
      64 * KIB,
      "Unanswered requests and unsent replies of one client, at which reading from it pauses.",
    ),
    maxCommandBytes: byteCount(
      DEFAULT_RESP_OPTIONS.maxCommandBytes,
      64 * KIB,
      "One command with all its arguments, and all commands queued by one MULTI.",
    ),
    maxOutputBytes: byteCount(
      DEFAULT_RESP_OPTIONS.maxOutputBytes,
      64 * KIB,
      "A client with more unsent replies than this is disconnected.",
    ),
    maxBufferedBytes: byteCount(
      DEFAULT_RESP_OPTIONS.maxBufferedBytes,
      1 * MIB,
      "When the buffers of all clients hold more, the client that holds most is disconnected.",
    ),
    maxUnsyncedBytes: byteCount(
      DEFAULT_NODE_LIMITS.maxUnsyncedBytes,
      1 * MIB,
      "Log that is not durable yet; beyond it, writes are refused as overloaded.",
    ),
    maxOverlayBytes: byteCount(
      DEFAULT_NODE_LIMITS.maxOverlayBytes,
      1 * MIB,
      "Applied state that has not reached the store yet; beyond it, writes are refused as overloaded.",
    ),
    recordIndexBytes: byteCount(
      DEFAULT_NODE_LIMITS.recordIndexBytes,
      0,
      "Memory that spares overwriting a key the look-up of what was there: 16 to 32 bytes a key.",
    ),
    maxWatches: count(
      DEFAULT_NODE_LIMITS.maxWatches,
      1,
      1_000_000,
      "watches",
      "Shards being watched, for each watcher; a new one beyond it is refused as overloaded.",
    ),
    watchHistoryBytes: byteCount(
      DEFAULT_NODE_LIMITS.watchHistoryBytes,
      4 * KIB,
      "Memory of each shard's latest changes, to which a watch can go back.",
    ),
    watchTotalBytes: byteCount(
      DEFAULT_NODE_LIMITS.watchTotalBytes,
      1 * MIB,
      "The same for all shards of the node together: with many of them, each remembers less.",
    ),
    watchHistoryChanges: count(
      DEFAULT_NODE_LIMITS.watchHistoryChanges,
      1,
      10_000_000,
      "changes",
      "How many changes that are at most.",
    ),
    idleTimeout: duration(
      DEFAULT_RESP_OPTIONS.idleTimeout,
      0,
      86_400_000,
      "A Redis client that is silent for longer is disconnected; 0: never.",
    ),
  }),
  storage: z.strictObject({
    logSegmentBytes: byteCount(
      DEFAULT_NODE_LIMITS.logSegmentBytes,
      1 * MIB,
      "Size of one file of the write-ahead log.",
    ),
    logRetainBytes: byteCount(
      DEFAULT_NODE_LIMITS.logRetainBytes,
      4 * MIB,
      "Size of the node's whole log at which the oldest segments are freed.",
    ),
    compactAtBytes: byteCount(
      DEFAULT_NODE_LIMITS.compactAtBytes,
      64 * KIB,
      "Size of a shard's log at which entries that every replica has are dropped.",
    ),
    compactForcedAtBytes: byteCount(
      DEFAULT_NODE_LIMITS.compactForcedAtBytes,
      64 * KIB,
      "Size of a shard's log at which also entries that a lagging replica still lacks are dropped: it gets a snapshot.",
    ),
    snapshotChunkBytes: byteCount(
      DEFAULT_NODE_LIMITS.snapshotChunkBytes,
      4 * KIB,
      "How much of a snapshot travels in one message.",
    ),
  }),
  raft: z.strictObject({
    electionTimeoutMin: duration(
      DEFAULT_TIMINGS.electionTimeoutMin,
      20,
      60_000,
      "A follower that hears nothing for this long may start an election.",
    ),
    electionTimeoutMax: duration(
      DEFAULT_TIMINGS.electionTimeoutMax,
      20,
      120_000,
      "Election timeouts are drawn at random between the minimum and this.",
    ),
    heartbeatInterval: duration(
      DEFAULT_TIMINGS.heartbeatInterval,
      5,
      30_000,
      "How often an idle leader tells its followers that it lives.",
    ),
    lease: toggle(
      DEFAULT_TIMINGS.lease,
      "Leaders serve linearizable reads by lease, without asking their followers each time. Assumes clocks that run at nearly the same rate.",
    ),
  }),
  placement: z.strictObject({
    leadersFollowWrites: toggle(
      DEFAULT_PLACEMENT.leadersFollowWrites,
      "The leadership of a shard moves to the node through which most of its requests come; `kvorum explain` says why a leader sits where it sits. Off: it stays with the node that the catalog prefers.",
    ),
  }),
  membership: z.strictObject({
    enabled: toggle(
      DEFAULT_MEMBERSHIP.enabled,
      "Nodes probe each other, and tell each other who is alive (SWIM); see `kvorum members`. The same on all nodes: others hold a node dead that does not answer probes.",
    ),
    period: duration(
      DEFAULT_MEMBERSHIP.period,
      50,
      600_000,
      "Each node probes one other node in every period.",
    ),
    directTimeout: duration(
      DEFAULT_MEMBERSHIP.directTimeout,
      10,
      299_000,
      "A probe that is not answered for this long is made by others as well. Less than half of the period.",
    ),
    helpers: count(
      DEFAULT_MEMBERSHIP.helpers,
      0,
      16,
      "nodes",
      "How many others are asked to probe a node that did not answer.",
    ),
    suspicionFactor: count(
      DEFAULT_MEMBERSHIP.suspicionFactor,
      1,
      1_000,
      "periods",
      "How long a suspected node has at least to object before it is held dead.",
    ),
  }),
});

/** Everything a node has to be told, validated. */
export type ServerOptions = z.infer<typeof schema>;

/** One option of the table. */
export interface OptionLeaf {
  /** Names from the outside in: `["limits", "maxConnections"]`. */
  readonly path: readonly string[];
  readonly info: OptionInfo;
  readonly fallback: unknown;
  /** The validated value, or what is wrong with it. */
  parse(
    value: unknown,
  ): { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly problem: string };
}

/** The whole table, flat, in its order. */
export const OPTION_LEAVES: readonly OptionLeaf[] = leavesOf(schema.shape, []);

function leavesOf(shape: Readonly<Record<string, z.ZodType>>, path: readonly string[]): OptionLeaf[] {
  return Object.entries(shape).flatMap(([name, leaf]) => {
    if (leaf instanceof z.ZodObject)
      return leavesOf(leaf.shape as Record<string, z.ZodType>, [...path, name]);
    const about = info.get(leaf);
    if (about === undefined) throw new Error(`the option ${[...path, name].join(".")} has no description`);
    const parse: OptionLeaf["parse"] = (value) => {
      // `undefined` would be taken for "not given" and become the default.
      const result = value === undefined ? leaf.safeParse(Symbol("undefined")) : leaf.safeParse(value);
      if (result.success) return { ok: true, value: result.data };
      const custom = result.error.issues.find((issue) => issue.code === "custom");
      const problem = custom === undefined ? `${show(value)} is not valid` : custom.message;
      return { ok: false, problem: `${problem}; expected ${about.expects}` };
    };
    return [{ path: [...path, name], info: about, fallback: leaf.parse(undefined), parse }];
  });
}

function show(value: unknown): string {
  return value === undefined ? "nothing" : JSON.stringify(value);
}

/** A contradiction between options: which of them, what is wrong, what to do. */
export interface Contradiction {
  readonly options: readonly string[];
  readonly problem: string;
  readonly advice: string;
}

/** What no single option can know. Empty when the options fit together. */
export function contradictions(options: ServerOptions): readonly Contradiction[] {
  const found: Contradiction[] = [];
  const { host: listen, advertiseHost, raft } = options;

  const { cert, key, ca } = options.tls;
  const missing = Object.entries({ cert, key, ca }).filter(([, value]) => value === null);
  if (missing.length > 0 && missing.length < 3) {
    found.push({
      options: ["tls.cert", "tls.key", "tls.ca"],
      problem: `TLS needs three files, and ${missing.map(([name]) => `tls.${name}`).join(" and ")} is missing`,
      advice: "give all of tls.cert, tls.key and tls.ca; `kvorum certs dev` makes a set",
    });
  }
  if (!isLoopback(listen) && !options.insecure && missing.length === 3) {
    found.push({
      options: ["host", "insecure"],
      problem: `host "${listen}" can be reached from other machines, and without TLS anyone in between could read and write everything`,
      advice:
        "give tls.cert, tls.key and tls.ca (`kvorum certs dev` makes a set), or keep host on 127.0.0.1, or write insecure: true (--insecure) if the network itself keeps strangers out",
    });
  }
  if ((listen === "0.0.0.0" || listen === "::") && advertiseHost === null) {
    found.push({
      options: ["advertiseHost"],
      problem: `host "${listen}" means every interface, and nobody can connect to that`,
      advice: "say under which name or address others reach this node: advertiseHost (--advertise-host)",
    });
  }
  const { respPort, httpPort, peerPort, clusterPort } = options;
  const given = { respPort, httpPort, peerPort, ...(clusterPort === null ? {} : { clusterPort }) };
  const ports = Object.values(given).filter((value) => value !== 0);
  if (new Set(ports).size !== ports.length) {
    const named = Object.entries(given).map(([name, value]) => `${name} ${value}`);
    found.push({
      options: Object.keys(given),
      problem: `${named.slice(0, -1).join(", ")} and ${named.at(-1)} are not all different`,
      advice: "give each door a port of its own",
    });
  }
  if (options.initial.length > 0 && options.join.length > 0) {
    found.push({
      options: ["initial", "join"],
      problem: "a node either founds a new cluster or joins an existing one",
      advice: "keep one of initial and join",
    });
  }
  found.push(...planProblems(options));
  const names = options.initial.map((member) => member.name);
  if (new Set(names).size !== names.length) {
    found.push({
      options: ["initial"],
      problem: `initial names a node twice: ${names.join(", ")}`,
      advice: "name every founding node once",
    });
  }
  if (names.length > 0 && !names.includes(options.name)) {
    found.push({
      options: ["initial", "name"],
      problem: `initial lists ${names.join(", ")}, but not this node, ${options.name}`,
      advice: "add this node to initial, or correct its name, or use join to enter an existing cluster",
    });
  }
  if (raft.electionTimeoutMin > raft.electionTimeoutMax) {
    found.push({
      options: ["raft.electionTimeoutMin", "raft.electionTimeoutMax"],
      problem: `raft.electionTimeoutMin ${raft.electionTimeoutMin} ms is over raft.electionTimeoutMax ${raft.electionTimeoutMax} ms`,
      advice: "make the minimum smaller than the maximum",
    });
  }
  if (raft.heartbeatInterval * 2 > raft.electionTimeoutMin) {
    found.push({
      options: ["raft.heartbeatInterval", "raft.electionTimeoutMin"],
      problem: `raft.heartbeatInterval ${raft.heartbeatInterval} ms is over half of raft.electionTimeoutMin ${raft.electionTimeoutMin} ms: one late heartbeat would cost the leader its place`,
      advice: "lower raft.heartbeatInterval or raise raft.electionTimeoutMin",
    });
  }
  const { storage, limits: max, membership } = options;
  if (membership.directTimeout * 2 >= membership.period) {
    found.push({
      options: ["membership.directTimeout", "membership.period"],
      problem: `membership.directTimeout ${membership.directTimeout} ms is not below half of membership.period ${membership.period} ms: others would have no time to probe as well`,
      advice: "lower membership.directTimeout or raise membership.period",
    });
  }
  if (storage.compactForcedAtBytes < storage.compactAtBytes) {
    found.push({
      options: ["storage.compactAtBytes", "storage.compactForcedAtBytes"],
      problem: `storage.compactForcedAtBytes ${storage.compactForcedAtBytes} is below storage.compactAtBytes ${storage.compactAtBytes}`,
      advice: "forcing comes after asking: make it the larger one",
    });
  }
  if (storage.logRetainBytes < 2 * storage.logSegmentBytes) {
    found.push({
      options: ["storage.logRetainBytes", "storage.logSegmentBytes"],
      problem: `storage.logRetainBytes ${storage.logRetainBytes} does not hold two segments of ${storage.logSegmentBytes} bytes`,
      advice: "raise storage.logRetainBytes or lower storage.logSegmentBytes",
    });
  }
  if (max.maxPipelinedBytes > max.maxBufferedBytes) {
    found.push({
      options: ["limits.maxPipelinedBytes", "limits.maxBufferedBytes"],
      problem: `limits.maxPipelinedBytes ${max.maxPipelinedBytes} of one client is over limits.maxBufferedBytes ${max.maxBufferedBytes} of all together`,
      advice: "lower the first or raise the second",
    });
  }
  return found;
}

/** The nested options out of validated values, one for every leaf of the table. */
export function assembleOptions(values: ReadonlyMap<OptionLeaf, unknown>): ServerOptions {
  const root: Record<string, unknown> = {};
  for (const [leaf, value] of values) {
    const [first, second] = leaf.path;
    if (second === undefined) root[first!] = value;
    else root[first!] = { ...(root[first!] as Record<string, unknown> | undefined), [second]: value };
  }
  return root as ServerOptions;
}

/** The options with every default, and what a test or an embedding process wants to be different. */
export function defaultOptions(changes: Partial<ServerOptions> = {}): ServerOptions {
  const values = new Map(OPTION_LEAVES.map((leaf) => [leaf, leaf.fallback]));
  return { ...assembleOptions(values), ...changes };
}
