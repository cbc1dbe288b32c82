/** An open file of the real disk. */
import * as fs from "node:fs";
import { DiskError } from "../../core/world.ts";
import type { Done } from "../../core/world.ts";
import { diskError, syncError, syncOrFullError } from "./disk-errors.ts";
import type { DurableFile } from "./durable-file.ts";
import { OperationQueue } from "./operation-queue.ts";
import { WritePace } from "./write-pace.ts";

/**
 * With O_DSYNC the kernel syncs within the write: one trip through libuv's thread pool and the event loop instead of two
 * (measured by bench/micro/log.mjs). Only on Linux: on macOS the flag does not flush the drive's cache, fdatasync does.
 */
const SYNC_WITHIN_WRITE = process.platform === "linux" ? fs.constants.O_DSYNC : undefined;

/** Above this many buffers libuv splits a write, and would go on at a wrong position after a short part. */
const MAX_BUFFERS = 512;

export class NodeFile implements DurableFile {
  readonly #path: string;
  readonly #descriptor: number;
  readonly #queue = new OperationQueue();
  readonly #pace = new WritePace();
  #durableDescriptor: number | null = null;
  #closed = false;

  /** Takes over `descriptor`, which is open for reading and writing. */
  constructor(path: string, descriptor: number) {
    this.#path = path;
    this.#descriptor = descriptor;
  }

  write(bytes: readonly Uint8Array[], position: number, done: Done): void {
    this.#run(done, (finish) => this.#writeAll(this.#descriptor, bytes, position, diskError, finish));
  }

  writeDurable(bytes: readonly Uint8Array[], position: number, done: Done): void {
    this.#run(done, (finish) => {
      if (SYNC_WITHIN_WRITE === undefined) {
        this.#writeAll(this.#descriptor, bytes, position, diskError, (error) => {
          if (error !== null) finish(error);
          else this.#sync(finish);
        });
        return;
      }
      this.#withDurableDescriptor(SYNC_WITHIN_WRITE, (error, descriptor) => {
        if (error !== null) finish(error);
        else this.#writeSynced(descriptor!, bytes, position, finish);
      });
    });
  }

  sync(done: Done): void {
    this.#run(done, (finish) => this.#sync(finish));
  }

  read(position: number, length: number, done: Done<Uint8Array>): void {
    this.#run(done, (finish) => {
      const target = new Uint8Array(length);
      const more = (filled: number): void => {
        fs.read(this.#descriptor, target, filled, length - filled, position + filled, (cause, count) => {
          if (cause !== null) finish(diskError(this.#path, cause));
          else if (count === 0 || filled + count === length) finish(null, target.subarray(0, filled + count));
          else more(filled + count);
        });
      };
      more(0);
    });
  }

  size(done: Done<number>): void {
    this.#run(done, (finish) => {
      fs.fstat(this.#descriptor, (cause, stats) => {
        if (cause !== null) finish(diskError(this.#path, cause));
        else finish(null, stats.size);
      });
    });
  }

  truncate(length: number, done: Done): void {
    this.#run(done, (finish) => {
      fs.ftruncate(this.#descriptor, length, (cause) => {
        finish(cause === null ? null : diskError(this.#path, cause));
      });
    });
  }

  close(done: Done): void {
    this.#run(done, (finish) => {
      this.#closed = true;
      const closeMain = (): void => {
        fs.close(this.#descriptor, (cause) => finish(cause ? diskError(this.#path, cause) : null));
      };
      if (this.#durableDescriptor === null) closeMain();
      else {
        fs.close(this.#durableDescriptor, (cause) => {
          if (cause) finish(diskError(this.#path, cause));
          else closeMain();
        });
      }
    });
  }

  #run<T>(done: Done<T>, operation: (finish: Done<T>) => void): void {
    this.#queue.run((next) => {
      const finish: Done<T> = (error, value) => {
        next();
        if (error === null) done(null, value as T);
        else done(error);
      };
      if (this.#closed) {
        setImmediate(() => finish(new DiskError("io", this.#path, "the file is closed")));
        return;
      }
      operation(finish);
    });
  }

  #sync(finish: Done): void {
    fs.fdatasync(this.#descriptor, (cause) => {
      finish(cause === null ? null : syncError(this.#path, cause));
    });
  }

  /** One pwritev; the kernel may take less than all, for instance the last bytes that a disk has room for. */
  #writeAll(
    descriptor: number,
    bytes: readonly Uint8Array[],
    position: number,
    classify: (path: string, cause: NodeJS.ErrnoException) => DiskError,
    finish: Done,
  ): void {
    const buffers = bytes.length > MAX_BUFFERS ? [Buffer.concat(bytes)] : bytes;
    fs.writev(descriptor, buffers, position, (cause, written) => {
      if (cause !== null) {
        finish(classify(this.#path, cause));
        return;
      }
      const rest = withoutFirst(buffers, written);
      if (rest.length === 0) finish(null);
      else if (written === 0) finish(new DiskError("io", this.#path, `wrote 0 bytes at ${position}`));
      else this.#writeAll(descriptor, rest, position + written, classify, finish);
    });
  }

  /** In place or by the pool: see write-pace.ts. What is done in place is answered in the next tick, in the same turn. */
  #writeSynced(descriptor: number, bytes: readonly Uint8Array[], position: number, finish: Done): void {
    const started = performance.now();
    let total = 0;
    for (const buffer of bytes) total += buffer.length;
    if (bytes.length > MAX_BUFFERS || !this.#pace.inPlace(total, started)) {
      this.#writeAll(descriptor, bytes, position, syncOrFullError, finish);
      return;
    }
    let outcome: DiskError | null = null;
    let written = 0;
    try {
      written = fs.writevSync(descriptor, bytes, position);
    } catch (cause) {
      outcome = syncOrFullError(this.#path, cause as NodeJS.ErrnoException);
    }
    const now = performance.now();
    this.#pace.note(now - started, now);
    if (outcome === null && written < total) {
      // The kernel took less than all: the pool's way copes with that, from the start.
      this.#writeAll(descriptor, bytes, position, syncOrFullError, finish);
    } else process.nextTick(finish, outcome);
  }

  #withDurableDescriptor(flag: number, done: Done<number>): void {
    if (this.#durableDescriptor !== null) {
      done(null, this.#durableDescriptor);
      return;
    }
    fs.open(this.#path, fs.constants.O_RDWR | flag, (cause, descriptor) => {
      if (cause !== null) {
        done(diskError(this.#path, cause));
        return;
      }
      this.#durableDescriptor = descriptor;
      done(null, descriptor);
    });
  }
}

/** What is left of `buffers` after their first `count` bytes. */
function withoutFirst(buffers: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  let skip = count;
  for (const [i, buffer] of buffers.entries()) {
    if (skip < buffer.length) return [buffer.subarray(skip), ...buffers.slice(i + 1)];
    skip -= buffer.length;
  }
  return [];
}
