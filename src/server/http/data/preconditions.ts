/**
 * Entity tags. The tag of a key is its version: another one after every change, also after it came and went, and never that
 * of a key that does not exist. A write with `If-Match` is compare-and-set.
 */
import type { Checked } from "./route.ts";
import { malformed } from "./calls.ts";

export type Precondition =
  | { readonly kind: "none" }
  | { readonly kind: "exists" }
  | { readonly kind: "absent" }
  | { readonly kind: "version"; readonly version: number }
  /** No key can ever meet it. */
  | { readonly kind: "impossible" };

export const etagOf = (version: number): string => `"${version}"`;

/** Of a write. One tag is what compare-and-set means; lists of tags are refused. */
export function preconditionOf({ incoming }: Checked<unknown, unknown>): Precondition {
  const match = incoming.headers["if-match"];
  const noneMatch = incoming.headers["if-none-match"];
  if (match !== undefined && noneMatch !== undefined)
    throw malformed("If-Match", "it cannot stand together with If-None-Match");
  if (noneMatch !== undefined) {
    if (noneMatch.trim() === "*") return { kind: "absent" };
    throw malformed("If-None-Match", "a write takes only *, which means that the key must not exist");
  }
  if (match === undefined) return { kind: "none" };
  if (match.trim() === "*") return { kind: "exists" };
  const parsed = /^(W\/)?"([^"]*)"$/.exec(match.trim());
  if (parsed === null) throw malformed("If-Match", 'expected one tag such as "42", or *');
  // A weak tag never matches (RFC 9110, 13.1.1), nor does a text that is no version of an existing key.
  if (parsed[1] !== undefined || !/^\d{1,16}$/.test(parsed[2]!)) return { kind: "impossible" };
  const version = Number(parsed[2]);
  return version % 2 === 0 ? { kind: "version", version } : { kind: "impossible" };
}

/** Of a read: the caller has this version already. */
export function isKnown({ incoming }: Checked<unknown, unknown>, version: number): boolean {
  const known = incoming.headers["if-none-match"];
  if (known === undefined) return false;
  const tags = known.split(",").map((tag) => tag.trim().replace(/^W\//, ""));
  return tags.includes("*") || tags.includes(etagOf(version));
}
