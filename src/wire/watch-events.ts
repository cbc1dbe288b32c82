/** What a node tells a watching client, as bytes. */
import { type ByteReader, type ByteWriter, CodecError } from "../core/bytes.ts";
import type { WatchEvent, WatchedChange } from "../node/api.ts";

const KINDS = ["set", "delete", "expire", "flush"] as const;
const NO_VALUE = 0;
const VALUE = 1;

export function encodeEvents(writer: ByteWriter, events: readonly WatchEvent[]): void {
  writer.varint(events.length);
  for (const { revision, changes } of events) {
    writer.varint(revision);
    writer.varint(changes.length);
    for (const change of changes) encodeChange(writer, change);
  }
}

/** Throws `CodecError` on anything that `encodeEvents` does not write. Keys and values are views. */
export function decodeEvents(reader: ByteReader): WatchEvent[] {
  const events: WatchEvent[] = [];
  for (let left = reader.varint(); left > 0; left--) {
    const revision = reader.varint();
    const changes: WatchedChange[] = [];
    for (let more = reader.varint(); more > 0; more--) changes.push(decodeChange(reader));
    events.push({ revision, changes });
  }
  return events;
}

function encodeChange(writer: ByteWriter, change: WatchedChange): void {
  writer.u8(KINDS.indexOf(change.kind));
  if (change.kind === "flush") return;
  writer.bytes(change.key);
  if (change.kind !== "set") return;
  writer.u8(change.value === null ? NO_VALUE : VALUE);
  if (change.value !== null) writer.bytes(change.value);
}

function decodeChange(reader: ByteReader): WatchedChange {
  const number = reader.u8();
  const kind = KINDS[number];
  if (kind === undefined) throw new CodecError(`unknown kind ${number} of a change`);
  switch (kind) {
    case "flush":
      return { kind };
    case "delete":
    case "expire":
      return { kind, key: reader.bytes() };
    case "set": {
      const key = reader.bytes();
      const has = reader.u8();
      if (has > VALUE) throw new CodecError(`unknown mark ${has} of a value`);
      return { kind, key, value: has === VALUE ? reader.bytes() : null };
    }
  }
}
