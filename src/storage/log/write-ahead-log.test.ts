import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { groupId } from "../../core/ids.ts";
import type { GroupId } from "../../core/ids.ts";
import { DiskError } from "../../core/world.ts";
import { nodeWorld, simulatedWorld } from "../disk/test-world.testkit.ts";
import type { TestWorld } from "../disk/test-world.testkit.ts";
import {
  append,
  close,
  content,
  damage,
  eventually,
  found,
  groups,
  open,
  pause,
  record,
  records,
  segments,
  withDisk,
} from "./log.testkit.ts";
import type { OwnOptions } from "./log.testkit.ts";
import type { LogRecord, WriteAheadLog } from "./write-ahead-log.ts";

const WORLDS = [
  ["real disk", nodeWorld],
  ["simulated disk", () => simulatedWorld()],
] as const;

describe.each(WORLDS)("the log on a %s", (_, makeWorld) => {
  let world: TestWorld;
  beforeEach(() => {
    world = makeWorld();
  });
  afterEach(() => world.dispose());

  describe("what was appended is found", () => {
    test("in its order, after any number of openings", async () => {
      const first = await open(world);
      expect(first.found).toEqual([]);
      await append(world, first.log, "1:a", "2!b", "1:c");
      await append(world, first.log, "1:d");
      await close(world, first.log);

      const second = await open(world);
      expect(second.found).toEqual(["1:a", "2!b", "1:c", "1:d"]);
      await append(world, second.log, "3:e");
      await close(world, second.log);
      expect(await found(world)).toEqual(["1:a", "2!b", "1:c", "1:d", "3:e"]);
    });

    test("over many segments", async () => {
      const { log } = await open(world);
      const written = Array.from({ length: 60 }, (_unused, i) => `1:${i} ${"x".repeat(400)}`);
      for (const one of written) await append(world, log, one);
      expect(log.stats().segments).toBeGreaterThan(6);
      await close(world, log);
      expect(await found(world)).toEqual(written);
    });

    test("also when a record is larger than a segment, and the ones after it too", async () => {
      const { log } = await open(world, { segmentBytes: 8192 });
      const huge = `1:${"h".repeat(1_000_000)}`;
      await append(world, log, "1:before");
      await append(world, log, huge);
      await append(world, log, "1:after");
      expect(await content(world, "000002.log")).toHaveLength(1_000_568);
      await close(world, log);
      expect(await found(world)).toEqual(["1:before", huge, "1:after"]);
    });

    test("a value of 16 MiB fits into one record of a log with default segments", async () => {
      const { log } = await open(world, { segmentBytes: 16 << 20 });
      const bytes = new Uint8Array(16 << 20).fill(7);
      await world.call((done) => log.append([{ group: groupId(1), checkpoint: false, bytes }], done));
      await close(world, log);
      const visited = await found(world);
      expect(visited.map((one) => one.length)).toEqual([2 + bytes.length]);
    });

    test("with empty records, and appends without records", async () => {
      const { log } = await open(world);
      await append(world, log, "1:");
      await append(world, log);
      await append(world, log, "4000000000!");
      await close(world, log);
      expect(await found(world)).toEqual(["1:", "4000000000!"]);
    });
  });

  describe("group commit", () => {
    test("appends that come while one is under way share the next sync; callbacks come in order", async () => {
      const { log } = await open(world);
      const answers: number[] = [];
      await world.call<void>((done) => {
        for (let i = 0; i < 20; i++) {
          log.append(records(`1:${i}`), (error) => {
            expect(error).toBeNull();
            answers.push(i);
            if (i === 19) done(null);
          });
        }
      });
      expect(answers).toEqual(Array.from({ length: 20 }, (_unused, i) => i));
      expect(log.stats()).toMatchObject({ appends: 20, syncs: 2, failed: null });
      await close(world, log);
    });

    test("appends from within a callback share one sync as well", async () => {
      const { log } = await open(world);
      await world.call<void>((done) => {
        log.append(records("1:a"), () => {
          for (let i = 0; i < 5; i++) log.append(records(`1:${i}`), i === 4 ? done : () => undefined);
        });
      });
      expect(log.stats()).toMatchObject({ appends: 6, syncs: 2 });
      await close(world, log);
    });

    test("closing finishes what was appended, and refuses what comes later", async () => {
      const { log } = await open(world);
      const answers: string[] = [];
      await world.call<void>((done) => {
        log.append(records("1:a"), (error) => answers.push(`a ${error}`));
        log.append(records("1:b"), (error) => answers.push(`b ${error}`));
        log.close(done);
        log.append(records("1:late"), (error) => answers.push(`late ${error?.kind}`));
      });
      expect(answers.sort()).toEqual(["a null", "b null", "late io"]);
      expect(await found(world)).toEqual(["1:a", "1:b"]);
    });
  });

  describe("freeing segments", () => {
    const big = (prefix: string): string => `${prefix}${"x".repeat(3000)}`;

    test("a segment goes when every group has a checkpoint in a later one", async () => {
      const { log } = await open(world);
      await append(world, log, "1:old", "2:old");
      await append(world, log, big("1:"));
      await append(world, log, big("1:"));
      expect(log.stats().oldestSegment).toBe(1);
      await append(world, log, big("1!"));
      // Group 2 still needs the first segment, and with it all after it.
      expect(log.stats().oldestSegment).toBe(1);
      await append(world, log, "2!new");
      // The last batch could still be lost unnoticed.
      await pause(world, 30);
      expect(log.stats().oldestSegment).toBe(1);
      await append(world, log, "1:more");
      await close(world, log);
      expect((await segments(world))[0]).toBe("000003.log");
      expect((await found(world)).map((one) => one.slice(0, 6))).toEqual(["1!xxxx", "2!new", "1:more"]);
    });

    test("a group that was dropped keeps nothing, also when a record of it was just being written", async () => {
      const { log } = await open(world);
      await append(world, log, "1:x", "2:x");
      await world.call<void>((done) => {
        log.append(records("2:last"), done);
        log.drop(groupId(2));
      });
      await append(world, log, big("1:"));
      await append(world, log, big("1!"));
      await append(world, log, "1:more");
      await close(world, log);
      expect((await segments(world))[0]).toBe("000002.log");
    });

    test("over the limit, the groups that keep the oldest segments are named until they move on", async () => {
      const pressures: (readonly GroupId[])[] = [];
      const own: OwnOptions = { retainBytes: 3 * 4096, onPressure: (named) => pressures.push(named) };
      const { log } = await open(world, own);
      await append(world, log, "1:a", big("2:"));
      await append(world, log, big("3:"));
      await append(world, log, big("3:"));
      expect(pressures).toEqual([]);
      await append(world, log, big("2!"));
      await append(world, log, big("3!"));
      await append(world, log, "1!a");
      await append(world, log, "1:b");
      // Entering the fourth segment is one too many, but group 2 has just moved on; then group 3.
      await eventually(world, () => pressures.length > 1);
      expect(pressures).toEqual([groups(1), groups(1)]);
      await eventually(world, () => log.stats().oldestSegment === 4);
      await append(world, log, big("3!"));
      await append(world, log, big("3!"));
      await eventually(world, () => pressures.length === 3);
      expect(pressures[2]).toEqual(groups(2));
      await append(world, log, "2!a");
      await append(world, log, "3:a");
      await eventually(world, () => log.stats().oldestSegment === 5);
      await close(world, log);
    });

    test("while one group does not move on, the others are not told to: it would free nothing", async () => {
      const pressures: (readonly GroupId[])[] = [];
      const own: OwnOptions = { retainBytes: 2 * 4096, onPressure: (named) => pressures.push(named) };
      const { log } = await open(world, own);
      await append(world, log, "1:a", big("2:"));
      await append(world, log, big("3:"));
      for (let i = 0; i < 6; i++) await append(world, log, big("3:"));
      await eventually(world, () => pressures.length === 6);
      expect(pressures[0]).toEqual(groups(1, 2));
      await append(world, log, big("2!"));
      for (let i = 0; i < 3; i++) await append(world, log, big("3:"));
      await eventually(world, () => pressures.length === 10);
      expect(pressures.slice(7)).toEqual([groups(1), groups(1), groups(1)]);
      await close(world, log);
    });

    test("what keeps a segment is known again after opening", async () => {
      const first = await open(world);
      await append(world, first.log, "1:a", "2:a");
      for (let i = 0; i < 3; i++) await append(world, first.log, big("2!"));
      await close(world, first.log);
      const second = await open(world);
      expect(second.log.stats().oldestSegment).toBe(1);
      await append(world, second.log, "1!a");
      await append(world, second.log, "1:b");
      await close(world, second.log);
      expect((await segments(world))[0]).toBe("000003.log");
    });
  });

  describe("what does not belong here is refused, with the place and what to do", () => {
    async function threeSegments(): Promise<void> {
      const { log } = await open(world);
      for (let i = 0; i < 6; i++) await append(world, log, `1:${i} ${"x".repeat(1500)}`);
      await close(world, log);
      expect((await segments(world)).slice(0, 3)).toEqual(["000001.log", "000002.log", "000003.log"]);
    }
    const refusal = async (): Promise<DiskError> => {
      try {
        await open(world);
      } catch (error) {
        return error as DiskError;
      }
      throw new Error("was not refused");
    };

    test("damage in the middle", async () => {
      await threeSegments();
      await damage(world, "000002.log", 600, Uint8Array.of(1));
      const error = await refusal();
      expect(error).toMatchObject({ kind: "corrupt", path: "log/000002.log" });
      expect(error.message).toContain("segment 000002.log offset 512: checksum mismatch in batch 3");
      expect(error.message).toContain("batch 4 in segment 000002.log is intact");
      expect(error.message).toContain("let it join again");
    });

    test("damage at the end of a segment, when the log goes on in the next one", async () => {
      await threeSegments();
      await damage(world, "000001.log", 2200, Uint8Array.of(1));
      expect((await refusal()).message).toMatch(
        /segment 000001\.log offset 2064: checksum mismatch in batch 2/,
      );
    });

    test("a batch that is gone without a trace", async () => {
      await threeSegments();
      await damage(world, "000001.log", 2064, new Uint8Array(2000));
      expect((await refusal()).message).toMatch(
        /segment 000002\.log offset 512: batch 3 where 2 is expected/,
      );
    });

    test("damage to the only batch of the oldest segment, where no number is expected yet", async () => {
      const { log } = await open(world);
      for (let i = 0; i < 3; i++) await append(world, log, `1:${i} ${"x".repeat(3000)}`);
      await close(world, log);
      await damage(world, "000001.log", 600, Uint8Array.of(1));
      const { message } = await refusal();
      expect(message).toMatch(
        /segment 000001\.log offset 512: checksum mismatch in batch 1; batch 2 in segment/,
      );
    });

    test("a batch that the disk wrote to another place", async () => {
      await threeSegments();
      const segment = await content(world, "000003.log");
      await damage(world, "000003.log", 2064, segment.subarray(512, 1000));
      const { message } = await refusal();
      expect(message).toMatch(
        /offset 2064: misdirected: this batch belongs to segment 000003\.log offset 512/,
      );
    });

    test("a damaged header of a segment in use", async () => {
      await threeSegments();
      await damage(world, "000002.log", 15, Uint8Array.of(1));
      expect((await refusal()).message).toMatch(
        /segment 000002\.log offset 0: the segment's header is damaged/,
      );
    });

    test("a segment that is missing between others", async () => {
      await threeSegments();
      await world.call((done) => world.disk.remove("log/000002.log", done));
      expect((await refusal()).message).toMatch(
        /log\/000002\.log: segment 000002\.log is missing: 000003\.log follows/,
      );
    });

    test("a segment of another data directory", async () => {
      await threeSegments();
      await expect(open(world, { instance: "f".repeat(32) })).rejects.toThrow(
        /log\/000001\.log: belongs to another data directory \(its instance is 00112233445566778899aabbccddeeff/,
      );
    });

    test("a segment under another name", async () => {
      await threeSegments();
      const segment = await content(world, "000001.log");
      await damage(world, "000003.log", 0, segment);
      expect((await refusal()).message).toMatch(
        /segment 000003\.log offset 0: the file is segment 000001\.log, renamed/,
      );
    });

    test("a newer format", async () => {
      await threeSegments();
      await damage(world, "000001.log", 8, Uint8Array.of(0, 0, 0, 2));
      expect((await refusal()).message).toMatch(
        /written by a newer Kvorum \(log format 2; this version knows 1\)/,
      );
    });

    test("other files in the folder do not disturb", async () => {
      await threeSegments();
      for (const name of ["notes.txt", "1.log", "0000001.log"]) {
        await world.call((done) => world.disk.replace(`log/${name}`, Uint8Array.of(1), done));
      }
      expect(await found(world)).toHaveLength(6);
    });
  });

  describe("a torn tail", () => {
    test("at every byte of the last batch: cut off there, the log goes on without it", async () => {
      const { log } = await open(world);
      await append(world, log, "1:a", "2:b");
      await append(world, log, "1:first", "1:second record");
      await close(world, log);
      const whole = await content(world, "000001.log");
      const start = 512 + 64;
      const end = start + 40 + 2 * 9 + "first".length + "second record".length;
      for (let cut = start; cut <= end; cut++) {
        const torn = whole.slice();
        torn.fill(0, cut);
        await damage(world, "000001.log", 0, torn);
        const opened = await open(world);
        const kept = cut === end ? ["1:first", "1:second record"] : [];
        expect(opened.found).toEqual(["1:a", "2:b", ...kept]);
        await append(world, opened.log, "3:c");
        await close(world, opened.log);
        expect(await found(world)).toEqual(["1:a", "2:b", ...kept, "3:c"]);
      }
    });

    test("whatever byte of the last batch is wrong, it is cut off; of an earlier one, it is refused", async () => {
      const { log } = await open(world);
      await append(world, log, "1:a", "2:b");
      await append(world, log, "1:last");
      await close(world, log);
      const whole = await content(world, "000001.log");
      const flipped = (offset: number): Uint8Array => Uint8Array.of(whole[offset]! ^ 0x10);
      // 512 + 40 + two records of 10 bytes, padded; then 40 and a record of 13.
      for (let offset = 512; offset < 512 + 60; offset++) {
        await damage(world, "000001.log", 0, whole);
        await damage(world, "000001.log", offset, flipped(offset));
        await expect(open(world)).rejects.toThrow(/segment 000001\.log offset 512: /);
      }
      for (let offset = 576; offset < 576 + 40 + 13; offset++) {
        await damage(world, "000001.log", 0, whole);
        await damage(world, "000001.log", offset, flipped(offset));
        expect(await found(world)).toEqual(["1:a", "2:b"]);
      }
    });

    test("leftovers of it are cleared, so that no later batch ends in them", async () => {
      const { log } = await open(world);
      await append(world, log, "1:a");
      await append(world, log, `1:${"x".repeat(2000)}`);
      await close(world, log);
      await damage(world, "000001.log", 570, new Uint8Array(40));
      expect(await found(world)).toEqual(["1:a"]);
      const cleared = await content(world, "000001.log");
      expect(cleared.subarray(568).every((byte) => byte === 0)).toBe(true);
    });

    test("in a segment that is its only batch: the segment goes", async () => {
      const { log } = await open(world);
      await append(world, log, `1:${"x".repeat(3000)}`);
      await append(world, log, `1:${"y".repeat(3000)}`);
      await close(world, log);
      await damage(world, "000002.log", 600, Uint8Array.of(0));
      expect(await found(world)).toEqual([`1:${"x".repeat(3000)}`]);
      expect(await segments(world)).toEqual(["000001.log"]);
    });

    test("of the very first batch: an empty log", async () => {
      const { log } = await open(world);
      await append(world, log, "1:a");
      await close(world, log);
      await damage(world, "000001.log", 560, Uint8Array.of(0xff));
      expect(await found(world)).toEqual([]);
    });
  });
});

describe("a disk that fails", () => {
  async function outcomes(log: WriteAheadLog, world: TestWorld, count: number): Promise<(string | null)[]> {
    const kinds: (string | null)[] = [];
    await world.call<void>((done) => {
      for (let i = 0; i < count; i++) {
        log.append(records(`1:${i}`), (error) => {
          kinds.push(error?.kind ?? null);
          if (kinds.length === count) done(null);
        });
      }
    });
    return kinds;
  }

  test.each([
    ["sync", "failNextSync"],
    ["io", "failNextWrite"],
  ] as const)("given a failed %s, then this append and all later ones fail for good", async (kind, fail) => {
    const world = simulatedWorld();
    const { log } = await open(world);
    await append(world, log, "1:before");
    world.disk[fail]("log/000001.log");
    expect(await outcomes(log, world, 3)).toEqual([kind, kind, kind]);
    expect(await outcomes(log, world, 2)).toEqual([kind, kind]);
    expect(log.stats().failed).toMatchObject({ kind, path: "log/000001.log" });
    expect(log.stats()).toMatchObject({ appends: 1, syncs: 1 });
    await close(world, log);
  });

  test("given a failed sync and a restart of the process, then what it finds survives a power failure", async () => {
    let kept = 0;
    for (let seed = 0; seed < 60; seed++) {
      const world = simulatedWorld(seed, { survival: { whole: 0.1, torn: 0.3 } });
      const first = await open(world);
      await append(world, first.log, "1:a");
      world.disk.failNextSync();
      await expect(append(world, first.log, `1:b${"x".repeat(1000)}`)).rejects.toMatchObject({
        kind: "sync",
      });
      world.disk.crash("process");
      const second = await open(world);
      world.disk.crash("power");
      const third = await open(world);
      expect(third.found).toEqual(second.found);
      kept += third.found.length - 1;
    }
    expect(kept).toBe(60);
  });

  test("given a disk that becomes full, when space is back, then the log goes on by itself", async () => {
    const world = simulatedWorld(1, { capacity: 2 * 4096 });
    const { log } = await open(world);
    const written: string[] = [];
    const refused: string[] = [];
    for (let i = 0; i < 20; i++) {
      const one = `1:${i} ${"x".repeat(500)}`;
      await append(world, log, one).then(
        () => written.push(one),
        (error: DiskError) => refused.push(error.kind),
      );
    }
    expect(refused.length).toBeGreaterThan(5);
    expect(new Set(refused)).toEqual(new Set(["full"]));
    expect(log.stats().failed).toBeNull();
    world.disk.setCapacity(100 * 4096);
    await append(world, log, "1:again");
    world.disk.crash();
    expect(await found(world)).toEqual([...written, "1:again"]);
  });

  test("given a full disk, then what waits behind a refused append is refused too, never written before it", async () => {
    const world = simulatedWorld(1, { capacity: 4096 });
    const { log } = await open(world);
    await append(world, log, `1:${"x".repeat(3000)}`);
    const answers: string[] = [];
    await world.call<void>((done) => {
      log.append(records("1:in flight"), (error) => answers.push(`in flight ${error?.kind}`));
      log.append([record(`1:${"y".repeat(1000)}`)], (error) => answers.push(`large ${error?.kind}`));
      log.append(records("1:small"), (error) => {
        answers.push(`small ${error?.kind}`);
        done(null);
      });
    });
    expect(answers).toEqual(["in flight undefined", "large full", "small full"]);
    await append(world, log, "1:fits");
    await close(world, log);
    expect((await found(world)).map((one) => one.slice(0, 8))).toEqual(["1:xxxxxx", "1:in fli", "1:fits"]);
  });

  test("given a batch larger than a segment and than the disk, then it is refused and gives its space back", async () => {
    const world = simulatedWorld(1, { capacity: 3 * 4096 });
    const { log } = await open(world);
    await expect(append(world, log, `1:${"x".repeat(20_000)}`)).rejects.toMatchObject({ kind: "full" });
    expect(world.disk.used()).toBe(4096);
    await append(world, log, "1:a");
    world.disk.crash();
    expect(await found(world)).toEqual(["1:a"]);
  });

  test("given a full copy-on-write disk, then nobody is told `refused` before the batch is off the disk", async () => {
    for (let seed = 0; seed < 20; seed++) {
      const world = simulatedWorld(seed, { copyOnWrite: true });
      const { log } = await open(world);
      await append(world, log, "1:a");
      world.disk.setCapacity(world.disk.used());
      let answer: string | null | undefined;
      log.append(records("1:b"), (error) => {
        answer = error?.kind ?? null;
      });
      world.clock.run(undefined, 10_000);
      expect(answer).toBeUndefined();
      world.disk.setCapacity(1_000_000);
      world.clock.run();
      expect(answer).toBe("full");
      await append(world, log, "1:c");
      world.disk.crash();
      expect(await found(world)).toEqual(["1:a", "1:c"]);
    }
  });

  test("given a full copy-on-write disk, when the log is closed, then the append is answered as unknown", async () => {
    const world = simulatedWorld(1, { copyOnWrite: true });
    const { log } = await open(world);
    world.disk.setCapacity(world.disk.used());
    let answer: DiskError | null = null;
    log.append(records("1:b"), (error) => {
      answer = error;
    });
    await close(world, log);
    expect(answer).toMatchObject({ kind: "io" });
  });

  test("given a failure while a segment is removed, then the log has failed", async () => {
    const world = simulatedWorld();
    const failing = withDisk(world, () => ({
      remove: (path, done) => {
        world.clock.defer(() => done(new DiskError("io", path, "EIO")));
      },
    }));
    const { log } = await open(failing);
    await append(world, log, `1:${"x".repeat(3000)}`);
    await append(world, log, `1!${"x".repeat(3000)}`);
    await append(world, log, "1:b");
    world.clock.run();
    expect(log.stats().failed).toMatchObject({ kind: "io", path: "log/000001.log" });
    await expect(append(world, log, "1:a")).rejects.toMatchObject({ kind: "io" });
  });
});

test("a disk without durable writes is used with a write and a sync", async () => {
  const world = simulatedWorld();
  const plain = withDisk(world, (disk) => ({
    create: (path, preallocate, done) => {
      disk.create(path, preallocate, (error, file) => {
        if (error !== null) {
          done(error);
          return;
        }
        done(null, {
          write: (...of) => file!.write(...of),
          sync: (...of) => file!.sync(...of),
          read: (...of) => file!.read(...of),
          size: (...of) => file!.size(...of),
          truncate: (...of) => file!.truncate(...of),
          close: (...of) => file!.close(...of),
        });
      });
    },
  }));
  const { log } = await open(plain);
  await append(world, log, "1:a");
  world.disk.crash();
  expect(await found(world)).toEqual(["1:a"]);
});

test("stats tell sizes and counts", async () => {
  const world = simulatedWorld();
  const { log } = await open(world);
  expect(log.stats()).toEqual({
    bytes: 4096,
    segments: 1,
    oldestSegment: 1,
    appends: 0,
    syncs: 0,
    failed: null,
  });
  await append(world, log, `1:${"x".repeat(1500)}`);
  world.clock.run();
  expect(log.stats()).toEqual({
    bytes: 8192,
    segments: 2,
    oldestSegment: 1,
    appends: 1,
    syncs: 1,
    failed: null,
  });
});

test("many small records and large ones in one batch keep their order", async () => {
  const world = simulatedWorld();
  const { log } = await open(world, { segmentBytes: 100_000 });
  const batch: LogRecord[] = Array.from({ length: 500 }, (_, i) =>
    record(`${i}:${"z".repeat(i % 7 === 0 ? 5000 : i)}`),
  );
  await world.call((done) => log.append(batch, done));
  await close(world, log);
  expect((await found(world)).map((one) => one.length)).toEqual(
    batch.map(({ group, bytes }) => String(group).length + 1 + bytes.length),
  );
});
