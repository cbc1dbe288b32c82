/** What callers send, as schemas: the same ones check requests and describe them in the OpenAPI document. */
import { z } from "zod";

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

const DURATION = /^(\d{1,12})(ms|s|m|h|d)?$/;

/** Milliseconds, as `1500`, `1500ms`, `30s`, `5m`, `2h` or `7d`. */
export function parseDuration(text: string): number | null {
  const match = DURATION.exec(text);
  return match === null ? null : Number(match[1]) * UNITS[match[2] ?? "ms"]!;
}

const DURATION_EXPECTED = "expected a duration such as 1500, 1500ms, 30s, 5m, 2h or 7d";

export const duration = z
  .string()
  .regex(DURATION, DURATION_EXPECTED)
  .transform((text) => parseDuration(text)!)
  .refine((milliseconds) => milliseconds > 0, "expected a duration above 0");

/** In JSON a number of milliseconds will do as well. */
export const jsonDuration = z.union([z.int().min(1), duration], DURATION_EXPECTED);

/** Longer waits would outlive the connection's own timeout. */
const MAX_TIMEOUT_MS = 25_000;

export const timeout = duration
  .refine((milliseconds) => milliseconds <= MAX_TIMEOUT_MS, `expected at most ${MAX_TIMEOUT_MS} ms`)
  .meta({ description: "How long the request may take; also as the header Kvorum-Timeout. At most 25s." });

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** Bytes in JSON: text stands for its UTF-8, anything else is given in base64. */
export const bytes = z
  .union(
    [z.string(), z.strictObject({ base64: z.string().regex(BASE64, "expected base64") })],
    'expected text, or { "base64": "…" } for bytes that are not UTF-8',
  )
  .transform((value) =>
    typeof value === "string" ? Buffer.from(value, "utf8") : Buffer.from(value.base64, "base64"),
  )
  .meta({ description: "Text, which stands for its UTF-8; or { base64 } for bytes that are not UTF-8." });

/** The same on the way out. */
export const bytesOut = z.union([z.string(), z.strictObject({ base64: z.string() })]);

export type JsonBytes = z.infer<typeof bytesOut>;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function jsonOf(value: Uint8Array): JsonBytes {
  try {
    return utf8.decode(value);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return { base64: Buffer.from(value).toString("base64") };
  }
}

/** A counter holds a signed 64-bit integer, which JSON numbers do not reach. */
export const integer = z
  .union(
    [z.int(), z.string().regex(/^-?\d{1,19}$/, "expected digits")],
    "expected a whole number, or its digits as text beyond 2^53",
  )
  .transform(String)
  .meta({ description: "A signed 64-bit integer; as text beyond 2^53." });

export const integerOut = z.union([z.int(), z.string()]).meta({
  description: "A number, or its digits as text beyond 2^53.",
});

export function integerOf(value: number | bigint): number | string {
  return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
}

const keyEncoding = z.enum(["utf8", "base64url"]).default("utf8").meta({
  description: "How keys, members and fields stand in the path; base64url for those that are not UTF-8.",
});

const consistency = z.enum(["linearizable", "sequential", "stale"]).meta({
  description:
    "What a read promises: the newest value (the default), a replica's own order, or any past state. Left out on keyspaces that merge.",
});

const maxStaleness = duration.meta({
  description:
    "With `consistency=stale`: the read shows what was acknowledged so long before it, such as 500ms or 5s.",
});

/** Query parameters of every request. */
export const COMMON = { timeout: timeout.optional(), keyEncoding };
/** Of every read. */
export const READING = {
  ...COMMON,
  consistency: consistency.optional(),
  maxStaleness: maxStaleness.optional(),
};
/** Of everything that answers page by page. */
export const PAGING = {
  limit: z
    .string()
    .regex(/^\d{1,4}$/, "expected a whole number from 1 to 1000")
    .transform(Number)
    .refine((limit) => limit >= 1 && limit <= 1000, "expected a whole number from 1 to 1000")
    .default(100)
    .meta({ description: "The most elements of one page, 1 to 1000." }),
  cursor: z.string().optional().meta({ description: "What the page before gave; good at every node." }),
};
export const cursorOut = z.string().nullable().meta({ description: "For the next page; null at the end." });
