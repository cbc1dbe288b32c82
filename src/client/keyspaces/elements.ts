/** Walking through the elements of one set or map. */
import type { Caller } from "../calls/caller.ts";
import type { ReadOptions } from "../calls/options.ts";
import { arrayOf, bytesOf, bytesOrNull } from "../calls/replies.ts";
import type { Names } from "./names.ts";
import { pageSizeArg } from "./scan.ts";

export type ElementOptions = ReadOptions & {
  /** About as many are fetched at a time. Default 500, at most 10 000. */
  readonly pageSize?: number;
};

const NOTHING = new Uint8Array(0);

/** Pages of what `.sscan` or `.hscan` finds. */
export async function* elements(
  caller: Caller,
  name: ".sscan" | ".hscan",
  names: Names,
  key: string,
  { pageSize, ...options }: ElementOptions,
): AsyncGenerator<readonly Uint8Array[], void, undefined> {
  const inside = names.inside(key);
  const target = { kind: "keys", keyspace: names.keyspace, keys: [inside] } as const;
  const size = pageSizeArg(pageSize);
  let from: Uint8Array | null = NOTHING;
  while (from !== null) {
    const args: Uint8Array[] = [inside, from, size, NOTHING];
    const [next, found] = arrayOf(await caller.read(target, { kind: "command", name, args }, options));
    yield arrayOf(found!).map(bytesOf);
    from = bytesOrNull(next!);
  }
}
