/**
 * The twin of `NodeDisk`: a disk in memory that is driven by the injected clock and random source alone, so that one seed
 * replays one history. It outlives the node that uses it: `crash` drops what was not synced and leaves every open handle
 * and every operation under way without an answer, and the next incarnation of the node finds what survived.
 */
import { DiskError } from "../../core/world.ts";
import type { Clock, Disk, DiskFile, Done, Random, Store } from "../../core/world.ts";
import { NO_DISK_FAULTS } from "./disk-faults.ts";
import type { DiskFaults } from "./disk-faults.ts";
import { checkPath } from "./paths.ts";
import { SimulatedContent } from "./simulated-content.ts";
import { SimulatedDevice } from "./simulated-device.ts";
import type { BoundaryHook, CrashKind, Underway } from "./simulated-device.ts";
import { SimulatedFile } from "./simulated-file.ts";

export type { Boundary, BoundaryHook, CrashKind } from "./simulated-device.ts";

export interface SimulatedDiskOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Opens the ordered store in a folder; what it keeps over crashes is its own affair (see `onCrash`). */
  readonly openStore: (folder: string, done: Done<Store>) => void;
  /** What is not named is as in `NO_DISK_FAULTS`. */
  readonly faults?: Partial<DiskFaults>;
  /** Called at the `n`-th boundary of this disk's life, from 1. It may call `crash`. */
  readonly onBoundary?: BoundaryHook;
}

export class SimulatedDisk implements Disk {
  readonly #device: SimulatedDevice;
  readonly #openStore: SimulatedDiskOptions["openStore"];
  readonly #files = new Map<string, SimulatedContent>();
  readonly #crashListeners: ((kind: CrashKind) => void)[] = [];

  constructor(options: SimulatedDiskOptions) {
    const faults = { ...NO_DISK_FAULTS, ...options.faults };
    this.#device = new SimulatedDevice(options.clock, options.random, faults, () => this.used());
    this.#device.onBoundary = options.onBoundary;
    this.#openStore = options.openStore;
  }

  create(path: string, preallocate: number, done: Done<DiskFile>): void {
    checkPath(path);
    const content = new SimulatedContent(preallocate);
    this.#changeNames("create", done, {
      leave: () => {
        // A crash while zeros are written: some of them are there, or nothing at all.
        if (this.#files.has(path) || this.#device.random.next() < 0.5) return;
        this.#files.set(
          path,
          new SimulatedContent(Math.floor(this.#device.random.next() * (preallocate + 1))),
        );
      },
      check: () => {
        if (this.#files.has(path)) return new DiskError("io", path, "EEXIST: the file exists already");
        return this.#device.noRoomFor(preallocate, path);
      },
      finish: () => {
        this.#files.set(path, content);
        return new SimulatedFile(this.#device, path, content);
      },
    });
  }

  open(path: string, done: Done<DiskFile>): void {
    this.#look(path, done, () => {
      const content = this.#files.get(path);
      return content === undefined ? missing(path) : new SimulatedFile(this.#device, path, content);
    });
  }

  replace(path: string, bytes: Uint8Array, done: Done): void {
    checkPath(path);
    const put = (): void => {
      const content = new SimulatedContent(0);
      content.overwrite(0, bytes);
      this.#files.set(path, content);
    };
    this.#changeNames("replace", done, {
      leave: () => {
        if (this.#device.random.next() < 0.5) put();
      },
      // The old file is there until the new one is complete.
      check: () => this.#device.noRoomFor(bytes.length, path) ?? this.#device.syncFault(path),
      finish: put,
    });
  }

  readAll(path: string, done: Done<Uint8Array>): void {
    this.#look(path, done, () => {
      const content = this.#files.get(path);
      return content === undefined ? missing(path) : content.read(0, content.size);
    });
  }

  list(folder: string, done: Done<readonly string[]>): void {
    this.#look(folder, done, () => {
      const prefix = folder === "" ? "" : `${folder}/`;
      const names = new Set<string>();
      for (const path of this.#files.keys()) {
        if (path.startsWith(prefix)) names.add(path.slice(prefix.length).split("/")[0]!);
      }
      return [...names].sort();
    });
  }

  remove(path: string, done: Done): void {
    checkPath(path);
    const take = (): void => {
      this.#files.delete(path);
    };
    this.#changeNames("remove", done, {
      leave: () => {
        if (this.#device.random.next() < 0.5) take();
      },
      check: () => null,
      finish: take,
    });
  }

  free(done: Done<number>): void {
    this.#look("", done, () => Math.max(0, Math.min(this.#device.faults.capacity, 2 ** 50) - this.used()));
  }

  openStore(folder: string, done: Done<Store>): void {
    checkPath(folder);
    const incarnation = this.#device.incarnation;
    this.#device.after([this.#device.faults.readLatency], () => {
      this.#openStore(folder, (error, store) => {
        if (incarnation !== this.#device.incarnation) return;
        if (error === null) done(null, store!);
        else done(error);
      });
    });
  }

  // --- Faults ---

  /** Called at each boundary from now on, with its number in this disk's life, from 1. It may call `crash`. */
  setBoundaryHook(hook: BoundaryHook | undefined): void {
    this.#device.onBoundary = hook;
  }

  /**
   * The node is gone: no operation under way is answered any more, no open handle works. What the next incarnation
   * finds is decided here.
   */
  crash(kind: CrashKind = "power"): void {
    this.#device.crash(kind);
    if (kind === "power") {
      for (const content of this.#files.values())
        content.powerFailure(this.#device.random, this.#device.faults);
    }
    const { rotProbability } = this.#device.faults;
    if (rotProbability > 0 && this.#device.random.next() < rotProbability) this.#rot();
    for (const listener of this.#crashListeners) listener(kind);
  }

  /** For what lives beside the files, such as simulated stores. Called at the end of every crash. */
  onCrash(listener: (kind: CrashKind) => void): void {
    this.#crashListeners.push(listener);
  }

  setFaults(faults: Partial<DiskFaults>): void {
    this.#device.faults = { ...this.#device.faults, ...faults };
  }

  setCapacity(bytes: number): void {
    this.setFaults({ capacity: bytes });
  }

  /** The next sync fails (of this file). */
  failNextSync(path: string | null = null): void {
    this.#device.plan("sync", path);
  }

  /** The next write fails with `io`, after an arbitrary part of it. */
  failNextWrite(path: string | null = null): void {
    this.#device.plan("write", path);
  }

  /** The next write lands elsewhere in its file, and is reported as done. */
  misdirectNextWrite(path: string | null = null): void {
    this.#device.plan("misdirect", path);
  }

  /** What was planned for a next operation, and has not come yet, will not come. */
  forgetPlans(): void {
    this.#device.forgetPlans();
  }

  /** Damages a file at rest: bit 0 is the lowest. */
  flipBit(path: string, offset: number, bit: number): void {
    const byte = this.peek(path, offset, 1)[0]!;
    this.poke(path, offset, Uint8Array.of(byte ^ (1 << bit)));
  }

  // --- For tests and simulators: without time passing ---

  /** Every file, in the order of creation. */
  paths(): readonly string[] {
    return [...this.#files.keys()];
  }

  /** What a process would read. */
  peek(path: string, offset = 0, length = Number.MAX_SAFE_INTEGER): Uint8Array {
    return this.#content(path).read(offset, length);
  }

  /** Overwrites a part of a file, durably. */
  poke(path: string, offset: number, bytes: Uint8Array): void {
    this.#content(path).overwrite(offset, bytes);
  }

  /** Bytes that all files take. */
  used(): number {
    let bytes = 0;
    for (const content of this.#files.values()) bytes += content.size;
    return bytes;
  }

  // --- Inside ---

  /** An operation that changes the set of files: all of it or nothing. */
  #changeNames<T>(
    name: "create" | "replace" | "remove",
    done: Done<T>,
    operation: Underway & { check(): DiskError | null; finish(): T },
  ): void {
    this.#device.began(operation);
    this.#device.after([this.#device.faults.writeLatency, this.#device.faults.syncLatency], () => {
      if (this.#device.crashesAt(`${name}-begun`)) return;
      this.#device.ended(operation);
      const error = operation.check();
      if (error !== null) {
        done(error);
        return;
      }
      const value = operation.finish();
      if (!this.#device.crashesAt(`${name}-ended`)) done(null, value);
    });
  }

  /** An operation that changes nothing. */
  #look<T>(path: string, done: Done<T>, answer: () => T | DiskError): void {
    checkPath(path);
    this.#device.after([this.#device.faults.readLatency], () => {
      const result = this.#device.readFault(path) ?? answer();
      if (result instanceof DiskError) done(result);
      else done(null, result);
    });
  }

  #rot(): void {
    const paths = this.paths().filter((path) => this.#content(path).size > 0);
    const path = paths[Math.floor(this.#device.random.next() * paths.length)];
    if (path === undefined) return;
    const offset = Math.floor(this.#device.random.next() * this.#content(path).size);
    this.flipBit(path, offset, Math.floor(this.#device.random.next() * 8));
  }

  #content(path: string): SimulatedContent {
    const content = this.#files.get(path);
    if (content === undefined) throw missing(path);
    return content;
  }
}

const missing = (path: string): DiskError =>
  new DiskError("missing", path, "ENOENT: no such file (simulated)");
