/** The client's requests, by the names of commands, as what nodes understand. */
import { invariant } from "../core/assert.ts";
import type { Operation } from "../data/batch.ts";
import { findCommand } from "../data/commands.ts";
import type { CommandCall } from "../data/contract.ts";
import type { ClientRequest as NodeRequest } from "../node/client-request.ts";
import type { ClientCommand, ClientRequest } from "./transport.ts";

export function toForwarded(request: ClientRequest): NodeRequest {
  const { group, write, consistency, atLeast, maxStaleness, quorum, timeout } = request;
  const operation = operationOf(request);
  return { group, write, consistency, atLeast, maxStaleness, quorum, timeout, operation };
}

function operationOf({ operation, envelope }: ClientRequest): Operation {
  const wrapped = envelope === null ? {} : { envelope };
  if (operation.kind === "command") return { kind: "command", ...callOf(operation), ...wrapped };
  const { watched, calls } = operation;
  return { kind: "transaction", watched, calls: calls.map(callOf), ...wrapped };
}

function callOf({ name, args }: ClientCommand): CommandCall {
  const spec = findCommand(name);
  invariant(spec !== undefined, `src/data has a command ${name}`);
  return { spec, args };
}
