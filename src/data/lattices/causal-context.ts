/**
 * Which events a state knows (Almeida et al. 2018, causal contexts). A **dot** names one event: the n-th of a replica. The
 * context is a version vector, for all events up to the n-th, and a **cloud** of dots that came before their
 * predecessors. Once deltas have arrived without a gap the cloud is empty and the context has one number a replica.
 *
 * A replica that forgot its own events would name two events alike: ids are never reused (`ReplicaId`).
 */
import { CodecError } from "../../core/bytes.ts";
import type { ReplicaId } from "../../core/ids.ts";
import { counts, maps, readPositive, replicas } from "./encoding.ts";
import { type Codec, lattice, type Lattice } from "./lattice.ts";

export interface Dot {
  readonly replica: ReplicaId;
  /** From 1 on, without gaps. */
  readonly counter: number;
}

export interface CausalContext {
  /** Of each replica, all events up to this one. */
  readonly vector: ReadonlyMap<ReplicaId, number>;
  /** Of each replica, the events beyond a gap: ascending, above the vector's and not next to it. */
  readonly cloud: ReadonlyMap<ReplicaId, readonly number[]>;
}

export const EMPTY_CONTEXT: CausalContext = { vector: new Map(), cloud: new Map() };

export function compareDots(left: Dot, right: Dot): number {
  return left.replica - right.replica || left.counter - right.counter;
}

export function knows(context: CausalContext, dot: Dot): boolean {
  return (
    dot.counter <= (context.vector.get(dot.replica) ?? 0) ||
    includes(context.cloud.get(dot.replica) ?? NONE, dot.counter)
  );
}

const NONE: readonly number[] = [];

/** In ascending numbers; a replica that is being filled page by page has many. */
function includes(counters: readonly number[], counter: number): boolean {
  let from = 0;
  let to = counters.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (counters[middle]! < counter) from = middle + 1;
    else to = middle;
  }
  return counters[from] === counter;
}

/** The name of the replica's next event. */
export function nextDot(context: CausalContext, replica: ReplicaId): Dot {
  const last = context.cloud.get(replica)?.at(-1) ?? context.vector.get(replica) ?? 0;
  return { replica, counter: last + 1 };
}

/** How many dots wait for their predecessors; 0 says that nothing was missed on the way. */
export function cloudSize(context: CausalContext): number {
  let dots = 0;
  for (const counters of context.cloud.values()) dots += counters.length;
  return dots;
}

export function contextOf(dots: Iterable<Dot>): CausalContext {
  const cloud = new Map<ReplicaId, number[]>();
  for (const { replica, counter } of dots) {
    const counters = cloud.get(replica);
    if (counters === undefined) cloud.set(replica, [counter]);
    else counters.push(counter);
  }
  return compact(new Map(), cloud);
}

function joinContexts(left: CausalContext, right: CausalContext): CausalContext {
  const vector = new Map(left.vector);
  for (const [replica, counter] of right.vector)
    if (counter > (vector.get(replica) ?? 0)) vector.set(replica, counter);
  if (left.cloud.size === 0 && right.cloud.size === 0) return { vector, cloud: left.cloud };
  const cloud = new Map<ReplicaId, number[]>();
  for (const [replica, counters] of left.cloud) cloud.set(replica, [...counters]);
  for (const [replica, counters] of right.cloud)
    cloud.set(replica, [...(cloud.get(replica) ?? []), ...counters]);
  return compact(vector, cloud);
}

/** Takes into the vector what follows it without a gap. */
function compact(vector: Map<ReplicaId, number>, cloud: Map<ReplicaId, number[]>): CausalContext {
  const beyond = new Map<ReplicaId, readonly number[]>();
  for (const [replica, counters] of cloud) {
    let known = vector.get(replica) ?? 0;
    const left: number[] = [];
    for (const counter of counters.sort((a, b) => a - b)) {
      if (counter === known + 1) known = counter;
      else if (counter > known && counter !== left.at(-1)) left.push(counter);
    }
    if (known > 0) vector.set(replica, known);
    if (left.length > 0) beyond.set(replica, left);
  }
  return { vector, cloud: beyond };
}

function contains(larger: CausalContext, smaller: CausalContext): boolean {
  // The larger context is compact, so that a run of events from the first on lies in its vector or not at all.
  for (const [replica, counter] of smaller.vector)
    if (counter > (larger.vector.get(replica) ?? 0)) return false;
  for (const [replica, counters] of smaller.cloud)
    for (const counter of counters) if (!knows(larger, { replica, counter })) return false;
  return true;
}

const positive: Codec<number> = { encode: counts.encode, decode: readPositive };
/** As distances: of many dots, most take one byte. */
const ascending: Codec<readonly number[]> = {
  encode(writer, counters) {
    writer.varint(counters.length);
    let last = 0;
    for (const counter of counters) {
      writer.varint(counter - last);
      last = counter;
    }
  },
  decode(reader) {
    const counters: number[] = [];
    let last = 0;
    for (let left = readPositive(reader); left > 0; left--) {
      last += readPositive(reader);
      if (!Number.isSafeInteger(last)) throw new CodecError("a dot beyond all counters");
      counters.push(last);
    }
    return counters;
  },
};
const vectors = maps(replicas, positive);
const clouds = maps(replicas, ascending);

/** Sets of events under union. */
export const causalContexts: Lattice<CausalContext> = lattice({
  name: "causal context",
  bottom: EMPTY_CONTEXT,
  join: joinContexts,
  leq: (left, right) => contains(right, left),
  encode(writer, context) {
    vectors.encode(writer, context.vector);
    clouds.encode(writer, context.cloud);
  },
  decode(reader) {
    const vector = vectors.decode(reader);
    const cloud = clouds.decode(reader);
    for (const [replica, counters] of cloud)
      if (counters[0]! <= (vector.get(replica) ?? 0) + 1)
        throw new CodecError(`a dot of replica ${replica} belongs into the vector`);
    return { vector, cloud };
  },
});
