/** What people and tools ask a node about itself and its cluster, and what they tell it to change. */
import type { FastifyInstance } from "fastify";
import type { AdminResult, KvorumNode } from "../../node/api.ts";
import { parseAdminRequest } from "./admin-schema.ts";
import { errorAnswer } from "./errors.ts";
import { metricsPage } from "./metrics.ts";

export function serveAdministration(app: FastifyInstance, node: KvorumNode): void {
  const page = metricsPage(node);
  app.get("/metrics", async (_request, reply) => reply.type(page.contentType).send(await page.render()));
  app.get("/v1/status", async () => node.status());
  app.get("/v1/keyspaces", async () => node.keyspaces());
  app.post("/v1/admin", async (request, reply) => {
    const parsed = parseAdminRequest(request.body);
    if ("problem" in parsed) {
      const { status, body } = errorAnswer("bad-request", parsed.problem);
      return reply.code(status).send(body);
    }
    const result = await new Promise<AdminResult>((resolve) => void node.admin(parsed, resolve));
    if (result.ok) return result;
    const { status, body } = errorAnswer(result.code, result.message);
    return reply.code(status).send(body);
  });
}
