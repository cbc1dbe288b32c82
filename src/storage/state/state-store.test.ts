import { expect, test } from "vitest";
import { groupId } from "../../core/ids.ts";
import { StateStore } from "./state-store.ts";
import { FORMAT_KEY } from "./keys.ts";
import { encodeFormat } from "./control.ts";
import { apply, applyDrop, everything, G1, G2, shown, TestNode } from "./state.testkit.ts";
import { bytes, text } from "./world.testkit.ts";
import type { LoadedRange } from "../../core/records.ts";
import type { Store } from "../../core/world.ts";

test("a new group is empty, at index 0, with no meta", () => {
  const node = new TestNode();
  const records = node.state.openGroup(G1);
  expect(records.appliedIndex).toBe(0);
  expect(records.meta).toHaveLength(0);
  expect(records.get("s", "a")).toBeUndefined();
  expect(node.state.groups()).toEqual([G1]);
});

test("what was flushed is there after a crash, with the index and meta it belongs to; what was not comes from the log", () => {
  const node = new TestNode();
  let records = node.state.openGroup(G1);
  apply(records, ["s", "a", "1"], ["s", "b", "1"]);
  apply(records, ["s", "a", "2"], ["s", "b", null]);
  node.flush();
  expect(node.flushed.get(G1)).toBe(2);
  apply(records, ["s", "a", "3"]);
  expect(text(records.get("s", "a"))).toBe("3");
  node.restart();
  expect(node.state.groups()).toEqual([G1]);
  records = node.state.openGroup(G1);
  expect(records.appliedIndex).toBe(2);
  expect(text(records.meta)).toBe("meta 2");
  expect(text(records.get("s", "a"))).toBe("2");
  expect(records.get("s", "b")).toBeUndefined();
});

test("a store is flushed by itself after a while, or when enough has changed", () => {
  const node = new TestNode(1, { flushAge: 1000, flushBytes: 10_000 });
  const records = node.state.openGroup(G1);
  apply(records, ["s", "a", "1"]);
  node.clock.run(900);
  expect(records.flushedIndex).toBe(0);
  node.clock.run(200);
  expect(records.flushedIndex).toBe(1);
  apply(records, ["s", "a", "x".repeat(10_000)]);
  node.clock.run(50);
  expect(records.flushedIndex).toBe(2);
  expect(node.state.overlayBytes()).toBe(0);
});

test("entries without changes move the applied index too, once in a while", () => {
  const node = new TestNode(1, { flushAge: 1000 });
  const records = node.state.openGroup(G1);
  for (let i = 0; i < 50; i++) apply(records);
  node.clock.run(1100);
  expect(records.flushedIndex).toBe(50);
  const { writes } = node.disk.counts;
  node.clock.run(100_000);
  expect(node.disk.counts.writes).toBe(writes);
});

test("one member added to a set of a hundred thousand writes one record", () => {
  const node = new TestNode();
  const records = node.state.openGroup(G1);
  records.begin();
  for (let i = 0; i < 100_000; i++) records.put("set", `member ${i}`, bytes("1"));
  records.applied(1, bytes(""));
  node.flush();
  const before = { ...node.disk.counts };
  apply(records, ["set", "one more", "1"]);
  node.flush();
  expect(node.disk.counts.writes - before.writes).toBe(1);
  // The record, and the applied index.
  expect(node.disk.counts.puts - before.puts).toBe(2);
  expect(node.disk.counts.deletes - before.deletes).toBe(0);
});

test("a record that changes often is written once per flush", () => {
  const node = new TestNode();
  const records = node.state.openGroup(G1);
  for (let i = 0; i < 1000; i++) apply(records, ["s", "counter", `${i}`]);
  const { puts } = node.disk.counts;
  node.flush();
  expect(node.disk.counts.puts - puts).toBe(2);
});

test("the store never holds half an entry, however long it takes to apply", () => {
  const node = new TestNode(1, { flushAge: 100, flushBytes: 500 });
  let records = node.state.openGroup(G1);
  const other = node.state.openGroup(G2);
  apply(records, ["s", "a", "1"]);
  records.begin();
  records.put("s", "a", bytes("half"));
  records.put("s", "big", bytes("x".repeat(1000)));
  // Another group is not held up by it.
  apply(other, ["s", "a", "1"]);
  let flushed = false;
  node.state.flush(() => (flushed = true));
  node.clock.run(5000);
  expect(other.flushedIndex).toBe(1);
  expect(records.flushedIndex).toBe(0);
  expect(flushed).toBe(false);
  node.restart();
  records = node.state.openGroup(G1);
  expect(records.appliedIndex).toBe(0);
  expect(records.get("s", "a")).toBeUndefined();
  // The same again, and this time the entry comes to its end: it is flushed at once, because that was wanted.
  apply(records, ["s", "a", "1"]);
  records.begin();
  records.put("s", "a", bytes("half"));
  node.clock.run(5000);
  records.put("s", "b", bytes("other half"));
  records.applied(2, bytes("m"));
  node.clock.run(50);
  expect(records.flushedIndex).toBe(2);
  node.restart();
  expect(text(node.state.openGroup(G1).get("s", "a"))).toBe("half");
  expect(text(node.state.openGroup(G1).get("s", "b"))).toBe("other half");
});

test("changes outside an entry, out of order, or to a dropped space are defects and are refused", () => {
  const records = new TestNode().state.openGroup(G1);
  expect(() => records.put("s", "a", bytes("1"))).toThrow("between begin and applied");
  expect(() => records.drop("s")).toThrow("between begin and applied");
  expect(() => records.applied(1, bytes(""))).toThrow("begin comes before");
  apply(records);
  records.begin();
  expect(() => records.begin()).toThrow("the entry before");
  expect(() => records.applied(1, bytes(""))).toThrow("each once");
  records.drop("s");
  expect(() => records.put("s", "a", bytes("1"))).toThrow("dropped space");
});

test("reads see the newest of overlay, flushing layer and store at every moment of a flush", () => {
  const node = new TestNode();
  const records = node.state.openGroup(G1);
  apply(records, ["s", "a", "1"], ["s", "b", "1"], ["s", "c", "1"]);
  node.flush();
  apply(records, ["s", "a", "2"], ["s", "b", null]);
  node.state.flush(() => undefined);
  apply(records, ["s", "c", "3"]);
  while (node.state.stats().flushes < 2) {
    expect(text(records.get("s", "a"))).toBe("2");
    expect(records.get("s", "b")).toBeUndefined();
    expect(text(records.get("s", "c"))).toBe("3");
    node.clock.step();
  }
  apply(records, ["s", "a", null]);
  expect(records.get("s", "a")).toBeUndefined();
});

test("records that were read stay in a cache of bounded size; reading them again asks the store nothing", () => {
  const node = new TestNode(1, { cacheBytes: 100_000 });
  const records = node.state.openGroup(G1);
  records.begin();
  for (let i = 0; i < 2000; i++) records.put(`space ${i % 50}`, `id ${i}`, bytes("x".repeat(200)));
  records.put("s", "large", bytes("x".repeat(20_000)));
  records.applied(1, bytes(""));
  node.flush();
  let largest = 0;
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 2000; i++) {
      records.get(`space ${i % 50}`, `id ${i}`);
      largest = Math.max(largest, node.state.stats().cacheBytes);
    }
  }
  expect(largest).toBeLessThanOrEqual(100_000);
  expect(node.state.stats().cacheBytes).toBeGreaterThan(40_000);
  const { gets } = node.disk.counts;
  for (let round = 0; round < 10; round++) {
    for (let i = 1900; i < 2000; i++) records.get(`space ${i % 50}`, `id ${i}`);
  }
  expect(node.disk.counts.gets).toBe(gets);
  // Too large to be worth it.
  records.get("s", "large");
  records.get("s", "large");
  expect(node.disk.counts.gets).toBe(gets + 2);
  // A dropped space, and a destroyed group, leave nothing behind.
  applyDrop(records, ...Array.from({ length: 50 }, (_, i) => `space ${i}`));
  expect(node.state.stats().cacheBytes).toBe(0);
});

test("a range is what the space holds at the call, over all layers, whatever happens before the answer", () => {
  const node = new TestNode();
  const records = node.state.openGroup(G1);
  apply(records, ["s", "a", "1"], ["s", "c", "1"], ["s", "e", "1"], ["r", "x", "1"], ["t", "x", "1"]);
  node.flush();
  apply(records, ["s", "b", "2"], ["s", "c", null], ["s", "e", "2"]);
  let flushed = false;
  node.state.flush(() => (flushed = true));
  node.clock.step();
  apply(records, ["s", "d", "3"], ["s", "e", null], ["s", "f", "3"]);
  const answers: string[] = [];
  const ask = (from: string, limit: number) =>
    records.load([{ space: "s", from, limit }], (error, ranges) =>
      answers.push(error === null ? shown(ranges![0]) : error.message),
    );
  ask("", 100);
  ask("", 2);
  ask("b", 3);
  ask("d", 1);
  ask("f", 1);
  ask("g", 1);
  ask("", 0);
  // Everything changes before the answers come, and a flush ends.
  apply(records, ["s", "a", null], ["s", "z", "4"]);
  applyDrop(records, "s");
  expect(answers).toEqual([]);
  node.clock.run(100);
  expect(flushed).toBe(true);
  expect([...answers].sort()).toEqual(
    ["a=1 b=2 d=3 f=3", "a=1 b=2 …", "b=2 d=3 f=3", "d=3 …", "f=3", "", " …"].sort(),
  );
  expect(shown(node.load(records, everything("s"))[0])).toBe("");
});

test("a range ends once it exceeds its bytes, at the same entry whether or not it has been flushed", () => {
  const results = [false, true].map((flush) => {
    const node = new TestNode(1, { loadBytes: 250 });
    const records = node.state.openGroup(G1);
    for (let i = 0; i < 9; i++) {
      apply(records, ["s", `${i}`, "x".repeat(99)], ["s", `${i} deleted`, "x".repeat(500)]);
      if (flush) node.flush();
      apply(records, ["s", `${i} deleted`, null]);
    }
    const ids = (from: string) => {
      const range = node.load(records, { space: "s", from, limit: 100 })[0]!;
      return range.entries.map((entry) => entry.id).join("") + (range.more ? "…" : "");
    };
    return [ids(""), ids("3"), ids("6"), ids("7")];
  });
  expect(results).toEqual([
    ["012…", "345…", "678", "78"],
    ["012…", "345…", "678", "78"],
  ]);
});

test("a long range is read in pages, through everything that was deleted in it", () => {
  const node = new TestNode();
  const records = node.state.openGroup(G1);
  records.begin();
  for (let i = 0; i < 10_000; i++) records.put("s", String(i).padStart(5, "0"), bytes("1"));
  records.applied(1, bytes(""));
  node.flush();
  records.begin();
  for (let i = 10; i < 9990; i++) records.delete("s", String(i).padStart(5, "0"));
  records.applied(2, bytes(""));
  const first = node.load(records, { space: "s", from: "", limit: 11 })[0]!;
  expect(first.entries.map((entry) => Number(entry.id))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9990]);
  expect(first.more).toBe(true);
  const rest = node.load(records, { space: "s", from: "09991", limit: 9 })[0]!;
  expect(rest.entries).toHaveLength(9);
  expect(rest.more).toBe(false);
});

test("several ranges are loaded together, and ranges of nothing are empty", () => {
  const node = new TestNode();
  const records = node.state.openGroup(G1);
  apply(records, ["a", "1", "x"], ["b", "2", "y"], ["c", "3", "z"]);
  applyDrop(records, "c");
  const ranges = node.load(records, everything("b"), everything("c"), everything("a"), everything("never"));
  expect(ranges.map(shown)).toEqual(["2=y", "", "1=x", ""]);
  expect(node.load(records)).toEqual([]);
  expect(node.load(records, everything("c")).map(shown)).toEqual([""]);
});

test("groups and spaces whose names are prefixes of one another are kept apart", () => {
  const node = new TestNode();
  const one = node.state.openGroup(G1);
  const two = node.state.openGroup(G2);
  apply(
    one,
    ["s", "xy", "1"],
    ["sx", "y", "2"],
    ["", "sxy", "3"],
    ["\xff", "\xff", "4"],
    ["\xff\xff", "", "5"],
  );
  apply(two, ["s", "xy", "other"]);
  node.flush();
  const spaces = ["s", "sx", "", "\xff", "\xff\xff"].map(everything);
  const expected = ["xy=1", "y=2", "sxy=3", "\xff=4", "=5"];
  expect(node.load(one, ...spaces).map(shown)).toEqual(expected);
  applyDrop(one, "s", "\xff");
  node.flush();
  node.purge();
  expect(node.load(one, ...spaces).map(shown)).toEqual(["", "y=2", "sxy=3", "", "=5"]);
  expect(text(two.get("s", "xy"))).toBe("other");
});

test("a dropped space is gone at once, for good, and from the disk in the background, also after crashes", () => {
  const node = new TestNode(3);
  let records = node.state.openGroup(G1);
  records.begin();
  for (let i = 0; i < 1000; i++) records.put("large", `${i}`, bytes("1"));
  for (let i = 0; i < 200; i++) for (let j = 0; j < 3; j++) records.put(`small ${i}`, `${j}`, bytes("1"));
  records.put("stays", "a", bytes("1"));
  records.applied(1, bytes(""));
  node.flush();
  expect(node.disk.size).toBe(2 + 1000 + 600 + 1);
  applyDrop(records, "large", ...Array.from({ length: 200 }, (_, i) => `small ${i}`));
  expect(records.get("large", "1")).toBeUndefined();
  expect(records.get("small 7", "1")).toBeUndefined();
  node.flush();
  let restarts = 0;
  while (node.disk.size > 3) {
    expect(records.get("large", "999")).toBeUndefined();
    expect(shown(node.load(records, everything("large"))[0])).toBe("");
    node.clock.run(4);
    node.restart();
    restarts++;
    records = node.state.openGroup(G1);
    expect(records.appliedIndex).toBe(2);
  }
  expect(restarts).toBeGreaterThan(3);
  expect(text(records.get("stays", "a"))).toBe("1");
  expect(node.state.stats().purgePending).toBe(0);
});

test.each([
  ["in a pause", 0],
  ["in a step", 1],
])(
  "a long purge leaves time between its steps, and closing %s ends it; it goes on after the next start",
  (_, more) => {
    const node = new TestNode();
    const records = node.state.openGroup(G1);
    records.begin();
    for (let i = 0; i < 2000; i++) records.put("s", `${i}`, bytes("x"));
    records.applied(1, bytes(""));
    node.flush();
    applyDrop(records, "s");
    node.flush();
    const { counts } = node.disk;
    const moments: number[] = [];
    for (let deleted = 0; counts.deletes < 1000;) {
      node.clock.step();
      if (counts.deletes > deleted) moments.push(node.clock.now());
      deleted = counts.deletes;
    }
    const apart = moments.slice(1).map((at, i) => at - moments[i]!);
    // This disk takes half a millisecond at least for a step, and so does the pause.
    expect(Math.min(...apart)).toBeGreaterThanOrEqual(1);
    for (let i = 0; i < more; i++) node.clock.step();
    node.wait<void>((done) => node.state.close(done));
    expect(counts.deletes).toBeLessThan(1200);
    node.start();
    expect(node.state.stats().purgePending).toBe(1);
    node.purge();
    expect(node.state.openGroup(G1).get("s", "1999")).toBeUndefined();
    expect(counts.deletes).toBeGreaterThanOrEqual(2000);
  },
);

test("on a full disk what was dropped waits, and is deleted when there is space", () => {
  const node = new TestNode();
  const records = node.state.openGroup(G1);
  apply(records, ["s", "a", "1"]);
  applyDrop(records, "s");
  node.flush();
  node.disk.setFull(true);
  node.clock.run(5000);
  expect(node.state.stats().purgePending).toBe(1);
  expect(node.state.problem).toContain("No space left");
  node.disk.setFull(false);
  node.purge();
  expect(node.state.problem).toBeNull();
  expect(node.disk.size).toBe(2);
});

test("a space that is dropped before it was ever flushed leaves nothing", () => {
  const node = new TestNode();
  const records = node.state.openGroup(G1);
  apply(records, ["s", "a", "1"]);
  applyDrop(records, "s");
  node.flush();
  node.purge();
  expect(node.disk.size).toBe(2);
  // And one that is dropped while it is being flushed.
  apply(records, ["t", "a", "1"]);
  node.state.flush(() => undefined);
  node.clock.step();
  applyDrop(records, "t");
  expect(records.get("t", "a")).toBeUndefined();
  node.flush();
  node.purge();
  expect(node.disk.size).toBe(2);
});

test("a destroyed group leaves nothing on the disk, also when the node crashes in between", () => {
  for (let steps = 0; steps < 40; steps++) {
    const node = new TestNode(steps);
    const records = node.state.openGroup(G1);
    const other = node.state.openGroup(G2);
    for (let i = 0; i < 200; i++) apply(records, [`s${i % 5}`, `${i}`, "1"]);
    apply(other, ["s", "a", "1"]);
    node.flush();
    applyDrop(records, "s1");
    node.flush();
    apply(records, ["s2", "late", "1"]);
    let durable = false;
    node.state.flush(() => undefined);
    node.state.destroyGroup(G1, () => (durable = true));
    expect(() => node.state.openGroup(G1)).toThrow("not used again");
    for (let i = 0; i < steps; i++) node.clock.step();
    const decided = durable;
    node.restart();
    const undone = node.state.groups().includes(G1);
    expect(undone && decided).toBe(false);
    if (undone) node.state.destroyGroup(G1, () => undefined);
    node.clock.run(100);
    node.purge();
    // The format, and the other group's index and record.
    expect(node.disk.size).toBe(3);
    expect(text(node.state.openGroup(G2).get("s", "a"))).toBe("1");
  }
});

test("a range of several pages is of one moment, although a flush ends between them", () => {
  const node = new TestNode();
  const records = node.state.openGroup(G1);
  const name = (i: number): string => String(i).padStart(5, "0");
  records.begin();
  for (let i = 0; i < 10_000; i++) records.put("s", name(i), bytes("old"));
  records.applied(1, bytes(""));
  node.flush();
  let range: LoadedRange | undefined;
  records.load([everything("s")], (_, loaded) => (range = loaded![0]));
  apply(records, ["s", name(5000), null], ["s", name(9999), "new"]);
  const { ranges } = node.disk.counts;
  node.flush();
  expect(range).toBeUndefined();
  node.clock.runUntil(() => range !== undefined);
  expect(node.disk.counts.ranges).toBeGreaterThan(ranges + 2);
  expect(range!.entries).toHaveLength(10_000);
  expect(text(range!.entries.at(-1)!.value)).toBe("old");
});

test("ranges see ids that came after an earlier range of the same space", () => {
  const node = new TestNode();
  const records = node.state.openGroup(G1);
  apply(records, ["s", "b", "1"], ["s", "d", "1"]);
  expect(shown(node.load(records, everything("s"))[0])).toBe("b=1 d=1");
  apply(records, ["s", "e", "2"], ["s", "a", "2"], ["s", "c", "2"], ["s", "b", null]);
  expect(shown(node.load(records, everything("s"))[0])).toBe("a=2 c=2 d=1 e=2");
});

test("a record that was read and is changed then is read anew, also when the change has reached the store", () => {
  const node = new TestNode();
  const records = node.state.openGroup(G1);
  apply(records, ["s", "a", "1"], ["s", "b", "1"]);
  node.flush();
  expect(text(records.get("s", "a"))).toBe("1");
  expect(text(records.get("s", "b"))).toBe("1");
  apply(records, ["s", "a", "2"], ["s", "b", null]);
  node.flush();
  expect(text(records.get("s", "a"))).toBe("2");
  expect(records.get("s", "b")).toBeUndefined();
});

test("what the node is told is durable is, when entries are applied while a flush is under way", () => {
  const node = new TestNode();
  const records = node.state.openGroup(G1);
  apply(records, ["s", "a", "1"]);
  node.state.flush(() => undefined);
  node.clock.step();
  apply(records, ["s", "a", "2"]);
  node.clock.runUntil(() => node.flushed.has(G1));
  expect(node.flushed.get(G1)).toBe(1);
  node.restart();
  expect(node.state.openGroup(G1).appliedIndex).toBe(1);
  expect(text(node.state.openGroup(G1).get("s", "a"))).toBe("1");
});

test("a group that left the node is empty when it comes back, and nothing of it stays, whenever the node crashes", () => {
  for (let steps = 0; steps < 60; steps++) {
    const node = new TestNode(steps);
    let records = node.state.openGroup(G1);
    apply(node.state.openGroup(G2), ["s", "a", "1"]);
    for (let i = 0; i < 100; i++) apply(records, [`s${i % 5}`, `${i}`, "1"]);
    node.flush();
    applyDrop(records, "s1");
    node.flush();
    // In the middle of a flush and of an entry.
    apply(records, ["s2", "late", "1"]);
    node.state.flush(() => undefined);
    node.clock.step();
    records.begin();
    records.put("s3", "half", bytes("1"));
    let done = false;
    node.state.resetGroup(G1, () => (done = true));
    for (let i = 0; i < steps; i++) node.clock.step();
    const decided = done;
    node.restart();
    records = node.state.openGroup(G1);
    expect(decided && records.appliedIndex > 0).toBe(false);
    node.wait<void>((again) => node.state.resetGroup(G1, again));
    expect(records.appliedIndex).toBe(0);
    expect(records.meta).toHaveLength(0);
    expect(records.get("s2", "2")).toBeUndefined();
    apply(records, ["s2", "back", "1"]);
    node.flush();
    node.purge();
    // The format; the index and the record of either group; the generations of the one that came back.
    expect(node.disk.size).toBe(6);
    node.restart();
    expect(shown(node.load(node.state.openGroup(G1), everything("s2"))[0])).toBe("back=1");
    expect(text(node.state.openGroup(G2).get("s", "a"))).toBe("1");
  }
});

test("the purge of a space in a former life of the group does not bring it back in the present one", () => {
  const node = new TestNode();
  const records = node.state.openGroup(G1);
  const live = (): void => {
    records.begin();
    for (let i = 0; i < 5000; i++) records.put("s", `${i}`, bytes("1"));
    records.applied(records.appliedIndex + 1, bytes(""));
    node.flush();
    applyDrop(records, "s");
  };
  live();
  node.flush();
  node.wait<void>((done) => node.state.resetGroup(G1, done));
  live();
  expect(node.state.stats().purged).toBe(0);
  while (node.state.stats().purgePending > 0) {
    expect(records.get("s", "4999")).toBeUndefined();
    node.clock.step();
  }
  expect(records.get("s", "4999")).toBeUndefined();
});

test("on a full disk a group is not emptied, and can be when there is space", () => {
  const node = new TestNode();
  const records = node.state.openGroup(G1);
  apply(records, ["s", "a", "1"]);
  node.flush();
  apply(records, ["s", "a", "2"]);
  node.disk.setFull(true);
  expect(() => node.wait<void>((done) => node.state.resetGroup(G1, done))).toThrow("No space left");
  expect(text(records.get("s", "a"))).toBe("2");
  node.disk.setFull(false);
  node.flush();
  expect(records.flushedIndex).toBe(2);
  node.wait<void>((done) => node.state.resetGroup(G1, done));
  expect(records.get("s", "a")).toBeUndefined();
  expect(node.state.overlayBytes()).toBe(0);
  node.flush();
});

test("a full disk loses nothing: reads go on, and the flush is done when there is space", () => {
  const node = new TestNode(1, { flushAge: 100, overlayBytes: 5000 });
  const records = node.state.openGroup(G1);
  node.disk.setFull(true);
  apply(records, ["s", "a", "1"]);
  node.clock.run(200);
  expect(node.state.problem).toContain("No space left");
  expect(node.state.failed).toBeNull();
  applyDrop(records, "t");
  apply(records, ["s", "b", "x".repeat(6000)]);
  expect(node.state.overloaded).toBe(true);
  expect(text(records.get("s", "a"))).toBe("1");
  node.clock.run(60_000);
  expect(records.flushedIndex).toBe(0);
  node.disk.setFull(false);
  node.clock.run(15_000);
  expect(records.flushedIndex).toBe(3);
  expect(node.state.problem).toBeNull();
  expect(node.state.overloaded).toBe(false);
  expect(node.failure).toBeNull();
});

test("a disk that is nearly full is not filled up", () => {
  const node = new TestNode(1, { flushAge: 100, reserveBytes: 1000 });
  node.free = 1_000_000;
  node.restart();
  const records = node.state.openGroup(G1);
  apply(records, ["s", "a", "x".repeat(100)]);
  node.free = 1100;
  const { writes } = node.disk.counts;
  node.clock.run(10_000);
  expect(node.disk.counts.writes).toBe(writes);
  expect(node.state.problem).toContain("1100 bytes free");
  node.free = 2000;
  node.clock.run(10_000);
  expect(records.flushedIndex).toBe(1);
  expect(node.state.problem).toBeNull();
});

test("any other failure is final: it is reported once, reads go on, nothing is flushed any more", () => {
  const node = new TestNode(1, { flushAge: 100 });
  const records = node.state.openGroup(G1);
  apply(records, ["s", "a", "1"]);
  let answer: unknown;
  node.disk.failNextWrite();
  node.state.flush((error) => (answer = error));
  node.clock.run(5000);
  expect(node.failure).toMatchObject({ kind: "io" });
  expect(node.state.failed).toBe(node.failure);
  expect(answer).toBe(node.failure);
  apply(records, ["s", "b", "1"]);
  node.clock.run(5000);
  expect(records.flushedIndex).toBe(0);
  expect(text(records.get("s", "a"))).toBe("1");
  expect(() => node.flush()).toThrow("input/output");
  node.wait<void>((done) => node.state.close(done));
});

test("closing flushes, also past a group that is in the middle of an entry, and does not wait for a full disk", () => {
  for (const full of [false, true]) {
    const node = new TestNode();
    const records = node.state.openGroup(G1);
    const stuck = node.state.openGroup(G2);
    apply(records, ["s", "a", "1"]);
    apply(stuck, ["s", "a", "1"]);
    stuck.begin();
    stuck.put("s", "a", bytes("half"));
    if (full) {
      node.disk.setFull(true);
      node.clock.run(10_000);
    }
    const at = node.clock.now();
    node.wait<void>((done) => node.state.close(done));
    expect(node.clock.now() - at).toBeLessThan(100);
    node.start();
    expect(node.state.openGroup(G1).appliedIndex).toBe(full ? 0 : 1);
    expect(node.state.openGroup(G2).get("s", "a")).toBeUndefined();
  }
});

test("a store of a newer format, or with something unknown in it, is refused", () => {
  for (const [key, value, reason] of [
    [FORMAT_KEY, encodeFormat(2), "format version 2"],
    [bytes("\x01unknown"), bytes(""), "unknown control key 01"],
  ] as const) {
    const node = new TestNode();
    node.crash();
    const store = node.wait<Store>((done) => node.disk.open(done));
    node.wait<void>((done) => store.write([{ type: "put", key, value }], done));
    const open = () => node.wait<StateStore>((done) => StateStore.open(node.options(store), done));
    expect(open).toThrow(reason);
  }
});

test("a thousand groups share a flush: a few writes for all of them", () => {
  const node = new TestNode();
  for (let i = 0; i < 1000; i++) apply(node.state.openGroup(groupId(i)), ["s", "a", `${i}`]);
  const { writes } = node.disk.counts;
  node.flush();
  expect(node.disk.counts.writes - writes).toBe(1);
  node.restart();
  expect(node.state.groups()).toHaveLength(1000);
  expect(text(node.state.openGroup(groupId(77)).get("s", "a"))).toBe("77");
});
