/** What `kvorum chaos` does to the nodes of a real cluster. */
import type { Range } from "../sim/faults/table.ts";

interface ChaosFaultRow {
  readonly meaning: string;
  /** Milliseconds from its beginning until its end is put to it. */
  readonly lasts: Range;
  /** Milliseconds until the node usually works again after that: no other fault is planned for a node of a majority. */
  readonly recovery: number;
  /** Needs network namespaces: root and the `ip` program; `netem`: that queueing discipline in the kernel too. */
  readonly needs?: "namespaces" | "netem";
}

export const CHAOS_FAULTS = {
  kill: {
    meaning: "kill -9, started again later",
    lasts: { from: 300, to: 4000 },
    recovery: 2000,
  },
  pause: {
    meaning: "SIGSTOP, SIGCONT later: a process that stalls, and knows nothing of it",
    lasts: { from: 500, to: 8000 },
    recovery: 1000,
  },
  restart: {
    meaning: "SIGTERM, waited for, and started again",
    lasts: { from: 0, to: 1000 },
    recovery: 3000,
  },
  wipe: {
    meaning: "kill -9 and the directory deleted; the node joins anew with nothing",
    lasts: { from: 300, to: 2000 },
    recovery: 8000,
  },
  partition: {
    meaning:
      "packets between one node and the others are lost, in both directions or in one; clients still reach it",
    lasts: { from: 1000, to: 8000 },
    recovery: 2000,
    needs: "namespaces",
  },
  delay: {
    meaning: "everything that one node sends comes late",
    lasts: { from: 2000, to: 8000 },
    recovery: 1000,
    needs: "netem",
  },
} as const satisfies Record<string, ChaosFaultRow>;

export type ChaosFault = keyof typeof CHAOS_FAULTS;

export const CHAOS_FAULT_NAMES = Object.keys(CHAOS_FAULTS) as readonly ChaosFault[];

export const isChaosFault = (name: string): name is ChaosFault => Object.hasOwn(CHAOS_FAULTS, name);

export function needsOf(fault: ChaosFault): "namespaces" | "netem" | null {
  const row: ChaosFaultRow = CHAOS_FAULTS[fault];
  return row.needs ?? null;
}
