/** Writes the history format. */
import type { HistoryEvent } from "./event.ts";

/** One event as its line, without the line's end. */
export function formatEvent(event: HistoryEvent): string {
  const { process, type, f, key, value, time, node, session, version, error } = event;
  return JSON.stringify({ process, type, f, key, value, time, node, session, version, error });
}

/** A whole history as the content of its file. */
export function formatHistory(events: readonly HistoryEvent[]): string {
  return events.map((event) => `${formatEvent(event)}\n`).join("");
}
