/** What people and tools ask a node about itself and its cluster, and what they tell it to change. */
import type { FastifyInstance, FastifyReply } from "fastify";
import type { AdminResult, KvorumNode } from "../../node/api.ts";
import { administer } from "../security/administer.ts";
import type { Security } from "../security/security.ts";
import { parseAdminRequest } from "./admin-schema.ts";
import type { Authentication } from "./authentication.ts";
import { errorAnswer } from "./errors.ts";
import { metricsPage } from "./metrics.ts";

export function serveAdministration(
  app: FastifyInstance,
  node: KvorumNode,
  security: Security,
  authentication: Authentication,
): void {
  const page = metricsPage(node);
  app.get("/metrics", async (_request, reply) => reply.type(page.contentType).send(await page.render()));
  app.get("/v1/status", async () => node.status());
  app.get("/v1/members", async () => node.members());
  app.get("/v1/channels", async () => node.channels.describe());
  app.get("/v1/keyspaces", async () => node.keyspaces());
  app.get("/v1/users", async () => node.users().map(({ name, grants }) => ({ name, grants })));
  app.post("/v1/admin", async (request, reply) => {
    const parsed = parseAdminRequest(request.body);
    if ("problem" in parsed)
      return answer(reply, { ok: false, code: "bad-request", message: parsed.problem });
    const access = authentication.accessOf(request);
    const address = request.socket.remoteAddress ?? "?";
    return answer(reply, await administer(node, security, { access, address, door: "http" }, parsed));
  });
}

function answer(reply: FastifyReply, result: AdminResult): FastifyReply {
  if (result.ok) return reply.send(result);
  const { status, body } = errorAnswer(result.code, result.message);
  return reply.code(status).send(body);
}
