/** What all merging protocols share, as their hosts need it. */
export type { MergingCodec } from "./codec.ts";
export type { AntiEntropyOptions, HandoverOptions } from "./options.ts";
export { born, recover } from "./records.ts";
export type { EntryKind, EntryRecord, MergingRecord, MergingRecovered } from "./records.ts";
