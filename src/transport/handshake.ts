/**
 * Who talks to whom. The dialler's first packet is a `hello`; the acceptor answers `welcome` or `refused`. Later versions
 * may add fields at the end of each: what is left over is not looked at.
 */
import { ByteReader, ByteWriter, CodecError } from "../core/bytes.ts";
import { nodeId, type NodeId } from "../core/ids.ts";
import type { Millis } from "../core/machine.ts";
import type { PeerIdentity } from "../core/world.ts";

/** A handshake is never longer. */
export const MAX_HANDSHAKE_BYTES = 4096;

export interface Versions {
  readonly min: number;
  readonly max: number;
}

/** One life of one process: a peer whose incarnation changed has been restarted, even if the old connection looks well. */
export type Incarnation = string;

export interface Hello extends PeerIdentity {
  readonly versions: Versions;
  /** The node that the dialler believes to be at this address. */
  readonly target: NodeId;
  readonly incarnation: Incarnation;
  /** How often the sender lets hear from itself, in milliseconds. */
  readonly heartbeatInterval: Millis;
}

export interface Welcome extends PeerIdentity {
  readonly version: number;
  readonly incarnation: Incarnation;
  readonly heartbeatInterval: Millis;
}

/** Why a node does not talk to another, as the one who is refused reads it in its log. */
export const REFUSALS = {
  version: "it speaks other protocol versions than this node: upgrade the older of the two",
  "not-ready": "it does not belong to a cluster yet",
  "wrong-cluster": "it belongs to another cluster: check the address",
  "wrong-node": "another node listens at this address: check the address",
  "unknown-node": "it does not know this node as a member of the cluster (yet)",
} as const;

export type Refusal = keyof typeof REFUSALS;

export function encodeHello(hello: Hello): Uint8Array {
  const out = new ByteWriter(128);
  out.u8(hello.versions.min);
  out.u8(hello.versions.max);
  out.binary(hello.cluster);
  out.u32(hello.node);
  out.u32(hello.target);
  out.binary(hello.incarnation);
  out.u32(Math.ceil(hello.heartbeatInterval));
  return out.finish();
}

export function decodeHello(body: Uint8Array): Hello {
  const read = new ByteReader(body);
  const versions = { min: read.u8(), max: read.u8() };
  return {
    versions,
    cluster: read.binary(),
    node: nodeId(read.u32()),
    target: nodeId(read.u32()),
    incarnation: read.binary(),
    heartbeatInterval: read.u32(),
  };
}

export function encodeWelcome(welcome: Welcome): Uint8Array {
  const out = new ByteWriter(128);
  out.u8(welcome.version);
  out.binary(welcome.cluster);
  out.u32(welcome.node);
  out.binary(welcome.incarnation);
  out.u32(Math.ceil(welcome.heartbeatInterval));
  return out.finish();
}

export function decodeWelcome(body: Uint8Array): Welcome {
  const read = new ByteReader(body);
  return {
    version: read.u8(),
    cluster: read.binary(),
    node: nodeId(read.u32()),
    incarnation: read.binary(),
    heartbeatInterval: read.u32(),
  };
}

export function encodeRefusal(refusal: Refusal): Uint8Array {
  const out = new ByteWriter(32);
  out.binary(refusal);
  return out.finish();
}

/** A sentence for the log. A reason that this version does not know is not repeated: it comes from outside. */
export function decodeRefusal(body: Uint8Array): string {
  const refusal = new ByteReader(body).binary();
  return Object.hasOwn(REFUSALS, refusal)
    ? REFUSALS[refusal as Refusal]
    : "for a reason that this version does not know";
}

/** The highest version that both speak; null when there is none. */
export function commonVersion(ours: Versions, theirs: Versions): number | null {
  const version = Math.min(ours.max, theirs.max);
  return version >= Math.max(ours.min, theirs.min) ? version : null;
}

/** What the acceptor makes of a `hello`. */
export function judge(
  hello: Hello,
  own: PeerIdentity | null,
  versions: Versions,
  knows: (node: NodeId) => boolean,
): Refusal | null {
  if (commonVersion(versions, hello.versions) === null) return "version";
  if (own === null) return "not-ready";
  if (hello.cluster !== own.cluster) return "wrong-cluster";
  if (hello.target !== own.node) return "wrong-node";
  if (!knows(hello.node)) return "unknown-node";
  return null;
}

/** A `call` or an `answer`: the caller's versions and patience come before the request. */
export interface CallPacket {
  readonly versions: Versions;
  readonly timeout: Millis;
  readonly request: Uint8Array;
}

/** What a call's packet has beyond the request. */
export const CALL_HEADER_BYTES = 6;

export function encodeCall(call: CallPacket): Uint8Array {
  const out = new ByteWriter(CALL_HEADER_BYTES + call.request.length);
  out.u8(call.versions.min);
  out.u8(call.versions.max);
  out.u32(Math.ceil(call.timeout));
  out.raw(call.request);
  return out.finish();
}

export function decodeCall(body: Uint8Array): CallPacket {
  if (body.length < CALL_HEADER_BYTES) throw new CodecError("a call is cut off");
  const read = new ByteReader(body);
  const versions = { min: read.u8(), max: read.u8() };
  return { versions, timeout: read.u32(), request: read.raw(read.remaining) };
}
