/**
 * Dotted version vectors as the paper has them, one a version (Preguiça, Baquero, Almeida, Fonte, Gonçalves 2010,
 * arXiv:1011.5808): the dot that names the write, and the version vector of what its writer had read. Whether
 * one version replaces another is then one look-up, and a server needs one number a replica, however many clients write.
 *
 * For versions that are kept one by one, as by a quorum's replicas; the MV register is the same in compact form.
 */
import { CodecError } from "../../core/bytes.ts";
import type { ReplicaId } from "../../core/ids.ts";
import { compareDots, type Dot } from "./causal-context.ts";
import { counts, maps, readPositive, replicas } from "./encoding.ts";
import type { Codec } from "./lattice.ts";

export type VersionVector = ReadonlyMap<ReplicaId, number>;

export interface DottedVersionVector {
  readonly dot: Dot;
  /** Without the dot. */
  readonly past: VersionVector;
}

/** Whether the writer of `right` knew `left`, or is the same. */
export function precedes(left: DottedVersionVector, right: DottedVersionVector): boolean {
  return compareDots(left.dot, right.dot) === 0 || covers(right.past, left.dot);
}

export function concurrent(left: DottedVersionVector, right: DottedVersionVector): boolean {
  return !precedes(left, right) && !precedes(right, left);
}

function covers(past: VersionVector, dot: Dot): boolean {
  return dot.counter <= (past.get(dot.replica) ?? 0);
}

/** The paper's `sync`: the versions of both sides that no version replaces, each once, in the order of their dots. */
export function syncVersions<V extends DottedVersionVector>(left: readonly V[], right: readonly V[]): V[] {
  const kept: V[] = [];
  for (const version of [...left, ...right].sort((a, b) => compareDots(a.dot, b.dot))) {
    const last = kept.at(-1);
    if (last === undefined || compareDots(last.dot, version.dot) !== 0) kept.push(version);
  }
  return kept.filter((version) => !kept.some((other) => covers(other.past, version.dot)));
}

/** The paper's context of a read: all that the versions know, to be handed back with the write that follows. */
export function contextOfVersions(versions: readonly DottedVersionVector[]): VersionVector {
  const context = new Map<ReplicaId, number>();
  const raise = (replica: ReplicaId, counter: number): void => {
    if (counter > (context.get(replica) ?? 0)) context.set(replica, counter);
  };
  for (const { dot, past } of versions) {
    for (const [replica, counter] of past) raise(replica, counter);
    raise(dot.replica, dot.counter);
  }
  return context;
}

/**
 * The paper's `update`: the clock of a write that a replica takes from someone who had read `seen`. The replica's own
 * versions name the last dot that it gave out, provided that it stores each write before it takes the next.
 */
export function versionOfWrite(
  replica: ReplicaId,
  stored: readonly DottedVersionVector[],
  seen: VersionVector,
): DottedVersionVector {
  const last = Math.max(contextOfVersions(stored).get(replica) ?? 0, seen.get(replica) ?? 0);
  return { dot: { replica, counter: last + 1 }, past: seen };
}

const vectors = maps(replicas, { encode: counts.encode, decode: readPositive });

export const dottedVersionVectors: Codec<DottedVersionVector> = {
  encode(writer, version) {
    replicas.encode(writer, version.dot.replica);
    writer.varint(version.dot.counter);
    vectors.encode(writer, version.past);
  },
  decode(reader) {
    const dot = { replica: replicas.decode(reader), counter: readPositive(reader) };
    const past = vectors.decode(reader);
    if (covers(past, dot)) throw new CodecError("a version that knows itself");
    return { dot, past };
  },
};
