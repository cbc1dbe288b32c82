/** A process for the command line to run in: what it prints is kept, signals come from the test. */
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { createLogger } from "../server/logger.ts";
import type { CliContext, Output } from "./context.ts";
import { runCli } from "./program.ts";
import { createStyle } from "./text/style.ts";

export interface FakeProcess {
  readonly context: CliContext;
  /** Everything printed so far. */
  readonly out: () => string;
  readonly err: () => string;
  readonly run: (...args: string[]) => Promise<number>;
  readonly signal: (signal: NodeJS.Signals) => void;
  /** Resolves with the match once standard output has it. */
  readonly printed: (pattern: RegExp, timeoutMs?: number) => Promise<RegExpExecArray>;
}

export function fakeProcess(
  changes: Partial<CliContext> & { input?: string | Uint8Array; isTTY?: boolean } = {},
): FakeProcess {
  const { input = "", isTTY = false, ...overrides } = changes;
  const captured = { out: "", err: "" };
  const output = (name: "out" | "err"): Output => ({
    write: (text) => void (captured[name] += Buffer.from(text).toString("latin1")),
    isTTY,
    columns: 120,
    rows: 8,
  });
  const handlers = new Set<(signal: NodeJS.Signals) => void>();
  const context: CliContext = {
    stdout: output("out"),
    stderr: output("err"),
    stdin: Readable.from([Buffer.from(input)]),
    env: {},
    style: createStyle(false),
    version: "9.9.9",
    startServer: () => Promise.reject(new Error("this test has no server")),
    createLogger: async (level, node) => createLogger({ level, node, write: () => undefined }),
    self: [process.execPath, "/does/not/exist.js"],
    onSignal(handle) {
      handlers.add(handle);
      return () => void handlers.delete(handle);
    },
    ...overrides,
  };
  const out = () => Buffer.from(captured.out, "latin1").toString();
  return {
    context,
    out,
    err: () => Buffer.from(captured.err, "latin1").toString(),
    run: (...args) => runCli(args, context),
    signal: (signal) => handlers.forEach((handle) => handle(signal)),
    async printed(pattern, timeoutMs = 20_000) {
      const deadline = performance.now() + timeoutMs;
      for (;;) {
        const match = pattern.exec(out());
        if (match !== null) return match;
        if (performance.now() > deadline)
          throw new Error(`${pattern} was not printed, only:\n${out()}\n${captured.err}`);
        await sleep(10);
      }
    },
  };
}
