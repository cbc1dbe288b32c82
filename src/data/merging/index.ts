/** The state of a shard of a merging keyspace. */
export { refusalOf } from "./commands.ts";
export type * from "./contract.ts";
export { MergingShard, type MergingShardOptions } from "./shard.ts";
