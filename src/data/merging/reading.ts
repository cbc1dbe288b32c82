/**
 * What a read looked at: single items, and spans of the space of items. Another replica looks at the same, and tells by a
 * digest whether it sees the same.
 *
 * ```
 * reading = count varint | address × count (ascending) | scopes
 * ```
 */
import { ByteReader, ByteWriter } from "../../core/bytes.ts";
import { counts, texts } from "../lattices/index.ts";
import { type Span, splitAddress } from "./address.ts";
import { decodeScopes, encodeScopes, type Scope } from "./delta.ts";

export interface Reading {
  readonly points: readonly string[];
  readonly scopes: readonly Scope[];
}

/** Collects what a command looks at. */
export class Trace {
  readonly #points = new Set<string>();
  readonly #scopes: Scope[] = [];

  point(address: string): void {
    this.#points.add(address);
  }

  span({ from, to }: Span): void {
    this.#scopes.push({ space: "items", from, to });
  }

  finish(): Reading {
    return { points: [...this.#points].sort(), scopes: this.#scopes };
  }
}

export function encodeReading({ points, scopes }: Reading): Uint8Array {
  const writer = new ByteWriter();
  writer.varint(points.length);
  for (const point of points) writer.binary(point);
  encodeScopes(writer, scopes);
  return writer.finish();
}

/** Throws `CodecError` on anything malformed. */
export function decodeReading(bytes: Uint8Array): Reading {
  const reader = new ByteReader(bytes);
  const points: string[] = [];
  for (let left = counts.decode(reader); left > 0; left--) {
    const point = texts.decode(reader);
    splitAddress(point);
    points.push(point);
  }
  const scopes = decodeScopes(reader);
  reader.end();
  return { points, scopes };
}
