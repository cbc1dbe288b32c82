import { expect, test } from "vitest";
import { groupId } from "../../core/ids.ts";
import { Retention } from "./retention.ts";

const [A, B] = [groupId(1), groupId(2)];

test("a group starts where its first record is, until it has a checkpoint", () => {
  const retention = new Retention();
  retention.note(A, false, 1);
  retention.note(A, false, 2);
  expect(retention.pins(1)).toBe(true);
  expect(retention.pins(2)).toBe(false);
  retention.note(A, true, 2);
  expect(retention.pins(1)).toBe(false);
  expect(retention.pins(2)).toBe(true);
});

test("a segment is needed as long as any group starts in it", () => {
  const retention = new Retention();
  retention.note(A, true, 1);
  retention.note(B, true, 1);
  retention.note(A, true, 3);
  expect(retention.pins(1)).toBe(true);
  expect(retention.startingUpTo(2)).toEqual([B]);
  expect(retention.startingUpTo(3)).toEqual([A, B]);
  retention.drop(B);
  retention.drop(B);
  expect(retention.pins(1)).toBe(false);
  expect(retention.startingUpTo(3)).toEqual([A]);
});
