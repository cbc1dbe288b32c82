/**
 * What a typed client and a node say to each other once the connection is theirs (`KVORUM ATTACH`): one message a frame of
 * `stream.ts`. Answers come in any order; the numbers are the client's.
 *
 * ```
 * client: request | topology | admin           node: reply | topology | admin-result
 *         watch | watch-more | unwatch               watch-start | watch-events | watch-end
 * ```
 */
import { ByteReader, ByteWriter, CodecError } from "../core/bytes.ts";
import { ERRORS, type ErrorCode } from "../core/errors.ts";
import { type GroupId, groupId, type NodeId, nodeId } from "../core/ids.ts";
import { decodeSeen, encodeSeen, type Seen } from "../core/seen.ts";
import { decodeReply, encodeReply } from "../core/reply-codec.ts";
import type { Reply } from "../core/reply.ts";
import type { AdminResult, KeyspaceInfo, WatchEvent } from "../node/api.ts";
import { decodeRequest, encodeRequest, type ForwardedRequest } from "../node/frames.ts";
import { decodeEvents, encodeEvents } from "./watch-events.ts";

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
      /** The client's, for everything that concerns this watch. */
      readonly number: number;
      readonly group: GroupId;
      /** Events begin after this revision; null: from now on. */
      readonly from: number | null;
      /** As keys are inside: of keyspaces other than the default one, with their name. */
      readonly prefix: Uint8Array;
    }
  /** A page of events has been taken: the next one may come. */
  | { readonly type: "watch-more"; readonly number: number }
  /** What is on its way still comes. */
  | { readonly type: "unwatch"; readonly number: number };

export type NodeMessage =
  | {
      readonly type: "reply";
      readonly id: number;
      readonly reply: Reply;
      /** Who leads the group, or at least is closer to it than the node that answers, where that one knows it. */
      readonly leader: NodeId | null;
      /** The reply shows all of that of its shard. */
      readonly seen: Seen;
    }
  | { readonly type: "topology"; readonly topology: WireTopology }
  | { readonly type: "admin-result"; readonly id: number; readonly result: AdminResult }
  /** Once, before all events: they begin after this revision. */
  | { readonly type: "watch-start"; readonly number: number; readonly revision: number }
  /** Everything up to `upTo` is told then. No further page comes before `watch-more`. */
  | {
      readonly type: "watch-events";
      readonly number: number;
      readonly upTo: number;
      readonly events: readonly WatchEvent[];
    }
  /** The last message of the watch; from where to go on as in `WatchListener.onEnd`. */
  | {
      readonly type: "watch-end";
      readonly number: number;
      readonly code: ErrorCode;
      readonly detail: string;
      readonly resumeFrom: number | null;
    };

const CLIENT = { request: 1, topology: 2, admin: 3, watch: 4, watchMore: 5, unwatch: 6 } as const;
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
      writer.varint(message.number);
      writer.varint(message.group);
      writeOptional(writer, message.from);
      writer.bytes(message.prefix);
      break;
    case "watch-more":
      writer.u8(CLIENT.watchMore);
      writer.varint(message.number);
      break;
    case "unwatch":
      writer.u8(CLIENT.unwatch);
      writer.varint(message.number);
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
      const number = reader.varint();
      const group = groupId(reader.varint());
      const from = readOptional(reader);
      return { type: "watch", number, group, from, prefix: reader.bytes() };
    }
    case CLIENT.watchMore:
      return { type: "watch-more", number: reader.varint() };
    case CLIENT.unwatch:
      return { type: "unwatch", number: reader.varint() };
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
      encodeSeen(writer, message.seen);
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
      writer.varint(message.number);
      writer.varint(message.revision);
      break;
    case "watch-events":
      writer.u8(NODE.watchEvents);
      writer.varint(message.number);
      writer.varint(message.upTo);
      encodeEvents(writer, message.events);
      break;
    case "watch-end":
      writer.u8(NODE.watchEnd);
      writer.varint(message.number);
      writer.bytes(encoder.encode(message.code));
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
      const seen = decodeSeen(reader);
      return {
        type: "reply",
        id,
        leader: leader === 0 ? null : nodeId(leader),
        seen,
        reply: decodeReply(reader),
      };
    }
    case NODE.topology:
      return { type: "topology", topology: readJson(reader) as WireTopology };
    case NODE.adminResult:
      return { type: "admin-result", id: reader.varint(), result: readJson(reader) as AdminResult };
    case NODE.watchStart:
      return { type: "watch-start", number: reader.varint(), revision: reader.varint() };
    case NODE.watchEvents: {
      const number = reader.varint();
      const upTo = reader.varint();
      return { type: "watch-events", number, upTo, events: decodeEvents(reader) };
    }
    case NODE.watchEnd: {
      const number = reader.varint();
      const code = readCode(reader);
      const detail = decoder.decode(reader.bytes());
      return { type: "watch-end", number, code, detail, resumeFrom: readOptional(reader) };
    }
    default:
      throw new CodecError(`unknown kind ${kind} of a node's message`);
  }
}

/** A number from 0 on, or null. */
function writeOptional(writer: ByteWriter, value: number | null): void {
  writer.varint(value === null ? 0 : value + 1);
}

function readOptional(reader: ByteReader): number | null {
  const value = reader.varint();
  return value === 0 ? null : value - 1;
}

function readCode(reader: ByteReader): ErrorCode {
  const code = decoder.decode(reader.bytes());
  if (!Object.hasOwn(ERRORS, code)) throw new CodecError(`unknown code ${code}`);
  return code as ErrorCode;
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
