/** Listing the keys of a keyspace. */
import { z } from "zod";
import type { KeyspaceInfo } from "../../../node/api.ts";
import { readShard } from "./calls.ts";
import { bytesOut, cursorOut, type JsonBytes, jsonOf, PAGING, READING } from "./inputs.ts";
import { notACursor, pageOf } from "./pages.ts";
import { type DataRoute, route } from "./route.ts";

const TYPES = { value: "string", map: "hash", set: "set" } as const;

/** However sparse the keys are, one request takes no more steps than this; its page may then be short of its limit. */
const MOST_STEPS = 16;

interface Position {
  /** The number of its group: never used again, whatever becomes of the keyspace. */
  readonly group: number;
  readonly from: Uint8Array;
}

const list = route(
  {
    method: "GET",
    path: "/keys",
    id: "listKeys",
    group: "Values",
    summary: "List keys of all types",
    description:
      "Keys that are there from the first page to the last are listed exactly once, ordered within a shard. A page may be " +
      "short of its limit, or empty, before the end: only a null cursor is the end.",
    query: {
      ...READING,
      ...PAGING,
      prefix: z.string().default("").meta({ description: "Only keys that begin with it." }),
      type: z.enum(["value", "map", "set"]).optional().meta({ description: "Only keys of this type." }),
    },
    body: "none",
    answers: {
      200: {
        description: "A page of keys.",
        schema: z.strictObject({ keys: z.array(bytesOut), cursor: cursorOut }),
      },
    },
  },
  async (request) => {
    const { query, incoming } = request;
    const { addressing, keyspace } = incoming;
    const prefix = Buffer.from(addressing.insidePrefix(Buffer.from(query.prefix)));
    const type = query.type === undefined ? "" : TYPES[query.type];
    const keys: JsonBytes[] = [];
    let position = query.cursor === undefined ? start(keyspace) : parseCursor(keyspace, query.cursor);
    for (let steps = 0; position !== null && keys.length < query.limit && steps < MOST_STEPS; steps++) {
      const from = Buffer.compare(position.from, prefix) < 0 ? prefix : position.from;
      const count = query.limit - keys.length;
      const call = [from, Buffer.from(String(count)), new Uint8Array(0), Buffer.from(type)];
      const shard = keyspace.shardList.find(({ group }) => group === position?.group)!;
      const page = pageOf(await readShard(request, shard.group, ".scan", call));
      for (const element of page.elements) {
        const key = begins(element, prefix) ? addressing.outside(element) : null;
        if (key !== null) keys.push(jsonOf(key));
      }
      const more = page.next !== null && begins(page.next, prefix);
      position = more ? { group: position.group, from: page.next! } : shardAfter(keyspace, position.group);
    }
    return { body: { keys, cursor: position === null ? null : formatCursor(position) } };
  },
);

export const keyRoutes: readonly DataRoute[] = [list];

const begins = (key: Uint8Array, prefix: Uint8Array): boolean =>
  Buffer.compare(key.subarray(0, prefix.length), prefix) === 0;

function start(keyspace: KeyspaceInfo): Position | null {
  return shardAfter(keyspace, -1);
}

function shardAfter({ shardList }: KeyspaceInfo, last: number): Position | null {
  const groups = shardList.map(({ group }) => group).filter((group) => group > last);
  return groups.length === 0 ? null : { group: Math.min(...groups), from: new Uint8Array(0) };
}

const formatCursor = ({ group, from }: Position): string =>
  `k${group}.${Buffer.from(from).toString("base64url")}`;

function parseCursor({ shardList }: KeyspaceInfo, cursor: string): Position {
  const match = /^k(\d{1,10})\.([A-Za-z0-9_-]*)$/.exec(cursor);
  const group = Number(match?.[1]);
  if (match === null || !shardList.some((shard) => shard.group === group)) throw notACursor(cursor);
  return { group, from: Buffer.from(match[2]!, "base64url") };
}
