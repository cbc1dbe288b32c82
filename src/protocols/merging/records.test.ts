import { describe, expect, test } from "vitest";
import { InvariantError } from "../../core/assert.ts";
import { replicaId, requestId } from "../../core/ids.ts";
import { nodeId } from "../../core/ids.ts";
import { born, recover } from "./records.ts";
import type { EntryRecord, MergingRecord } from "./records.ts";
import { MergingReplica } from "./replica.ts";
import { bytes, ToyState } from "./toy.testkit.ts";

const ME = replicaId(7);
const entry = (index: number, content = `e${index}`): EntryRecord => ({
  type: "entry",
  index,
  kind: "command",
  bytes: bytes(content),
});
const birth = born(ME, true);

describe("recovery", () => {
  test("goes on after the last entry of the log, or of the state, whichever is later", () => {
    expect(recover([...birth, entry(1), entry(2)], 1)).toMatchObject({ applied: 1, lastIndex: 2 });
    expect(recover([...birth], 5).lastIndex).toBe(5);
    expect(recover([...birth, entry(1), entry(2)], 5).lastIndex).toBe(5);
  });

  test("what a checkpoint repeats is one entry", () => {
    const log: readonly MergingRecord[] = [
      entry(5),
      entry(6),
      ...birth,
      { type: "ready" },
      entry(6),
      entry(7),
    ];
    expect(recover(log, 5)).toMatchObject({
      replica: ME,
      ready: true,
      lastIndex: 7,
      entries: [{ index: 5 }, { index: 6 }, { index: 7 }],
    });
  });

  test("a log that lacks what the state lacks, has two entries of one index, or no birth, is refused", () => {
    expect(() => recover([...birth, entry(3)], 1)).toThrow(InvariantError);
    expect(() => recover([...birth, entry(1), entry(3)], 1)).toThrow(InvariantError);
    expect(() => recover([...birth, entry(1), entry(1, "other")], 0)).toThrow(InvariantError);
    expect(() => recover([entry(1)], 0)).toThrow(InvariantError);
    expect(() => recover([...birth, ...born(replicaId(8), true)], 0)).toThrow(InvariantError);
    expect(recover([...birth, entry(1), entry(5)], 5).lastIndex).toBe(5);
  });
});

describe("the own log", () => {
  function replica(records: readonly MergingRecord[] = birth, applied = 0) {
    const settings = { id: nodeId(1), seed: 1, maxPendingBytes: 1000 };
    const it = new MergingReplica<never, never>(settings, recover(records, applied), new ToyState(ME));
    it.start();
    return it;
  }

  test("the entries of a step are one write, and handed out in order once it is durable", () => {
    const it = replica();
    it.append({ type: "command", command: bytes("a"), request: requestId(1) }, () => {});
    it.append({ type: "merge", delta: bytes("b") }, () => {});
    const [persist, apply, ...rest] = it.takeEffects();
    expect(persist).toMatchObject({ type: "persist", id: 1, records: [{ index: 1 }, { index: 2 }] });
    expect(apply).toMatchObject({ type: "apply", after: 1, entries: [{ index: 1 }, { index: 2 }] });
    expect(rest).toEqual([]);
    it.check();
  });

  test("what is not part of the state is handed out again, and nobody is told too much before", () => {
    const it = replica([...birth, entry(1), entry(2), entry(3)], 1);
    expect(it.takeEffects()).toMatchObject([{ type: "apply", entries: [{ index: 2 }, { index: 3 }] }]);
    expect(it.isReady).toBe(false);
    it.onApplied(2, null, true);
    expect(it.isReady).toBe(false);
    it.onApplied(3, null, true);
    expect(it.isReady).toBe(true);
    expect(it.append({ type: "merge", delta: bytes("b") }, () => {})).toBe(4);
  });

  test("a checkpoint alone rebuilds it, with what the state store does not have", () => {
    const it = replica();
    for (const name of ["a", "b", "c"]) it.append({ type: "merge", delta: bytes(name) }, () => {});
    for (const index of [1, 2]) it.onApplied(index, null, true);
    it.compact(1);
    it.check();
    expect(it.logBytes).toBe(2 * 33);
    expect(recover(it.checkpoint(), 1)).toMatchObject({ founder: true, ready: true, lastIndex: 3 });
    expect(() => it.compact(3)).toThrow(InvariantError);
    expect(() => it.onApplied(2, null, true)).toThrow(InvariantError);
  });

  test("becomes full, and is so until entries are applied", () => {
    const it = replica();
    it.append({ type: "merge", delta: new Uint8Array(2000) }, () => {});
    expect(it.isFull).toBe(true);
    it.onApplied(1, null, true);
    expect(it.isFull).toBe(false);
  });
});
