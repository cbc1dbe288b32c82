/** `.changes`: what a replica remembers of its shard's changes, for watchers at nodes that hold no replica of it. */
import { binaryBytes, binaryString } from "../core/bytes.ts";
import { Failure, type Reply } from "../core/reply.ts";
import { NOT_AN_INTEGER } from "./failures.ts";
import type { Args, CommandSpec } from "./contract.ts";
import { noKeys, readCommand } from "./define.ts";
import type { ChangeEvent, KeyChange } from "./history.ts";
import { parseInteger } from "./numbers.ts";
import type { ShardContext } from "./shard-state.ts";

/** About as much as one answer holds. */
export const CHANGES_PAGE_BYTES = 64 * 1024;

const KINDS = ["set", "delete", "expire", "flush"] as const;

/** `.changes revision prefix`; a revision of -1 asks only for the present one. */
export const changesCommand: CommandSpec = readCommand({
  name: ".changes",
  arity: 3,
  keys: noKeys,
  run(_records, args: Args, { shard }: ShardContext): Reply {
    const { history } = shard;
    const after = parseInteger(args[0]!);
    if (after === undefined) return NOT_AN_INTEGER;
    if (after < 0) return [history.start, history.revision, []];
    // Before the start there may have been events: the asker sees by the start that it missed them.
    if (after < history.start) return [history.start, after, []];
    const { events, upTo } = history.after(Number(after), binaryString(args[1]!), CHANGES_PAGE_BYTES);
    return [history.start, upTo, events.map(encode)];
  },
});

/** The revision, then kind, key and value of every change. */
function encode({ revision, changes }: ChangeEvent): Reply {
  const encoded: Reply[] = [revision];
  for (const change of changes) {
    encoded.push(
      KINDS.indexOf(change.kind),
      change.kind === "flush" ? null : binaryBytes(change.key),
      change.kind === "set" ? change.value : null,
    );
  }
  return encoded;
}

export interface ChangesPage {
  readonly start: number;
  readonly upTo: number;
  readonly events: readonly ChangeEvent[];
}

/** What `.changes` answered. */
export function changesOf(reply: Reply): ChangesPage | Failure {
  if (reply instanceof Failure) return reply;
  const [start, upTo, events] = reply as readonly [number, number, readonly Reply[]];
  return { start, upTo, events: events.map((event) => decode(event as readonly Reply[])) };
}

function decode([revision, ...rest]: readonly Reply[]): ChangeEvent {
  const changes: KeyChange[] = [];
  for (let i = 0; i < rest.length; i += 3) {
    const kind = KINDS[rest[i] as number]!;
    if (kind === "flush") {
      changes.push({ kind });
      continue;
    }
    const key = binaryString(rest[i + 1] as Uint8Array);
    changes.push(kind === "set" ? { kind, key, value: rest[i + 2] as Uint8Array | null } : { kind, key });
  }
  return { revision: revision as number, changes };
}
