import { expect, test } from "vitest";
import { nodeId } from "../core/ids.ts";
import { SeenRequests } from "./seen-requests.ts";

const peer = nodeId(2);

test("every request is new once, in whatever order it comes", () => {
  const seen = new SeenRequests();
  const ids = [5, 3, 9, 1, 7];
  expect(ids.map((id) => seen.isNew(peer, 1, id))).toEqual([true, true, true, true, true]);
  expect(ids.map((id) => seen.isNew(peer, 1, id))).toEqual([false, false, false, false, false]);
  expect(seen.isNew(nodeId(3), 1, 5), "another sender has numbers of its own").toBe(true);
});

test("a restarted sender starts its numbers anew, and late frames of its former life are not done", () => {
  const seen = new SeenRequests();
  expect(seen.isNew(peer, 1, 1)).toBe(true);
  expect(seen.isNew(peer, 2, 1)).toBe(true);
  expect(seen.isNew(peer, 1, 2)).toBe(false);
  expect(seen.isNew(peer, 2, 2)).toBe(true);
});

test("what is older than everything remembered is taken for a repetition, and memory stays bounded", () => {
  const seen = new SeenRequests();
  let repeated = 0;
  for (let id = 1; id <= 100_000; id++) if (!seen.isNew(peer, 1, id)) repeated++;
  expect(repeated).toBe(0);
  expect(seen.isNew(peer, 1, 10)).toBe(false);
  expect(seen.isNew(peer, 1, 99_999)).toBe(false);
});
