import { expect, it } from "vitest";
import { pairOperations } from "../history/pair.ts";
import { checkNoFalseErrors } from "./no-false-errors.ts";
import { formatVerdict } from "./verdict.ts";

const failing = (error: string) => {
  const read = { process: 0, f: "read", key: "k", value: null };
  return pairOperations([
    { ...read, type: "invoke", time: 0 },
    { ...read, type: "fail", time: 1, error },
  ]);
};

it("accepts errors that pass, and refuses what was never so", () => {
  expect(checkNoFalseErrors(failing("no-leader"))).toEqual({ ok: true });
  for (const error of ["unknown-keyspace", "wrong-shard"])
    expect(formatVerdict(checkNoFalseErrors(failing(error)))).toContain(`a client was told ${error}`);
});
