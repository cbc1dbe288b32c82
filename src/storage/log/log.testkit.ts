/** Helpers to write stories about the log. */
import { groupId } from "../../core/ids.ts";
import type { GroupId } from "../../core/ids.ts";
import type { Disk, DiskFile } from "../../core/world.ts";
import type { TestWorld } from "../disk/test-world.testkit.ts";
import { openLog } from "./write-ahead-log.ts";
import type { LogOptions, LogRecord, WriteAheadLog } from "./write-ahead-log.ts";

export const INSTANCE = "00112233445566778899aabbccddeeff";

export type OwnOptions = Partial<Omit<LogOptions, "clock">>;

/** A record as `group:text`, or `group!text` for a checkpoint. */
export function record(written: string): LogRecord {
  const [, group, mark, text] = /^(\d+)([:!])(.*)$/s.exec(written)!;
  return {
    group: groupId(Number(group)),
    checkpoint: mark === "!",
    bytes: new TextEncoder().encode(text!),
  };
}

export const records = (...written: string[]): LogRecord[] => written.map(record);

export const show = ({ group, checkpoint, bytes }: LogRecord): string =>
  `${group}${checkpoint ? "!" : ":"}${new TextDecoder().decode(bytes)}`;

export const groups = (...numbers: number[]): GroupId[] => numbers.map(groupId);

/** A log that was opened, and what the opening found. */
export interface OpenedLog {
  readonly log: WriteAheadLog;
  readonly found: readonly string[];
}

export async function open(world: TestWorld, own: OwnOptions = {}): Promise<OpenedLog> {
  const found: string[] = [];
  const options: LogOptions = {
    clock: world.clock,
    instance: INSTANCE,
    segmentBytes: 4096,
    onPressure: () => undefined,
    ...own,
  };
  const log = await world.call<WriteAheadLog>((done) =>
    openLog(world.disk, "log", options, (one) => found.push(show(one)), done),
  );
  return { log, found };
}

export const append = (world: TestWorld, log: WriteAheadLog, ...written: string[]): Promise<void> =>
  world.call((done) => log.append(records(...written), done));

export const close = (world: TestWorld, log: WriteAheadLog): Promise<void> =>
  world.call((done) => log.close(done));

/** What an opening finds; the log is closed again. */
export async function found(world: TestWorld, own: OwnOptions = {}): Promise<readonly string[]> {
  const opened = await open(world, own);
  await close(world, opened.log);
  return opened.found;
}

export const segments = (world: TestWorld): Promise<readonly string[]> =>
  world.call((done) => world.disk.list("log", done));

/** Overwrites bytes of a segment behind the log's back. */
export async function damage(
  world: TestWorld,
  name: string,
  offset: number,
  bytes: Uint8Array,
): Promise<void> {
  const file = await world.call<DiskFile>((done) => world.disk.open(`log/${name}`, done));
  await world.call((done) => file.write([bytes], offset, done));
  await world.call((done) => file.close(done));
}

export const content = (world: TestWorld, name: string): Promise<Uint8Array> =>
  world.call((done) => world.disk.readAll(`log/${name}`, done));

/** The same world with some operations of its disk replaced. */
export function withDisk<W extends TestWorld>(world: W, replaced: (disk: Disk) => Partial<Disk>): TestWorld {
  const { disk } = world;
  const same: Disk = {
    create: (...of) => disk.create(...of),
    open: (...of) => disk.open(...of),
    replace: (...of) => disk.replace(...of),
    readAll: (...of) => disk.readAll(...of),
    list: (...of) => disk.list(...of),
    remove: (...of) => disk.remove(...of),
    free: (...of) => disk.free(...of),
    openStore: (...of) => disk.openStore(...of),
  };
  return { ...world, disk: { ...same, ...replaced(disk) } };
}

/** Lets things happen in the background. */
export const pause = (world: TestWorld, milliseconds: number): Promise<void> =>
  world.call((done) => {
    world.clock.setTimer(milliseconds, () => done(null));
  });

/** Waits for what happens in the background. */
export async function eventually(world: TestWorld, holds: () => boolean): Promise<void> {
  for (let i = 0; i < 1000 && !holds(); i++) await pause(world, 2);
  if (!holds()) throw new Error(`never: ${String(holds)}`);
}
