/**
 * A space-time diagram in plain text: a row per process, time from left to right, an interval per operation.
 *
 *     p1 |-1-|     |---3--->
 *     p2    |--2--|
 */
import type { Operation, ProcessId } from "./event.ts";
import { describeCall } from "./describe.ts";

export interface DiagramOptions {
  /** Characters a line may have. Default 100. */
  readonly width?: number;
  /** Beyond this many operations only the last ones are drawn. Default 24. */
  readonly most?: number;
}

/**
 * The lines of the diagram, with a legend below it. Distances show the order of events, not their duration: every
 * invocation and every completion gets its own column, as far as the width allows. `>` marks an operation whose end
 * nobody saw.
 */
export function drawDiagram(
  operations: readonly Operation[],
  options: DiagramOptions = {},
): readonly string[] {
  const { width = 100, most = 24 } = options;
  const drawn = [...operations].sort((a, b) => a.call - b.call).slice(-most);
  if (drawn.length === 0) return [];
  const processes = [...new Set(drawn.map((operation) => operation.process))];
  const names = new Map(processes.map((process) => [process, rowName(process)]));
  const margin = Math.max(...[...names.values()].map((name) => name.length)) + 1;
  const columns = columnsOf(drawn, width - margin);

  const rows = new Map<ProcessId, string[]>(
    processes.map((process) => [process, Array.from({ length: columns.count }, () => " ")]),
  );
  drawn.forEach((operation, index) => {
    const row = rows.get(operation.process)!;
    const from = columns.at.get(operation.call)!;
    const to = columns.at.get(operation.return) ?? columns.count - 1;
    for (let column = from; column <= to; column++) row[column] = "-";
    row[from] = "|";
    row[to] = operation.return === Infinity ? ">" : "|";
    const label = String(index + 1);
    const middle = from + Math.max(1, Math.ceil((to - from + 1 - label.length) / 2));
    [...label].forEach((digit, offset) => {
      if (middle + offset < to) row[middle + offset] = digit;
    });
  });

  return [
    ...(drawn.length < operations.length ? [`(the last ${drawn.length} of ${operations.length})`] : []),
    ...processes.map((process) =>
      `${names.get(process)!.padEnd(margin)}${rows.get(process)!.join("")}`.trimEnd(),
    ),
    ...drawn.map((operation, index) => clip(`${index + 1}. ${describeCall(operation)}`, width)),
  ];
}

function rowName(process: ProcessId): string {
  return clip(typeof process === "number" ? `p${process}` : process, 16);
}

function clip(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 3)}...`;
}

/** Which column every event is drawn in: as far apart as the width allows, at most `SPACIOUS`, in the order of the lines. */
function columnsOf(
  operations: readonly Operation[],
  width: number,
): { readonly at: ReadonlyMap<number, number>; readonly count: number } {
  const lines = operations
    .flatMap((operation) => [operation.call, operation.return])
    .filter((line) => line !== Infinity)
    .sort((a, b) => a - b);
  const open = operations.some((operation) => operation.return === Infinity) ? 1 : 0;
  const step = Math.min(SPACIOUS, (width - 1) / Math.max(1, lines.length - 1 + open));
  const at = new Map(lines.map((line, index) => [line, Math.floor(index * step)]));
  return { at, count: Math.floor((lines.length - 1 + open) * step) + 1 };
}

const SPACIOUS = 5;
