import { mkdtemp, readdir, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Store } from "../../core/world.ts";
import { openLevelStore } from "./level-store.ts";
import { SimulatedStoreDisk } from "./simulated-store.ts";
import { describeStore } from "./store.testkit.ts";
import { bytes, call, realClock, SeededRandom, text, VirtualClock } from "./world.testkit.ts";

describeStore("the level store", async () => {
  const folder = await mkdtemp(join(tmpdir(), "kvorum-store-"));
  return {
    open: () => call<Store>((done) => openLevelStore(join(folder, "state"), done)),
    remove: () => rm(folder, { recursive: true }),
  };
});

describeStore("the simulated store", async () => {
  const random = new SeededRandom(1);
  const disk = new SimulatedStoreDisk({ clock: realClock, random, latency: { min: 0, max: 0 } });
  return {
    open: () => call<Store>((done) => disk.open(done)),
    remove: async () => undefined,
  };
});

test("a level store whose description is damaged is refused, and says so", async () => {
  const folder = await mkdtemp(join(tmpdir(), "kvorum-store-"));
  const path = join(folder, "state");
  const store = await call<Store>((done) => openLevelStore(path, done));
  await call<void>((done) => store.write([{ type: "put", key: bytes("a"), value: bytes("1") }], done));
  await call<void>((done) => store.close(done));
  const manifest = (await readdir(path)).find((name) => name.startsWith("MANIFEST"))!;
  await truncate(join(path, manifest), 10);
  await expect(call<Store>((done) => openLevelStore(path, done))).rejects.toMatchObject({
    name: "DiskError",
    kind: "corrupt",
  });
  await rm(folder, { recursive: true });
});

test("a level store where a file is in the way is refused as an input/output error with the path", async () => {
  const folder = await mkdtemp(join(tmpdir(), "kvorum-store-"));
  await writeFile(join(folder, "state"), "not a folder");
  const opening = call<Store>((done) => openLevelStore(join(folder, "state"), done));
  await expect(opening).rejects.toMatchObject({ kind: "io", path: join(folder, "state") });
  await rm(folder, { recursive: true });
});

test("a simulated crash keeps completed writes, and of those under way a beginning of the order, each whole", () => {
  const outcomes = new Set<string>();
  for (let seed = 1; seed <= 200; seed++) {
    const clock = new VirtualClock();
    const random = new SeededRandom(seed);
    const disk = new SimulatedStoreDisk({ clock, random });
    let store: Store | undefined;
    const open = (): Store => {
      store = undefined;
      disk.open((_, opened) => (store = opened));
      clock.runUntil(() => store !== undefined);
      return store!;
    };
    const first = open();
    let completed = 0;
    for (let i = 1; i <= 5; i++) {
      const value = bytes(`${i}`);
      first.write(
        [
          { type: "put", key: bytes("a"), value },
          { type: "put", key: bytes("b"), value },
        ],
        () => (completed = i),
      );
    }
    clock.run(random.next() * 25);
    const before = completed;
    disk.crash();
    clock.run(1000);
    expect(completed).toBe(before);
    const second = open();
    const a = Number(text(second.get(bytes("a"))) ?? 0);
    expect(Number(text(second.get(bytes("b"))) ?? 0)).toBe(a);
    expect(a).toBeGreaterThanOrEqual(before);
    outcomes.add(`${a - before}`);
    expect(() => first.get(bytes("a"))).toThrow("closed");
  }
  expect(outcomes.size).toBeGreaterThan(3);
});

test("a full simulated disk refuses writes until there is space; a failed write is the handle's last", () => {
  const clock = new VirtualClock();
  const disk = new SimulatedStoreDisk({ clock, random: new SeededRandom(1) });
  const results: string[] = [];
  disk.open((_, store) => {
    const write = (value: string) =>
      store!.write([{ type: "put", key: bytes("k"), value: bytes(value) }], (error) =>
        results.push(error === null ? value : `${value}: ${error.kind}`),
      );
    disk.setFull(true);
    write("1");
    clock.setTimer(100, () => {
      disk.setFull(false);
      write("2");
    });
    clock.setTimer(200, () => {
      disk.failNextWrite();
      write("3");
      write("4");
    });
  });
  clock.run(1000);
  expect(results).toEqual(["1: full", "2", "3: io", "4: io"]);
});

test("a stalled simulated disk answers once it goes on", () => {
  const clock = new VirtualClock();
  const disk = new SimulatedStoreDisk({ clock, random: new SeededRandom(1) });
  let done = false;
  disk.open((_, store) => {
    disk.setStalled(true);
    store!.write([], () => (done = true));
  });
  clock.run(10_000);
  expect(done).toBe(false);
  disk.setStalled(false);
  clock.run(10);
  expect(done).toBe(true);
});
