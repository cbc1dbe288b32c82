/** The counter that goes both ways (RR-7506, specification 7): what each replica has added, and what it has taken away. */
import type { ReplicaId } from "../../core/ids.ts";
import { type GCounter, gCounterAdd, gCounters, gCounterValue } from "./g-counter.ts";
import { lattice, type Lattice } from "./lattice.ts";

export interface PnCounter {
  readonly added: GCounter;
  readonly taken: GCounter;
}

export const pnCounters: Lattice<PnCounter> = lattice({
  name: "PN-counter",
  bottom: { added: gCounters.bottom, taken: gCounters.bottom },
  join: (left, right) => ({
    added: gCounters.join(left.added, right.added),
    taken: gCounters.join(left.taken, right.taken),
  }),
  leq: (left, right) => gCounters.leq(left.added, right.added) && gCounters.leq(left.taken, right.taken),
  encode(writer, state) {
    gCounters.encode(writer, state.added);
    gCounters.encode(writer, state.taken);
  },
  decode(reader) {
    const added = gCounters.decode(reader);
    return { added, taken: gCounters.decode(reader) };
  },
});

export function pnCounterValue(state: PnCounter): bigint {
  return gCounterValue(state.added) - gCounterValue(state.taken);
}

/** The delta that adds `by`, which may be negative. Throws `too-large` as `gCounterAdd`. */
export function pnCounterAdd(state: PnCounter, replica: ReplicaId, by: bigint): PnCounter {
  return by >= 0n
    ? { added: gCounterAdd(state.added, replica, by), taken: gCounters.bottom }
    : { added: gCounters.bottom, taken: gCounterAdd(state.taken, replica, -by) };
}
