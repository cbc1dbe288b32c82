import { describe, expect, test } from "vitest";
import type { DiskFile } from "../../core/world.ts";
import { writeDurably } from "./durable-file.ts";
import { describeDisk } from "./disk.testkit.ts";
import type { Boundary } from "./simulated-disk.ts";
import { simulatedWorld } from "./test-world.testkit.ts";
import type { SimulatedWorld } from "./test-world.testkit.ts";

describeDisk("simulated disk", () => simulatedWorld(1, { capacity: 10_000_000 }));
describeDisk("simulated disk, slow and stalling", () =>
  simulatedWorld(2, {
    capacity: 10_000_000,
    readLatency: { min: 0, max: 3 },
    writeLatency: { min: 1, max: 5 },
    syncLatency: { min: 1, max: 50 },
    stall: { probability: 0.2, min: 100, max: 1000 },
  }),
);

const filled = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);

async function fileOf(world: SimulatedWorld, bytes: number): Promise<DiskFile> {
  return world.call<DiskFile>((done) => world.disk.create("file", bytes, done));
}

const write = (world: SimulatedWorld, file: DiskFile, bytes: Uint8Array, position: number): Promise<void> =>
  world.call((done) => file.write([bytes], position, done));

/** Which of the given pieces of "file" hold their value: "1" all of it, "0" nothing, "t" torn. */
function survivors(world: SimulatedWorld, pieceBytes: number, pieces: number): string {
  let out = "";
  for (let i = 0; i < pieces; i++) {
    const piece = world.disk.peek("file", i * pieceBytes, pieceBytes);
    if (piece.every((byte) => byte === i + 1)) out += "1";
    else out += piece.every((byte) => byte === 0) ? "0" : "t";
  }
  return out;
}

describe("a power failure", () => {
  test("what was synced is there, and each later write survives whole, torn, or not at all, for itself", async () => {
    const outcomes = new Set<string>();
    for (let seed = 0; seed < 400; seed++) {
      const world = simulatedWorld(seed);
      const file = await fileOf(world, 4 * 2048);
      await write(world, file, filled(2048, 1), 0);
      await world.call((done) => file.sync(done));
      for (const i of [1, 2, 3]) await write(world, file, filled(2048, i + 1), i * 2048);
      world.disk.crash();
      outcomes.add(survivors(world, 2048, 4));
    }
    for (const outcome of outcomes) expect(outcome[0]).toBe("1");
    // 3 writes with 3 fates each: also the last one there while the ones before it are lost.
    expect(outcomes.size).toBe(27);
    expect(outcomes).toContain("1001");
  });

  test("a torn write is torn between sectors, never within one", async () => {
    for (let seed = 0; seed < 200; seed++) {
      const world = simulatedWorld(seed, { survival: { whole: 0, torn: 1 } });
      const file = await fileOf(world, 4096);
      await write(world, file, filled(2000, 1), 100);
      world.disk.crash();
      const bytes = world.disk.peek("file");
      for (const [from, to] of [
        [100, 512],
        [512, 1024],
        [1024, 1536],
        [1536, 2048],
        [2048, 2100],
      ]) {
        expect(new Set(bytes.subarray(from, to)).size).toBe(1);
      }
    }
  });

  test("it finds operations under way at any stage, and nobody is ever answered", async () => {
    const seen = { created: new Set<number>(), replaced: new Set<string>(), removed: new Set<boolean>() };
    for (let seed = 0; seed < 100; seed++) {
      const world = simulatedWorld(seed, { syncLatency: { min: 5, max: 5 } });
      const { disk } = world;
      await world.call((done) => disk.replace("replaced", filled(1, 1), done));
      await world.call((done) => disk.replace("removed", filled(1, 1), done));
      const dead = (): void => expect.unreachable("answered after a crash");
      disk.create("created", 1000, dead);
      disk.replace("replaced", filled(1, 2), dead);
      disk.remove("removed", dead);
      world.clock.run(undefined, 3);
      disk.crash();
      world.clock.run();
      const paths = disk.paths();
      seen.created.add(paths.includes("created") ? Math.sign(disk.peek("created").length) : -1);
      seen.replaced.add(String(disk.peek("replaced")));
      seen.removed.add(paths.includes("removed"));
    }
    expect([...seen.created].filter((size) => size !== 0).sort()).toEqual([-1, 1]);
    expect(seen.replaced).toEqual(new Set(["1", "2"]));
    expect(seen.removed).toEqual(new Set([true, false]));
  });

  test("handles of the life before are dead; the file can be opened again", async () => {
    const world = simulatedWorld();
    const file = await fileOf(world, 10);
    world.disk.crash();
    file.write([filled(1, 1)], 0, () => expect.unreachable("a dead handle answered"));
    world.clock.run();
    const again = await world.call<DiskFile>((done) => world.disk.open("file", done));
    expect(await world.call((done) => again.read(0, 10, done))).toEqual(filled(10, 0));
  });
});

describe("kill -9", () => {
  test("what was written is in the cache of the operating system; a later power failure may still take it", async () => {
    let lost = 0;
    for (let seed = 0; seed < 50; seed++) {
      const world = simulatedWorld(seed);
      const file = await fileOf(world, 512);
      await write(world, file, filled(512, 1), 0);
      world.disk.crash("process");
      expect(survivors(world, 512, 1)).toBe("1");
      world.disk.crash("power");
      if (survivors(world, 512, 1) === "0") lost++;
    }
    expect(lost).toBeGreaterThan(5);
  });
});

describe("faults", () => {
  test("a failed sync is not mended by a later one that succeeds; writing again is what helps", async () => {
    const outcomes = { synced: new Set<string>(), rewritten: new Set<string>() };
    for (let seed = 0; seed < 50; seed++) {
      for (const way of ["synced", "rewritten"] as const) {
        const world = simulatedWorld(seed);
        const file = await fileOf(world, 512);
        await write(world, file, filled(512, 1), 0);
        world.disk.failNextSync();
        await expect(world.call((done) => file.sync(done))).rejects.toMatchObject({ kind: "sync" });
        if (way === "rewritten") await write(world, file, filled(512, 1), 0);
        await world.call((done) => file.sync(done));
        expect(survivors(world, 512, 1)).toBe("1");
        world.disk.crash();
        outcomes[way].add(survivors(world, 512, 1));
      }
    }
    expect(outcomes.synced).toContain("0");
    expect(outcomes.rewritten).toEqual(new Set(["1"]));
  });

  test("planned faults hit the file they name", async () => {
    const world = simulatedWorld();
    const file = await fileOf(world, 4096);
    world.disk.failNextWrite("other");
    await write(world, file, filled(10, 1), 0);
    world.disk.failNextWrite("file");
    await expect(write(world, file, filled(10, 2), 0)).rejects.toMatchObject({ kind: "io", path: "file" });
    world.disk.misdirectNextWrite("file");
    await write(world, file, filled(10, 7), 1024);
    expect(world.disk.peek("file", 1024, 10)).toEqual(filled(10, 0));
    expect(world.disk.peek("file").filter((byte) => byte === 7)).toHaveLength(10);
  });

  test("a full disk takes what fits into the file and refuses the rest, until there is space", async () => {
    const world = simulatedWorld(1, { capacity: 100 });
    const file = await fileOf(world, 90);
    await expect(write(world, file, filled(20, 1), 85)).rejects.toMatchObject({ kind: "full" });
    expect(world.disk.peek("file", 80)).toEqual(Uint8Array.of(0, 0, 0, 0, 0, 1, 1, 1, 1, 1));
    expect(await world.call((done) => world.disk.free(done))).toBe(10);
    world.disk.setCapacity(200);
    await write(world, file, filled(20, 1), 85);
    expect(world.disk.used()).toBe(105);
  });

  test("a full copy-on-write disk refuses to overwrite, too", async () => {
    const world = simulatedWorld(1, { capacity: 90, copyOnWrite: true });
    world.disk.setCapacity(1000);
    const file = await fileOf(world, 90);
    world.disk.setCapacity(90);
    await expect(world.call((done) => writeDurably(file, [filled(5, 1)], 0, done))).rejects.toMatchObject({
      kind: "full",
    });
  });

  test("errors and rot come with the chance that was asked for", async () => {
    const world = simulatedWorld(3, {
      writeErrorProbability: 0.5,
      readErrorProbability: 0.5,
      rotProbability: 1,
    });
    const file = await fileOf(world, 100);
    let failed = 0;
    for (let i = 0; i < 100; i++) await write(world, file, filled(1, 0), 0).catch(() => failed++);
    for (let i = 0; i < 100; i++) await world.call((done) => file.read(0, 1, done)).catch(() => failed++);
    expect(failed).toBeGreaterThan(70);
    expect(failed).toBeLessThan(130);
    world.disk.crash();
    const ones = [...world.disk.peek("file")].reduce(
      (sum, byte) => sum + byte.toString(2).replaceAll("0", "").length,
      0,
    );
    expect(ones).toBe(1);
  });
});

describe("boundaries", () => {
  test("every one is counted, and the same seed gives the same history", async () => {
    const history = async (seed: number): Promise<string[]> => {
      const world = simulatedWorld(seed, {
        writeLatency: { min: 1, max: 9 },
        syncLatency: { min: 1, max: 9 },
      });
      const seen: string[] = [];
      world.disk.setBoundaryHook((n: number, kind: Boundary) => {
        seen.push(`${n} ${kind} ${world.clock.now()}`);
      });
      const file = await fileOf(world, 10);
      await write(world, file, filled(1, 1), 0);
      await world.call((done) => writeDurably(file, [filled(1, 1)], 0, done));
      await world.call((done) => file.truncate(1, done));
      await world.call((done) => file.sync(done));
      await world.call((done) => world.disk.replace("a", filled(1, 1), done));
      await world.call((done) => world.disk.remove("a", done));
      return seen;
    };
    const first = await history(7);
    expect(first.map((line) => line.split(" ")[1])).toEqual(
      [
        "create-begun create-ended write-begun write-ended write-begun write-ended sync-ended truncate-begun",
        "truncate-ended sync-begun sync-ended replace-begun replace-ended remove-begun remove-ended",
      ].flatMap((line) => line.split(" ")),
    );
    expect(await history(7)).toEqual(first);
    expect(await history(8)).not.toEqual(first);
  });

  test("a crash at a boundary leaves the caller without an answer", async () => {
    for (const [boundary, survives] of [
      ["sync-begun", false],
      ["sync-ended", true],
    ] as const) {
      const world = simulatedWorld(1, { survival: { whole: 0, torn: 0 } });
      const file = await fileOf(world, 10);
      world.disk.setBoundaryHook((_, kind) => {
        if (kind === boundary) world.disk.crash();
      });
      file.write([filled(10, 1)], 0, () => {
        file.sync(() => expect.unreachable("answered after a crash"));
      });
      world.clock.run();
      expect(survivors(world, 10, 1)).toBe(survives ? "1" : "0");
    }
  });
});
