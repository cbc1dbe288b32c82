import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { DiskFile } from "../../core/world.ts";
import { diskError, syncError, syncOrFullError } from "./disk-errors.ts";
import { describeDisk } from "./disk.testkit.ts";
import { NodeDisk } from "./node-disk.ts";
import { nodeWorld } from "./test-world.testkit.ts";
import type { NodeWorld } from "./test-world.testkit.ts";

describeDisk("real", nodeWorld);

describe("errors of the operating system", () => {
  const cause = (code: string, errno = -1): NodeJS.ErrnoException =>
    Object.assign(new Error(`${code}: what happened`), { code, errno });

  test("too little space passes by itself, in all its names", () => {
    for (const code of ["ENOSPC", "EDQUOT", "EFBIG"]) expect(diskError("f", cause(code)).kind).toBe("full");
    expect(diskError("f", cause("Unknown system error -122", -122)).kind).toBe("full");
  });

  test("a failed sync is a failed sync, also for lack of space; unless what it covered is thrown away", () => {
    expect(syncError("f", cause("EIO")).kind).toBe("sync");
    expect(syncError("f", cause("ENOSPC")).kind).toBe("sync");
    expect(syncOrFullError("f", cause("EIO")).kind).toBe("sync");
    expect(syncOrFullError("f", cause("ENOSPC")).kind).toBe("full");
  });

  test("anything else is io, and says what happened and where", () => {
    const error = diskError("log/000001.log", cause("EACCES"));
    expect(error.kind).toBe("io");
    expect(error.message).toBe("log/000001.log: EACCES: what happened");
  });
});

describe("the real disk, on a device of its own", () => {
  let world: NodeWorld;
  beforeEach(() => {
    world = nodeWorld();
  });
  afterEach(() => world.dispose());

  test("given a device that is full, when a file is written, then the error is `full`, durable or not", async () => {
    // /dev/full refuses every write with ENOSPC, as a full disk does.
    const device = new NodeDisk("/dev", {
      openStore: () => {
        throw new Error("not asked for");
      },
    });
    const file = await world.call<DiskFile>((done) => device.open("full", done));
    const bytes = [new Uint8Array(10)];
    const full = expect.objectContaining({ kind: "full", path: "/dev/full" });
    await expect(world.call((done) => file.write(bytes, 0, done))).rejects.toEqual(full);
    await world.call((done) => file.close(done));
  });

  test("given the leftover of an interrupted replace, then it is not listed, and the next replace takes its place", async () => {
    writeFileSync(join(world.root, "file.tmp"), "half of somethi");
    expect(await world.call((done) => world.disk.list("", done))).toEqual([]);
    await world.call((done) => world.disk.replace("file", Uint8Array.of(1), done));
    expect(readdirSync(world.root)).toEqual(["file"]);
  });

  test("given a folder where a file should be, then the error names the path and the reason", async () => {
    mkdirSync(join(world.root, "file"));
    await expect(world.call((done) => world.disk.readAll("file", done))).rejects.toThrow(/file: EISDIR/);
  });
});
