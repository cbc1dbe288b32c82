/**
 * What a typed client and a node say to each other once the connection is theirs (`KVORUM ATTACH`): one message a frame of
 * `stream.ts`. Answers come in any order; the numbers are the client's.
 *
 * ```
 * client: request | topology | admin           node: reply | topology | admin-result
 * ```
 */
import { ByteReader, ByteWriter, CodecError } from "../core/bytes.ts";
import { type NodeId, nodeId } from "../core/ids.ts";
import type { LogIndex } from "../core/machine.ts";
import { decodeReply, encodeReply } from "../core/reply-codec.ts";
import type { Reply } from "../core/reply.ts";
import type { AdminResult, KeyspaceInfo } from "../node/api.ts";
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
  | { readonly type: "admin"; readonly id: number; readonly request: unknown };

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
  | { readonly type: "admin-result"; readonly id: number; readonly result: AdminResult };

const CLIENT = { request: 1, topology: 2, admin: 3 } as const;
const NODE = { reply: 1, topology: 2, adminResult: 3 } as const;

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
      writer.varint(message.index === null ? 0 : message.index + 1);
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
      const index = reader.varint();
      return {
        type: "reply",
        id,
        leader: leader === 0 ? null : nodeId(leader),
        index: index === 0 ? null : index - 1,
        reply: decodeReply(reader),
      };
    }
    case NODE.topology:
      return { type: "topology", topology: readJson(reader) as WireTopology };
    case NODE.adminResult:
      return { type: "admin-result", id: reader.varint(), result: readJson(reader) as AdminResult };
    default:
      throw new CodecError(`unknown kind ${kind} of a node's message`);
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
