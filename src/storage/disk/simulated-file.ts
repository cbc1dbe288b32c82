/** An open file of the simulated disk. */
import { DiskError } from "../../core/world.ts";
import type { Done } from "../../core/world.ts";
import type { DurableFile } from "./durable-file.ts";
import { OperationQueue } from "./operation-queue.ts";
import { tear } from "./simulated-content.ts";
import type { Change, SimulatedContent } from "./simulated-content.ts";
import type { CrashKind, SimulatedDevice, Underway } from "./simulated-device.ts";

export class SimulatedFile implements DurableFile {
  readonly #device: SimulatedDevice;
  readonly #path: string;
  readonly #content: SimulatedContent;
  /** The life of the node in which the file was opened; after its end nothing is answered. */
  readonly #incarnation: number;
  readonly #queue = new OperationQueue();
  #closed = false;

  constructor(device: SimulatedDevice, path: string, content: SimulatedContent) {
    this.#device = device;
    this.#path = path;
    this.#content = content;
    this.#incarnation = device.incarnation;
  }

  write(bytes: readonly Uint8Array[], position: number, done: Done): void {
    this.#run(done, (finish) => {
      const change: Change = { type: "write", position, bytes: concat(bytes) };
      const underway = this.#begin(change);
      this.#device.after([this.#device.faults.writeLatency], () => {
        this.#writeNow(change, underway, finish);
      });
    });
  }

  writeDurable(bytes: readonly Uint8Array[], position: number, done: Done): void {
    this.#run(done, (finish) => {
      const change: Change = { type: "write", position, bytes: concat(bytes) };
      const underway = this.#begin(change);
      const { writeLatency, syncLatency } = this.#device.faults;
      this.#device.after([writeLatency, syncLatency], () => {
        this.#writeNow(change, underway, (error) => {
          if (error !== null) finish(error);
          else this.#syncNow(finish);
        });
      });
    });
  }

  sync(done: Done): void {
    this.#run(done, (finish) => {
      this.#device.after([this.#device.faults.syncLatency], () => {
        if (!this.#device.crashesAt("sync-begun")) this.#syncNow(finish);
      });
    });
  }

  read(position: number, length: number, done: Done<Uint8Array>): void {
    this.#run(done, (finish) => {
      this.#device.after([this.#device.faults.readLatency], () => {
        const error = this.#device.readFault(this.#path);
        if (error !== null) finish(error);
        else finish(null, this.#content.read(position, length));
      });
    });
  }

  size(done: Done<number>): void {
    this.#run(done, (finish) => {
      this.#device.after([this.#device.faults.readLatency], () => finish(null, this.#content.size));
    });
  }

  truncate(length: number, done: Done): void {
    this.#run(done, (finish) => {
      const change: Change = { type: "truncate", length };
      const underway = this.#begin(change);
      this.#device.after([this.#device.faults.writeLatency], () => {
        if (this.#device.crashesAt("truncate-begun")) return;
        this.#device.ended(underway);
        this.#content.change(change);
        if (!this.#device.crashesAt("truncate-ended")) finish(null);
      });
    });
  }

  close(done: Done): void {
    this.#run(done, (finish) => {
      this.#closed = true;
      this.#device.after([], () => finish(null));
    });
  }

  #run<T>(done: Done<T>, operation: (finish: Done<T>) => void): void {
    if (this.#incarnation !== this.#device.incarnation) return;
    this.#queue.run((next) => {
      const finish: Done<T> = (error, value) => {
        next();
        if (error === null) done(null, value as T);
        else done(error);
      };
      if (this.#closed) {
        this.#device.after([], () => finish(new DiskError("io", this.#path, "the file is closed")));
      } else operation(finish);
    });
  }

  /** From now on a crash may find any part of `change` done. */
  #begin(change: Change): Underway {
    const underway: Underway = {
      leave: (kind: CrashKind) => {
        if (kind === "power") this.#content.change(change);
        else {
          for (const part of tear(change, this.#device.random, this.#device.faults.sectorBytes)) {
            this.#content.change(part);
          }
        }
      },
    };
    this.#device.began(underway);
    return underway;
  }

  #writeNow(change: Change & { type: "write" }, underway: Underway, done: Done): void {
    if (this.#device.crashesAt("write-begun")) return;
    this.#device.ended(underway);
    const { position, bytes } = change;
    const { copyOnWrite, sectorBytes } = this.#device.faults;
    const fault = this.#device.writeFault(this.#path);
    if (fault !== null) {
      for (const part of tear(change, this.#device.random, sectorBytes)) this.#content.change(part);
      done(fault);
      return;
    }
    const overwriteRefused = copyOnWrite ? this.#device.noRoomFor(bytes.length, this.#path) : null;
    if (overwriteRefused !== null) {
      if (this.#device.random.next() < 0.5) this.#content.change(change);
      done(overwriteRefused);
      return;
    }
    const growth = Math.max(0, position + bytes.length - this.#content.size);
    const growthRefused = growth === 0 ? null : this.#device.noRoomFor(growth, this.#path);
    if (growthRefused !== null) {
      // What still fits inside the file is written: a short write, and the error only for the rest.
      const fits = Math.max(0, Math.min(bytes.length, this.#content.size - position));
      if (fits > 0) this.#content.change({ type: "write", position, bytes: bytes.subarray(0, fits) });
      done(growthRefused);
      return;
    }
    this.#content.change(this.#device.misdirects(this.#path) ? this.#elsewhere(change) : change);
    if (!this.#device.crashesAt("write-ended")) done(null);
  }

  #syncNow(done: Done): void {
    const error = this.#device.syncFault(this.#path);
    if (error !== null) {
      this.#content.failSync(this.#device.random, this.#device.faults);
      done(error);
      return;
    }
    this.#content.sync();
    if (!this.#device.crashesAt("sync-ended")) done(null);
  }

  /** The same bytes at another sector of the file, one that it has. */
  #elsewhere(change: Change & { type: "write" }): Change {
    const { sectorBytes } = this.#device.faults;
    const sectors = Math.max(1, Math.floor((this.#content.size - change.bytes.length) / sectorBytes));
    const shift = 1 + Math.floor(this.#device.random.next() * (sectors - 1));
    const own = Math.floor(change.position / sectorBytes);
    const sector = (own + shift) % sectors;
    return { ...change, position: sector * sectorBytes + (change.position % sectorBytes) };
  }
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    out.set(part, offset);
    offset += part.length;
  }
  return out;
}
