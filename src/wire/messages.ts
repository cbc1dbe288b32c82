/**
 * What a typed client and a node say to each other once the connection is theirs (`KVORUM ATTACH`): one message a frame of
 * `stream.ts`. Answers come in any order; the numbers are the client's.
 *
 * ```
 * client: request | topology | admin           node: reply | topology | admin-result
 *         watch | unwatch | pause | resume           watch-start | watch-events | watch-end
 * ```
 *
 * A watch is told what it missed after `resume`; while it is paused, and while the client's socket is full, nothing is
 * buffered for it.
 */
import { ByteReader, ByteWriter, CodecError } from "../core/bytes.ts";
import { ERRORS, type ErrorCode } from "../core/errors.ts";
import { type GroupId, groupId, type NodeId, nodeId } from "../core/ids.ts";
import type { LogIndex } from "../core/machine.ts";
import { decodeReply, encodeReply } from "../core/reply-codec.ts";
import type { Reply } from "../core/reply.ts";
import type { AdminResult, KeyspaceInfo, WatchedChange, WatchEvent } from "../node/api.ts";
import { decodeRequest, encodeRequest, type ForwardedRequest } from "../node/frames.ts";

/** What `KVORUM ATTACH` has to name. Grows when messages change in a way that the other side would not understand. */
export const WIRE_VERSION = 1;

/** A node, and where its RESP port is: attached connections begin there. */
export interface TopologyNode {
  readonly id: NodeId;
  readonly name: string;
  readonly resp: string;
}

export interface WireTopology {
  /** The node that answers; null while it founds or joins a cluster. */
  readonly self: NodeId | null;
  readonly nodes: readonly TopologyNode[];
  readonly keyspaces: readonly KeyspaceInfo[];
}

export type ClientMessage =
  | { readonly type: "request"; readonly request: ForwardedRequest }
  | { readonly type: "topology" }
  | { readonly type: "admin"; readonly id: number; readonly request: unknown }
  | {
      readonly type: "watch";
      readonly id: number;
      readonly group: GroupId;
      /** Null: from the present revision on. */
      readonly from: number | null;
      readonly prefix: Uint8Array;
    }
  | { readonly type: "unwatch" | "pause" | "resume"; readonly id: number };

export type NodeMessage =
  | {
      readonly type: "reply";
      readonly id: number;
      readonly reply: Reply;
      /** Who leads the group, where the node knows it. */
      readonly leader: NodeId | null;
      /** The reply shows everything up to there of the group's log. */
      readonly index: LogIndex | null;
    }
  | { readonly type: "topology"; readonly topology: WireTopology }
  | { readonly type: "admin-result"; readonly id: number; readonly result: AdminResult }
  /** As `WatchListener` in `src/node/api.ts` is called. */
  | { readonly type: "watch-start"; readonly id: number; readonly revision: number }
  | {
      readonly type: "watch-events";
      readonly id: number;
      readonly upTo: number;
      readonly events: readonly WatchEvent[];
    }
  | {
      readonly type: "watch-end";
      readonly id: number;
      readonly error: ErrorCode;
      readonly detail: string;
      readonly resumeFrom: number | null;
    };

const CLIENT = { request: 1, topology: 2, admin: 3, watch: 4, unwatch: 5, pause: 6, resume: 7 } as const;
const NODE = { reply: 1, topology: 2, adminResult: 3, watchStart: 4, watchEvents: 5, watchEnd: 6 } as const;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function encodeClientMessage(message: ClientMessage): Uint8Array {
  const writer = new ByteWriter();
  switch (message.type) {
    case "request":
      writer.u8(CLIENT.request);
      encodeRequest(writer, message.request);
      break;
    case "topology":
      writer.u8(CLIENT.topology);
      break;
    case "admin":
      writer.u8(CLIENT.admin);
      writer.varint(message.id);
      writeJson(writer, message.request);
      break;
    case "watch":
      writer.u8(CLIENT.watch);
      writer.varint(message.id);
      writer.varint(message.group);
      writeOptional(writer, message.from);
      writer.bytes(message.prefix);
      break;
    case "unwatch":
    case "pause":
    case "resume":
      writer.u8(CLIENT[message.type]);
      writer.varint(message.id);
      break;
  }
  return writer.finish();
}

/** Throws `CodecError` on anything malformed. Keys and values are views of the frame. */
export function decodeClientMessage(frame: Uint8Array): ClientMessage {
  const reader = new ByteReader(frame);
  const kind = reader.u8();
  const message = decodeClient(reader, kind);
  reader.end();
  return message;
}

function decodeClient(reader: ByteReader, kind: number): ClientMessage {
  switch (kind) {
    case CLIENT.request:
      return { type: "request", request: decodeRequest(reader) };
    case CLIENT.topology:
      return { type: "topology" };
    case CLIENT.admin:
      return { type: "admin", id: reader.varint(), request: readJson(reader) };
    case CLIENT.watch: {
      const id = reader.varint();
      const group = groupId(reader.varint());
      const from = readOptional(reader);
      return { type: "watch", id, group, from, prefix: reader.bytes() };
    }
    case CLIENT.unwatch:
      return { type: "unwatch", id: reader.varint() };
    case CLIENT.pause:
      return { type: "pause", id: reader.varint() };
    case CLIENT.resume:
      return { type: "resume", id: reader.varint() };
    default:
      throw new CodecError(`unknown kind ${kind} of a client's message`);
  }
}

export function encodeNodeMessage(message: NodeMessage): Uint8Array {
  const writer = new ByteWriter();
  switch (message.type) {
    case "reply":
      writer.u8(NODE.reply);
      writer.varint(message.id);
      writer.varint(message.leader ?? 0);
      writeOptional(writer, message.index);
      encodeReply(writer, message.reply);
      break;
    case "topology":
      writer.u8(NODE.topology);
      writeJson(writer, message.topology);
      break;
    case "admin-result":
      writer.u8(NODE.adminResult);
      writer.varint(message.id);
      writeJson(writer, message.result);
      break;
    case "watch-start":
      writer.u8(NODE.watchStart);
      writer.varint(message.id);
      writer.varint(message.revision);
      break;
    case "watch-events":
      writer.u8(NODE.watchEvents);
      writer.varint(message.id);
      writer.varint(message.upTo);
      writeEvents(writer, message.events);
      break;
    case "watch-end":
      writer.u8(NODE.watchEnd);
      writer.varint(message.id);
      writer.bytes(encoder.encode(message.error));
      writer.bytes(encoder.encode(message.detail));
      writeOptional(writer, message.resumeFrom);
      break;
  }
  return writer.finish();
}

/** Throws `CodecError` on anything malformed. */
export function decodeNodeMessage(frame: Uint8Array): NodeMessage {
  const reader = new ByteReader(frame);
  const kind = reader.u8();
  const message = decodeNode(reader, kind);
  reader.end();
  return message;
}

function decodeNode(reader: ByteReader, kind: number): NodeMessage {
  switch (kind) {
    case NODE.reply: {
      const id = reader.varint();
      const leader = reader.varint();
      const index = readOptional(reader);
      return {
        type: "reply",
        id,
        leader: leader === 0 ? null : nodeId(leader),
        index,
        reply: decodeReply(reader),
      };
    }
    case NODE.topology:
      return { type: "topology", topology: readJson(reader) as WireTopology };
    case NODE.adminResult:
      return { type: "admin-result", id: reader.varint(), result: readJson(reader) as AdminResult };
    case NODE.watchStart:
      return { type: "watch-start", id: reader.varint(), revision: reader.varint() };
    case NODE.watchEvents:
      return { type: "watch-events", id: reader.varint(), upTo: reader.varint(), events: readEvents(reader) };
    case NODE.watchEnd: {
      const id = reader.varint();
      const code = decoder.decode(reader.bytes());
      const detail = decoder.decode(reader.bytes());
      const error = Object.hasOwn(ERRORS, code) ? (code as ErrorCode) : "internal";
      return { type: "watch-end", id, error, detail, resumeFrom: readOptional(reader) };
    }
    default:
      throw new CodecError(`unknown kind ${kind} of a node's message`);
  }
}

/** 0 for null, else the number and one. */
function writeOptional(writer: ByteWriter, value: number | null): void {
  writer.varint(value === null ? 0 : value + 1);
}

function readOptional(reader: ByteReader): number | null {
  const value = reader.varint();
  return value === 0 ? null : value - 1;
}

const CHANGES = ["set", "delete", "expire", "flush"] as const;

/** count × (revision | count × (kind u8 | key | of `set`: 0, or 1 and the value)). */
function writeEvents(writer: ByteWriter, events: readonly WatchEvent[]): void {
  writer.varint(events.length);
  for (const { revision, changes } of events) {
    writer.varint(revision);
    writer.varint(changes.length);
    for (const change of changes) {
      writer.u8(CHANGES.indexOf(change.kind));
      if (change.kind !== "flush") writer.bytes(change.key);
      if (change.kind === "set") writeValue(writer, change.value);
    }
  }
}

function writeValue(writer: ByteWriter, value: Uint8Array | null): void {
  writer.u8(value === null ? 0 : 1);
  if (value !== null) writer.bytes(value);
}

function readEvents(reader: ByteReader): WatchEvent[] {
  const events: WatchEvent[] = [];
  for (let left = reader.varint(); left > 0; left--) {
    const revision = reader.varint();
    const changes: WatchedChange[] = [];
    for (let more = reader.varint(); more > 0; more--) changes.push(readChange(reader));
    events.push({ revision, changes });
  }
  return events;
}

function readChange(reader: ByteReader): WatchedChange {
  const number = reader.u8();
  const kind = CHANGES[number];
  switch (kind) {
    case undefined:
      throw new CodecError(`unknown kind ${number} of a change`);
    case "flush":
      return { kind };
    case "set": {
      const key = reader.bytes();
      return { kind, key, value: reader.u8() === 0 ? null : reader.bytes() };
    }
    default:
      return { kind, key: reader.bytes() };
  }
}

function writeJson(writer: ByteWriter, value: unknown): void {
  writer.bytes(encoder.encode(JSON.stringify(value)));
}

function readJson(reader: ByteReader): unknown {
  const text = decoder.decode(reader.bytes());
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CodecError(`malformed JSON: ${String(error)}`);
  }
}
