/** From the operating system's errors to the kinds of `DiskError` that the rest of Kvorum decides by. */
import { DiskError } from "../../core/world.ts";

const FULL_CODES: ReadonlySet<string> = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

/** "Disk quota exceeded" has no name in libuv, only its number: Linux 122, macOS and BSD 69. */
const QUOTA_NUMBERS: ReadonlySet<number> = new Set([-122, -69]);

const hasNoSpace = (cause: NodeJS.ErrnoException): boolean =>
  FULL_CODES.has(cause.code ?? "") || QUOTA_NUMBERS.has(cause.errno ?? 0);

/** Of anything but a sync. */
export function diskError(path: string, cause: NodeJS.ErrnoException): DiskError {
  if (hasNoSpace(cause)) return new DiskError("full", path, cause.message);
  if (cause.code === "ENOENT") return new DiskError("missing", path, cause.message);
  return new DiskError("io", path, cause.message);
}

/** Of a sync, final whatever the reason: the kernel may have dropped the pages that it covered. */
export function syncError(path: string, cause: NodeJS.ErrnoException): DiskError {
  return new DiskError("sync", path, `sync failed: ${cause.message}`);
}

/** Of a write and a sync in one, or of a sync whose file is thrown away on failure: too little space is no reason to stop. */
export function syncOrFullError(path: string, cause: NodeJS.ErrnoException): DiskError {
  return hasNoSpace(cause) ? diskError(path, cause) : syncError(path, cause);
}
