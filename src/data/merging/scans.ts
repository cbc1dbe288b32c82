/** Walks over keys and elements, step by step, and random choices: ordered keyspaces' own, on this folder's records. */
import { binaryBytes, binaryString } from "../../core/bytes.ts";
import type { LoadedRange, RangeRequest } from "../../core/records.ts";
import { Failure, OK, type Reply } from "../../core/reply.ts";
import { keyArg } from "../arguments.ts";
import type { Args } from "../contract.ts";
import { COUNT_TOO_LARGE } from "../failures.ts";
import { sampleCount } from "../random-members.ts";
import { chooseDistinct, chooseOne, chooseRepeatedly, sampleOf, sampleRanges } from "../sampling.ts";
import { matcher, stepSize } from "../scans.ts";
import { addressOf, FIELD, KINDS, MEMBER, type Span, spanOfKind, splitAddress } from "./address.ts";
import { fieldOf, valueOf } from "./hashes.ts";
import { ITEMS, KEYS } from "./items.ts";
import { typeOf } from "./keys.ts";
import { type Entries, type Look, type MergingCommand, MOST_ELEMENTS } from "./look.ts";

const NOTHING_FOUND: Reply = [null, []];

function scan(look: Look, args: Args): Reply {
  const limit = stepSize(args[1]!);
  if (limit instanceof Failure) return limit;
  const range = look.loaded[0]!;
  const matches = matcher(args[2]!);
  const type = binaryString(args[3]!).toLowerCase();
  const found = range.entries.filter(
    ({ id }) => matches(id) && look.has(id, ...KINDS) && (type === "" || typeOf(look, id).text === type),
  );
  const next = range.more ? binaryBytes(`${range.entries.at(-1)!.id}\0`) : null;
  return [next, found.map(({ id }) => binaryBytes(id))];
}

/** The part of a range that lies within the span. */
function within({ entries, more }: LoadedRange, { to }: Span): LoadedRange {
  const inside = entries.filter(({ id }) => to === null || id < to);
  return { entries: inside, more: more && inside.length === entries.length };
}

function elementScan(
  kind: typeof MEMBER | typeof FIELD,
  shown: (entry: Entries[number]) => readonly Reply[],
): MergingCommand {
  return {
    access: "read",
    ranges(look, args) {
      const limit = stepSize(args[2]!);
      const size = look.size(keyArg(args, 0), kind);
      if (limit instanceof Failure || size instanceof Failure || size === 0) return [];
      return [{ space: ITEMS, from: addressOf(keyArg(args, 0), kind, keyArg(args, 1)), limit }];
    },
    run(look, args) {
      const key = keyArg(args, 0);
      const limit = stepSize(args[2]!);
      if (limit instanceof Failure) return limit;
      const size = look.size(key, kind);
      if (size instanceof Failure) return size;
      const span = spanOfKind(key, kind);
      const from = addressOf(key, kind, keyArg(args, 1));
      if (size === 0) {
        look.trace?.span({ ...span, from });
        return NOTHING_FOUND;
      }
      const { entries, more } = within(look.loaded[0]!, span);
      const next = more ? `${entries.at(-1)!.id}\0` : null;
      look.trace?.span({ from, to: next ?? span.to });
      const matches = matcher(args[3]!);
      const found = entries.filter(({ id }) => matches(splitAddress(id).part));
      return [
        next === null ? null : binaryBytes(next.slice(addressOf(key, kind).length)),
        found.flatMap(shown),
      ];
    },
  };
}

function rangesOfSample(look: Look, args: Args): readonly RangeRequest[] {
  const count = sampleCount(args);
  const size = look.size(keyArg(args, 0), MEMBER);
  if (count instanceof Failure || size instanceof Failure || size === 0 || count === 0) return [];
  const wanted = Math.min(size, Math.max(count ?? 1, 1));
  if (wanted > MOST_ELEMENTS) return [];
  const prefix = spanOfKind(keyArg(args, 0), MEMBER).from;
  const ranges = sampleRanges(ITEMS, size, wanted, () => look.random());
  return ranges.map((range) => ({ ...range, from: prefix + range.from }));
}

function srandmember(look: Look, args: Args): Reply {
  const count = sampleCount(args);
  if (count instanceof Failure) return count;
  const key = keyArg(args, 0);
  const size = look.size(key, MEMBER);
  if (size instanceof Failure) return size;
  look.traceKey(key);
  if (size === 0 || count === 0) return count === null ? null : [];
  if (Math.min(Math.abs(count ?? 1), (count ?? 1) > 0 ? size : Infinity) > MOST_ELEMENTS)
    return COUNT_TOO_LARGE;
  const span = spanOfKind(key, MEMBER);
  const members = sampleOf(look.loaded.map((range) => within(range, span))).map(fieldOf);
  const random = (): number => look.random();
  if (count === null) return chooseOne(members, random) ?? null;
  return count > 0 ? chooseDistinct(members, count, random) : chooseRepeatedly(members, -count, random);
}

const TOO_MANY = new Failure(
  `ERR a shard has more than ${MOST_ELEMENTS} elements, too many for one flush; SCAN and DEL, or drop the keyspace and create it anew`,
  "too-large",
);

function rangesOfFlush(look: Look): readonly RangeRequest[] {
  return look.meta.keys === 0 ? [] : [{ space: ITEMS, from: "", limit: MOST_ELEMENTS }];
}

export const scanCommands: Readonly<Record<string, MergingCommand>> = {
  ".scan": {
    access: "read",
    ranges(_look, args) {
      const limit = stepSize(args[1]!);
      return limit instanceof Failure ? [] : [{ space: KEYS, from: keyArg(args, 0), limit }];
    },
    run: scan,
  },
  ".sscan": elementScan(MEMBER, (entry) => [fieldOf(entry)]),
  ".hscan": elementScan(FIELD, (entry) => [fieldOf(entry), valueOf(entry)]),
  ".randomkey": {
    access: "read",
    ranges: (look) =>
      look.meta.keys === 0 ? [] : sampleRanges(KEYS, look.meta.keys, 1, () => look.random()),
    run(look) {
      const live = sampleOf(look.loaded).filter(({ id }) => look.has(id, ...KINDS));
      const chosen = chooseOne(live, () => look.random());
      return chosen === undefined ? null : binaryBytes(chosen.id);
    },
  },
  srandmember: { access: "read", ranges: rangesOfSample, run: srandmember },
  /** Removes what is seen; what is written at the same time elsewhere stays. */
  ".flush": {
    access: "write",
    ranges: rangesOfFlush,
    run(work) {
      const range = work.loaded[0];
      if (range?.more === true) return TOO_MANY;
      for (const { id } of range?.entries ?? []) work.removeAt(id);
      return OK;
    },
  },
};
