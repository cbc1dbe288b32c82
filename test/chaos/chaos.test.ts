/** `kvorum chaos` on real processes. */
import { execFile, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { whyNoNamespaces } from "../../src/chaos/network.ts";
import { runChaos, type ChaosOptions, type ChaosResult } from "../../src/chaos/run.ts";
import { exitCodeOf, judgeChaos } from "../../src/chaos/verdict.ts";
import { parseHistory } from "../../src/sim/history/parse.ts";
import { WORKLOADS } from "../../src/sim/workloads/workloads.ts";

const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "kvorum-chaos-test-"));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

async function chaos(changes: Partial<ChaosOptions>): Promise<ChaosResult & { readonly told: string }> {
  const told: string[] = [];
  const result = await runChaos({
    seed: 4,
    nodes: 3,
    seconds: 12,
    workload: "registers",
    faults: ["kill", "pause", "restart"],
    clients: 8,
    directory: join(directory, "cluster"),
    namespaces: false,
    self: [process.execPath, MAIN],
    env: process.env,
    tell: (_at, what, node, text) => void told.push(`${what} ${node} ${text}`),
    ...changes,
  });
  return { ...result, told: told.join("\n") };
}

/** With what happened, for whoever has to look at a failure. */
function problemsOf({ judgements, told }: Awaited<ReturnType<typeof chaos>>): readonly unknown[] {
  const problems = judgements.filter(({ verdict }) => verdict.ok !== true);
  return problems.length === 0 ? [] : [...problems, told];
}

/** The same history with one read that saw what nobody wrote. */
function spoiled(result: ChaosResult): ChaosResult["events"] {
  const at = result.events.findIndex(({ type, f }) => type === "ok" && f === "read");
  return result.events.map((event, i) => (i === at ? { ...event, value: "nobody wrote this" } : event));
}

describe("a real cluster under chaos", () => {
  test("given three processes that are killed, stopped and restarted, then everything holds; and a spoiled history of that run does not", async () => {
    const result = await chaos({});
    expect(problemsOf(result)).toEqual([]);
    expect(result.exitCode).toBe(0);
    expect(result.events.filter(({ type }) => type === "ok").length).toBeGreaterThan(200);
    for (const fault of ["kill", "pause", "restart"] as const)
      expect(result.struck.get(fault)).toBeGreaterThan(0);

    const { operations } = parseHistory(readFileSync(result.history, "utf8"));
    expect(operations.length).toBe(result.events.filter(({ type }) => type === "invoke").length);

    const judgements = judgeChaos({
      workload: WORKLOADS.registers.make("chaos:"),
      events: spoiled(result),
      recoveredAt: result.recoveredAt,
      problems: [],
    });
    expect(exitCodeOf(judgements.map(({ verdict }) => verdict))).toBe(1);
  }, 90_000);

  test("given root, when nodes are cut off from each other, then everything holds and no namespace is left", async () => {
    const why = whyNoNamespaces();
    if (why !== null) {
      console.warn(`NOT TESTED: partitions between network namespaces: ${why}`);
      return;
    }
    const result = await chaos({ seed: 5, faults: ["partition"], namespaces: true, seconds: 7 });
    expect(problemsOf(result)).toEqual([]);
    expect(result.struck.get("partition")).toBeGreaterThan(1);
    expect(result.events.filter(({ type }) => type === "ok").length).toBeGreaterThan(200);
    expect(existsSync(`/run/netns/kvorum-chaos-${process.pid}-n1`)).toBe(false);
  }, 90_000);

  test("given Ctrl-C in the middle, then no process and no directory is left, and the exit code is not 0", async () => {
    const child = spawn(process.execPath, [MAIN, "chaos", "--faults", "pause", "--seconds", "60"], {
      stdio: ["ignore", "pipe", "ignore"],
      env: { ...process.env, TMPDIR: directory },
    });
    let out = "";
    const exited = new Promise<number | null>((resolve) => void child.once("exit", resolve));
    await new Promise<void>((resolve) => {
      child.stdout.on("data", (chunk: Buffer) => {
        out += chunk.toString();
        if (out.includes("SIGSTOP")) resolve();
      });
      void exited.then(() => resolve());
    });
    child.kill("SIGINT");
    expect(await exited).toBe(1);
    const data = /data in (\S+)/.exec(out)![1]!;
    expect(data.startsWith(directory)).toBe(true);
    expect(existsSync(data)).toBe(false);
    expect(await processesWith(data)).toEqual([]);
  }, 60_000);
});

describe("wrong options", () => {
  const cases: readonly (readonly [args: readonly string[], message: RegExp])[] = [
    [["--faults", "kill,quake"], /no fault "quake".*\n.*kill, pause, restart, wipe, partition, delay/],
    [["--workload", "poems"], /no workload "poems".*\n.*registers, counters/],
    [["--nodes", "2"], /--nodes must be from 3 to 9/],
    [["--seconds", "soon"], /--seconds must be a number/],
    [["--seed", "1.5"], /--seed must be a whole number/],
    [["--directory", "."], /is not empty/],
  ];

  test.each(cases)("%j: exit code 2, and what there is", async (args, message) => {
    const { code, stderr } = await kvorum("chaos", ...args);
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
  });

  test("given no operation in so short a time, then nothing was checked, and that is not ok", async () => {
    const args = ["--workload", "idle", "--clients", "1", "--seconds", "1", "--faults", "none"];
    const { code, stdout } = await kvorum("chaos", ...args, "--directory", join(directory, "idle"));
    expect(stdout).toMatch(/unknown.*enough to judge/);
    expect(code).toBe(3);
  });
});

function kvorum(...args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args], { timeout: 50_000 }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });
}

/** Command lines of living processes that name this directory. */
function processesWith(path: string): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    execFile("ps", ["-eo", "args", "-ww"], (error, stdout) => {
      if (error !== null) reject(error);
      else resolve(stdout.split("\n").filter((line) => line.includes(path)));
    });
  });
}
