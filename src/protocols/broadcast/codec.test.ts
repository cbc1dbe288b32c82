import * as fc from "fast-check";
import { expect, test } from "vitest";
import { CodecError } from "../../core/bytes.ts";
import { nodeId } from "../../core/ids.ts";
import { decodeBroadcastMessage, encodeBroadcastMessage } from "./codec.ts";
import type { BroadcastMessage, Item, Lane, Receipt } from "./messages.ts";

const small = fc.oneof(fc.nat({ max: 300 }), fc.integer({ min: 0, max: 2 ** 40 }));
const member = fc.record({ node: fc.integer({ min: 1, max: 2 ** 32 - 1 }).map(nodeId), since: small });
const position = fc.tuple(member, small).map(([who, number]) => ({ ...who, number }));
const positions = fc.array(position, { maxLength: 5 });
const head = fc.tuple(member, small, small, small).map(([origin, later, stable, ahead]) => ({
  origin,
  epoch: origin.since + later,
  stable,
  number: stable + 1 + ahead,
}));
const item: fc.Arbitrary<Item> = fc.oneof(
  fc
    .tuple(head, positions, fc.uint8Array({ maxLength: 40 }))
    .map(([rest, after, payload]) => ({ lane: "data" as const, ...rest, after, payload })),
  fc.tuple(head, positions).map(([rest, places]) => ({ lane: "order" as const, ...rest, places })),
);
const receipt: fc.Arbitrary<Receipt> = fc
  .tuple(
    member,
    fc.constantFrom<Lane>("data", "order"),
    fc.tuple(small, small, small),
    fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 4 }),
  )
  .map(([origin, lane, [start, more, yetMore], steps]) => {
    const delivered = start + more;
    const have = delivered + yetMore;
    let last = have;
    const beyond = steps.map((step) => (last += step));
    const holes = [start + 1, start + 3].filter((number) => number <= have);
    return { origin, lane, start, delivered, have, beyond, holes };
  });
const envelope = fc.tuple(small, small).map(([since, later]) => ({ since, epoch: since + later }));
const message: fc.Arbitrary<BroadcastMessage> = fc.oneof(
  fc
    .tuple(envelope, fc.array(item, { maxLength: 5 }))
    .map(([rest, items]) => ({ type: "items" as const, ...rest, items })),
  fc
    .tuple(envelope, small, fc.boolean(), fc.boolean(), fc.array(receipt, { maxLength: 5 }))
    .map(([rest, sequence, asks, joined, receipts]) => ({
      type: "status" as const,
      ...rest,
      sequence,
      asks,
      joined,
      receipts,
    })),
);

test("what is written is read again", () => {
  fc.assert(
    fc.property(message, (one) => {
      expect(decodeBroadcastMessage(encodeBroadcastMessage(one))).toEqual(one);
    }),
    { seed: 1, numRuns: 500 },
  );
});

function refusalOf(bytes: Uint8Array): unknown {
  try {
    decodeBroadcastMessage(bytes);
    return null;
  } catch (error) {
    return error;
  }
}

test("malformed bytes throw CodecError and nothing else", () => {
  const mangled = fc
    .tuple(message, fc.nat(), fc.nat({ max: 255 }), fc.nat())
    .map(([one, place, byte, length]) => {
      const bytes = encodeBroadcastMessage(one).slice();
      bytes[place % bytes.length] = byte;
      return bytes.subarray(0, length % 2 === 0 ? bytes.length : length % bytes.length);
    });
  fc.assert(
    fc.property(fc.oneof(mangled, fc.uint8Array({ maxLength: 100 })), (bytes) => {
      expect(refusalOf(bytes)).toSatisfy((error) => error === null || error instanceof CodecError);
    }),
    { seed: 1, numRuns: 2000 },
  );
});

test("a message cut short, or with something after it, is refused", () => {
  fc.assert(
    fc.property(message, fc.nat(), (one, cut) => {
      const bytes = encodeBroadcastMessage(one);
      expect(() => decodeBroadcastMessage(bytes.subarray(0, cut % bytes.length))).toThrow(CodecError);
      expect(() => decodeBroadcastMessage(Uint8Array.of(...bytes, 0))).toThrow(CodecError);
    }),
    { seed: 1, numRuns: 200 },
  );
});

test.each([
  ["an unknown kind", [9, 1, 1, 0]],
  ["a sender that is a member since a later view", [1, 1, 2, 0]],
  ["more messages than bytes", [1, 1, 1, 100]],
  ["an unknown lane", [1, 1, 1, 1, 2, 1, 1, 1, 0, 0, 0, 0]],
  ["nobody's message", [1, 1, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0]],
  ["a message that is stable before it is sent", [1, 1, 1, 1, 0, 1, 1, 1, 0, 1, 0, 0]],
  ["a number that is acknowledged twice", [2, 1, 1, 1, 0, 1, 0, 1, 1, 0, 0, 0, 1, 0, 0]],
  ["a hole where nothing came", [2, 1, 1, 1, 0, 1, 0, 1, 1, 0, 0, 0, 0, 1, 1]],
  ["an unknown flag", [2, 1, 1, 1, 4, 0]],
])("%s is refused", (_, bytes) => {
  expect(() => decodeBroadcastMessage(Uint8Array.from(bytes))).toThrow(CodecError);
});
