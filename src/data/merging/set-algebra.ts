/** Unions, intersections and differences of sets as this replica sees them. */
import { binaryBytes, binaryString } from "../../core/bytes.ts";
import type { RangeRequest } from "../../core/records.ts";
import { Failure, SetReply } from "../../core/reply.ts";
import type { Args } from "../contract.ts";
import { parseSintercard } from "../set-algebra.ts";
import { MEMBER } from "./address.ts";
import { type Look, type MergingCommand, MOST_ELEMENTS, TOO_LARGE } from "./look.ts";
import { membersOf } from "./sets.ts";

interface Operation {
  /** Those of the keys whose sets have to be loaded. */
  needs(sizes: ReadonlyMap<string, number>, keys: readonly string[]): readonly string[];
  combine(look: Look, keys: readonly string[], loaded: readonly (readonly string[])[]): readonly string[];
}

const union: Operation = {
  needs: (sizes) => [...sizes.keys()],
  combine: (_look, _keys, loaded) => [...new Set(loaded.flat())].sort(),
};

const intersection: Operation = {
  needs: (sizes) => [[...sizes].reduce((least, one) => (one[1] < least[1] ? one : least))[0]],
  combine: (look, keys, [candidates = []]) =>
    candidates.filter((member) => keys.every((key) => look.hasMember(key, member))),
};

const difference: Operation = {
  needs: (_sizes, [first]) => [first!],
  combine: (look, keys, [candidates = []]) =>
    candidates.filter((member) => !keys.slice(1).some((key) => look.hasMember(key, member))),
};

/** What to load, or why nothing comes of it. All kinds are checked before anything else happens. */
function plan(operation: Operation, look: Look, keys: readonly string[]): readonly string[] | Failure {
  const sizes = new Map<string, number>();
  for (const key of keys) {
    const size = look.size(key, MEMBER);
    if (size instanceof Failure) return size;
    sizes.set(key, size);
  }
  const needed = operation.needs(sizes, keys);
  const total = needed.reduce((sum, key) => sum + sizes.get(key)!, 0);
  return total > MOST_ELEMENTS ? TOO_LARGE : needed;
}

function rangesOf(operation: Operation, look: Look, keys: readonly string[]): readonly RangeRequest[] {
  const needed = plan(operation, look, keys);
  return needed instanceof Failure ? [] : needed.flatMap((key) => look.whole(key, MEMBER));
}

function evaluate(operation: Operation, look: Look, keys: readonly string[]): readonly string[] | Failure {
  const needed = plan(operation, look, keys);
  if (needed instanceof Failure) return needed;
  const loaded: (readonly string[])[] = [];
  let at = 0;
  for (const key of needed) {
    const entries = look.wholeEntries(key, MEMBER, at);
    if (entries instanceof Failure) return entries;
    if (entries.length > 0) at++;
    loaded.push(membersOf(entries));
  }
  return operation.combine(look, keys, loaded);
}

const keysOf = (args: Args): string[] => args.map(binaryString);

function command(operation: Operation): MergingCommand {
  return {
    access: "read",
    ranges: (look, args) => rangesOf(operation, look, keysOf(args)),
    run(look, args) {
      const members = evaluate(operation, look, keysOf(args));
      return members instanceof Failure ? members : new SetReply(members.map(binaryBytes));
    },
  };
}

export const setAlgebraCommands: Readonly<Record<string, MergingCommand>> = {
  sunion: command(union),
  sinter: command(intersection),
  sdiff: command(difference),
  sintercard: {
    access: "read",
    ranges(look, args) {
      const query = parseSintercard(args);
      return query instanceof Failure ? [] : rangesOf(intersection, look, keysOf(query.keys));
    },
    run(look, args) {
      const query = parseSintercard(args);
      if (query instanceof Failure) return query;
      const members = evaluate(intersection, look, keysOf(query.keys));
      if (members instanceof Failure) return members;
      return query.limit === 0 ? members.length : Math.min(members.length, query.limit);
    },
  },
};
