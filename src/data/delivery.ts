/**
 * How often an operation may be done: the envelope that a client puts around it.
 *
 * A **session** (Ongaro's thesis, section 6.3; RIFL, Lee et al. 2015) is opened at a shard and numbers its operations. The
 * shard does a number at most once and answers a repetition with the reply that it remembers, until the client
 * has acknowledged it. An **idempotency key** does the same for callers without a session, for a limited time.
 */
import { type ByteReader, type ByteWriter, CodecError } from "../core/bytes.ts";

export interface SessionEnvelope {
  readonly kind: "session";
  /** What `.session-open` answered. */
  readonly token: number;
  /** From 1 on; one number for one operation, however often it is sent. */
  readonly sequence: number;
  /** The client has its answers to all numbers below: the shard forgets them, and does none of them any more. */
  readonly acknowledged: number;
}

export interface IdempotencyEnvelope {
  readonly kind: "idempotency";
  readonly key: Uint8Array;
  /** Milliseconds of log time for which the key is remembered. */
  readonly lifetime: number;
}

export type Envelope = SessionEnvelope | IdempotencyEnvelope;

/** Numbers of a session that may be open at a time: from `acknowledged` on. */
export const SESSION_WINDOW = 1024;
/** An idempotency key is at most so long. */
export const MAX_IDEMPOTENCY_KEY_BYTES = 256;
/** A week. */
export const MAX_IDEMPOTENCY_LIFETIME_MS = 7 * 24 * 3_600_000;

const SESSION = 0;
const IDEMPOTENCY = 1;

export function encodeEnvelope(writer: ByteWriter, envelope: Envelope): void {
  if (envelope.kind === "session") {
    writer.u8(SESSION);
    writer.varint(envelope.token);
    writer.varint(envelope.sequence);
    writer.varint(envelope.acknowledged);
  } else {
    writer.u8(IDEMPOTENCY);
    writer.bytes(envelope.key);
    writer.varint(envelope.lifetime);
  }
}

/** Throws `CodecError` on anything that `encodeEnvelope` does not write. The key is a view. */
export function decodeEnvelope(reader: ByteReader): Envelope {
  const kind = reader.u8();
  if (kind === SESSION) {
    const token = reader.varint();
    const sequence = reader.varint();
    return { kind: "session", token, sequence, acknowledged: reader.varint() };
  }
  if (kind === IDEMPOTENCY) {
    const key = reader.bytes();
    return { kind: "idempotency", key, lifetime: reader.varint() };
  }
  throw new CodecError(`unknown kind of envelope ${kind}`);
}

/** Null, or why no shard would take it. */
export function envelopeProblem(envelope: Envelope): string | null {
  if (envelope.kind === "session") {
    const { token, sequence, acknowledged } = envelope;
    if (![token, sequence, acknowledged].every((number) => Number.isSafeInteger(number) && number > 0))
      return "A session's token, sequence and acknowledged are whole numbers from 1 on.";
    return sequence < acknowledged ? `Number ${sequence} is acknowledged already (${acknowledged}).` : null;
  }
  const { key, lifetime } = envelope;
  if (key.length === 0 || key.length > MAX_IDEMPOTENCY_KEY_BYTES)
    return `An idempotency key has 1 to ${MAX_IDEMPOTENCY_KEY_BYTES} bytes; this one has ${key.length}.`;
  if (!Number.isSafeInteger(lifetime) || lifetime < 1 || lifetime > MAX_IDEMPOTENCY_LIFETIME_MS)
    return `An idempotency key lives for 1 to ${MAX_IDEMPOTENCY_LIFETIME_MS} ms; ${lifetime} was asked for.`;
  return null;
}
