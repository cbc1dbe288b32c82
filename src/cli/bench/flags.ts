/** The options of `kvorum bench`: what they may be, and what is said about those that are wrong. */
import { MOST_KEYS } from "../../bench/keys.ts";
import {
  ARRIVALS,
  type BenchSettings,
  CONSISTENCIES,
  DEFAULT_SETTINGS,
  DISTRIBUTIONS,
  PROTOCOLS,
  WORKLOAD_NAMES,
} from "../../bench/settings.ts";
import { parseBytes } from "../../server/notation.ts";
import { usage } from "../failure.ts";
import { numberOf } from "../sim/flags.ts";

export interface BenchFlags {
  readonly url?: string;
  readonly resp?: string;
  readonly workload?: string;
  readonly protocol?: string;
  readonly keyspace?: string;
  readonly consistency?: string;
  readonly readRatio?: string;
  readonly clients?: string;
  readonly connections?: string;
  readonly pipeline?: string;
  readonly valueSize?: string;
  readonly keys?: string;
  readonly distribution?: string;
  readonly duration?: string;
  readonly requests?: string;
  readonly warmup?: string;
  readonly rate?: string;
  readonly arrivals?: string;
  readonly seed?: string;
  readonly prefix?: string;
  readonly keep?: true;
  readonly json?: true;
  readonly report?: string;
  readonly against?: string;
}

const MOST_SLOTS = 16_384;
const MOST_VALUE_BYTES = 64 * 1_048_576;
const LONGEST_MS = 24 * 3_600_000;
const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

export function settingsOf(named: string | undefined, flags: BenchFlags): BenchSettings {
  const wanted = DEFAULT_SETTINGS;
  if (named !== undefined && flags.workload !== undefined && named !== flags.workload)
    throw usage(`the workload is ${named} and --workload ${flags.workload}`, "Name one of them.");
  const protocol =
    oneOf("--protocol", flags.protocol, PROTOCOLS) ?? (flags.resp === undefined ? "typed" : "resp");
  if (protocol === "typed" && flags.resp !== undefined)
    throw usage("--resp names RESP ports, and --protocol is typed", "Leave one of them out.");
  const clients = whole("--clients", flags.clients, 1, MOST_SLOTS) ?? wanted.clients;
  // A Redis client waits for its answers in turn; a typed one is shared by the whole application.
  const ownConnections = protocol === "resp" ? clients : Math.min(wanted.connections, clients);
  const connections = whole("--connections", flags.connections, 1, clients) ?? ownConnections;
  const pipeline = whole("--pipeline", flags.pipeline, 1, MOST_SLOTS) ?? wanted.pipeline;
  if (clients * pipeline > MOST_SLOTS)
    throw usage(
      `${clients} clients with ${pipeline} requests each are more than ${MOST_SLOTS} under way`,
      "Choose fewer --clients, or a smaller --pipeline.",
    );
  const requests = whole("--requests", flags.requests, 1, 1e12) ?? null;
  const duration =
    durationOf("--duration", flags.duration, 10) ?? (requests === null ? wanted.duration : null);
  const workload = oneOf("the workload", named ?? flags.workload, WORKLOAD_NAMES) ?? wanted.workload;
  if (flags.readRatio !== undefined && workload !== "mixed")
    throw usage(
      `--read-ratio is for the workload mixed, not for ${workload}`,
      "Leave it out, or run `kvorum bench mixed`.",
    );
  const rate = numberOf("--rate", flags.rate, { least: 0.1, most: 10_000_000, whole: false }) ?? null;
  if (flags.arrivals !== undefined && rate === null)
    throw usage("--arrivals is for an open loop", "Give a --rate as well.");
  return {
    workload,
    protocol,
    keyspace: flags.keyspace ?? wanted.keyspace,
    consistency: oneOf("--consistency", flags.consistency, CONSISTENCIES) ?? null,
    readRatio:
      numberOf("--read-ratio", flags.readRatio, { least: 0, most: 1, whole: false }) ?? wanted.readRatio,
    clients,
    connections,
    pipeline,
    valueSize: sizeOf(flags.valueSize) ?? wanted.valueSize,
    keys: whole("--keys", flags.keys, 1, MOST_KEYS) ?? wanted.keys,
    distribution: oneOf("--distribution", flags.distribution, DISTRIBUTIONS) ?? wanted.distribution,
    duration,
    requests,
    warmup: durationOf("--warmup", flags.warmup, 0) ?? wanted.warmup,
    rate,
    arrivals: oneOf("--arrivals", flags.arrivals, ARRIVALS) ?? wanted.arrivals,
    seed: whole("--seed", flags.seed, 0, Number.MAX_SAFE_INTEGER) ?? wanted.seed,
    prefix: prefixOf(flags.prefix) ?? wanted.prefix,
    keep: flags.keep === true,
  };
}

const whole = (flag: string, text: string | undefined, least: number, most: number): number | undefined =>
  numberOf(flag, text, { least, most, whole: true });

function oneOf<T extends string>(flag: string, text: string | undefined, names: readonly T[]): T | undefined {
  if (text === undefined) return undefined;
  const found = names.find((name) => name === text);
  if (found === undefined) throw usage(`${flag} is not "${text}"`, `There are: ${names.join(", ")}.`);
  return found;
}

function durationOf(flag: string, text: string | undefined, least: number): number | undefined {
  if (text === undefined) return undefined;
  const [, number, unit = "s"] = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h)?$/.exec(text.trim()) ?? [];
  const value = Number(number) * UNITS[unit]!;
  if (value >= least && value <= LONGEST_MS) return value;
  throw usage(
    `${flag} must be a duration from ${least} ms to a day, not "${text}"`,
    `For example: ${flag} 30s, or 500ms, or 2m; a number alone is seconds.`,
  );
}

function sizeOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = parseBytes(text);
  if (value !== null && value <= MOST_VALUE_BYTES) return value;
  throw usage(
    `--value-size must be from 1 byte to 64 MiB, not "${text}"`,
    "For example: --value-size 100, or 4KiB.",
  );
}

/** A colon would name a keyspace, and braces would bring all keys into one shard. */
function prefixOf(text: string | undefined): string | undefined {
  if (text === undefined || /^[A-Za-z0-9._-]{1,100}$/.test(text)) return text;
  throw usage(
    `--prefix must be letters, digits, dots, dashes and underscores, not "${text}"`,
    "For example: --prefix bench-mine-",
  );
}
