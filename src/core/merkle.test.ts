import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ByteReader, ByteWriter, CodecError } from "./bytes.ts";
import {
  readAscending,
  readFamilies,
  readShape,
  writeAscending,
  writeFamilies,
  writeShape,
} from "./merkle-codec.ts";
import { familiesOf, MerkleWalk, ROOT } from "./merkle-comparison.ts";
import { depthFor, MerkleTree } from "./merkle-tree.ts";
import { compareTrees, differingLeaves, keyBytes, treeOf, versionBytes } from "./merkle.testkit.ts";

const shapes = fc
  .constantFrom([2, 1], [2, 8], [3, 4], [4, 3], [16, 2], [256, 1])
  .map(([fanout, depth]) => ({ fanout: fanout!, depth: depth!, seed: 7 }));
const sets = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 1, max: 3 })), { maxLength: 80 })
  .map((entries) => new Map(entries.map(([key, version]) => [`key:${key}`, version])));

const all = (tree: MerkleTree) => Array.from({ length: tree.nodes }, (_, node) => tree.hashOf(node));

describe("the tree", () => {
  test("whatever the changes were, it is the tree of what is there now", () => {
    const change = fc.tuple(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 3 }));
    fc.assert(
      fc.property(shapes, fc.array(change, { maxLength: 60 }), (shape, changes) => {
        const tree = new MerkleTree(shape);
        const now = new Map<string, number>();
        for (const [number, version] of changes) {
          const key = `key:${number}`;
          const before = now.get(key);
          if (version === 0) now.delete(key);
          else now.set(key, version);
          tree.update(
            keyBytes(key),
            before === undefined ? null : versionBytes(before),
            version === 0 ? null : versionBytes(version),
          );
        }
        expect(all(tree)).toEqual(all(treeOf(shape, now)));
      }),
    );
  });

  test("a node is the XOR of its children, and every node but the root is a child of one", () => {
    fc.assert(
      fc.property(shapes, sets, (shape, versions) => {
        const tree = treeOf(shape, versions);
        const seen = [0];
        for (let node = 0; node < tree.firstLeaf; node++) {
          const sum = { high: 0, low: 0 };
          for (let at = 0; at < shape.fanout; at++) {
            const child = tree.firstChildOf(node) + at;
            expect(tree.parentOf(child)).toBe(node);
            seen.push(child);
            sum.high = (sum.high ^ tree.hashOf(child).high) >>> 0;
            sum.low = (sum.low ^ tree.hashOf(child).low) >>> 0;
          }
          expect(tree.hashOf(node)).toEqual(sum);
        }
        expect(seen).toEqual(Array.from({ length: tree.nodes }, (_, node) => node));
      }),
      { numRuns: 30 },
    );
  });

  test("a key is told from its version, and what is cleared is empty", () => {
    const shape = { fanout: 2, depth: 1, seed: 0 };
    const tree = new MerkleTree(shape);
    tree.update(keyBytes("ab"), null, keyBytes("c"));
    const other = new MerkleTree(shape);
    other.update(keyBytes("a"), null, keyBytes("bc"));
    expect(tree.root).not.toEqual(other.root);
    tree.clear();
    expect(all(tree)).toEqual(all(new MerkleTree(shape)));
  });

  test("buckets are filled evenly", () => {
    const tree = new MerkleTree({ fanout: 16, depth: 2, seed: 1 });
    const counts = new Uint32Array(tree.leaves);
    for (let key = 0; key < 25_600; key++) counts[tree.leafOf(keyBytes(`key:${key}`))]!++;
    // 100 each, standard deviation 10.
    expect(Math.min(...counts)).toBeGreaterThan(60);
    expect(Math.max(...counts)).toBeLessThan(140);
  });

  test("shapes out of bounds are refused", () => {
    for (const [fanout, depth] of [
      [1, 3],
      [257, 1],
      [2.5, 2],
      [16, 0],
      [16, 6],
      [2, 1.5],
    ] as const)
      expect(() => new MerkleTree({ fanout, depth, seed: 0 })).toThrow(RangeError);
    expect([1, 256, 257, 100_000, 1e12].map((keys) => depthFor(keys, 16, 16))).toEqual([1, 1, 2, 4, 5]);
  });
});

describe("the comparison", () => {
  test("finds the leaves that differ, all of them and no others, in batches of any size", () => {
    fc.assert(
      fc.property(shapes, sets, sets, fc.integer({ min: 1, max: 9 }), (shape, a, b, maxFamilies) => {
        const [left, right] = [treeOf(shape, a), treeOf(shape, b)];
        const found = compareTrees(left, right, maxFamilies);
        const expected = differingLeaves(left, a, b);
        expect(found.leaves.sort((x, y) => x - y)).toEqual(expected);
        expect(found.same).toBe(expected.length === 0);
        expect(found.largest).toBeLessThanOrEqual(maxFamilies);
      }),
    );
  });

  test("costs in proportion to the difference, not to the set", () => {
    const shape = { fanout: 16, depth: 3, seed: 3 };
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 1999 }), { maxLength: 20 }), (changed) => {
        const a = new Map(Array.from({ length: 2000 }, (_, key) => [`key:${key}`, 1]));
        const b = new Map(a);
        for (const key of changed) b.set(`key:${key}`, 2);
        const { families, leaves, messages } = compareTrees(treeOf(shape, a), treeOf(shape, b));
        expect(families).toBeLessThanOrEqual(shape.depth * leaves.length);
        expect(messages).toBe(changed.length === 0 ? 2 : 2 * shape.depth);
      }),
      { numRuns: 20 },
    );
  });

  test("two replicas that exchange what is in the found leaves are the same afterwards", () => {
    const shape = { fanout: 4, depth: 3, seed: 0 };
    fc.assert(
      fc.property(sets, sets, (a, b) => {
        const [left, right] = [treeOf(shape, a), treeOf(shape, b)];
        const leaves = new Set(compareTrees(left, right).leaves);
        for (const key of new Set([...a.keys(), ...b.keys()])) {
          if (!leaves.has(left.leafOf(keyBytes(key)))) continue;
          const newest = versionBytes(Math.max(a.get(key) ?? 0, b.get(key) ?? 0));
          for (const [tree, versions] of [
            [left, a],
            [right, b],
          ] as const) {
            const before = versions.get(key);
            tree.update(keyBytes(key), before === undefined ? null : versionBytes(before), newest);
          }
        }
        expect(compareTrees(left, right)).toMatchObject({ same: true, leaves: [], messages: 2 });
      }),
    );
  });

  test("a tree that was not told of a change is found out by every comparison", () => {
    const shape = { fanout: 4, depth: 3, seed: 0 };
    const told = treeOf(shape, new Map([["key", 2]]));
    const forgotten = treeOf(shape, new Map([["key", 1]]));
    expect(compareTrees(told, forgotten).leaves).toEqual([told.leafOf(keyBytes("key"))]);
  });
});

describe("the walk", () => {
  const shape = { fanout: 4, depth: 2, seed: 0 };
  const [left, right] = [treeOf(shape, new Map()), treeOf(shape, new Map([["key", 1]]))];

  test("ignores what it has not asked for, what comes twice, and what is of another shape", () => {
    const walk = new MerkleWalk(left);
    expect(walk.take(familiesOf(right, [1, 2, 3, 4]))).toEqual([]);
    expect(walk.take(familiesOf(treeOf({ ...shape, fanout: 3 }, new Map([["key", 1]])), [ROOT]))).toEqual([]);
    expect(walk.isAsking).toBe(true);
    walk.take(familiesOf(right, [ROOT]));
    const parents = walk.ask();
    expect(parents.length).toBe(1);
    expect(walk.take(familiesOf(right, [ROOT]))).toEqual([]);
    expect(walk.take(familiesOf(right, parents)).length).toBe(1);
    expect(walk.take(familiesOf(right, parents))).toEqual([]);
    expect(walk.isAsking).toBe(false);
    expect(walk.ask()).toEqual([]);
  });

  test("goes deep before it goes on, so that little waits when everything differs", () => {
    const full = treeOf(
      { fanout: 4, depth: 5, seed: 0 },
      new Map(Array.from({ length: 5000 }, (_, key) => [`key:${key}`, 1])),
    );
    const walk = new MerkleWalk(new MerkleTree(full.shape), 1);
    let leaves = walk.take(familiesOf(full, [ROOT])).length;
    let questions = 0;
    for (let parents = walk.ask(); parents.length > 0; parents = walk.ask()) {
      questions++;
      leaves += walk.take(familiesOf(full, parents)).length;
      // The first leaves are found after one question a level.
      expect(leaves > 0).toBe(questions >= full.shape.depth - 1);
    }
    expect(leaves).toBe(countOfFilled(full));
  });
});

const countOfFilled = (tree: MerkleTree) =>
  Array.from({ length: tree.leaves }, (_, leaf) => tree.hashOf(tree.firstLeaf + leaf)).filter(
    ({ high, low }) => high !== 0 || low !== 0,
  ).length;

describe("as bytes", () => {
  test("a shape comes back as it was", () => {
    const writer = new ByteWriter();
    const shape = { fanout: 256, depth: 2, seed: 0xffff_fffe };
    writeShape(writer, shape);
    expect(readShape(new ByteReader(writer.finish()))).toEqual(shape);
  });

  test.each([
    ["families", (reader: ByteReader, writer: ByteWriter) => writeFamilies(writer, readFamilies(reader))],
    ["numbers", (reader: ByteReader, writer: ByteWriter) => writeAscending(writer, readAscending(reader))],
  ])("any bytes are %s or a codec error", (_, readAndWrite) => {
    // Bytes that are read are those that would be written, but for varints that are longer than they need be.
    const surplus = (bytes: Uint8Array): number => {
      const reader = new ByteReader(bytes);
      const writer = new ByteWriter();
      try {
        readAndWrite(reader, writer);
        return reader.offset - writer.finish().length;
      } catch (error) {
        if (error instanceof CodecError) return 0;
        throw error;
      }
    };
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 3 }), fc.uint8Array({ maxLength: 60 }), (count, rest) => {
        expect(surplus(Uint8Array.from([count, 2, ...rest]))).toBeGreaterThanOrEqual(0);
      }),
      { numRuns: 500 },
    );
  });
});
