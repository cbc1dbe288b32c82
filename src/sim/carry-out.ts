/** A planned operation as calls of a node. */
import { ERRORS } from "../core/errors.ts";
import { Failure, NULL_ARRAY, type Reply } from "../core/reply.ts";
import type { CallOptions, KvorumNode } from "../node/api.ts";
import { commandCall, textOf, type PlannedOperation } from "./workloads/workload.ts";

/** One reply for each call, or the one failure; null when the guard did not hold. */
export type Outcome = readonly Reply[] | null;

/** As a door of the node does it for GET, for MULTI … EXEC, and for WATCH, GET, MULTI … EXEC. */
export function carryOut(
  node: KvorumNode,
  operation: PlannedOperation,
  options: CallOptions,
  done: (outcome: Outcome) => void,
): void {
  const { calls, guard } = operation;
  if (guard === undefined && calls.length === 1) {
    node.execute(calls[0]!, options, (reply) => done([reply]));
    return;
  }
  const commit = (watched: Parameters<KvorumNode["transaction"]>[1]): void =>
    node.transaction(calls, watched, options, (reply) => {
      if (reply === NULL_ARRAY) done(null);
      else done(Array.isArray(reply) ? (reply as readonly Reply[]) : [reply]);
    });
  if (guard === undefined) {
    commit([]);
    return;
  }
  node.execute(commandCall(".version", guard.key), options, (version) => {
    if (version instanceof Failure) {
      done([definitely(version)]);
      return;
    }
    node.execute(commandCall("get", guard.key), options, (value) => {
      if (value instanceof Failure) done([definitely(value)]);
      else if (textOf(value) !== guard.expected) done(null);
      else commit([{ key: commandCall("get", guard.key).args[0]!, version: version as number }]);
    });
  });
}

/** A guard that could not be read: nothing was written, whatever became of the reading. */
function definitely(failure: Failure): Failure {
  return failure.code === null || ERRORS[failure.code].definite
    ? failure
    : new Failure(failure.message, "no-leader");
}
