/**
 * Hybrid logical clocks (Kulkarni, Demirbas, Madappa, Avva, Leone 2014, "Logical physical clocks", figure 5).
 *
 * Guarantee: a stamp is above every stamp that its node made or received before, though the machine's clock stand still
 * or jump back; and its `wall` is never ahead of the fastest machine's clock among them (by a millisecond for every
 * 65,536 stamps within one). Size bounded: 48 bits of milliseconds, 16 of counter, the node.
 */
import { CodecError } from "../../core/bytes.ts";
import { invariant } from "../../core/assert.ts";
import type { ReplicaId } from "../../core/ids.ts";
import { counts, replicas } from "./encoding.ts";
import type { Codec } from "./lattice.ts";

/** When, and where: unique, since a node makes each stamp once. */
export interface Stamp {
  /** The paper's l: the greatest physical time known, in milliseconds since 1970. */
  readonly wall: number;
  /** The paper's c: counts the stamps within one `wall`. */
  readonly logical: number;
  readonly node: ReplicaId;
}

export const MAX_WALL = 2 ** 48 - 1;
export const MAX_LOGICAL = 2 ** 16 - 1;

/** The total order of stamps: time, then counter, then node. */
export function compareStamps(left: Stamp, right: Stamp): number {
  return left.wall - right.wall || left.logical - right.logical || left.node - right.node;
}

/** A clock that has seen nothing. After a restart, `observe` the greatest stamp that was stored before using it. */
export function clockOf(node: ReplicaId): Stamp {
  return { wall: 0, logical: 0, node };
}

/** The stamp of a local or sending event, which is also the clock after it. `now`: the machine's clock, in ms. */
export function tick(clock: Stamp, now: number): Stamp {
  return later(clock.wall, clock.logical, now, clock.node);
}

/**
 * The clock after a stamp was received; above both. Whoever receives from strangers asks `stampProblem` first: one
 * stamp from far ahead would take every clock with it.
 */
export function observe(clock: Stamp, received: Stamp, now: number): Stamp {
  const logical =
    clock.wall === received.wall
      ? Math.max(clock.logical, received.logical)
      : clock.wall > received.wall
        ? clock.logical
        : received.logical;
  return later(Math.max(clock.wall, received.wall), logical, now, clock.node);
}

/** Null, or why a received stamp is not to be believed: further ahead of this machine than clocks may differ. */
export function stampProblem(received: Stamp, now: number, maxAheadMs: number): string | null {
  const ahead = received.wall - now;
  return ahead > maxAheadMs
    ? `Node ${received.node}'s clock is ${Math.ceil(ahead)} ms ahead; ${maxAheadMs} ms are allowed.`
    : null;
}

function later(wall: number, logical: number, now: number, node: ReplicaId): Stamp {
  const physical = Math.floor(now);
  invariant(physical >= 0 && physical < MAX_WALL, `no clock shows ${now} ms`);
  if (physical > wall) return { wall: physical, logical: 0, node };
  // A full counter borrows from the next millisecond: the order holds, and time catches up.
  return logical < MAX_LOGICAL ? { wall, logical: logical + 1, node } : { wall: wall + 1, logical: 0, node };
}

export const stamps: Codec<Stamp> = {
  encode(writer, stamp) {
    writer.varint(stamp.wall);
    writer.varint(stamp.logical);
    writer.varint(stamp.node);
  },
  decode(reader) {
    const wall = counts.decode(reader);
    const logical = counts.decode(reader);
    if (wall > MAX_WALL || logical > MAX_LOGICAL) throw new CodecError(`no clock makes ${wall}.${logical}`);
    return { wall, logical, node: replicas.decode(reader) };
  },
};
