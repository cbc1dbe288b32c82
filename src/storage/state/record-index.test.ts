import * as fc from "fast-check";
import { expect, test } from "vitest";
import { KeyedHash } from "./keyed-hash.ts";
import { ABSENT, IndexChanges, RecordIndex, UNKNOWN } from "./record-index.ts";
import { SeededRandom } from "./world.testkit.ts";

const KEY = Uint8Array.from({ length: 16 }, (_, i) => i);
const MiB = 1024 * 1024;
const ALL = (): boolean => true;
const headed = (byte: number): Uint8Array => Uint8Array.of(byte, 1, 2);

test("what was noted is found, by space and id; what was not is unknown", () => {
  const index = new RecordIndex(MiB, KEY, ALL);
  const [one, two] = [index.newSpace(), index.newSpace()];
  index.note(one, "a", headed(7));
  index.note(one, "", headed(255));
  index.note(two, "a", new Uint8Array(0));
  expect([index.find(one, "a"), index.find(one, ""), index.find(two, "a")]).toEqual([7, 255, 0]);
  expect([index.find(two, ""), index.find(one, "b")]).toEqual([UNKNOWN, UNKNOWN]);
  index.note(one, "a", null);
  expect(index.find(one, "a")).toBe(UNKNOWN);
  expect(index).toMatchObject({ entries: 2, lossless: true });
});

test("prepared changes are known once they are applied", () => {
  const index = new RecordIndex(MiB, KEY, ALL);
  const space = index.newSpace();
  index.note(space, "gone", headed(1));
  const changes = new IndexChanges();
  index.prepare(changes, space, "gone", null);
  for (let i = 0; i < 500; i++) index.prepare(changes, space, `key:${i}`, headed(i & 0xff));
  expect([index.find(space, "gone"), index.find(space, "key:3")]).toEqual([1, UNKNOWN]);
  index.apply(changes);
  expect(index.find(space, "gone")).toBe(UNKNOWN);
  for (let i = 0; i < 500; i++) expect(index.find(space, `key:${i}`)).toBe(i & 0xff);
});

/** Small enough that tables fill up, grow, and have entries that wandered past their end. */
test("random notes and removals agree with a map", () => {
  const key = fc.integer({ min: 0, max: 40_000 });
  const change = fc.tuple(key, fc.integer({ min: -1, max: 255 }));
  const property = fc.property(
    fc.array(change, { minLength: 20_000, maxLength: 40_000, size: "max" }),
    (changes) => {
      const index = new RecordIndex(4 * MiB, KEY, ALL);
      const space = index.newSpace();
      const model = new Map<number, number>();
      for (const [id, byte] of changes) {
        index.note(space, `key:${id}`, byte === ABSENT ? null : headed(byte));
        if (byte === ABSENT) model.delete(id);
        else model.set(id, byte);
      }
      expect(index).toMatchObject({ entries: model.size, lossless: true });
      for (let id = 0; id <= 40_000; id++) {
        expect(index.find(space, `key:${id}`)).toBe(model.get(id) ?? UNKNOWN);
      }
    },
  );
  fc.assert(property, { numRuns: 4 });
});

test("a full index forgets some, says nothing wrong, and says that it has forgotten", () => {
  const index = new RecordIndex(MiB, KEY, ALL);
  const space = index.newSpace();
  const random = new SeededRandom(5);
  const model = new Map<number, number>();
  for (let i = 0; i < 200_000; i++) {
    const id = Math.floor(random.next() * 100_000);
    const byte = i % 5 === 0 ? ABSENT : Math.floor(random.next() * 256);
    index.note(space, String(id), byte === ABSENT ? null : headed(byte));
    model.set(id, byte);
  }
  let known = 0;
  for (const [id, byte] of model) {
    const found = index.find(space, String(id));
    if (found === UNKNOWN) continue;
    known++;
    expect(found).toBe(byte);
  }
  expect(known).toBe(index.entries);
  expect(known).toBeGreaterThan(40_000);
  expect(known * 12).toBeLessThanOrEqual(MiB);
  expect(index.lossless).toBe(false);
});

test("without memory no space is covered", () => {
  expect(new RecordIndex(MiB, KEY, (space) => space === "a").covers("a")).toBe(true);
  expect(new RecordIndex(MiB, KEY, (space) => space === "a").covers("b")).toBe(false);
  expect(new RecordIndex(0, KEY, ALL).covers("a")).toBe(false);
});

test("every bit of salt, text and key changes about half of the bits of the hash", () => {
  const words = (key: Uint8Array, salt: number, text: string): number[] => {
    const hash = new KeyedHash(key);
    hash.hash(salt, text);
    return [hash.first, hash.second, hash.third];
  };
  const flipped = (at: number): Uint8Array =>
    KEY.map((byte, i) => (i === at >> 3 ? byte ^ (1 << (at & 7)) : byte));
  const ones = (word: number): number => word.toString(2).replaceAll("0", "").length;
  const text = "key:000000042\xff";
  const base = words(KEY, 9, text);
  const differing = (other: readonly number[], from: number, to: number): number =>
    other.slice(from, to).reduce((sum, word, i) => sum + ones((word ^ base[from + i]!) >>> 0), 0) /
    (32 * (to - from));
  for (let bit = 0; bit < 32; bit++)
    expect(differing(words(KEY, 9 ^ (1 << bit), text), 0, 3)).toBeCloseTo(0.5, 0.5);
  for (let at = 0; at < text.length; at++) {
    const changed = text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ 1) + text.slice(at + 1);
    expect(differing(words(KEY, 9, changed), 0, 3)).toBeCloseTo(0.5, 0.5);
  }
  // The first key makes two of the words, the second one the third.
  for (let bit = 0; bit < 128; bit++) {
    const [from, to] = bit < 64 ? [0, 2] : [2, 3];
    expect(differing(words(flipped(bit), 9, text), from, to)).toBeGreaterThan(0.15);
  }
  expect(words(KEY, 9, "a")).not.toEqual(words(KEY, 9, "a\0"));
});
