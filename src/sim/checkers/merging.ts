/**
 * What a merging keyspace promises, as checks of a complete history. Every key is read last through every node, after everything has
 * healed and has had the time to converge.
 */
import type { HistoryKey, HistoryValue, Operation } from "../history/event.ts";
import { ACCEPTED, refused, type Verdict, worst } from "./verdict.ts";

/** How much of what was acknowledged may be gone, by what the run did to the disks. */
export interface Damage {
  /** Disks that were lost, or lost what they had said to be durable. */
  readonly lostDisks: number;
  /** How many disks have an acknowledged write at least. */
  readonly copies: number;
}

/** With as many disks lost as have a write at the least, a write may be lost with them. */
const mayLose = ({ lostDisks, copies }: Damage): boolean => lostDisks >= copies;

const isRead = ({ f, outcome }: Operation): boolean => f === "read" && outcome === "ok";
const mayHaveHappened = ({ outcome }: Operation): boolean => outcome !== "fail";

/** The last read of the key through each node that there is at the end; those of typed clients name no node. */
function lastReads(operations: readonly Operation[], key: HistoryKey): readonly Operation[] {
  const lastWrite = operations.reduce((line, { f, call }) => (f === "read" ? line : Math.max(line, call)), 0);
  const last = new Map<unknown, Operation>();
  for (const operation of operations)
    if (
      operation.key === key &&
      operation.node !== undefined &&
      isRead(operation) &&
      operation.call > lastWrite
    )
      last.set(operation.node, operation);
  return [...last.values()];
}

const canonical = (value: HistoryValue): string =>
  JSON.stringify(Array.isArray(value) ? [...value].map(String).sort() : value);

/** **Convergence**: when nothing is written any more, all nodes show the same. */
export function checkConvergence(operations: readonly Operation[], keys: readonly HistoryKey[]): Verdict {
  return worst(
    keys.map((key) => {
      const reads = lastReads(operations, key);
      if (new Set(reads.map(({ output }) => canonical(output))).size <= 1) return ACCEPTED;
      const lines = reads.map(({ node, output }) => `${String(node)} shows ${canonical(output)}`);
      return refused(
        `after everything has healed, the nodes show different values of ${String(key)}`,
        lines,
        reads,
      );
    }),
  );
}

/**
 * Counters that only grow: nothing that was acknowledged is lost, and nothing is counted twice. With `fresh`, every read also shows what
 * was acknowledged before it began (R + W > N without stand-ins).
 */
export function checkGrowth(
  operations: readonly Operation[],
  keys: readonly HistoryKey[],
  damage: Damage,
  fresh: boolean,
): Verdict {
  return worst(
    keys.flatMap((key) =>
      lastReads(operations, key)
        .map((read) => checkLast(operations, read, damage))
        .concat(
          operations
            .filter((operation) => operation.key === key && isRead(operation))
            .map((read) => checkRead(operations, read, fresh && !mayLose(damage))),
        ),
    ),
  );
}

const incrementsOf = (operations: readonly Operation[], key: HistoryKey): readonly Operation[] =>
  operations.filter((operation) => operation.key === key && operation.f === "increment");

const sum = (operations: readonly Operation[]): number =>
  operations.reduce((total, { input }) => total + Number(input), 0);

function checkLast(operations: readonly Operation[], read: Operation, damage: Damage): Verdict {
  const increments = incrementsOf(operations, read.key);
  const least = sum(increments.filter(({ outcome }) => outcome === "ok"));
  if (mayLose(damage) || Number(read.output) >= least) return ACCEPTED;
  return refused(
    `acknowledged increments of ${String(read.key)} are lost: they come to ${least}, and in the end it is ${String(read.output)}`,
    [],
    [read],
  );
}

function checkRead(operations: readonly Operation[], read: Operation, fresh: boolean): Verdict {
  const increments = incrementsOf(operations, read.key);
  const most = sum(increments.filter((one) => mayHaveHappened(one) && one.call < read.return));
  if (Number(read.output) > most) {
    return refused(
      `increments of ${String(read.key)} were counted twice: all of them come to ${most}, and ${String(read.output)} was read`,
      [],
      [read],
    );
  }
  const least = sum(increments.filter((one) => one.outcome === "ok" && one.return < read.call));
  if (!fresh || Number(read.output) >= least) return ACCEPTED;
  return refused(
    `a read of ${String(read.key)} shows ${String(read.output)}, and ${least} were acknowledged before it began`,
    [],
    [read],
  );
}

/** Sets whose elements are added once each: what was added stays, what was seen and removed never returns, nothing else appears. */
export function checkElements(
  operations: readonly Operation[],
  keys: readonly HistoryKey[],
  damage: Damage,
): Verdict {
  return worst(
    keys.flatMap((key) => lastReads(operations, key).map((read) => checkMembers(operations, read, damage))),
  );
}

function checkMembers(operations: readonly Operation[], read: Operation, damage: Damage): Verdict {
  const present = new Set((read.output as readonly HistoryValue[]).map(String));
  const added = new Map<string, Operation>();
  const removals = new Map<string, Operation[]>();
  for (const operation of operations) {
    if (operation.key !== read.key || !mayHaveHappened(operation)) continue;
    const element = String(operation.input);
    if (operation.f === "add") added.set(element, operation);
    if (operation.f === "remove") removals.set(element, [...(removals.get(element) ?? []), operation]);
  }
  for (const element of present) {
    if (!added.has(element))
      return refused(`${element} is in ${String(read.key)}, and nobody has added it`, [], [read]);
  }
  for (const [element, add] of added) {
    const removed = removals.get(element) ?? [];
    const gone = removed.find(({ outcome, output }) => outcome === "ok" && output === true);
    if (gone !== undefined && present.has(element) && !mayLose(damage))
      return refused(
        `${element} was removed from ${String(read.key)}, and is there again`,
        [],
        [add, gone, read],
      );
    if (add.outcome === "ok" && removed.length === 0 && !present.has(element) && !mayLose(damage))
      return refused(`${element} was added to ${String(read.key)}, and is lost`, [], [add, read]);
  }
  return ACCEPTED;
}

/**
 * Registers: in the end there is a value that was written, and none that a later write through the same node has replaced: that node had
 * seen it. For clusters in which every node holds every shard.
 */
export function checkReplaced(
  operations: readonly Operation[],
  keys: readonly HistoryKey[],
  damage: Damage,
): Verdict {
  return worst(
    keys.flatMap((key) => lastReads(operations, key).map((read) => checkSurvivor(operations, read, damage))),
  );
}

function checkSurvivor(operations: readonly Operation[], read: Operation, damage: Damage): Verdict {
  const writes = operations.filter(
    (one) => one.key === read.key && mayHaveHappened(one) && (one.f === "write" || one.f === "delete"),
  );
  const nodes = new Set(operations.map(({ node }) => node));
  if (read.output === null) {
    const isExplained = writes.length === 0 || mayLose(damage) || writes.some(({ f }) => f === "delete");
    const anyKept = writes.some(({ outcome }) => outcome === "ok");
    return isExplained || !anyKept
      ? ACCEPTED
      : refused(`what was written to ${String(read.key)} is lost`, [], [read]);
  }
  const write = writes.find(({ f, input }) => f === "write" && input === read.output);
  if (write === undefined)
    return refused(
      `${String(read.key)} shows ${canonical(read.output)}, which nobody has written`,
      [],
      [read],
    );
  const later = writes.find(
    ({ outcome, node, call }) => outcome === "ok" && node === write.node && call > write.return,
  );
  if (later === undefined || nodes.size > 3 || mayLose(damage)) return ACCEPTED;
  return refused(
    `${String(read.key)} shows ${canonical(read.output)}, which a later ${later.f} through ${String(write.node)} has replaced`,
    [],
    [write, later, read],
  );
}
