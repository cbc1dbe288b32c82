/** What a run of the load generator is asked to do. */
import type { Millis } from "../core/machine.ts";

export const WORKLOADS = {
  set: "writes a value to a key",
  get: "reads a key; all keys are written first",
  mixed: "reads and writes, in the share that --read-ratio says; all keys are written first",
  incr: "adds 1 to a counter",
  sadd: "adds a member to a set",
} as const;

export type WorkloadName = keyof typeof WORKLOADS;

export const WORKLOAD_NAMES = Object.keys(WORKLOADS) as readonly WorkloadName[];

export const DISTRIBUTIONS = ["uniform", "zipfian"] as const;
export type Distribution = (typeof DISTRIBUTIONS)[number];

export const ARRIVALS = ["constant", "poisson"] as const;
export type ArrivalKind = (typeof ARRIVALS)[number];

export const PROTOCOLS = ["typed", "resp"] as const;
export type ProtocolName = (typeof PROTOCOLS)[number];

export const CONSISTENCIES = ["linearizable", "sequential", "stale"] as const;
export type ReadConsistency = (typeof CONSISTENCIES)[number];

export interface BenchSettings {
  readonly workload: WorkloadName;
  readonly protocol: ProtocolName;
  readonly keyspace: string;
  /** Of reads; null: what the keyspace does when nothing is asked for. */
  readonly consistency: ReadConsistency | null;
  /** Of the operations of `mixed`, from 0 to 1. */
  readonly readRatio: number;
  readonly clients: number;
  /** Connections that the clients share; with the typed protocol, typed clients. */
  readonly connections: number;
  /** Requests that each client has under way at a time. */
  readonly pipeline: number;
  /** Bytes. */
  readonly valueSize: number;
  readonly keys: number;
  readonly distribution: Distribution;
  /** How long requests are sent and measured; null: until `requests` have been. */
  readonly duration: Millis | null;
  readonly requests: number | null;
  /** Sent before that and not measured. */
  readonly warmup: Millis;
  /** Arrivals a second, whatever becomes of them: an open loop. Null: each client sends when it has its answer, a closed loop. */
  readonly rate: number | null;
  readonly arrivals: ArrivalKind;
  /** Decides keys, values, the mix and the arrivals. */
  readonly seed: number;
  /** What the keys of the run begin with. */
  readonly prefix: string;
  /** The keys stay when the run is over. */
  readonly keep: boolean;
}

export const DEFAULT_SETTINGS: BenchSettings = {
  workload: "set",
  protocol: "typed",
  keyspace: "default",
  consistency: null,
  readRatio: 0.9,
  clients: 64,
  connections: 1,
  pipeline: 1,
  valueSize: 100,
  keys: 10_000,
  distribution: "uniform",
  duration: 10_000,
  requests: null,
  warmup: 2_000,
  rate: null,
  arrivals: "constant",
  seed: 1,
  prefix: "kvorum-bench-",
  keep: false,
};
