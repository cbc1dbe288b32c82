/** Checks the invariants of RECORDS.md on a replica in memory. */
import { expect } from "vitest";
import { ByteWriter, binaryBytes, binaryString } from "../../core/bytes.ts";
import { MerkleTree } from "../../core/merkle-tree.ts";
import { u64 } from "../header.ts";
import { fromBytes, knows, toBytes } from "../lattices/index.ts";
import { type Kind, KINDS, splitAddress, STRING } from "./address.ts";
import { type Cell, expiryOf } from "./cells.ts";
import { storesOf } from "./delta.ts";
import { countOf, Header } from "./headers.ts";
import { indexId } from "./items.ts";
import type { Replica } from "./merging.testkit.ts";
import { Meta } from "./meta.ts";

export function checkRecords(replica: Replica): void {
  const { records, shard } = replica;
  const space = (name: string): [string, Uint8Array][] => [...(records.spaces.get(name) ?? [])];
  const ids = (name: string): string[] => [...(records.spaces.get(name)?.keys() ?? [])].sort();
  const meta = Meta.decode(shard.encodeMeta(), shard.replica);
  const tree = new MerkleTree(shard.summary.tree.shape);
  const dots = new Set<string>();
  const counts = new Map<string, Map<Kind, number>>();
  const expiries: string[] = [];

  for (const [address, bytes] of space("m")) {
    const { key, kind } = splitAddress(address);
    const store = fromBytes(storesOf(kind), bytes);
    // M1: no item is empty, and every one is in its only form.
    expect(storesOf(kind).isEmpty(store)).toBe(false);
    expect(toBytes(storesOf(kind), store)).toEqual(bytes);
    // M2: every dot is known, and at one place.
    for (const dot of storesOf(kind).dots(store)) {
      expect(knows(meta.context, dot)).toBe(true);
      expect(dots).not.toContain(`${dot.replica}.${dot.counter}`);
      dots.add(`${dot.replica}.${dot.counter}`);
    }
    tree.update(binaryBytes(address), null, bytes);
    const ofKey = counts.get(key) ?? new Map<Kind, number>();
    counts.set(key, ofKey.set(kind, (ofKey.get(kind) ?? 0) + 1));
    const expiry = kind === STRING ? expiryOf(store as Cell) : 0;
    if (expiry !== 0) expiries.push(u64(expiry) + key);
  }

  // M3: the index names exactly the items.
  expect(ids("n")).toEqual(ids("m").map(indexId).sort());
  // M4: headers count the items of their keys, and the meta counts the headers.
  expect(new Map(space("k").map(([key, header]) => [key, decodeCounts(header)]))).toEqual(counts);
  expect(shard.keys).toBe(counts.size);
  // M5: the expiry index names exactly the strings that expire.
  expect(ids("x")).toEqual(expiries.sort());
  // M6: the tree is that of the items, in memory and in the records.
  const stored = new Map(space("t").map(([leaf, hash]) => [leaf, binaryString(hash)]));
  const expected = new Map<string, string>();
  for (let leaf = 0; leaf < tree.leaves; leaf++) {
    const { high, low } = tree.hashOf(tree.firstLeaf + leaf);
    if (!shard.summary.tree.has(tree.firstLeaf + leaf, high, low))
      expect.fail(`leaf ${leaf} is not up to date`);
    if (high !== 0 || low !== 0) expected.set(word(leaf), word(high) + word(low));
  }
  expect(stored).toEqual(expected);
  expect(shard.summary.tree.root).toEqual(tree.root);
  // M7: nothing else is there.
  for (const name of records.spaces.keys()) expect("mnkxt").toContain(name);
}

function decodeCounts(bytes: Uint8Array): ReadonlyMap<Kind, number> {
  const header = new Header("", bytes);
  return new Map(
    KINDS.map((kind) => [kind, countOf(header, kind)] as const).filter(([, count]) => count > 0),
  );
}

function word(value: number): string {
  const writer = new ByteWriter(4);
  writer.u32(value);
  return binaryString(writer.finish());
}
