/**
 * The payload of a log entry: what many clients asked a shard for in one turn.
 *
 * ```
 * format u8 = 1 | time f64 (ms) | seed u32 | maxValueBytes f64 | count u32 | operation × count
 * operation    = id varint (16 and above) | arguments                            a command
 *              | 0 | watched | calls                                             a transaction
 *              | 1 | envelope | operation           not more than once (delivery.ts); the operation has no envelope of its own
 * arguments    = count varint | (length varint | bytes) × count
 * watched      = count varint | (key length varint | key | version varint) × count
 * calls        = count varint | (id varint | arguments) × count
 * ```
 */
import { ByteReader, ByteWriter, CodecError } from "../core/bytes.ts";
import { commandById } from "./commands.ts";
import type { CommandCall, WatchedKey } from "./contract.ts";
import { decodeEnvelope, encodeEnvelope, type Envelope } from "./delivery.ts";

const FORMAT = 1;
const TRANSACTION = 0;
const ENVELOPE = 1;

const TIME_OFFSET = 1;
const SEED_OFFSET = 9;
const LIMIT_OFFSET = 13;
const COUNT_OFFSET = 21;
const HEADER_BYTES = 25;
const HEADER = Uint8Array.of(FORMAT, ...Array.from({ length: HEADER_BYTES - 1 }, () => 0));

/** What the proposer fixes for a whole batch. */
export interface BatchHeader {
  /** The proposer's wall clock, whole milliseconds. */
  readonly time: number;
  /** An integer below 2^32. */
  readonly seed: number;
  readonly maxValueBytes: number;
}

export type Operation = (
  | ({ readonly kind: "command" } & CommandCall)
  | {
      readonly kind: "transaction";
      readonly watched: readonly WatchedKey[];
      readonly calls: readonly CommandCall[];
    }
) & {
  /** Not to be done more than once. Absent: as often as it is ordered. */
  readonly envelope?: Envelope;
};

export interface Batch extends BatchHeader {
  readonly operations: readonly Operation[];
}

/** Collects operations straight into their encoded form; arguments are copied. Starts over with `finish`. */
export class BatchBuilder {
  /** The batches of a shard leave the log in the order in which they came. */
  readonly #writer = new ByteWriter(256, { slabs: true });
  #count = 0;

  constructor() {
    this.#writer.raw(HEADER);
  }

  /** Operations added so far. */
  get count(): number {
    return this.#count;
  }

  /** The size that `finish` would give now. */
  get byteLength(): number {
    return this.#writer.length;
  }

  add(operation: Operation): void {
    encodeOperation(this.#writer, operation);
    this.#count++;
  }

  finish({ time, seed, maxValueBytes }: BatchHeader): Uint8Array {
    const bytes = this.#writer.finish();
    const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
    view.setFloat64(TIME_OFFSET, time);
    view.setUint32(SEED_OFFSET, seed);
    view.setFloat64(LIMIT_OFFSET, maxValueBytes);
    view.setUint32(COUNT_OFFSET, this.#count);
    this.#count = 0;
    this.#writer.raw(HEADER);
    return bytes;
  }
}

/** One operation in its encoded form; arguments are copied. Also how nodes forward operations to each other. */
export function encodeOperation(writer: ByteWriter, operation: Operation): void {
  if (operation.envelope !== undefined) {
    writer.varint(ENVELOPE);
    encodeEnvelope(writer, operation.envelope);
  }
  if (operation.kind === "command") {
    writeCall(writer, operation);
    return;
  }
  const { watched, calls } = operation;
  writer.varint(TRANSACTION);
  writer.varint(watched.length);
  for (const { key, version } of watched) {
    writer.bytes(key);
    writer.varint(version);
  }
  writer.varint(calls.length);
  for (const call of calls) writeCall(writer, call);
}

function writeCall(writer: ByteWriter, { spec, args }: CommandCall): void {
  writer.varint(spec.id);
  writer.varint(args.length);
  for (const arg of args) writer.bytes(arg);
}

/**
 * The arguments are views of `bytes`. `known`: the operations that `bytes` were made of, by whoever made them; they need not
 * be decoded again. Throws `CodecError` on anything malformed, and on a command that this version does not know: skipping it
 * would let replicas differ.
 */
export function decodeBatch(bytes: Uint8Array, known: readonly Operation[] | null = null): Batch {
  const reader = new ByteReader(bytes);
  const format = reader.u8();
  if (format !== FORMAT) throw new CodecError(`batch has format ${format}, this version knows ${FORMAT}`);
  const time = wholeNumber(reader);
  const seed = reader.u32();
  const maxValueBytes = wholeNumber(reader);
  const count = reader.u32();
  if (known !== null && known.length === count) return { time, seed, maxValueBytes, operations: known };
  const operations: Operation[] = [];
  for (let left = count; left > 0; left--) operations.push(decodeOperation(reader));
  reader.end();
  return { time, seed, maxValueBytes, operations };
}

function wholeNumber(reader: ByteReader): number {
  const value = reader.f64();
  if (!Number.isSafeInteger(value) || value < 0) throw new CodecError(`${value} is not a whole number`);
  return value;
}

/** The inverse of `encodeOperation`, with views; throws `CodecError`. */
export function decodeOperation(reader: ByteReader): Operation {
  const id = reader.varint();
  if (id !== ENVELOPE) return decodeBare(reader, id);
  const envelope = decodeEnvelope(reader);
  return { ...decodeBare(reader, reader.varint()), envelope };
}

function decodeBare(reader: ByteReader, id: number): Operation {
  if (id === TRANSACTION) return readTransaction(reader);
  const { spec, args } = readCall(reader, id);
  return { kind: "command", spec, args };
}

function readTransaction(reader: ByteReader): Operation {
  const watched: WatchedKey[] = [];
  for (let left = reader.varint(); left > 0; left--) {
    watched.push({ key: reader.bytes(), version: reader.varint() });
  }
  const calls: CommandCall[] = [];
  for (let left = reader.varint(); left > 0; left--) calls.push(readCall(reader, reader.varint()));
  return { kind: "transaction", watched, calls };
}

function readCall(reader: ByteReader, id: number): CommandCall {
  const spec = commandById(id);
  if (spec === undefined) throw new CodecError(`command ${id} is not known here; a newer version wrote it`);
  const count = reader.varint();
  if (!admitsArguments(spec.arity, count)) throw new CodecError(`${spec.name} with ${count} arguments`);
  const args: Uint8Array[] = [];
  for (let i = 0; i < count; i++) args.push(reader.bytes());
  return { spec, args };
}

/** An arity counts the name. */
function admitsArguments(arity: number, count: number): boolean {
  return arity >= 0 ? count + 1 === arity : count + 1 >= -arity;
}
