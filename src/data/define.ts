/** How the families of this folder write their commands down. */
import type { RangeRequest, RecordReader, RecordWriter } from "../core/records.ts";
import type { Failure, Reply } from "../core/reply.ts";
import { COMMAND_IDS, type CommandName } from "./command-ids.ts";
import type { Args, ReadCommand, WriteCommand } from "./contract.ts";
import type { ShardContext } from "./shard-state.ts";

interface Definition {
  readonly name: CommandName;
  /** Counts the name; negative means "at least". */
  readonly arity: number;
  readonly keys: (args: Args) => readonly number[];
  readonly acrossShards?: "sum" | "array";
  readonly validate?: (args: Args) => Failure | null;
  readonly ranges?: (records: RecordReader, args: Args, context: ShardContext) => readonly RangeRequest[];
}

interface ReadDefinition extends Definition {
  readonly run: (records: RecordReader, args: Args, context: ShardContext) => Reply;
}

interface WriteDefinition extends Definition {
  readonly run: (records: RecordWriter, args: Args, context: ShardContext) => Reply;
}

// The contract's methods take a plain CommandContext. Only `ShardMachine` runs commands, and its contexts are
// ShardContexts; TypeScript lets a method's parameter be narrowed in this way.

export function readCommand(definition: ReadDefinition): ReadCommand {
  return { access: "read", id: COMMAND_IDS[definition.name], ...definition };
}

export function writeCommand(definition: WriteDefinition): WriteCommand {
  return { access: "write", id: COMMAND_IDS[definition.name], ...definition };
}

const NONE: readonly number[] = [];
const FIRST: readonly number[] = [0];
const FIRST_TWO: readonly number[] = [0, 1];

export const noKeys = (): readonly number[] => NONE;
export const firstKey = (): readonly number[] => FIRST;
export const firstTwoKeys = (): readonly number[] => FIRST_TWO;
export const secondKey = (args: Args): readonly number[] => (args.length > 1 ? [1] : NONE);
export const allKeys = (args: Args): readonly number[] => (args.length === 1 ? FIRST : [...args.keys()]);
/** Key, value, key, value, … */
export const everyOtherKey = (args: Args): readonly number[] => [...args.keys()].filter((i) => i % 2 === 0);
