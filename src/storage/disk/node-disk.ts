/**
 * The data directory on the real file system. Every change of a name is made durable by syncing its folder too: on Linux
 * the sync of a file says nothing about the entry that names it.
 */
import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { DiskError } from "../../core/world.ts";
import type { Disk, DiskFile, Done, Store } from "../../core/world.ts";
import { diskError, syncError, syncOrFullError } from "./disk-errors.ts";
import { NodeFile } from "./node-file.ts";
import { OperationQueue } from "./operation-queue.ts";
import { checkPath } from "./paths.ts";

export interface NodeDiskOptions {
  /** Opens the ordered store in a folder that exists; `path` is absolute. */
  readonly openStore: (path: string, done: Done<Store>) => void;
}

/**
 * A new file is filled and synced in slices of this size: the log's own syncs, which wait behind what the disk was given before them,
 * then wait for one slice and not for 16 MiB (40 ms at worst, measured; with slices 4 ms, as without any filling).
 */
const ZEROS = Buffer.alloc(256 * 1024);
/** `replace` writes beside the file first. Left over by a crash, it is overwritten by the next `replace`. */
const TEMPORARY = ".tmp";

export class NodeDisk implements Disk {
  readonly #root: string;
  readonly #openStore: NodeDiskOptions["openStore"];
  /** Folders known to exist. */
  readonly #folders = new Set<string>();
  /** One `replace` of a file at a time: they share the temporary file. */
  readonly #replacing = new Map<string, OperationQueue>();

  /** `root` is absolute; it is created when the first file is. */
  constructor(root: string, options: NodeDiskOptions) {
    this.#root = root;
    this.#openStore = options.openStore;
  }

  create(path: string, preallocate: number, done: Done<DiskFile>): void {
    const full = this.#resolve(path);
    this.#ensureFolder(dirname(full), (folderError) => {
      if (folderError !== null) {
        done(folderError);
        return;
      }
      // Asked first, because finding out by filling would take the last space from everybody else for a moment.
      this.free((freeError, free) => {
        if (freeError !== null) done(freeError);
        else if (free! < preallocate) {
          done(new DiskError("full", full, `needs ${preallocate} bytes, the volume has ${free!} left`));
        } else createFilled(full, preallocate, done);
      });
    });
  }

  open(path: string, done: Done<DiskFile>): void {
    const full = this.#resolve(path);
    fs.open(full, fs.constants.O_RDWR, (cause, descriptor) => {
      if (cause !== null) done(diskError(full, cause));
      else done(null, new NodeFile(full, descriptor));
    });
  }

  replace(path: string, bytes: Uint8Array, done: Done): void {
    const full = this.#resolve(path);
    let queue = this.#replacing.get(full);
    if (queue === undefined) {
      queue = new OperationQueue();
      this.#replacing.set(full, queue);
    }
    queue.run((next) => {
      this.#replaceNow(full, bytes, (error) => {
        next();
        if (queue.idle) this.#replacing.delete(full);
        done(error);
      });
    });
  }

  readAll(path: string, done: Done<Uint8Array>): void {
    const full = this.#resolve(path);
    fs.readFile(full, (cause, bytes) => {
      if (cause !== null) done(diskError(full, cause));
      else done(null, new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    });
  }

  list(folder: string, done: Done<readonly string[]>): void {
    const full = this.#resolve(folder);
    fs.readdir(full, (cause, names) => {
      if (cause === null) done(null, names.filter((name) => !name.endsWith(TEMPORARY)).sort());
      else if (cause.code === "ENOENT") done(null, []);
      else done(diskError(full, cause));
    });
  }

  remove(path: string, done: Done): void {
    const full = this.#resolve(path);
    fs.unlink(full, (cause) => {
      if (cause === null) syncFolder(dirname(full), done);
      else if (cause.code === "ENOENT") done(null);
      else done(diskError(full, cause));
    });
  }

  free(done: Done<number>): void {
    fs.statfs(this.#root, (cause, stats) => {
      if (cause !== null) done(diskError(this.#root, cause));
      else done(null, stats.bavail * stats.bsize);
    });
  }

  openStore(folder: string, done: Done<Store>): void {
    const full = this.#resolve(folder);
    this.#ensureFolder(full, (error) => {
      if (error !== null) done(error);
      else this.#openStore(full, done);
    });
  }

  #resolve(path: string): string {
    checkPath(path);
    return join(this.#root, path);
  }

  #replaceNow(full: string, bytes: Uint8Array, done: Done): void {
    const temporary = full + TEMPORARY;
    this.#ensureFolder(dirname(full), (folderError) => {
      if (folderError !== null) {
        done(folderError);
        return;
      }
      writeWhole(temporary, bytes, (writeError) => {
        if (writeError !== null) {
          // A full disk keeps no half-written copy.
          fs.unlink(temporary, () => done(writeError));
          return;
        }
        fs.rename(temporary, full, (cause) => {
          if (cause !== null) done(diskError(full, cause));
          else syncFolder(dirname(full), done);
        });
      });
    });
  }

  #ensureFolder(folder: string, done: Done): void {
    if (this.#folders.has(folder)) {
      done(null);
      return;
    }
    fs.mkdir(folder, { recursive: true }, (cause, first) => {
      if (cause !== null) {
        done(diskError(folder, cause));
        return;
      }
      const finish: Done = (error) => {
        if (error === null) this.#folders.add(folder);
        done(error);
      };
      if (first === undefined) finish(null);
      else syncFolders(dirname(folder), dirname(first), finish);
    });
  }
}

/** Creates `full` exclusively, filled with `length` zeros, durable with its name; leaves nothing behind when it fails. */
function createFilled(full: string, length: number, done: Done<DiskFile>): void {
  fs.open(full, "wx+", (openCause, descriptor) => {
    if (openCause !== null) {
      done(diskError(full, openCause));
      return;
    }
    const fail = (error: DiskError): void => {
      fs.close(descriptor, () => {
        fs.unlink(full, (cause) => {
          // The first error is the one that tells why; a file that could not be taken back belongs to the story.
          if (cause === null) done(error);
          else done(new DiskError(error.kind, full, `${error.message}; and not removed: ${cause.message}`));
        });
      });
    };
    // Zeros are really written: then a later fdatasync has no size and no extents to journal.
    const fill = (position: number): void => {
      if (position === length) {
        fs.fsync(descriptor, (cause) => {
          if (cause !== null) fail(syncOrFullError(full, cause));
          else {
            syncFolder(dirname(full), (error) => {
              if (error !== null) fail(error);
              else done(null, new NodeFile(full, descriptor));
            });
          }
        });
        return;
      }
      const count = Math.min(ZEROS.length, length - position);
      fs.write(descriptor, ZEROS, 0, count, position, (cause, written) => {
        if (cause !== null) {
          fail(diskError(full, cause));
          return;
        }
        fs.fdatasync(descriptor, (syncCause) => {
          if (syncCause !== null) fail(syncOrFullError(full, syncCause));
          else fill(position + written);
        });
      });
    };
    fill(0);
  });
}

/** Writes a whole file and syncs it. */
function writeWhole(full: string, bytes: Uint8Array, done: Done): void {
  fs.open(full, "w", (openCause, descriptor) => {
    if (openCause !== null) {
      done(diskError(full, openCause));
      return;
    }
    const close = (first: DiskError | null): void => {
      fs.close(descriptor, (cause) => done(first ?? (cause ? diskError(full, cause) : null)));
    };
    fs.writeFile(descriptor, bytes, (writeCause) => {
      if (writeCause !== null) {
        close(diskError(full, writeCause));
        return;
      }
      fs.fsync(descriptor, (cause) => close(cause === null ? null : syncOrFullError(full, cause)));
    });
  });
}

/** Syncs `folder` and what is above it, up to and including `last`. */
function syncFolders(folder: string, last: string, done: Done): void {
  syncFolder(folder, (error) => {
    if (error !== null || folder === last || dirname(folder) === folder) done(error);
    else syncFolders(dirname(folder), last, done);
  });
}

/** Makes the entries of a folder durable. Windows cannot open folders and journals names by itself. */
function syncFolder(folder: string, done: Done): void {
  if (process.platform === "win32") {
    setImmediate(() => done(null));
    return;
  }
  fs.open(folder, "r", (openCause, descriptor) => {
    if (openCause !== null) {
      done(diskError(folder, openCause));
      return;
    }
    fs.fsync(descriptor, (syncCause) => {
      fs.close(descriptor, (closeCause) => {
        if (syncCause !== null) done(syncError(folder, syncCause));
        else done(closeCause ? diskError(folder, closeCause) : null);
      });
    });
  });
}
