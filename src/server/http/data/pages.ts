/**
 * Listings page by page. A cursor says where the next page begins, so that the server keeps nothing, and what is there from
 * the first page to the last is listed exactly once, at whatever node each page is asked for.
 */
import { invariant } from "../../../core/assert.ts";
import type { Reply } from "../../../core/reply.ts";
import { malformed } from "./calls.ts";

/** What `.scan`, `.hscan` and `.sscan` answer. */
export interface Page {
  /** Where the next step begins; null at the end. */
  readonly next: Uint8Array | null;
  readonly elements: readonly Uint8Array[];
}

export function pageOf(reply: Reply): Page {
  invariant(Array.isArray(reply) && reply.length === 2, "a scan answers a page");
  const [next, elements] = reply as readonly Reply[];
  return { next: next as Uint8Array | null, elements: elements as readonly Uint8Array[] };
}

/** Of one collection. */
export const cursorOf = (from: Uint8Array | null): string | null =>
  from === null ? null : `e${Buffer.from(from).toString("base64url")}`;

export function fromCursor(cursor: string | undefined): Uint8Array {
  if (cursor === undefined) return new Uint8Array(0);
  const match = /^e([A-Za-z0-9_-]*)$/.exec(cursor);
  if (match === null) throw notACursor(cursor);
  return Buffer.from(match[1]!, "base64url");
}

export const notACursor = (cursor: string): Error =>
  malformed("cursor", `"${cursor.slice(0, 40)}" was not given by a page of this listing`);
