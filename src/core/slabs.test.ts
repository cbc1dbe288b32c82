import { expect, test } from "vitest";
import { Slabs } from "./slabs.ts";

test("small arrays share blocks without sharing bytes, large ones have memory of their own", () => {
  const slabs = new Slabs(1024);
  const all = Array.from({ length: 100 }, (_, i) => slabs.take(60).fill(i));
  for (const [i, bytes] of all.entries()) expect(bytes).toEqual(new Uint8Array(60).fill(i));
  expect(new Set(all.map(({ buffer }) => buffer)).size).toBe(6);
  const large = slabs.take(65);
  expect(large.buffer.byteLength).toBe(65);
  expect(slabs.take(64)).toEqual(new Uint8Array(64));
});
