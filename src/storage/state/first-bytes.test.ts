/** What records say of themselves without being read: from memory, and right after everything that changes the store. */
import { expect, test } from "vitest";
import type { ExportedChunk, SnapshotHandle } from "./snapshot-export.ts";
import type { ImportResult } from "./snapshot-import.ts";
import { apply, applyDrop, G1, TestNode } from "./state.testkit.ts";

const NOTHING = -1;
const byte = (text: string): number => text.charCodeAt(0);
/** So small that nothing that was read is kept. */
const NO_CACHE = { cacheBytes: 0 };

/** How often the store is asked while `act` runs. */
function lookUps(node: TestNode, act: () => void): number {
  const before = node.disk.counts.gets;
  act();
  return node.disk.counts.gets - before;
}

test("of what this process has flushed, and of what never was, the store is not asked", () => {
  const node = new TestNode(1, NO_CACHE);
  const records = node.state.openGroup(G1);
  apply(records, ["a", "1", "one"], ["a", "2", "two"], ["a", "empty", ""]);
  node.flush();
  apply(records, ["a", "1", "uno"], ["a", "2", null]);
  node.flush();
  const found: number[] = [];
  const asked = lookUps(node, () => {
    for (const id of ["1", "2", "empty", "never"]) found.push(records.firstByte("a", id));
  });
  expect(found).toEqual([byte("u"), NOTHING, 0, NOTHING]);
  expect(asked).toBe(0);
});

test("without memory for it the store is asked each time, and nothing counts as absent unasked", () => {
  const node = new TestNode(1, { ...NO_CACHE, indexBytes: 0 });
  const records = node.state.openGroup(G1);
  apply(records, ["a", "1", "one"]);
  node.flush();
  const found: number[] = [];
  const asked = lookUps(node, () => {
    for (const id of ["1", "1", "never"]) found.push(records.firstByte("a", id));
  });
  expect(found).toEqual([byte("o"), byte("o"), NOTHING]);
  expect(asked).toBe(3);
});

test("after a restart the store is asked once for each record that it has", () => {
  const node = new TestNode(1, NO_CACHE);
  apply(node.state.openGroup(G1), ["a", "1", "one"]);
  node.flush();
  node.restart();
  const records = node.state.openGroup(G1);
  expect(lookUps(node, () => expect(records.firstByte("a", "1")).toBe(byte("o")))).toBe(1);
  expect(lookUps(node, () => expect(records.firstByte("a", "1")).toBe(byte("o")))).toBe(0);
  expect(lookUps(node, () => expect(records.firstByte("a", "2")).toBe(NOTHING))).toBe(1);
  expect(lookUps(node, () => expect(records.firstByte("a", "2")).toBe(NOTHING))).toBe(1);
});

test("a space that was dropped and purged has nothing, although the index knew what was in it", () => {
  const node = new TestNode(1, NO_CACHE);
  const records = node.state.openGroup(G1);
  apply(records, ["a", "1", "one"]);
  node.flush();
  applyDrop(records, "a");
  expect(records.firstByte("a", "1")).toBe(NOTHING);
  node.flush();
  node.purge();
  expect(records.firstByte("a", "1")).toBe(NOTHING);
});

test("a group that was emptied has nothing, and what comes then is known", () => {
  const node = new TestNode(1, NO_CACHE);
  const records = node.state.openGroup(G1);
  apply(records, ["a", "1", "one"], ["a", "2", "two"]);
  node.flush();
  node.wait<void>((done) => node.state.resetGroup(G1, done));
  expect(records.firstByte("a", "1")).toBe(NOTHING);
  apply(records, ["a", "2", "zwei"]);
  node.flush();
  expect([records.firstByte("a", "1"), records.firstByte("a", "2")]).toEqual([NOTHING, byte("z")]);
});

test("after a snapshot was installed its records count, and the store is asked for them", () => {
  const sender = new TestNode(1);
  apply(sender.state.openGroup(G1), ["a", "1", "one"], ["a", "2", "two"]);
  apply(sender.state.openGroup(G1), ["a", "3", "three"]);
  const handle = sender.wait<SnapshotHandle>((done) => sender.state.exportSnapshot(G1, done));
  const piece = sender.wait<ExportedChunk>((done) => handle.read(new Uint8Array(0), 10_000, done));
  expect(piece.next).toBeNull();

  const node = new TestNode(2, NO_CACHE);
  const records = node.state.openGroup(G1);
  apply(records, ["a", "1", "uno"], ["a", "4", "quattro"]);
  node.flush();
  const chunk = { cursor: new Uint8Array(0), ...piece };
  const result = node.wait<ImportResult>((done) => node.state.importChunk(G1, handle, chunk, done));
  expect(result.installed).toBe(true);
  const found: number[] = [];
  const asked = lookUps(node, () => {
    for (const id of ["1", "2", "3", "4"]) found.push(records.firstByte("a", id));
  });
  expect(found).toEqual([byte("o"), byte("t"), byte("t"), NOTHING]);
  expect(asked).toBe(4);
});
