import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { checkCommand, checkText, runCheck, type CheckOptions } from "./check.ts";

const register: CheckOptions = { model: "register", consistency: "linearizable" };

/** Writes 1, then 2; another process then reads 1. */
const stale = [
  '{"process":0,"type":"invoke","f":"write","key":"x","value":1,"time":0}',
  '{"process":0,"type":"ok","f":"write","key":"x","value":1,"time":5}',
  '{"process":0,"type":"invoke","f":"write","key":"x","value":2,"time":6}',
  '{"process":0,"type":"ok","f":"write","key":"x","value":2,"time":7}',
  '{"process":1,"type":"invoke","f":"read","key":"x","value":null,"time":8}',
  '{"process":1,"type":"ok","f":"read","key":"x","value":1,"time":9}',
].join("\n");
const fresh = stale.replace('"value":1,"time":9', '"value":2,"time":9');

describe("kvorum check", () => {
  it("exits 0 when the history keeps the promise", () => {
    expect(checkText(fresh, "h", register)).toEqual({
      output: "ok (3 operations, model register, linearizable)",
      exitCode: 0,
    });
  });

  it("exits 1 when it breaks it, and says which operations contradict each other, with a diagram", () => {
    const { output, exitCode } = checkText(stale, "h", register);
    expect(exitCode).toBe(1);
    expect(output).toContain('violated: key "x" is not linearizable as a register');
    expect(output).toContain('- line 5-6: process 1 read "x" -> 1 [8 ms to 9 ms]');
    expect(output).toContain("p1                     |--3-|");
  });

  it("checks the promise that was asked for: the same history is sequentially consistent", () => {
    expect(checkText(stale, "h", { ...register, consistency: "sequential" }).exitCode).toBe(0);
  });

  it.each<[string, string, CheckOptions, string]>([
    ["an empty file", "", register, "h: the history is empty"],
    ["a malformed line", `${fresh}\n{"process":`, register, "h: line 7: is not JSON"],
    [
      "another model's function",
      fresh,
      { ...register, model: "list" },
      'h: line 1: the list model does not know "write"',
    ],
    [
      "a result that the model cannot have",
      fresh.replaceAll("write", "add"),
      { ...register, model: "set" },
      "line 6: read",
    ],
  ])("exits 2 for %s, never 0", (_, content, options, message) => {
    const { output, exitCode } = checkText(content, "h", options);
    expect(exitCode).toBe(2);
    expect(output).toContain(message);
  });

  it("exits 3 when nothing can be said", () => {
    const { output, exitCode } = checkText(stale.split("\n")[0]!, "h", register);
    expect(exitCode).toBe(3);
    expect(output).toContain("unknown: no operation succeeded");
  });

  it("prints one JSON object when asked to", () => {
    const json = (content: string): unknown =>
      JSON.parse(checkText(content, "h", { ...register, json: true }).output);
    expect(json(fresh)).toEqual({
      verdict: "ok",
      model: "register",
      consistency: "linearizable",
      operations: 3,
    });
    expect(json(stale)).toMatchObject({
      verdict: "violated",
      lines: [
        { invoked: 1, completed: 2 },
        { invoked: 3, completed: 4 },
        { invoked: 5, completed: 6 },
      ],
    });
    expect(json("{")).toMatchObject({ verdict: "error", line: 1 });
    expect(json(stale.split("\n")[0]!)).toMatchObject({ verdict: "unknown" });
  });
});

describe("the command", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "kvorum-check-"));
    await writeFile(join(folder, "stale.jsonl"), `${stale}\n`);
  });
  afterAll(async () => {
    await rm(folder, { recursive: true });
  });

  it("reads a file, prints the verdict and sets the exit code", async () => {
    const printed: string[] = [];
    const write = vi
      .spyOn(process.stdout, "write")
      .mockImplementation((chunk) => printed.push(String(chunk)) > 0);
    const before = process.exitCode;
    try {
      await checkCommand().parseAsync([join(folder, "stale.jsonl"), "--model", "register"], { from: "user" });
      expect(process.exitCode).toBe(1);
    } finally {
      write.mockRestore();
      process.exitCode = before;
    }
    expect(printed.join("")).toContain("violated");
  });

  it("says which file it could not read", async () => {
    const { output, exitCode } = await runCheck(join(folder, "missing.jsonl"), register);
    expect(exitCode).toBe(2);
    expect(output).toContain("missing.jsonl");
  });

  it.each([["--model", "stack"], [], ["--model", "register", "--consistency", "eventual"]])(
    "exits 2 for a wrong usage: %s %s",
    async (...options) => {
      const errors = vi.spyOn(process.stderr, "write").mockImplementation(() => true);
      const exit = vi.spyOn(process, "exit").mockImplementation((code) => {
        throw new Error(`exit ${code}`);
      });
      try {
        await expect(
          checkCommand().parseAsync([join(folder, "stale.jsonl"), ...options], { from: "user" }),
        ).rejects.toThrow("exit 2");
      } finally {
        errors.mockRestore();
        exit.mockRestore();
      }
    },
  );
});
