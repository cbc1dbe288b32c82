/**
 * What nodes say to each other, inside the transport's frames. One byte says which kind:
 *   protocol   a message of a group's protocol machine
 *   requests   operations forwarded to where they are decided, all that one turn has for that peer
 *   responses  their outcomes, likewise
 *   admin, admin-result   catalog requests, as JSON: rare, and easier to read in a capture
 *   membership what members tell each other about who is alive: a message of src/membership
 *   channel    publish/subscribe: a message of src/protocols/broadcast, and which guarantee it is of
 *   load       how late the event loop of the sender runs
 *
 * Requests and their outcomes carry the asking process' epoch, a number drawn at its start: a restarted node counts its
 * requests anew, and must not take a late outcome of its former life for that of a new request.
 */
import { ByteReader, ByteWriter, CodecError } from "../core/bytes.ts";
import { ERRORS, type ErrorCode } from "../core/errors.ts";
import { type GroupId, type NodeId, groupId, nodeId } from "../core/ids.ts";
import type { Millis } from "../core/machine.ts";
import { decodeReply, encodeReply } from "../core/reply-codec.ts";
import type { Reply } from "../core/reply.ts";
import { decodeSeen, encodeSeen, type Seen } from "../core/seen.ts";
import { type Operation, decodeOperation, encodeOperation } from "../data/batch.ts";
import type { Consistency } from "./api.ts";

const KIND = {
  protocol: 1,
  requests: 2,
  responses: 3,
  admin: 4,
  adminResult: 5,
  membership: 6,
  channel: 7,
  load: 8,
} as const;

const CONSISTENCIES: readonly Consistency[] = ["linearizable", "sequential", "stale"];

/** A request on its way to another node. */
export interface ForwardedRequest {
  readonly id: number;
  readonly group: GroupId;
  readonly write: boolean;
  readonly consistency: Consistency;
  /** For reads that are not linearizable. */
  readonly atLeast: Seen;
  /** For stale reads, in milliseconds; null: without a bound. */
  readonly maxStaleness: Millis | null;
  /** On merging keyspaces; null: what the keyspace says. */
  readonly quorum: number | null;
  /** Milliseconds that are left of its deadline. */
  readonly timeout: number;
  readonly operation: Operation;
}

export type ForwardedOutcome =
  /** The reply shows all of what is `seen`. */
  | { readonly ok: true; readonly reply: Reply; readonly seen: Seen }
  | {
      readonly ok: false;
      readonly error: ErrorCode;
      readonly detail: string;
      readonly leader: NodeId | null;
    };

export interface ForwardedResponse {
  readonly id: number;
  readonly outcome: ForwardedOutcome;
}

export type PeerFrame =
  | { readonly kind: "protocol"; readonly group: GroupId; readonly message: Uint8Array }
  | { readonly kind: "requests"; readonly epoch: number; readonly requests: readonly ForwardedRequest[] }
  | { readonly kind: "responses"; readonly epoch: number; readonly responses: readonly ForwardedResponse[] }
  | { readonly kind: "admin"; readonly epoch: number; readonly id: number; readonly request: unknown }
  | { readonly kind: "admin-result"; readonly epoch: number; readonly id: number; readonly result: unknown }
  | { readonly kind: "membership"; readonly message: Uint8Array }
  | { readonly kind: "channel"; readonly guarantee: number; readonly message: Uint8Array }
  | { readonly kind: "load"; readonly lag: Millis };

/** By hand, as most frames of an idle cluster are these: they carry heartbeats. */
export function encodeProtocolFrame(group: GroupId, message: Uint8Array): Uint8Array {
  const frame = new Uint8Array(1 + varintLength(group) + message.length);
  let at = 0;
  frame[at++] = KIND.protocol;
  let rest: number = group;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) frame[at++] = (rest % 0x80) | 0x80;
  frame[at++] = rest;
  frame.set(message, at);
  return frame;
}

export function encodeMembershipFrame(message: Uint8Array): Uint8Array {
  const frame = new Uint8Array(1 + message.length);
  frame[0] = KIND.membership;
  frame.set(message, 1);
  return frame;
}

/** `guarantee`: below 256. */
export function encodeChannelFrame(guarantee: number, message: Uint8Array): Uint8Array {
  const frame = new Uint8Array(2 + message.length);
  frame[0] = KIND.channel;
  frame[1] = guarantee;
  frame.set(message, 2);
  return frame;
}

/** `lag`: whole milliseconds. */
export function encodeLoadFrame(lag: Millis): Uint8Array {
  const writer = new ByteWriter(8);
  writer.u8(KIND.load);
  writer.varint(lag);
  return writer.finish();
}

function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) length++;
  return length;
}

/** Also how the typed client sends one to a node (KVORUM CALL). */
export function encodeRequest(writer: ByteWriter, request: ForwardedRequest): void {
  writer.varint(request.id);
  writer.varint(request.group);
  writer.varint(Math.max(0, Math.ceil(request.timeout)));
  writer.u8((request.write ? 1 : 0) | (CONSISTENCIES.indexOf(request.consistency) << 1));
  encodeSeen(writer, request.atLeast);
  writer.varint(request.maxStaleness === null ? 0 : Math.floor(request.maxStaleness) + 1);
  writer.varint(request.quorum ?? 0);
  encodeOperation(writer, request.operation);
}

/** Collects the requests of one turn for one peer. */
export class RequestFrameBuilder {
  readonly #epoch: number;
  readonly #writer = new ByteWriter(1024, { slabs: true });

  constructor(epoch: number) {
    this.#epoch = epoch;
  }

  add(request: ForwardedRequest): void {
    const writer = this.#writer;
    if (writer.length === 0) {
      writer.u8(KIND.requests);
      writer.u32(this.#epoch);
    }
    encodeRequest(writer, request);
  }

  get length(): number {
    return this.#writer.length;
  }

  finish(): Uint8Array {
    return this.#writer.finish();
  }
}

const ERROR_CODES = Object.keys(ERRORS) as readonly ErrorCode[];

/** Collects the outcomes of one turn for one peer; `epoch` is the asking process'. */
export class ResponseFrameBuilder {
  readonly epoch: number;
  readonly #writer = new ByteWriter(1024, { slabs: true });

  constructor(epoch: number) {
    this.epoch = epoch;
  }

  add(response: ForwardedResponse): void {
    const writer = this.#writer;
    const { id, outcome } = response;
    if (writer.length === 0) {
      writer.u8(KIND.responses);
      writer.u32(this.epoch);
    }
    writer.varint(id);
    if (outcome.ok) {
      writer.u8(0);
      encodeSeen(writer, outcome.seen);
      encodeReply(writer, outcome.reply);
    } else {
      writer.u8(1);
      writer.bytes(encoder.encode(outcome.error));
      writer.bytes(encoder.encode(outcome.detail));
      writer.varint(outcome.leader ?? 0);
    }
  }

  get length(): number {
    return this.#writer.length;
  }

  finish(): Uint8Array {
    return this.#writer.finish();
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function encodeAdminFrame(
  kind: "admin" | "admin-result",
  epoch: number,
  id: number,
  body: unknown,
): Uint8Array {
  const writer = new ByteWriter();
  writer.u8(kind === "admin" ? KIND.admin : KIND.adminResult);
  writer.u32(epoch);
  writer.varint(id);
  writer.bytes(encoder.encode(JSON.stringify(body)));
  return writer.finish();
}

/** V8 keeps arrays of up to so many bytes in its own heap: such a copy is far cheaper than a view. */
const ON_HEAP_BYTES = 64;

/** Throws `CodecError` on anything malformed. */
export function decodePeerFrame(bytes: Uint8Array): PeerFrame {
  if (bytes[0] === KIND.protocol && bytes.length > 1 && bytes[1]! < 0x80) {
    // The most frequent ones, by hand.
    const message = bytes.length <= ON_HEAP_BYTES ? bytes.slice(2) : bytes.subarray(2);
    return { kind: "protocol", group: groupId(bytes[1]!), message };
  }
  const reader = new ByteReader(bytes);
  const kind = reader.u8();
  switch (kind) {
    case KIND.protocol: {
      const group = groupId(reader.varint());
      return { kind: "protocol", group, message: reader.raw(reader.remaining) };
    }
    case KIND.requests: {
      const epoch = reader.u32();
      const requests: ForwardedRequest[] = [];
      while (reader.remaining > 0) requests.push(decodeRequest(reader));
      return { kind: "requests", epoch, requests };
    }
    case KIND.responses: {
      const epoch = reader.u32();
      const responses: ForwardedResponse[] = [];
      while (reader.remaining > 0) responses.push({ id: reader.varint(), outcome: decodeOutcome(reader) });
      return { kind: "responses", epoch, responses };
    }
    case KIND.admin:
    case KIND.adminResult: {
      const epoch = reader.u32();
      const id = reader.varint();
      const body = parseJson(reader.bytes());
      reader.end();
      return kind === KIND.admin
        ? { kind: "admin", epoch, id, request: body }
        : { kind: "admin-result", epoch, id, result: body };
    }
    case KIND.membership:
      return { kind: "membership", message: reader.raw(reader.remaining) };
    case KIND.channel:
      return { kind: "channel", guarantee: reader.u8(), message: reader.raw(reader.remaining) };
    case KIND.load: {
      const lag = reader.varint();
      reader.end();
      return { kind: "load", lag };
    }
    default:
      throw new CodecError(`unknown frame kind ${kind}`);
  }
}

/** The inverse of `encodeRequest`; throws `CodecError`. */
export function decodeRequest(reader: ByteReader): ForwardedRequest {
  const id = reader.varint();
  const group = groupId(reader.varint());
  const timeout = reader.varint();
  const flags = reader.u8();
  const consistency = CONSISTENCIES[flags >> 1];
  if (consistency === undefined) throw new CodecError(`unknown request flags ${flags}`);
  const write = (flags & 1) === 1;
  const atLeast = decodeSeen(reader);
  const staleness = reader.varint();
  const quorum = reader.varint();
  return {
    id,
    group,
    write,
    consistency,
    atLeast,
    maxStaleness: staleness === 0 ? null : staleness - 1,
    quorum: quorum === 0 ? null : quorum,
    timeout,
    operation: decodeOperation(reader),
  };
}

function decodeOutcome(reader: ByteReader): ForwardedOutcome {
  const status = reader.u8();
  if (status === 0) {
    const seen = decodeSeen(reader);
    return { ok: true, seen, reply: decodeReply(reader) };
  }
  if (status !== 1) throw new CodecError(`unknown outcome ${status}`);
  const code = decoder.decode(reader.bytes());
  const detail = decoder.decode(reader.bytes());
  const leader = reader.varint();
  const error = ERROR_CODES.find((known) => known === code) ?? "internal";
  return { ok: false, error, detail, leader: leader === 0 ? null : nodeId(leader) };
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch (error) {
    throw new CodecError(`malformed JSON: ${String(error)}`);
  }
}
