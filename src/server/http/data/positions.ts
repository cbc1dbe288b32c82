/**
 * How far a watcher of a keyspace has come: a revision for each of its shards. As text it is the id of every event, and what
 * a watcher that was interrupted comes back with, at whatever node.
 */
import { ByteReader, ByteWriter, CodecError } from "../../../core/bytes.ts";
import { type GroupId, groupId } from "../../../core/ids.ts";

/** Group numbers are never used again: those of a keyspace that was dropped stand for nothing that is there now. */
export type Positions = ReadonlyMap<GroupId, number>;

const FORMAT = 1;

export function formatPositions(positions: Positions): string {
  const writer = new ByteWriter(64);
  writer.u8(FORMAT);
  for (const [group, revision] of positions) {
    writer.varint(group);
    writer.varint(revision);
  }
  return Buffer.from(writer.finish()).toString("base64url");
}

/** Null: no watcher ever had this. */
export function parsePositions(text: string): Positions | null {
  if (!/^[A-Za-z0-9_-]+$/.test(text)) return null;
  const positions = new Map<GroupId, number>();
  try {
    const reader = new ByteReader(Buffer.from(text, "base64url"));
    if (reader.u8() !== FORMAT) return null;
    while (reader.remaining > 0) positions.set(groupId(reader.varint()), reader.varint());
  } catch (error) {
    if (error instanceof CodecError) return null;
    throw error;
  }
  return positions;
}
