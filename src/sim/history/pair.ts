/** Joins every invocation with its completion. */
import { HistoryError, type HistoryEvent, type Operation, type ProcessId } from "./event.ts";

/**
 * The operations of a history in the order of their invocations. An invocation that the history never completes is an
 * `info`: nobody knows what became of it.
 * @throws HistoryError for an empty history, time that goes back, a completion without its invocation, a completion of
 * another operation than the open one, and a second invocation while one is open.
 */
export function pairOperations(events: readonly HistoryEvent[]): readonly Operation[] {
  if (events.length === 0) throw new HistoryError(0, "the history is empty: there is nothing to check");
  const operations: Operation[] = [];
  const open = new Map<ProcessId, number>();
  let time = -Infinity;
  events.forEach((event, index) => {
    const line = index + 1;
    if (event.time < time) {
      throw new HistoryError(line, `time goes back from ${time} to ${event.time}`);
    }
    time = event.time;
    const at = open.get(event.process);
    if (event.type === "invoke") {
      if (at !== undefined) {
        throw new HistoryError(
          line,
          `process ${JSON.stringify(event.process)} invokes ${event.f} while its ${operations[at]!.f} of line ` +
            `${operations[at]!.call} is still open`,
        );
      }
      open.set(event.process, operations.length);
      operations.push(invocation(event, line));
      return;
    }
    if (at === undefined) {
      throw new HistoryError(
        line,
        `process ${JSON.stringify(event.process)} completes ${event.f} without having invoked it`,
      );
    }
    const invoked = operations[at]!;
    if (invoked.f !== event.f || (event.key !== null && invoked.key !== event.key)) {
      throw new HistoryError(
        line,
        `completes ${event.f} of key ${JSON.stringify(event.key)}, but the open operation of process ` +
          `${JSON.stringify(event.process)} is ${invoked.f} of key ${JSON.stringify(invoked.key)} (line ${invoked.call})`,
      );
    }
    open.delete(event.process);
    operations[at] = completion(invoked, event, line);
  });
  return operations;
}

function invocation(event: HistoryEvent, line: number): Operation {
  return {
    process: event.process,
    f: event.f,
    key: event.key,
    input: event.value,
    output: null,
    invoked: event.time,
    completed: Infinity,
    outcome: "info",
    call: line,
    return: Infinity,
    session: event.session ?? event.process,
    ...(event.node === undefined ? {} : { node: event.node }),
  };
}

function completion(invoked: Operation, event: HistoryEvent, line: number): Operation {
  const error = event.error === undefined ? {} : { error: event.error };
  const node = event.node === undefined ? {} : { node: event.node };
  switch (event.type) {
    case "ok":
      return {
        ...invoked,
        ...node,
        ...(event.version === undefined ? {} : { version: event.version }),
        output: event.value,
        completed: event.time,
        outcome: "ok",
        return: line,
      };
    case "fail":
      return { ...invoked, ...node, ...error, completed: event.time, outcome: "fail" };
    default:
      return { ...invoked, ...node, ...error };
  }
}
