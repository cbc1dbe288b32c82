import { describe, expect, it } from "vitest";
import { InvariantError } from "../core/assert.ts";
import { createLogger, prettyLine } from "./logger.ts";

function lines(
  level: "debug" | "info" | "silent",
  use: (log: ReturnType<typeof createLogger>) => void,
): Record<string, unknown>[] {
  const written: string[] = [];
  use(createLogger({ level, node: "n1", pretty: false, write: (line) => written.push(line) }));
  return written.map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe("the log", () => {
  it("is one object a line, with the node and the time", () => {
    const [line] = lines("info", (log) => log.info({ peer: 2 }, "connected"));
    expect(line).toMatchObject({ level: 30, node: "n1", peer: 2, msg: "connected" });
    expect(line!["time"]).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
  });

  it("keeps to its level", () => {
    const use = (log: ReturnType<typeof createLogger>) => {
      log.debug({}, "a");
      log.warn({}, "b");
    };
    expect(lines("debug", use)).toHaveLength(2);
    expect(lines("info", use)).toHaveLength(1);
    expect(lines("silent", use)).toHaveLength(0);
  });

  it("writes no payloads and no secrets, wherever they are", () => {
    const cycle: Record<string, unknown> = { name: "loop" };
    cycle["self"] = cycle;
    const [line] = lines("info", (log) =>
      log.info(
        {
          value: new TextEncoder().encode("the card number"),
          buffer: Buffer.from("the card number"),
          nested: { password: "hunter2", authToken: "t", list: [{ clientSecret: "s" }], author: "kept" },
          text: "x".repeat(5_000),
          big: 12n,
          cycle,
        },
        "request",
      ),
    );
    const text = JSON.stringify(line);
    expect(text).not.toMatch(/card|hunter2|"t"|"s"/);
    expect(line).toMatchObject({
      value: "<15 bytes>",
      buffer: "<15 bytes>",
      nested: {
        password: "<hidden>",
        authToken: "<hidden>",
        list: [{ clientSecret: "<hidden>" }],
        author: "kept",
      },
      big: "12",
    });
    expect(text.length).toBeLessThan(2_000);
  });

  it("tells errors with code and cause, and where only when it is a defect", () => {
    const [foreseen, defect] = lines("info", (log) => {
      const cause = Object.assign(new Error("disk"), { code: "EIO" });
      log.error({ error: new Error("write failed", { cause }) }, "a");
      log.error({ error: new InvariantError("impossible") }, "b");
    });
    expect(foreseen!["error"]).toEqual({
      type: "Error",
      message: "write failed",
      cause: { type: "Error", message: "disk", code: "EIO" },
    });
    expect((defect!["error"] as { stack: string }).stack).toContain("logger.test.ts");
  });

  it("is text on a terminal", () => {
    const line =
      '{"level":40,"time":"2026-01-02T03:04:05.678Z","node":"n1","peer":2,"why":"a b","msg":"lost"}';
    expect(prettyLine(line, false)).toBe('03:04:05.678 warn  n1  lost peer=2 why="a b"\n');
  });
});
