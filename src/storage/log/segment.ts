/** The segment that batches are written to. */
import type { Disk, DiskFile, Done } from "../../core/world.ts";
import { writeDurably } from "../disk/durable-file.ts";
import { SEGMENT_HEADER_BYTES, encodeSegmentHeader, segmentName } from "./format.ts";

export interface SegmentInfo {
  readonly number: number;
  /** Size of its file. */
  readonly bytes: number;
}

export interface OpenSegment {
  readonly number: number;
  readonly file: DiskFile;
  /** Size of its file. */
  bytes: number;
  /** Where the next batch goes. */
  position: number;
}

export const segmentPath = (folder: string, number: number): string => `${folder}/${segmentName(number)}`;

/** Makes an empty segment with its header, durable. Where that fails, the name is free again. */
export function createSegment(
  disk: Disk,
  folder: string,
  number: number,
  instance: string,
  bytes: number,
  done: Done<OpenSegment>,
): void {
  const path = segmentPath(folder, number);
  disk.create(path, bytes, (createError, file) => {
    if (createError !== null) {
      done(createError);
      return;
    }
    writeDurably(file!, [encodeSegmentHeader(number, instance)], 0, (writeError) => {
      if (writeError === null) {
        done(null, { number, file: file!, bytes, position: SEGMENT_HEADER_BYTES });
        return;
      }
      file!.close((closeError) => {
        disk.remove(path, (removeError) => done(closeError ?? removeError ?? writeError));
      });
    });
  });
}
