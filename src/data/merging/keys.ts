/** Keys of any kind: existence, type, removal, and the freeing of what is due. */
import { binaryBytes, binaryString } from "../../core/bytes.ts";
import { hash64 } from "../../core/hash64.ts";
import type { RangeRequest } from "../../core/records.ts";
import { Failure, type Reply, Status } from "../../core/reply.ts";
import { keyArg } from "../arguments.ts";
import type { Args } from "../contract.ts";
import { splitExpiryId } from "../header.ts";
import { toBytes } from "../lattices/index.ts";
import { FIELD, KINDS, MEMBER, STRING } from "./address.ts";
import { cells, expiryOf, textOf } from "./cells.ts";
import { EXPIRIES } from "./items.ts";
import type { Look, MergingCommand, Writing } from "./look.ts";

/** Due keys that one `.expire` frees. */
const MOST_DUE = 200;
const NOTHING_DUE = -1;

function rangesOfDel(look: Look, args: Args): readonly RangeRequest[] {
  const ranges = look.allOf(args.map(binaryString));
  return ranges instanceof Failure ? [] : ranges;
}

function del(work: Writing, args: Args): Reply {
  const keys = new Set(args.map(binaryString));
  const ranges = work.allOf(keys);
  if (ranges instanceof Failure) return ranges;
  let removed = 0;
  for (const key of keys) if (work.has(key, ...KINDS)) removed++;
  for (const { entries } of work.loaded) for (const { id } of entries) work.removeAt(id);
  return removed;
}

function exists(look: Look, args: Args): Reply {
  let found = 0;
  for (const arg of args) {
    const key = binaryString(arg);
    look.traceKey(key);
    if (look.has(key, ...KINDS)) found++;
  }
  return found;
}

const TYPES = [
  [STRING, new Status("string")],
  [FIELD, new Status("hash")],
  [MEMBER, new Status("set")],
] as const;
const NO_TYPE = new Status("none");

/** Of the kinds that a merge may bring together the first. */
export function typeOf(look: Look, key: string): Status {
  return TYPES.find(([kind]) => look.has(key, kind))?.[1] ?? NO_TYPE;
}

/** As in ordered keyspaces; the version is made of the cell's bytes, and 0 for sets and hashes. */
function entry(look: Look, args: Args): Reply {
  const key = keyArg(args, 0);
  const type = typeOf(look, key);
  if (type === NO_TYPE) return null;
  const cell = look.cell(key, STRING);
  const expiry = cell === undefined ? 0 : expiryOf(cell);
  return [
    binaryBytes(type.text),
    cell === undefined ? 0 : versionOf(toBytes(cells, cell)),
    expiry === 0 ? -1 : Math.max(expiry - look.now, 0),
    cell === undefined ? null : (textOf(cell) ?? null),
  ];
}

/** Equal for equal cells on all replicas, and another one after a change, but for an accident once in 2^53. */
function versionOf(bytes: Uint8Array): number {
  const { high, low } = hash64(bytes);
  return (high % 2 ** 21) * 2 ** 32 + low;
}

/** Answers when to order the next one, in milliseconds, or -1. */
function expire(work: Writing): Reply {
  for (const [i, { id }] of work.loaded[0]!.entries.entries()) {
    const { expiry, key } = splitExpiryId(id);
    if (expiry > work.now || i === MOST_DUE) return expiry;
    work.forget(key, STRING);
  }
  return NOTHING_DUE;
}

export const keyCommands: Readonly<Record<string, MergingCommand>> = {
  del: { access: "write", ranges: rangesOfDel, run: del },
  unlink: { access: "write", ranges: rangesOfDel, run: del },
  exists: { access: "read", run: exists },
  touch: { access: "read", run: exists },
  type: {
    access: "read",
    run(look, args) {
      look.traceKey(keyArg(args, 0));
      return typeOf(look, keyArg(args, 0));
    },
  },
  ".entry": { access: "read", run: entry },
  ".dbsize": { access: "read", run: ({ meta }) => meta.keys },
  ".expire": {
    access: "write",
    ranges: () => [{ space: EXPIRIES, from: "", limit: MOST_DUE + 1 }],
    run: expire,
  },
  ".next-expiry": {
    access: "read",
    ranges: () => [{ space: EXPIRIES, from: "", limit: 1 }],
    run({ loaded }) {
      const first = loaded[0]?.entries[0];
      return first === undefined ? NOTHING_DUE : splitExpiryId(first.id).expiry;
    },
  },
};
