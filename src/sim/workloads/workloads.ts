/** Every workload, by name. */
import { appends } from "./appends.ts";
import { counters } from "./counters.ts";
import { expiry } from "./expiry.ts";
import { largeValues } from "./large-values.ts";
import { locks } from "./locks.ts";
import { registers } from "./registers.ts";
import { retries } from "./retries.ts";
import { sessions } from "./sessions.ts";
import { sets } from "./sets.ts";
import { staleReads } from "./stale-reads.ts";
import { transactions } from "./transactions.ts";
import { mergingSessions } from "./merging-sessions.ts";
import { mergingCounters, mergingRegisters, mergingSets } from "./merging.ts";
import type { MakeWorkload } from "./workload.ts";

interface WorkloadRow {
  readonly meaning: string;
  readonly make: MakeWorkload;
}

export const WORKLOADS = {
  registers: { meaning: "reads, writes, deletes and compare-and-set of a few hot keys", make: registers },
  counters: { meaning: "increments that answer what they made, and reads", make: counters },
  sets: { meaning: "elements added, removed, looked for, and whole sets read", make: sets },
  appends: { meaning: "entries appended to lists, each exactly once", make: appends },
  retries: {
    meaning: "the typed client over a bad network: exactly once, at most once, at least once, as asked for",
    make: retries,
  },
  transactions: { meaning: "several reads and writes of one shard as one", make: transactions },
  expiry: { meaning: "values that expire, and never come back", make: expiry },
  "large-values": { meaning: "values of up to 200 kB", make: largeValues },
  "many-keys": {
    meaning: "registers over sixty keys: much state, little contention, large snapshots",
    make: (prefix) => registers(prefix, { keys: 60, pause: 10 }),
  },
  sessions: {
    meaning: "registers with their versions: what a session has seen and done, it sees",
    make: sessions,
  },
  "stale-reads": {
    meaning: "the typed client reads any replica, and sees what it has written and read before",
    make: staleReads,
  },
  watching: {
    meaning: "registers, and watchers that go from node to node and miss nothing",
    make: (prefix) => ({
      ...registers(prefix, { keys: 6, pause: 25 }),
      name: "watching",
      watched: ["", "", "", `${prefix}k1`],
    }),
  },
  locks: { meaning: "locks that expire, with fencing tokens", make: locks },
  "merging-counters": { meaning: "counters that grow at every node", make: mergingCounters },
  "merging-sets": {
    meaning: "elements added once, and removed where they are seen: none is lost, none returns",
    make: mergingSets,
  },
  "merging-registers": {
    meaning: "registers written and deleted at every node, and agreed on in the end",
    make: mergingRegisters,
  },
  "merging-sessions": {
    meaning: "the typed client counts through any node, and sees what it has added and read before",
    make: mergingSessions,
  },
  idle: {
    meaning: "a few operations a minute: what goes wrong when nothing happens",
    make: (prefix) => registers(prefix, { keys: 2, pause: 4000 }),
  },
} as const satisfies Record<string, WorkloadRow>;

/** Those for keyspaces that merge; all others need an order. */
export const MERGING_WORKLOAD_NAMES = [
  "merging-counters",
  "merging-sets",
  "merging-registers",
  "merging-sessions",
] as const satisfies readonly (keyof typeof WORKLOADS)[];

export type WorkloadName = keyof typeof WORKLOADS;

export const WORKLOAD_NAMES = Object.keys(WORKLOADS) as readonly WorkloadName[];

/** What a campaign draws from for a keyspace of this kind. */
export const workloadsFor = (merging: boolean): readonly WorkloadName[] =>
  merging
    ? MERGING_WORKLOAD_NAMES
    : WORKLOAD_NAMES.filter((name) => !(MERGING_WORKLOAD_NAMES as readonly string[]).includes(name));

export const isWorkloadName = (name: string): name is WorkloadName => Object.hasOwn(WORKLOADS, name);
