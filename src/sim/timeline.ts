/** What happened to the nodes of a simulated cluster lately, and a space-time diagram of it: time goes down, nodes side by side. */
import type { HistoryEvent, Operation } from "./history/event.ts";
import { pairOperations } from "./history/pair.ts";

export interface TimelineEvent {
  /** Virtual milliseconds. */
  readonly time: number;
  /** The machine; null for what concerns all of them. */
  readonly host: string | null;
  readonly text: string;
}

/** Remembers the last events only. */
export class Timeline {
  readonly #most: number;
  #events: TimelineEvent[] = [];

  constructor(most: number) {
    this.#most = most;
  }

  note(event: TimelineEvent): void {
    this.#events.push(event);
    if (this.#events.length >= 2 * this.#most) this.#events = this.#events.slice(-this.#most);
  }

  get events(): readonly TimelineEvent[] {
    return this.#events.slice(-this.#most);
  }
}

/** What clients asked a node and were told, as events of that node. */
export function eventsOfHistory(history: readonly HistoryEvent[]): readonly TimelineEvent[] {
  return pairOperations(history).flatMap((operation) => {
    const host = operation.node === undefined ? null : String(operation.node);
    const asked = {
      time: operation.invoked,
      host,
      text: `p${operation.process} asks ${describeAsked(operation)}`,
    };
    if (operation.completed === Infinity) return [asked];
    const told =
      operation.outcome === "ok"
        ? JSON.stringify(operation.output)
        : `${operation.outcome}${operation.error === undefined ? "" : ` ${operation.error}`}`;
    return [asked, { time: operation.completed, host, text: `p${operation.process} is told ${told}` }];
  });
}

function describeAsked(operation: Operation): string {
  const { key, f, input } = operation;
  return [f, key === null ? "" : String(key), input === null ? "" : JSON.stringify(input)]
    .filter(Boolean)
    .join(" ");
}

export interface DrawOptions {
  readonly hosts: readonly string[];
  /** Characters a column may have. */
  readonly width: number;
  /** Beyond this many events only the last ones are drawn. */
  readonly most: number;
}

/**
 *     time (s) | n1                | n2                | n3
 *       12.034 | leads group 3     |                   |
 *       12.040 |                   | * crash           |
 */
export function drawTimeline(events: readonly TimelineEvent[], options: DrawOptions): readonly string[] {
  const { hosts, width, most } = options;
  const row = (time: string, cells: readonly string[]): string =>
    `${time.padStart(9)} | ${cells.map((cell) => clip(cell, width).padEnd(width)).join(" | ")}`.trimEnd();
  const drawn = [...events].sort((a, b) => a.time - b.time).slice(-most);
  return [
    row("time (s)", hosts),
    ...drawn.map(({ time, host, text }) => {
      const seconds = (time / 1000).toFixed(4);
      if (host === null || !hosts.includes(host)) return `${seconds.padStart(9)} | * ${text}`;
      return row(
        seconds,
        hosts.map((name) => (name === host ? text : "")),
      );
    }),
  ];
}

function clip(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}
