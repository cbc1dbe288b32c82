/** One request of the typed client, as far as its user's roles allow it. */
import type { KvorumNode, ReplyCallback } from "../../node/api.ts";
import { type ClientRequest, runClientRequest } from "../../node/client-request.ts";
import { operationRefusal } from "../resp/authorise.ts";
import type { Access } from "../security/access.ts";

/** Calls back exactly once. `access` null: the client has not logged in. */
export function runCall(
  node: KvorumNode,
  access: Access | null,
  request: ClientRequest,
  done: ReplyCallback,
): void {
  const refusal = operationRefusal(request.operation, request.group, access, node);
  if (refusal === null) runClientRequest(node, request, done);
  else done(refusal, null);
}
