import { expect, test } from "vitest";
import { InvariantError } from "../../core/assert.ts";
import { nodeId } from "../../core/ids.ts";
import { configuration, NO_CONFIGURATION } from "./configuration.ts";
import type { Entry, RaftRecord } from "./messages.ts";
import { bootstrap, recover } from "./recovery.ts";

const founders = configuration([nodeId(1), nodeId(2), nodeId(3)]);
const entry = (term: number): Entry => ({ kind: "noop", term });
const log = (start: number, ...terms: number[]): RaftRecord => ({
  type: "entries",
  start,
  entries: terms.map(entry),
});
const termsOf = (records: readonly RaftRecord[]): number[] => recover(records).entries.map((one) => one.term);
const start = (index: number, term: number): RaftRecord => ({
  type: "log-start",
  index,
  term,
  configuration: founders,
});

test("nothing gives a replica that waits to be told its group; founders know it", () => {
  expect(recover([])).toEqual({
    hardState: { term: 0, vote: null, life: 0 },
    start: { index: 0, term: 0, configuration: NO_CONFIGURATION },
    entries: [],
  });
  expect(recover(bootstrap(founders)).start.configuration).toEqual(founders);
});

test("later entries replace everything from their start on", () => {
  expect(termsOf([log(1, 1, 1, 1), log(2, 2)])).toEqual([1, 2]);
  expect(termsOf([log(1, 1), log(2, 1, 1)])).toEqual([1, 1, 1]);
});

test("compaction keeps what follows; a snapshot of another log keeps nothing", () => {
  expect(recover([log(1, 1, 1, 2, 2), start(2, 1)])).toMatchObject({ start: { index: 2, term: 1 } });
  expect(termsOf([log(1, 1, 1, 2, 2), start(2, 1)])).toEqual([2, 2]);
  expect(termsOf([log(1, 1, 1, 2, 2), start(2, 5)])).toEqual([]);
  expect(termsOf([log(1, 1), start(9, 3), log(10, 3, 4)])).toEqual([3, 4]);
});

test("the last hard state counts, and a term never goes back", () => {
  const at = (term: number): RaftRecord => ({ type: "hard-state", term, vote: null, life: 0 });
  expect(recover([at(1), at(4)]).hardState.term).toBe(4);
  expect(() => recover([at(4), at(1)])).toThrow(InvariantError);
});

test("records may begin in the middle of a life when a checkpoint follows; a gap otherwise is refused", () => {
  expect(() => recover([log(5, 1)])).toThrow("gap");
  const checkpoint = [start(6, 1), log(7, 1, 2)];
  expect(termsOf([log(5, 1, 1), start(6, 1), ...checkpoint, log(9, 2)])).toEqual([1, 2, 2]);
});
