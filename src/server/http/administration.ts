/** What people and tools ask a node about itself and its cluster, and what they tell it to change. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { AdminRequest, AdminResult, KvorumNode } from "../../node/api.ts";
import type { Need } from "../security/access.ts";
import { TooBusyError } from "../security/password.ts";
import type { Security } from "../security/security.ts";
import { type AdminInput, parseAdminRequest } from "./admin-schema.ts";
import type { Authentication } from "./authentication.ts";
import { errorAnswer } from "./errors.ts";
import { metricsPage } from "./metrics.ts";
import { problem } from "./problems.ts";

export function serveAdministration(
  app: FastifyInstance,
  node: KvorumNode,
  security: Security,
  authentication: Authentication,
): void {
  const page = metricsPage(node);
  app.get("/metrics", async (_request, reply) => reply.type(page.contentType).send(await page.render()));
  app.get("/v1/status", async () => node.status());
  app.get("/v1/keyspaces", async () => node.keyspaces());
  app.get("/v1/users", async () => node.users().map(({ name, grants }) => ({ name, grants })));
  app.post("/v1/admin", async (request, reply) => {
    const parsed = parseAdminRequest(request.body);
    if ("problem" in parsed)
      return answer(reply, { ok: false, code: "bad-request", message: parsed.problem });
    return answer(reply, await change(parsed, request));
  });

  async function change(input: AdminInput, request: FastifyRequest): Promise<AdminResult> {
    const access = authentication.accessOf(request);
    const address = request.socket.remoteAddress ?? "?";
    if (!access.allows(needOf(input))) {
      if (access.user !== null) security.audit.refused(access.user, address, "http", input.type);
      return {
        ok: false,
        code: "forbidden",
        message: `The user ${access.user ?? ""} is not an administrator here.`,
      };
    }
    const asked = await withVerifier(input, security);
    const result = await new Promise<AdminResult>((resolve) => void node.admin(asked, resolve));
    security.audit.changed(access.user, address, "http", describe(input), result.ok ? "ok" : result.code);
    return result;
  }
}

function answer(reply: FastifyReply, result: AdminResult): FastifyReply {
  if (result.ok) return reply.send(result);
  const { status, body } = errorAnswer(result.code, result.message);
  return reply.code(status).send(body);
}

/** A keyspace has administrators of its own; all else concerns the cluster. */
function needOf(input: AdminInput): Need {
  switch (input.type) {
    case "keyspace-create":
      return { type: "keyspace", keyspace: input.spec.name, role: "admin" };
    case "keyspace-alter":
    case "keyspace-drop":
      return { type: "keyspace", keyspace: input.name, role: "admin" };
    default:
      return { type: "everywhere", role: "admin" };
  }
}

/** The password goes no further. Whoever need not log in may make the first user only. */
async function withVerifier(input: AdminInput, security: Security): Promise<AdminRequest> {
  if (input.type !== "user-set") return input;
  const { password, ...rest } = input;
  const first = security.loginRequired ? {} : ({ first: true } as const);
  if (password === undefined) return { ...rest, ...first };
  try {
    return { ...rest, ...first, verifier: await security.passwords.verifierOf(Buffer.from(password)) };
  } catch (error) {
    if (error instanceof TooBusyError) throw problem("overloaded", "Too many logins at a time.");
    throw error;
  }
}

/** For the audit: everything but the password. */
function describe(input: AdminInput): object {
  if (input.type !== "user-set") return { change: input };
  const { password, ...rest } = input;
  return { change: { ...rest, newPassword: password !== undefined } };
}
