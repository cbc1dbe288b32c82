/**
 * What a session has seen of one shard, so that it reads its own writes and never goes back at any replica. In an ordered keyspace: a position
 * of the log; 0: nothing. In a merging one: the events that were in the state, as bytes that only nodes understand; empty: nothing.
 */
import type { ByteReader, ByteWriter } from "./bytes.ts";
import type { LogIndex } from "./machine.ts";

export type Seen = LogIndex | Uint8Array;

/** The position in a log; a session that comes from a merging keyspace has seen nothing of it. */
export const indexOf = (seen: Seen): LogIndex => (typeof seen === "number" ? seen : 0);

/** What a merging keyspace's replica has to have, or null: the request belongs to no session. */
export const eventsOf = (seen: Seen): Uint8Array | null => (typeof seen === "number" ? null : seen);

export function encodeSeen(writer: ByteWriter, seen: Seen): void {
  if (typeof seen === "number") {
    writer.varint(seen + 1);
  } else {
    writer.varint(0);
    writer.bytes(seen);
  }
}

/** Throws `CodecError`. */
export function decodeSeen(reader: ByteReader): Seen {
  const index = reader.varint();
  return index === 0 ? reader.bytes() : index - 1;
}
