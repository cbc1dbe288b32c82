import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { lockDirectory } from "./directory.ts";

let root: string;
let children: ChildProcess[];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "kvorum-lock-"));
  children = [];
});
afterEach(() => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(root, { recursive: true, force: true });
});

/** Another process that takes the lock and lives on until it is killed. */
async function holder(directory: string): Promise<ChildProcess> {
  const script = `
    import { createViteServer } from "vitest/node";
    const server = await createViteServer({
      configFile: false, logLevel: "error", appType: "custom",
      server: { middlewareMode: true, watch: null, ws: false, hmr: false }, optimizeDeps: { noDiscovery: true },
    });
    const { lockDirectory } = await server.ssrLoadModule("/src/storage/directory.ts");
    await lockDirectory(${JSON.stringify(directory)});
    console.log("locked");
    setInterval(() => {}, 1000);
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  await new Promise<void>((done, failed) => {
    child.stdout!.once("data", () => done());
    child.once("exit", (code) => failed(new Error(`the holder ended with ${code}`)));
  });
  return child;
}

test("given a process that has the directory, then another is refused and told which; after kill -9 it is free", async () => {
  const directory = join(root, "data");
  const child = await holder(directory);
  await expect(lockDirectory(directory)).rejects.toMatchObject({
    kind: "locked",
    path: directory,
    message: expect.stringContaining(`is in use by process ${child.pid}. Stop it first`),
  });

  const gone = new Promise((done) => child.once("exit", done));
  child.kill("SIGKILL");
  await gone;
  expect(existsSync(join(directory, "lock"))).toBe(true);
  const lock = await lockDirectory(directory);
  await lock.release();
});

test("a released directory can be locked again; its note is gone in between", async () => {
  const first = await lockDirectory(root);
  await expect(lockDirectory(root)).rejects.toThrow(`in use by process ${process.pid}`);
  await first.release();
  expect(existsSync(join(root, "lock"))).toBe(false);
  const second = await lockDirectory(root);
  await second.release();
});

test("of many that try at once, one gets it", async () => {
  const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => lockDirectory(root)));
  const locks = outcomes.filter((outcome) => outcome.status === "fulfilled");
  expect(locks).toHaveLength(1);
  await locks[0]!.value.release();
});

test("the directory is the same by whatever path it is reached", async () => {
  const lock = await lockDirectory(root);
  const other = `${root}-link`;
  symlinkSync(root, other);
  try {
    await expect(lockDirectory(other)).rejects.toMatchObject({ kind: "locked" });
  } finally {
    rmSync(other);
    await lock.release();
  }
});

test("a note that says nothing leaves the holder unnamed", async () => {
  const lock = await lockDirectory(root);
  writeFileSync(join(root, "lock"), "");
  await expect(lockDirectory(root)).rejects.toThrow("in use by another process");
  await lock.release();
});

test("a path that cannot be a directory says why", async () => {
  writeFileSync(join(root, "file"), "");
  await expect(lockDirectory(join(root, "file", "data"))).rejects.toMatchObject({
    name: "DiskError",
    kind: "io",
  });
});
