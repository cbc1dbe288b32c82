/** A write that is durable when it is done: on Linux one operation in the thread pool instead of two. */
import type { DiskFile, Done } from "../../core/world.ts";

export interface DurableFile extends DiskFile {
  /**
   * The same as `write` followed by `sync`, except that only these bytes become durable. A `full` error leaves open
   * whether they did.
   */
  writeDurable(bytes: readonly Uint8Array[], position: number, done: Done): void;
}

const isDurableFile = (file: DiskFile): file is DurableFile => "writeDurable" in file;

/** Writes and makes durable, in the quickest way that the file offers. */
export function writeDurably(
  file: DiskFile,
  bytes: readonly Uint8Array[],
  position: number,
  done: Done,
): void {
  if (isDurableFile(file)) {
    file.writeDurable(bytes, position, done);
    return;
  }
  file.write(bytes, position, (error) => {
    if (error !== null) done(error);
    else file.sync(done);
  });
}
