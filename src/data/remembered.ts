/**
 * What a shard remembers of operations that must not be done twice (RECORDS.md, "Sessions and idempotency keys"). All of it
 * are records, so it moves with snapshots, survives failovers and restarts, and costs no memory.
 *
 * The limits here are part of the log's format: replicas that differ in them would answer differently.
 */
import { ByteReader, ByteWriter, binaryBytes, binaryString } from "../core/bytes.ts";
import { ERRORS, type ErrorCode } from "../core/errors.ts";
import type { LoadedRange, RangeRequest, RecordWriter } from "../core/records.ts";
import { decodeReply, encodeReply } from "../core/reply-codec.ts";
import { Failure, type Reply } from "../core/reply.ts";
import { type Envelope, type IdempotencyEnvelope, SESSION_WINDOW, type SessionEnvelope } from "./delivery.ts";
import { copyOf, expiryId, splitExpiryId, u64 } from "./header.ts";
import type { ShardContext, ShardState } from "./shard-state.ts";

/** A session that is not used for so long (log time) ends. */
export const SESSION_LIFETIME_MS = 15 * 60_000;
/** A session's expiry is moved on in such steps, so that not every operation has to write it. */
const RENEWAL_STEP_MS = 60_000;
/** Sessions of a shard; one more ends the one that would expire first. */
const MOST_SESSIONS = 10_000;
/** Idempotency keys of a shard; further ones are refused until some have expired. */
const MOST_IDEMPOTENCY_KEYS = 100_000;
/** Longer replies are not kept: a repetition hears that it was done. */
export const MOST_REPLY_BYTES = 64 * 1024;
/** Of each kind, in one `.expire`. */
const MOST_DUE = 200;

/** Spaces of RECORDS.md. */
const SESSIONS = "s";
const SESSIONS_BY_EXPIRY = "i";
const KEYS = "d";
const KEYS_BY_EXPIRY = "j";

/** The replies of one session. */
const repliesOf = (token: number): string => `r${u64(token)}`;

const failure = (code: ErrorCode, prefix: string): Failure => {
  const { definite, sentence, hint } = ERRORS[code];
  return new Failure(
    `${prefix} ${sentence} ${definite ? "It was not done." : "It may have been done."} ${hint}`,
    code,
  );
};

const EXPIRED = failure("session-expired", "SESSIONEXPIRED");
const ACKNOWLEDGED = failure("acknowledged", "ACKNOWLEDGED");
const FORGOTTEN = failure("reply-forgotten", "REPLYFORGOTTEN");
const MISMATCH = failure("idempotency-mismatch", "IDEMPOTENCYMISMATCH");
const WINDOW_FULL = failure("overloaded", "OVERLOADED");

/** The reply of an operation that is not to be done (again); undefined: it is to be done now. */
export function recall(
  records: RecordWriter,
  shard: ShardState,
  envelope: Envelope,
  digest: () => string,
): Reply | undefined {
  return envelope.kind === "session"
    ? recallInSession(records, envelope)
    : recallByKey(records, shard, envelope, digest());
}

/** The operation has just been done. */
export function remember(
  records: RecordWriter,
  context: ShardContext,
  envelope: Envelope,
  reply: Reply,
  digest: () => string,
): void {
  if (envelope.kind === "session") {
    // The operation itself may have ended the session.
    if (readSession(records, envelope.token) === undefined) return;
    records.put(repliesOf(envelope.token), u64(envelope.sequence), encoded("", reply));
    renew(records, context, envelope.token);
    return;
  }
  const key = binaryString(envelope.key);
  const expires = context.time + envelope.lifetime;
  records.put(KEYS, key, encoded(u64(expires) + digest(), reply));
  records.put(KEYS_BY_EXPIRY, expiryId(expires, key), NOTHING);
  context.shard.idempotencyKeys++;
  context.noteExpiry(expires);
}

const NOTHING = new Uint8Array(0);

// Sessions -------------------------------------------------------------------------------------------------------

/** A session's record: when it expires, and up to where replies are forgotten. */
interface Session {
  readonly expires: number;
  readonly acknowledged: number;
}

function readSession(records: RecordWriter, token: number): Session | undefined {
  const bytes = records.get(SESSIONS, u64(token));
  if (bytes === undefined) return undefined;
  const reader = new ByteReader(bytes);
  return { expires: reader.varint(), acknowledged: reader.varint() };
}

function writeSession(records: RecordWriter, token: number, { expires, acknowledged }: Session): void {
  const writer = new ByteWriter(16);
  writer.varint(expires);
  writer.varint(acknowledged);
  records.put(SESSIONS, u64(token), writer.finish());
}

/** What `openSession` has to know when there is no room for another one. */
export function rangesOfOpening({ sessions }: ShardState): readonly RangeRequest[] {
  return sessions < MOST_SESSIONS ? [] : [{ space: SESSIONS_BY_EXPIRY, from: "", limit: 1 }];
}

/** Answers the session's token: the number of the command that opened it, which no other session of the shard ever has. */
export function openSession(records: RecordWriter, context: ShardContext): number {
  const { shard, version, time } = context;
  const oldest = context.loaded[0]?.entries[0];
  if (oldest !== undefined) endSession(records, shard, oldest.id);
  const expires = time + SESSION_LIFETIME_MS;
  writeSession(records, version, { expires, acknowledged: 1 });
  records.put(SESSIONS_BY_EXPIRY, expiryId(expires, u64(version)), NOTHING);
  shard.sessions++;
  context.noteExpiry(expires);
  return version;
}

/** Whether there was one. */
export function closeSession(records: RecordWriter, { shard }: ShardContext, token: number): boolean {
  const session = readSession(records, token);
  if (session !== undefined) endSession(records, shard, expiryId(session.expires, u64(token)));
  return session !== undefined;
}

function endSession(records: RecordWriter, shard: ShardState, id: string): void {
  const token = splitExpiryId(id).key;
  records.delete(SESSIONS_BY_EXPIRY, id);
  records.delete(SESSIONS, token);
  records.drop(`r${token}`);
  shard.sessions--;
}

function recallInSession(records: RecordWriter, envelope: SessionEnvelope): Reply | undefined {
  const { token, sequence } = envelope;
  const session = readSession(records, token);
  if (session === undefined) return EXPIRED;
  const acknowledged = Math.max(session.acknowledged, envelope.acknowledged);
  if (acknowledged > session.acknowledged) {
    // No number beyond the window was ever done: nothing else can be there.
    const end = Math.min(acknowledged, session.acknowledged + SESSION_WINDOW);
    for (let done = session.acknowledged; done < end; done++) records.delete(repliesOf(token), u64(done));
    writeSession(records, token, { expires: session.expires, acknowledged });
  }
  if (sequence < acknowledged) return ACKNOWLEDGED;
  if (sequence >= acknowledged + SESSION_WINDOW) return WINDOW_FULL;
  const remembered = records.get(repliesOf(token), u64(sequence));
  return remembered === undefined ? undefined : decoded(remembered, 0);
}

function renew(records: RecordWriter, context: ShardContext, token: number): void {
  const session = readSession(records, token)!;
  const expires = context.time + SESSION_LIFETIME_MS;
  if (expires < session.expires + RENEWAL_STEP_MS) return;
  records.delete(SESSIONS_BY_EXPIRY, expiryId(session.expires, u64(token)));
  records.put(SESSIONS_BY_EXPIRY, expiryId(expires, u64(token)), NOTHING);
  writeSession(records, token, { expires, acknowledged: session.acknowledged });
}

// Idempotency keys -----------------------------------------------------------------------------------------------

const DIGEST_OFFSET = 8;
const REPLY_OFFSET = 16;

function recallByKey(
  records: RecordWriter,
  shard: ShardState,
  envelope: IdempotencyEnvelope,
  digest: string,
): Reply | undefined {
  const key = binaryString(envelope.key);
  const remembered = records.get(KEYS, key);
  if (remembered === undefined)
    return shard.idempotencyKeys >= MOST_IDEMPOTENCY_KEYS ? WINDOW_FULL : undefined;
  const head = binaryString(remembered.subarray(0, REPLY_OFFSET));
  const { expiry } = splitExpiryId(head);
  if (expiry <= shard.logTime) {
    forgetKey(records, shard, expiryId(expiry, key));
    return undefined;
  }
  return head.slice(DIGEST_OFFSET) === digest ? decoded(remembered, REPLY_OFFSET) : MISMATCH;
}

function forgetKey(records: RecordWriter, shard: ShardState, id: string): void {
  records.delete(KEYS_BY_EXPIRY, id);
  records.delete(KEYS, splitExpiryId(id).key);
  shard.idempotencyKeys--;
}

// Expiry ---------------------------------------------------------------------------------------------------------

/** For `.expire`, and with a limit of 1 for `.next-expiry`. */
export function rangesOfRemembered(limit = MOST_DUE + 1): readonly [RangeRequest, RangeRequest] {
  return [
    { space: SESSIONS_BY_EXPIRY, from: "", limit },
    { space: KEYS_BY_EXPIRY, from: "", limit },
  ];
}

/** Forgets what is due, and answers when the next is; infinity: nothing is left. */
export function expireRemembered(
  records: RecordWriter,
  { shard, time }: ShardContext,
  sessions: LoadedRange | undefined,
  keys: LoadedRange | undefined,
): number {
  const nextSession = expireRange(sessions, time, (id) => endSession(records, shard, id));
  const nextKey = expireRange(keys, time, (id) => forgetKey(records, shard, id));
  return Math.min(nextSession, nextKey);
}

function expireRange(range: LoadedRange | undefined, time: number, end: (id: string) => void): number {
  for (const [i, { id }] of (range?.entries ?? []).entries()) {
    const { expiry } = splitExpiryId(id);
    if (expiry > time || i === MOST_DUE) return expiry;
    end(id);
  }
  return Number.POSITIVE_INFINITY;
}

// Replies --------------------------------------------------------------------------------------------------------

const KEPT = 1;
const NOT_KEPT = 0;

function encoded(head: string, reply: Reply): Uint8Array {
  const writer = new ByteWriter(32);
  writer.u8(KEPT);
  encodeReply(writer, reply);
  const body = writer.length <= MOST_REPLY_BYTES ? writer.finish() : Uint8Array.of(NOT_KEPT);
  const bytes = new Uint8Array(head.length + body.length);
  bytes.set(binaryBytes(head));
  bytes.set(body, head.length);
  return bytes;
}

function decoded(bytes: Uint8Array, offset: number): Reply {
  // A copy: the reply outlives the record, which may be a view of something larger.
  const reader = new ByteReader(copyOf(bytes.subarray(offset)));
  return reader.u8() === KEPT ? decodeReply(reader) : FORGOTTEN;
}
