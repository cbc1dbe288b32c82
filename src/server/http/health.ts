/** For orchestrators: does the process run, does the node serve, and what does it wait for? */
import type { FastifyInstance } from "fastify";
import type { KvorumNode, NodeStatus } from "../../node/api.ts";

export function serveHealth(app: FastifyInstance, node: KvorumNode): void {
  app.get("/health/live", async () => ({ live: true }));
  app.get("/health/ready", async (_request, reply) => {
    const status = node.status();
    return reply.code(status.ready ? 200 : 503).send({ ready: status.ready, ...because(status) });
  });
  app.get("/health", async (_request, reply) => {
    const status = node.status();
    return reply.code(status.ready ? 200 : 503).send({ live: true, ready: status.ready, ...because(status) });
  });
}

function because(status: NodeStatus): { reason?: string; waitingMilliseconds?: number } {
  if (status.ready) return {};
  return {
    reason: status.storage.problem ?? status.waiting?.reason ?? "starting",
    ...(status.waiting === null ? {} : { waitingMilliseconds: Math.round(status.waiting.milliseconds) }),
  };
}
