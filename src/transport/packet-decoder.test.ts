import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CodecError } from "../core/bytes.ts";
import { FrameQueue, longestPacket, type ByteSink } from "./frame-queue.ts";
import { encodePacket, HEADER_BYTES, KIND, PREFACE, splitFrames } from "./packet.ts";
import { PacketDecoder } from "./packet-decoder.ts";

interface Heard {
  readonly kind: number;
  readonly body: Uint8Array;
}

function decoder(limit = 1 << 20): { readonly decoder: PacketDecoder; readonly heard: Heard[] } {
  return { decoder: new PacketDecoder(() => limit), heard: [] };
}

function feed(target: ReturnType<typeof decoder>, chunk: Uint8Array): void {
  target.decoder.push(chunk, (kind, body) => {
    target.heard.push({ kind, body });
    return true;
  });
}

/** The one error that bytes from outside may cause is swallowed. */
function feedGarbage(target: ReturnType<typeof decoder>, chunk: Uint8Array): void {
  try {
    feed(target, chunk);
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
  }
}

/** Cuts `stream` at these places, each chunk with memory of its own as from a socket. */
function chunks(stream: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [0, ...[...cuts].sort((a, b) => a - b), stream.length];
  return places.slice(1).map((end, i) => Uint8Array.from(stream.subarray(places[i], end)));
}

/** What a socket would have been given. */
class Collector implements ByteSink {
  /** Makes the queue believe that the kernel takes nothing. */
  writableLength = 0;
  written: Uint8Array[] = [];
  corked = 0;
  write(bytes: Uint8Array): void {
    // A socket that could not write at once keeps the memory itself, without copying.
    this.written.push(this.writableLength > 0 ? bytes : Uint8Array.from(bytes));
  }
  cork(): void {
    this.corked++;
  }
  uncork(): void {
    this.corked--;
  }
  stream(): Uint8Array {
    return Buffer.concat([PREFACE, ...this.written]);
  }
}

describe("packets in a stream of bytes", () => {
  const packet = fc.record({ kind: fc.integer({ min: 1, max: 7 }), body: fc.uint8Array({ maxLength: 300 }) });

  it("come out as they went in, however the stream is cut", () => {
    fc.assert(
      fc.property(
        fc.array(packet, { maxLength: 8 }),
        fc.array(fc.nat(2000), { maxLength: 20 }),
        (packets, cuts) => {
          const stream = Buffer.concat([
            PREFACE,
            ...packets.map(({ kind, body }) => encodePacket(kind, body)),
          ]);
          const target = decoder();
          for (const chunk of chunks(
            stream,
            cuts.map((cut) => cut % (stream.length + 1)),
          ))
            feed(target, chunk);
          expect(target.heard.map(({ kind, body }) => ({ kind, body: Uint8Array.from(body) }))).toEqual(
            packets,
          );
        },
      ),
      { numRuns: 300 },
    );
  });

  it("come out of single bytes", () => {
    const stream = Buffer.concat([
      PREFACE,
      encodePacket(4, new Uint8Array(500).fill(9)),
      encodePacket(5, new Uint8Array(0)),
    ]);
    const target = decoder();
    for (const byte of stream) feed(target, Uint8Array.of(byte));
    expect(target.heard.map(({ kind, body }) => [kind, body.length])).toEqual([
      [4, 500],
      [5, 0],
    ]);
  });

  it("are views of the chunk when they are whole in it", () => {
    const stream = Buffer.concat([PREFACE, encodePacket(4, new Uint8Array(500))]);
    const target = decoder();
    feed(target, stream);
    expect(target.heard[0]!.body.buffer).toBe(stream.buffer);
  });

  it("never pass with any one byte changed: the decoder throws, or waits for more than there is", () => {
    const stream = Buffer.concat([PREFACE, encodePacket(4, Uint8Array.of(1, 2, 3, 4, 5))]);
    for (let at = 0; at < stream.length; at++) {
      for (const change of [1, 0x80, 0xff]) {
        const changed = Uint8Array.from(stream);
        changed[at]! ^= change;
        const target = decoder();
        feedGarbage(target, changed);
        expect(target.heard).toEqual([]);
      }
    }
  });

  it("meet random bytes with nothing but an orderly error", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (garbage) => {
        const target = decoder(100);
        feedGarbage(target, Buffer.concat([PREFACE, garbage]));
        expect(target.heard).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  it("are refused by their length before memory is taken: 4 GiB claimed, 9 bytes sent", () => {
    const bomb = Buffer.concat([PREFACE, encodePacket(4, new Uint8Array(0))]);
    bomb.writeUInt32BE(0xffff_ffff, PREFACE.length + 4);
    const before = process.memoryUsage().arrayBuffers;
    expect(() => feed(decoder(1 << 26), bomb)).toThrow("claims 4294967295 bytes, over the limit of 67108864");
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1 << 20);
  });

  it("take memory as their bytes come, not as their header claims", () => {
    const start = Buffer.concat([PREFACE, encodePacket(4, new Uint8Array(0))]);
    start.writeUInt32BE(64 << 20, PREFACE.length + 4);
    const before = process.memoryUsage().arrayBuffers;
    const targets = Array.from({ length: 20 }, () => decoder(64 << 20));
    for (const target of targets) feed(target, start);
    for (const target of targets) feed(target, new Uint8Array(100));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4 << 20);
  });

  it("stop where the receiver says so", () => {
    const stream = Buffer.concat([
      PREFACE,
      encodePacket(1, new Uint8Array(0)),
      encodePacket(2, new Uint8Array(0)),
    ]);
    const kinds: number[] = [];
    new PacketDecoder(() => 10).push(stream, (kind) => {
      kinds.push(kind);
      return false;
    });
    expect(kinds).toEqual([1]);
  });
});

describe("the frames of a flush", () => {
  const frames = fc.array(
    fc.oneof(
      { weight: 8, arbitrary: fc.integer({ min: 0, max: 200 }) },
      { weight: 2, arbitrary: fc.integer({ min: 20_000, max: 40_000 }) },
      { weight: 1, arbitrary: fc.integer({ min: 60_000, max: 150_000 }) },
    ),
    { minLength: 1, maxLength: 30 },
  );

  function received(stream: Uint8Array, cuts: readonly number[] = []): Uint8Array[] {
    const target = decoder(longestPacket(200_000));
    for (const chunk of chunks(stream, cuts)) feed(target, chunk);
    const out: Uint8Array[] = [];
    for (const { kind, body } of target.heard) {
      expect(kind).toBe(KIND.frames);
      splitFrames(body, out);
    }
    return out;
  }

  it("come out as they went in, over several flushes, whether or not the kernel keeps the memory", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(frames, fc.boolean()), { minLength: 1, maxLength: 4 }), (flushes) => {
        const queue = new FrameQueue();
        const sink = new Collector();
        const sent: Uint8Array[] = [];
        for (const [sizes, slow] of flushes) {
          sink.writableLength = slow ? 1 : 0;
          for (const size of sizes) {
            const frame = new Uint8Array(size).fill(sent.length + 1);
            sent.push(frame);
            queue.push(frame);
          }
          const expected = queue.bytes;
          const before = sink.stream().length;
          queue.writeTo(sink);
          expect(sink.stream().length - before).toBe(expected);
          expect(queue.bytes).toBe(0);
          expect(sink.corked).toBe(0);
        }
        const out = received(sink.stream(), [1, 5000, 40_000]);
        expect(out.length).toBe(sent.length);
        out.forEach((frame, i) => {
          if (Buffer.compare(frame, sent[i]!) !== 0) throw new Error(`frame ${i} differs`);
        });
      }),
      { numRuns: 60 },
    );
  });

  it("are one packet and one write when they are small", () => {
    const queue = new FrameQueue();
    const sink = new Collector();
    for (let i = 0; i < 10; i++) queue.push(new Uint8Array(50));
    queue.writeTo(sink);
    expect(sink.written).toHaveLength(1);
    expect(sink.written[0]).toHaveLength(HEADER_BYTES + 10 * 54);
  });

  it("are not copied when they are large", () => {
    const queue = new FrameQueue();
    const sink = new Collector();
    sink.writableLength = 1;
    const large = new Uint8Array(100_000);
    queue.push(new Uint8Array(10));
    queue.push(large);
    queue.writeTo(sink);
    expect(sink.written).toContain(large);
  });
});
