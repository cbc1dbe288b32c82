/** Replies as redis-cli shows them: quoted and typed for people, raw for pipes. */
import { Double, Failure, MapReply, NullArray, SetReply, Status, type Reply } from "../../core/reply.ts";

/** For people. No newline at the end. */
export function formatReply(reply: Reply, indent = ""): string {
  if (reply === null) return "(nil)";
  if (reply instanceof NullArray) return "(nil)";
  if (typeof reply === "number" || typeof reply === "bigint") return `(integer) ${reply}`;
  if (typeof reply === "boolean") return reply ? "(true)" : "(false)";
  if (reply instanceof Uint8Array) return quote(reply);
  if (reply instanceof Status) return reply.text;
  if (reply instanceof Failure) return `(error) ${reply.message}`;
  if (reply instanceof Double) return `(double) ${doubleText(reply.value)}`;
  if (reply instanceof MapReply) {
    const width = String(reply.pairs.length).length;
    return lines(reply.pairs, "hash", indent, (pair, index) => {
      const head = `${String(index + 1).padStart(width)}# ${formatReply(pair[0])} => `;
      return head + formatReply(pair[1], indent + " ".repeat(head.length));
    });
  }
  const items = reply instanceof SetReply ? reply.members : reply;
  const width = String(items.length).length;
  const [kind, mark] = reply instanceof SetReply ? (["set", "~"] as const) : (["array", ")"] as const);
  return lines(items, kind, indent, (item, index) => {
    const head = `${String(index + 1).padStart(width)}${mark} `;
    return head + formatReply(item, indent + " ".repeat(head.length));
  });
}

function lines<T>(
  items: readonly T[],
  kind: string,
  indent: string,
  show: (item: T, index: number) => string,
): string {
  if (items.length === 0) return `(empty ${kind})`;
  return items.map(show).join(`\n${indent}`);
}

/** For pipes: the bytes themselves, one item a line. No newline at the end. */
export function rawReply(reply: Reply): Uint8Array {
  if (reply === null || reply instanceof NullArray) return Buffer.alloc(0);
  if (reply instanceof Uint8Array) return reply;
  if (typeof reply === "number" || typeof reply === "bigint") return Buffer.from(String(reply));
  if (typeof reply === "boolean") return Buffer.from(reply ? "true" : "false");
  if (reply instanceof Status) return Buffer.from(reply.text);
  if (reply instanceof Failure) return Buffer.from(reply.message);
  if (reply instanceof Double) return Buffer.from(doubleText(reply.value));
  const items =
    reply instanceof MapReply ? reply.pairs.flat() : reply instanceof SetReply ? reply.members : reply;
  const newline = Buffer.from("\n");
  return Buffer.concat(
    items.flatMap((item, index) => (index === 0 ? [rawReply(item)] : [newline, rawReply(item)])),
  );
}

function doubleText(value: number): string {
  if (value === Infinity) return "inf";
  return value === -Infinity ? "-inf" : String(value);
}

const ESCAPES: Readonly<Record<number, string>> = {
  7: "\\a",
  8: "\\b",
  9: "\\t",
  10: "\\n",
  13: "\\r",
  34: '\\"',
  92: "\\\\",
};

/** In double quotes, what is not printable ASCII escaped. */
export function quote(bytes: Uint8Array): string {
  let out = '"';
  for (const byte of bytes) {
    out +=
      ESCAPES[byte] ??
      (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, "0")}`);
  }
  return `${out}"`;
}
