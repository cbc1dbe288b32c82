/**
 * What a data type is to the rest of Kvorum: a set of commands, each a deterministic function of the shard's records,
 * its arguments and a context that was fixed before the command was ordered. Every replica runs the same commands in the
 * same order and gets the same records and the same replies.
 */
import type { LoadedRange, RangeRequest, RecordReader, RecordWriter } from "../core/records.ts";
import type { Failure, Reply } from "../core/reply.ts";

/** Arguments of a command without its name. Views: a command that stores one copies it. */
export type Args = readonly Uint8Array[];

/** Fixed by the proposer before the command is ordered, or by the order itself. Nothing else may influence a command. */
export interface CommandContext {
  /** The shard's log time in wall-clock milliseconds: never goes back, and is the same on every replica. Whole. */
  readonly time: number;
  /** Uniform in [0, 1), from a seed in the log. */
  random(): number;
  /** Grows with every command of the shard: the key's new version, and the identity of a collection created by it. */
  readonly version: number;
  /** A value that grows beyond this many bytes is refused. */
  readonly maxValueBytes: number;
  /** What `ranges` asked for, in that order. */
  readonly loaded: readonly LoadedRange[];
  /** Tells the host that a key expires at this time (milliseconds). */
  noteExpiry(at: number): void;
}

interface CommandBase {
  /** Lower case, as Redis names it; internal ones start with a dot. */
  readonly name: string;
  /** Stands for the name in the log. Never changed, never given to another command. */
  readonly id: number;
  /** As in Redis' COMMAND: counts the name; negative means "at least". */
  readonly arity: number;
  /** Positions in `args` that hold keys. */
  keys(args: Args): readonly number[];
  /** How replies are merged when the keys lie in several shards; without it such a command is refused as cross-shard. */
  readonly acrossShards?: "sum" | "array";
  /** Refuses malformed arguments before the command is ordered. Arity has been checked. */
  validate?(args: Args): Failure | null;
  /** What has to be loaded before `run`. Most commands need nothing and run without leaving their turn. */
  ranges?(records: RecordReader, args: Args, context: CommandContext): readonly RangeRequest[];
}

export interface ReadCommand extends CommandBase {
  readonly access: "read";
  run(records: RecordReader, args: Args, context: CommandContext): Reply;
}

export interface WriteCommand extends CommandBase {
  readonly access: "write";
  run(records: RecordWriter, args: Args, context: CommandContext): Reply;
}

export type CommandSpec = ReadCommand | WriteCommand;

export interface CommandCall {
  readonly spec: CommandSpec;
  readonly args: Args;
}

/** A key's version at the time it was watched; 0 when it did not exist. */
export interface WatchedKey {
  readonly key: Uint8Array;
  readonly version: number;
}
