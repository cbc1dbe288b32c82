import { expect, test } from "vitest";
import type { SnapshotId } from "../../core/machine.ts";
import type { Store } from "../../core/world.ts";
import type { ImportResult } from "./snapshot-import.ts";
import type { ExportedChunk, SnapshotHandle } from "./snapshot-export.ts";
import { StateStore } from "./state-store.ts";
import { apply, applyDrop, everything, G1, G2, shown, TestNode } from "./state.testkit.ts";
import { bytes, text } from "./world.testkit.ts";

const START = new Uint8Array(0);
const SPACES = ["a", "b", "c", "dropped"];

const exported = (node: TestNode): SnapshotHandle =>
  node.wait<SnapshotHandle>((done) => node.state.exportSnapshot(G1, done));

const read = (node: TestNode, handle: SnapshotHandle, cursor: Uint8Array, limit = 200): ExportedChunk =>
  node.wait<ExportedChunk>((done) => handle.read(cursor, limit, done));

interface Piece extends ExportedChunk {
  readonly cursor: Uint8Array;
}

function readAll(node: TestNode, handle: SnapshotHandle, limit = 200): Piece[] {
  const pieces: Piece[] = [];
  for (let cursor: Uint8Array | null = START; cursor !== null;) {
    const chunk = read(node, handle, cursor, limit);
    pieces.push({ cursor, ...chunk });
    cursor = chunk.next;
  }
  return pieces;
}

const receive = (node: TestNode, snapshot: SnapshotId, piece: Piece): ImportResult =>
  node.wait<ImportResult>((done) => node.state.importChunk(G1, snapshot, piece, done));

/** Gives the node what it asks for until it has the whole snapshot. */
function transfer(node: TestNode, snapshot: SnapshotId, pieces: readonly Piece[]): ImportResult {
  for (;;) {
    const cursor = text(node.state.expectedCursor(G1, snapshot));
    const result = receive(node, snapshot, pieces.find((piece) => text(piece.cursor) === cursor)!);
    if (result.next === null) return result;
  }
}

/** How many keys the node's disk holds for nothing: all but the format, the group's index and generations, and its records. */
const leftOver = (node: TestNode): number =>
  node.disk.size -
  3 -
  node.load(node.state.openGroup(G1), ...SPACES.map(everything)).flatMap((r) => r.entries).length;

const contents = (node: TestNode): string[] =>
  node.load(node.state.openGroup(G1), ...SPACES.map(everything)).map(shown);

/** A node with some history: several flushes, a dropped space, deleted records. */
function sender(seed = 1): TestNode {
  const node = new TestNode(seed);
  const records = node.state.openGroup(G1);
  for (let i = 0; i < 60; i++) apply(records, [SPACES[i % 4]!, `${i}`, `value ${i} ${".".repeat(40)}`]);
  node.flush();
  apply(records, ["a", "0", null], ["a", "4", "changed"], ["b", "large", "x".repeat(1000)]);
  applyDrop(records, "dropped");
  apply(node.state.openGroup(G2), ["a", "of another group", "1"]);
  return node;
}

test("a snapshot holds the state of its moment, while writing goes on", () => {
  const node = sender();
  const records = node.state.openGroup(G1);
  const before = contents(node);
  const handle = exported(node);
  expect(handle.index).toBe(62);
  expect(text(handle.meta)).toBe("meta 62");
  const pieces: Piece[] = [];
  for (let cursor: Uint8Array | null = START; cursor !== null;) {
    const chunk = read(node, handle, cursor);
    pieces.push({ cursor, ...chunk });
    cursor = chunk.next;
    apply(records, ["a", `new ${pieces.length}`, "1"], ["b", `${pieces.length}`, null]);
    if (pieces.length === 3) applyDrop(records, "c");
    node.flush();
    node.purge();
  }
  expect(pieces.length).toBeGreaterThan(5);
  expect(contents(node)).not.toEqual(before);
  const receiver = new TestNode(2);
  const result = transfer(receiver, handle, pieces);
  expect(result).toEqual({ next: null, installed: true, refused: null });
  expect(contents(receiver)).toEqual(before);
  expect(receiver.state.openGroup(G1).appliedIndex).toBe(62);
  expect(text(receiver.state.openGroup(G1).meta)).toBe("meta 62");
  expect(receiver.state.openGroup(G2).get("a", "of another group")).toBeUndefined();
});

test("the same cursor gives the same piece, to any number of readers, until the snapshot is released", () => {
  const node = sender();
  const handle = exported(node);
  const pieces = readAll(node, handle);
  expect(readAll(node, handle)).toEqual(pieces);
  const late: unknown[] = [];
  handle.read(pieces[1]!.cursor, 200, (error, chunk) => late.push(error ?? chunk));
  handle.release();
  handle.release();
  node.clock.run(100);
  expect(late).toEqual([{ data: pieces[1]!.data, next: pieces[1]!.next }]);
  expect(() => read(node, handle, START)).toThrow("released");
  const other = exported(node);
  expect(other.id).not.toBe(handle.id);
  expect(() => read(node, other, bytes("\xffnonsense"))).toThrow("not a cursor");
});

test("pieces are about as large as asked for, and at least one record", () => {
  const node = sender();
  const handle = exported(node);
  for (const limit of [1, 100, 500, 100_000]) {
    const pieces = readAll(node, handle, limit);
    for (const piece of pieces) expect(piece.data.length).toBeLessThan(limit + 1100);
    expect(pieces.length).toBeGreaterThanOrEqual(limit === 1 ? 45 : 1);
    const receiver = new TestNode(2);
    transfer(receiver, handle, pieces);
    expect(contents(receiver)).toEqual(contents(node));
  }
  expect(readAll(node, handle, 100_000)).toHaveLength(1);
});

test("an export in the middle of an entry waits for its end", () => {
  const node = sender();
  const records = node.state.openGroup(G1);
  records.begin();
  records.put("a", "first half", bytes("1"));
  let handle: SnapshotHandle | undefined;
  node.state.exportSnapshot(G1, (_, exported) => (handle = exported));
  node.clock.run(5000);
  expect(handle).toBeUndefined();
  records.put("a", "second half", bytes("1"));
  records.applied(63, bytes("m"));
  node.clock.run(100);
  expect(handle!.index).toBe(63);
  const receiver = new TestNode(2);
  transfer(receiver, handle!, readAll(node, handle!));
  expect(contents(receiver)).toEqual(contents(node));
});

test("a space that is dropped after the moment of a snapshot, and before it is handed out, belongs to it", () => {
  const node = sender();
  const before = contents(node);
  let handle: SnapshotHandle | undefined;
  node.state.exportSnapshot(G1, (_, exported) => (handle = exported));
  applyDrop(node.state.openGroup(G1), "a");
  node.clock.runUntil(() => handle !== undefined);
  expect(handle!.index).toBe(62);
  const receiver = new TestNode(2);
  transfer(receiver, handle!, readAll(node, handle!));
  expect(contents(receiver)).toEqual(before);
});

test("a group that leaves the node answers what was waiting, and forgets what it had received", () => {
  const node = sender();
  const handle = exported(node);
  const pieces = readAll(node, handle);
  for (const steps of [0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20]) {
    for (const midEntry of [false, true]) {
      const receiver = laggard(steps);
      const records = receiver.state.openGroup(G1);
      const answers: string[] = [];
      if (midEntry) {
        for (const piece of pieces.slice(0, -1)) receive(receiver, handle, piece);
        records.begin();
        receiver.state.importChunk(G1, handle, pieces.at(-1)!, (error) => answers.push(error?.kind ?? "ok"));
      } else {
        for (const piece of pieces) {
          receiver.state.importChunk(G1, handle, piece, (error) => answers.push(error?.kind ?? "ok"));
        }
      }
      const asked = midEntry ? 1 : pieces.length;
      for (let i = 0; i < steps; i++) receiver.clock.step();
      receiver.state.exportSnapshot(G1, (error) => answers.push(error?.kind ?? "ok"));
      receiver.wait<void>((done) => receiver.state.resetGroup(G1, done));
      receiver.clock.run(100);
      expect(answers).toHaveLength(asked + 1);
      expect(answers.filter((kind) => kind === "missing").length).toBeGreaterThanOrEqual(midEntry ? 2 : 0);
      expect(receiver.state.expectedCursor(G1, handle)).toHaveLength(0);
      expect(records.appliedIndex).toBe(0);
      apply(records, ["a", "back", "1"]);
      receiver.flush();
      receiver.purge();
      expect(leftOver(receiver)).toBe(0);
      expect(contents(receiver)).toEqual(["back=1", "", "", ""]);
      // It may come back with a snapshot.
      transfer(receiver, handle, pieces);
      expect(contents(receiver)).toEqual(contents(node));
    }
  }
});

test("an empty group has a snapshot too", () => {
  const node = new TestNode();
  apply(node.state.openGroup(G1));
  const handle = exported(node);
  const pieces = readAll(node, handle);
  expect(pieces).toHaveLength(1);
  const receiver = new TestNode(2);
  expect(transfer(receiver, handle, pieces).installed).toBe(true);
  expect(receiver.state.openGroup(G1).appliedIndex).toBe(1);
});

test("exports end with an error when the group is destroyed, the store fails or is closed", () => {
  const outcome = (spoil: (node: TestNode) => void): string => {
    const node = sender();
    let result = "nothing";
    node.state.exportSnapshot(G1, (error) => (result = error?.kind ?? "ok"));
    spoil(node);
    node.clock.run(1000);
    return result;
  };
  expect(outcome((node) => node.state.destroyGroup(G1, () => undefined))).toBe("missing");
  expect(outcome((node) => node.disk.failNextWrite())).toBe("io");
  const stuck = sender();
  stuck.state.openGroup(G1).begin();
  let result = "nothing";
  stuck.state.exportSnapshot(G1, (error) => (result = error!.message));
  stuck.wait<void>((done) => stuck.state.close(done));
  expect(result).toContain("closed");
});

test("a piece that is not the next one, or is damaged, is refused with the cursor that is wanted", () => {
  const node = sender();
  const handle = exported(node);
  const pieces = readAll(node, handle);
  const receiver = new TestNode(2);
  expect(receive(receiver, handle, pieces[1]!)).toEqual({ next: START, installed: false, refused: "cursor" });
  const wanted = pieces[1]!.cursor;
  expect(receive(receiver, handle, pieces[0]!)).toEqual({ next: wanted, installed: false, refused: null });
  // Messages may be duplicated.
  expect(receive(receiver, handle, pieces[0]!)).toEqual({
    next: wanted,
    installed: false,
    refused: "cursor",
  });
  for (let i = 0; i < pieces[1]!.data.length; i += 7) {
    const data = pieces[1]!.data.slice();
    data[i]! ^= 1 << (i % 8);
    const result = receive(receiver, handle, { ...pieces[1]!, data });
    expect(result).toEqual({ next: wanted, installed: false, refused: "checksum" });
  }
  expect(receive(receiver, handle, { ...pieces[1]!, data: START }).refused).toBe("checksum");
  expect(() => receive(receiver, { id: "x", index: 3 }, pieces[0]!)).toThrow("announced for index 3");
  expect(transfer(receiver, handle, pieces).installed).toBe(true);
  expect(contents(receiver)).toEqual(contents(node));
});

test("pieces that arrive at once are taken one after the other", () => {
  const node = sender();
  const handle = exported(node);
  const pieces = readAll(node, handle);
  const receiver = new TestNode(2);
  const results: ImportResult[] = [];
  for (const piece of [...pieces, pieces[2]!]) {
    receiver.state.importChunk(G1, handle, piece, (_, result) => results.push(result!));
  }
  receiver.clock.run(1000);
  expect(results).toHaveLength(pieces.length + 1);
  expect(results[pieces.length - 1]!.installed).toBe(true);
  expect(results.at(-1)!.refused).toBe("cursor");
  expect(contents(receiver)).toEqual(contents(node));
});

/** A node that lags behind, with a state of its own that the snapshot replaces. */
function laggard(seed: number): TestNode {
  const node = new TestNode(seed);
  const records = node.state.openGroup(G1);
  apply(records, ["a", "stale", "1"], ["b", "stale", "1"], ["own", "stale", "1"]);
  node.flush();
  applyDrop(records, "own");
  node.flush();
  apply(records, ["a", "stale", "2"]);
  return node;
}

test("the last piece replaces the whole state: nothing of the old one is left, in memory or on the disk", () => {
  const node = sender();
  const handle = exported(node);
  const pieces = readAll(node, handle);
  const receiver = laggard(2);
  const records = receiver.state.openGroup(G1);
  expect(text(records.get("b", "stale"))).toBe("1");
  for (const piece of pieces.slice(0, -1)) receive(receiver, handle, piece);
  expect(text(records.get("a", "stale"))).toBe("2");
  apply(records, ["a", "stale", "3"]);
  // A flush is under way when the state is replaced.
  receiver.state.flush(() => undefined);
  receiver.clock.step();
  let installed = false;
  receiver.state.importChunk(G1, handle, pieces.at(-1)!, (_, result) => (installed = result!.installed));
  receiver.clock.step();
  receiver.clock.runUntil(() => installed);
  expect(records.get("a", "stale")).toBeUndefined();
  expect(records.get("b", "stale")).toBeUndefined();
  expect(contents(receiver)).toEqual(contents(node));
  expect(records.appliedIndex).toBe(62);
  expect(receiver.state.overlayBytes()).toBe(0);
  receiver.purge();
  expect(leftOver(receiver)).toBe(0);
  apply(records, ["a", "after", "1"]);
  receiver.flush();
  receiver.restart();
  expect(text(receiver.state.openGroup(G1).get("a", "after"))).toBe("1");
  expect(receiver.state.openGroup(G1).appliedIndex).toBe(63);
});

test("while a snapshot is being installed nothing is applied, and an entry under way is finished before", () => {
  const node = sender();
  const handle = exported(node);
  const pieces = readAll(node, handle, 100_000);
  const receiver = laggard(2);
  const records = receiver.state.openGroup(G1);
  records.begin();
  records.put("a", "half", bytes("1"));
  let installed = false;
  receiver.state.importChunk(G1, handle, pieces[0]!, (_, result) => (installed = result!.installed));
  receiver.clock.run(100);
  expect(installed).toBe(false);
  expect(records.installing).toBe(false);
  records.applied(records.appliedIndex + 1, bytes(""));
  expect(records.installing).toBe(true);
  expect(() => records.begin()).toThrow("being installed");
  receiver.clock.run(100);
  expect(installed).toBe(true);
  expect(contents(receiver)).toEqual(contents(node));
});

test("a flush that was being prepared does not come after the snapshot that takes its place", () => {
  const node = sender();
  const handle = exported(node);
  const pieces = readAll(node, handle, 100_000);
  let refused = 0;
  for (const full of [false, true]) {
    for (let steps = 0; steps < 8; steps++) {
      const receiver = laggard(steps);
      const records = receiver.state.openGroup(G1);
      records.begin();
      for (let i = 0; i < 5000; i++) records.put("bulk", `${i}`, bytes("1"));
      records.applied(4, bytes("m"));
      receiver.state.flush(() => undefined);
      for (let i = 0; i < steps; i++) receiver.clock.step();
      let kind: string | undefined;
      receiver.disk.setFull(full);
      receiver.state.importChunk(G1, handle, pieces[0]!, (error) => (kind = error?.kind ?? "installed"));
      receiver.clock.runUntil(() => kind !== undefined);
      receiver.disk.setFull(false);
      receiver.clock.run(10_000);
      expect(kind).toBe(full ? "full" : "installed");
      expect(records.flushedIndex).toBe(full ? 4 : 62);
      if (full) refused++;
      receiver.restart();
      const again = receiver.state.openGroup(G1);
      expect(again.appliedIndex).toBe(full ? 4 : 62);
      expect(text(again.get("bulk", "4999"))).toBe(full ? "1" : undefined);
    }
  }
  expect(refused).toBe(8);
});

test("a snapshot that is not newer than the state changes nothing and leaves nothing", () => {
  const node = sender();
  const handle = exported(node);
  for (const limit of [200, 100_000]) {
    const pieces = readAll(node, handle, limit);
    const receiver = laggard(2);
    const records = receiver.state.openGroup(G1);
    for (const piece of pieces.slice(0, -1)) receive(receiver, handle, piece);
    while (records.appliedIndex < 62) apply(records, ["a", "own", `${records.appliedIndex}`]);
    const before = contents(receiver);
    const result = receive(receiver, handle, pieces.at(-1)!);
    expect(result).toEqual({ next: null, installed: false, refused: "stale" });
    expect(contents(receiver)).toEqual(before);
    receiver.flush();
    receiver.purge();
    receiver.restart();
    expect(contents(receiver)).toEqual(before);
    // The format, the index, perhaps the generations, and three records.
    expect(receiver.disk.size).toBe(limit === 200 ? 6 : 5);
  }
});

test("the start of another snapshot discards what there was of the former one", () => {
  const node = sender();
  const first = exported(node);
  const firstPieces = readAll(node, first, 100);
  apply(node.state.openGroup(G1), ["a", "newer", "1"]);
  for (const limit of [200, 100_000]) {
    const second = exported(node);
    const secondPieces = readAll(node, second, limit);
    const receiver = laggard(2);
    for (const piece of firstPieces.slice(0, 4)) receive(receiver, first, piece);
    receiver.restart();
    expect(text(receiver.state.expectedCursor(G1, first))).toBe(text(firstPieces[4]!.cursor));
    expect(receiver.state.expectedCursor(G1, second)).toHaveLength(0);
    expect(transfer(receiver, second, secondPieces).installed).toBe(true);
    expect(receiver.state.expectedCursor(G1, first)).toHaveLength(0);
    expect(contents(receiver)).toEqual(contents(node));
    receiver.purge();
    expect(leftOver(receiver)).toBe(0);
  }
});

test("on a full disk a piece is refused, and can be given again", () => {
  const node = sender();
  const handle = exported(node);
  const pieces = readAll(node, handle, 600);
  const receiver = laggard(2);
  const records = receiver.state.openGroup(G1);
  for (const piece of pieces) {
    receiver.disk.setFull(true);
    expect(() => receive(receiver, handle, piece)).toThrow("No space left");
    expect(records.installing).toBe(false);
    apply(records, ["a", "meanwhile", "1"]);
    receiver.clock.run(3000);
    receiver.disk.setFull(false);
    receive(receiver, handle, piece);
  }
  expect(contents(receiver)).toEqual(contents(node));
  expect(receiver.failure).toBeNull();
  expect(receiver.state.overlayBytes()).toBe(0);
});

test("crashes at every step of a transfer: it goes on where it was, and the state is the old one or the new one", () => {
  const node = sender();
  const handle = exported(node);
  const pieces = readAll(node, handle, 400);
  const after = contents(node);
  const before = contents(laggard(1)).map((range) => range.replace("stale=2", "stale=1"));
  let resumed = 0;
  let outcomes = "";
  const completed: number[] = [];
  for (let steps = 1; completed.length === 0; steps++) {
    const receiver = laggard(steps);
    // The overlay's last change is lost in a crash, as it would come again from the log.
    receiver.restart();
    const next = (cursor: Uint8Array): void => {
      const piece = pieces.find((candidate) => text(candidate.cursor) === text(cursor))!;
      receiver.state.importChunk(G1, handle, piece, (_, result) => {
        if (result!.next === null) completed.push(steps);
        else next(result!.next);
      });
    };
    next(START);
    for (let i = 0; i < steps && completed.length === 0; i++) receiver.clock.step();
    receiver.restart();
    const records = receiver.state.openGroup(G1);
    const state = records.appliedIndex === 62 ? "new" : "old";
    outcomes += state;
    expect(contents(receiver)).toEqual(state === "new" ? after : before);
    if (state === "old") {
      if (receiver.state.expectedCursor(G1, handle).length > 0) resumed++;
      transfer(receiver, handle, pieces);
    }
    expect(contents(receiver)).toEqual(after);
    expect(records.appliedIndex).toBe(62);
    receiver.purge();
    expect(leftOver(receiver)).toBe(0);
  }
  expect(resumed).toBeGreaterThan(5);
  expect(outcomes).toContain("oldnew");
});

test("pages of several snapshots are read one at a time, with time in between for everything else", () => {
  const node = sender();
  node.flush();
  node.crash();
  const store = node.wait<Store>((done) => node.disk.open(done));
  const starts: number[] = [];
  let reading = 0;
  let most = 0;
  const watched: Store = {
    get: (key) => store.get(key),
    write: (operations, done) => store.write(operations, done),
    clear: (from, to, done) => store.clear(from, to, done),
    snapshot: () => store.snapshot(),
    close: (done) => store.close(done),
    range: (range, done) => {
      starts.push(node.clock.now());
      most = Math.max(most, ++reading);
      store.range(range, (error, page) => {
        reading--;
        done(error, page);
      });
    },
  };
  node.state = node.wait<StateStore>((done) => StateStore.open(node.options(watched), done));
  const handles = [exported(node), exported(node), exported(node)];
  const whole = contents(node);
  starts.length = 0;
  most = 0;
  let left = handles.length;
  for (const handle of handles)
    handle.read(START, 10_000, (error, chunk) => {
      expect([error, chunk?.next]).toEqual([null, null]);
      left--;
    });
  node.clock.runUntil(() => left === 0);
  // Two pages each: the dropped space in the middle is skipped.
  expect(starts).toHaveLength(6);
  expect(most).toBe(1);
  const apart = starts.slice(1).map((at, i) => at - starts[i]!);
  expect(Math.min(...apart)).toBeGreaterThanOrEqual(3);
  for (const handle of handles) handle.release();
  expect(contents(node)).toEqual(whole);
});
