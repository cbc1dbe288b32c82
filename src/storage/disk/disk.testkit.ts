/** What every disk must do, the real one and its twin. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { DiskError, DiskFile, Done } from "../../core/world.ts";
import { writeDurably } from "./durable-file.ts";
import type { TestWorld } from "./test-world.testkit.ts";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const kind = (expected: DiskError["kind"]): unknown =>
  expect.objectContaining({ name: "DiskError", kind: expected });

export function describeDisk(name: string, makeWorld: () => TestWorld): void {
  describe(`disk (${name})`, () => {
    let world: TestWorld;
    let disk: TestWorld["disk"];
    let call: TestWorld["call"];
    beforeEach(() => {
      world = makeWorld();
      ({ disk, call } = world);
    });
    afterEach(() => world.dispose());

    const create = (path: string, preallocate = 0): Promise<DiskFile> =>
      call((done) => disk.create(path, preallocate, done));

    describe("files", () => {
      test("a created file is filled with zeros, in folders that need not exist", async () => {
        const file = await create("a/b/file", 3_000_000);
        expect(await call((done) => file.size(done))).toBe(3_000_000);
        const bytes = await call((done) => file.read(2_999_000, 5000, done));
        expect(bytes).toEqual(new Uint8Array(1000));
      });

      test("creating a file that exists is refused and leaves it alone", async () => {
        const file = await create("file", 3);
        await call((done) => file.write([text("abc")], 0, done));
        await expect(create("file", 10)).rejects.toEqual(kind("io"));
        expect(await call((done) => disk.readAll("file", done))).toEqual(text("abc"));
      });

      test("a write puts all its parts at its position, within the file and beyond its end", async () => {
        const file = await create("file", 8);
        await call((done) => file.write([text("ab"), text(""), text("cd")], 2, done));
        await call((done) => file.write([text("XY")], 10, done));
        await call((done) => file.sync(done));
        expect(await call((done) => disk.readAll("file", done))).toEqual(text("\0\0abcd\0\0\0\0XY"));
      });

      test("a write of thousands of parts arrives whole", async () => {
        const file = await create("file");
        const parts = Array.from({ length: 5000 }, (_, i) => Uint8Array.of(i % 256, i >> 8));
        await call((done) => file.write(parts, 0, done));
        expect(await call((done) => file.read(0, 10_000, done))).toEqual(
          Uint8Array.from(parts.flatMap((part) => [...part])),
        );
      });

      test("a durable write is there for other handles too", async () => {
        const file = await create("file", 100);
        await call((done) => writeDurably(file, [text("abc")], 50, done));
        await call((done) => writeDurably(file, [text("def")], 53, done));
        const other = await call<DiskFile>((done) => disk.open("file", done));
        expect(await call((done) => other.read(50, 6, done))).toEqual(text("abcdef"));
      });

      test("operations on one file are answered in the order in which they were asked for", async () => {
        const file = await create("file", 1 << 20);
        const answers: string[] = [];
        const note =
          (answer: string): Done<unknown> =>
          (error) => {
            answers.push(error === null ? answer : error.kind);
          };
        await call<Uint8Array>((done) => {
          file.write([new Uint8Array(1 << 20).fill(1)], 0, note("large write"));
          file.write([text("x")], 0, note("small write"));
          file.size(note("size"));
          file.sync(note("sync"));
          file.truncate(2, note("truncate"));
          file.read(0, 10, (error, bytes) => {
            note("read")(error);
            done(error, bytes!);
          });
        }).then((bytes) => expect(bytes).toEqual(Uint8Array.of(120, 1)));
        expect(answers).toEqual(["large write", "small write", "size", "sync", "truncate", "read"]);
      });

      test("a closed file refuses everything", async () => {
        const file = await create("file", 10);
        await call((done) => file.close(done));
        await expect(call((done) => file.write([text("a")], 0, done))).rejects.toEqual(kind("io"));
        await expect(call((done) => file.sync(done))).rejects.toEqual(kind("io"));
      });

      test("an open file outlives its name", async () => {
        const file = await create("file", 1);
        await call((done) => disk.remove("file", done));
        await call((done) => file.write([text("a")], 0, done));
        expect(await call((done) => file.read(0, 1, done))).toEqual(text("a"));
      });
    });

    describe("names", () => {
      test("what does not exist is missing, or an empty list", async () => {
        await create("file");
        await expect(call((done) => disk.open("none", done))).rejects.toEqual(kind("missing"));
        await expect(call((done) => disk.readAll("folder/none", done))).rejects.toEqual(kind("missing"));
        expect(await call((done) => disk.list("folder", done))).toEqual([]);
        await call((done) => disk.remove("none", done));
      });

      test("a list has the names in a folder, sorted, not those below them", async () => {
        for (const path of ["f/b", "f/a", "f/sub/c", "f/B", "g"]) await create(path);
        expect(await call((done) => disk.list("f", done))).toEqual(["B", "a", "b", "sub"]);
      });

      test("replacing a file exchanges its content as a whole, also twice at once", async () => {
        await call((done) => disk.replace("folder/file", text("a longer first content"), done));
        await call<void>((done) => {
          disk.replace("folder/file", text("second"), () => undefined);
          disk.replace("folder/file", text("third"), done);
        });
        expect(await call((done) => disk.readAll("folder/file", done))).toEqual(text("third"));
        expect(await call((done) => disk.list("folder", done))).toEqual(["file"]);
      });

      test("a removed file is gone", async () => {
        await create("folder/file");
        await call((done) => disk.remove("folder/file", done));
        expect(await call((done) => disk.list("folder", done))).toEqual([]);
      });

      test("a path out of the directory is a defect of the caller", () => {
        for (const path of ["../x", "/etc/passwd", "a//b", "a/./b"]) {
          expect(() => disk.readAll(path, () => undefined)).toThrow("a path inside the data directory");
        }
      });
    });

    test("a file that cannot fit is refused as full, and nothing of it is left", async () => {
      await create("folder/file");
      const free = await call<number>((done) => disk.free(done));
      expect(free).toBeGreaterThan(0);
      await expect(create("folder/large", free * 2)).rejects.toEqual(kind("full"));
      expect(await call((done) => disk.list("folder", done))).toEqual(["file"]);
    });

    test("a store that cannot be opened says why", async () => {
      await expect(call((done) => disk.openStore("state", done))).rejects.toThrow("this world has no store");
    });
  });
}
