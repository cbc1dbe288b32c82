/**
 * What watchers were told, against each other and against what clients were told: everything, once, in one order, or
 * `compacted`.
 */
import type { GroupId } from "../../core/ids.ts";
import type { HistoryKey, Operation } from "../history/event.ts";
import { ACCEPTED, refused, type Verdict } from "./verdict.ts";

/** One change as a watcher was told it; `value` of a register. */
export interface ToldChange {
  readonly revision: number;
  readonly kind: "set" | "delete" | "expire" | "flush";
  readonly key: string;
  readonly value: string | null;
}

export interface Stream {
  /** Who watched, for people. */
  readonly name: string;
  readonly group: GroupId;
  readonly prefix: string;
  /** In the order of telling, over all resumptions. */
  readonly told: readonly ToldChange[];
  /** Revisions (after, upTo] of which the watcher was told definitely that it missed them. */
  readonly gaps: readonly { readonly after: number; readonly upTo: number }[];
  /** Everything up to there was told, beginning with 0. */
  readonly at: number;
}

/** One operation is one change. `groupOf` gives the shard of a key. */
export function checkWatches(
  streams: readonly Stream[],
  operations: readonly Operation[],
  groupOf: (key: string) => GroupId,
): Verdict {
  const all = new Map<GroupId, Map<number, ToldChange>>();
  for (const stream of streams) {
    const known = all.get(stream.group) ?? new Map<number, ToldChange>();
    all.set(stream.group, known);
    const problem = disorder(stream) ?? disagreement(stream, known);
    if (problem !== null) return refused(`watchers: ${problem}`);
  }
  for (const stream of streams) {
    const problem = missing(stream, all.get(stream.group)!) ?? lag(stream, streams);
    if (problem !== null) return refused(`watchers: ${problem}`);
  }
  const whole = new Set(streams.filter(isWhole).map(({ group }) => group));
  const problem = contradiction(operations, (key) => {
    const group = groupOf(key);
    const changes = [...(all.get(group)?.values() ?? [])].sort((a, b) => a.revision - b.revision);
    return { changes: changes.filter((change) => change.key === key), whole: whole.has(group) };
  });
  return problem === null ? ACCEPTED : refused(`watchers: ${problem}`);
}

const text = ({ revision, kind, key, value }: ToldChange): string =>
  `${revision} ${kind} ${key} ${String(value)}`;

const isWhole = ({ gaps, prefix }: Stream): boolean => gaps.length === 0 && prefix === "";

/** Revisions grow: nothing is told again after a resumption. */
function disorder({ name, told }: Stream): string | null {
  for (const [i, change] of told.entries()) {
    const before = told[i - 1];
    if (before !== undefined && before.revision >= change.revision)
      return `${name} was told ${text(change)} after ${text(before)}`;
  }
  return null;
}

function disagreement({ name, told }: Stream, known: Map<number, ToldChange>): string | null {
  for (const change of told) {
    const other = known.get(change.revision);
    if (other !== undefined && text(other) !== text(change))
      return `${name} was told ${text(change)}, another one ${text(other)}`;
    known.set(change.revision, change);
  }
  return null;
}

/** What another watcher was told, and this one not, although nobody told it of a gap. */
function missing(stream: Stream, known: ReadonlyMap<number, ToldChange>): string | null {
  const own = new Set(stream.told.map(({ revision }) => revision));
  for (const change of known.values()) {
    const { revision, key } = change;
    const excused =
      revision > stream.at ||
      !key.startsWith(stream.prefix) ||
      stream.gaps.some(({ after, upTo }) => after < revision && revision <= upTo);
    if (!excused && !own.has(revision)) return `${stream.name} missed ${text(change)}`;
  }
  return null;
}

function lag(stream: Stream, streams: readonly Stream[]): string | null {
  const last = Math.max(...streams.filter(({ group }) => group === stream.group).map(({ at }) => at));
  return stream.at === last ? null : `${stream.name} stood still at ${stream.at}; others came to ${last}`;
}

interface Known {
  /** In the order of their revisions. */
  readonly changes: readonly ToldChange[];
  /** Somebody was told everything. */
  readonly whole: boolean;
}

/** Against what clients were told: writes of values that nobody else wrote, and the last read of each key. */
function contradiction(operations: readonly Operation[], knownOf: (key: string) => Known): string | null {
  const byKey = new Map<HistoryKey, Operation[]>();
  for (const operation of operations) {
    const same = byKey.get(operation.key);
    if (same === undefined) byKey.set(operation.key, [operation]);
    else same.push(operation);
  }
  for (const [key, mine] of byKey) {
    const { changes, whole } = knownOf(String(key));
    const problem = wrongWrites(mine, changes, whole) ?? (whole ? wrongEnd(mine, changes) : null);
    if (problem !== null) return problem;
  }
  return null;
}

/** What the operation sets when it is done; undefined: nothing. */
function writtenBy({ f, input, outcome, output }: Operation): string | undefined {
  if (f === "write") return String(input);
  if (f !== "cas" || (outcome === "ok" && output !== true)) return undefined;
  return String((input as readonly unknown[])[1]);
}

function wrongWrites(
  operations: readonly Operation[],
  changes: readonly ToldChange[],
  whole: boolean,
): string | null {
  const writers = new Map<string, Operation>();
  for (const operation of operations) {
    const value = writtenBy(operation);
    if (value === undefined) continue;
    writers.set(value, operation);
    const times = changes.filter((change) => change.value === value).length;
    if (times > 1) return `the write of ${value} was told ${times} times`;
    if (times === 0 && whole && operation.outcome === "ok")
      return `the acknowledged write of ${value} to ${String(operation.key)} was never told`;
    if (times === 1 && operation.outcome === "fail") return `the refused write of ${value} was told`;
  }
  let latest: Operation | undefined;
  for (const change of changes) {
    const writer = change.value === null ? undefined : writers.get(change.value);
    if (writer === undefined) continue;
    if (latest !== undefined && writer.return < latest.call)
      return `${text(change)} was told after a write that began when it was acknowledged already`;
    if (latest === undefined || writer.call > latest.call) latest = writer;
  }
  return null;
}

function wrongEnd(operations: readonly Operation[], changes: readonly ToldChange[]): string | null {
  let last: Operation | undefined;
  for (const operation of operations)
    if (operation.f === "read" && operation.outcome === "ok" && operation.call > (last?.call ?? 0))
      last = operation;
  const told = changes.at(-1)?.value ?? null;
  if (last === undefined || last.output === told) return null;
  return `the last change of ${String(last.key)} left ${String(told)}, and a read found ${String(last.output)}`;
}
