/** What is answered when a request fits no route, or fails on its way: always the one shape of `errors.ts`. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { z } from "zod";
import type { ErrorCode } from "../../core/errors.ts";
import type { Logger } from "../../core/world.ts";
import { type ErrorBody, errorAnswer, refusal } from "./errors.ts";

/** Bodies other than values. */
export const BODY_LIMIT_BYTES = 64 * 1024;

/** Thrown by a handler: the request ends with this answer. */
export class HttpProblem extends Error {
  override readonly name = "HttpProblem";
  readonly status: number;
  readonly body: ErrorBody;

  constructor(status: number, body: ErrorBody) {
    super(body.error.message);
    this.status = status;
    this.body = body;
  }
}

/** A row of the error table, with a sentence of its own. */
export function problem(code: ErrorCode, message: string): HttpProblem {
  const { status, body } = errorAnswer(code, message);
  return new HttpProblem(status, body);
}

/** One sentence that names every field that is wrong; `whole` stands for the value itself. */
export function issuesOf(error: z.ZodError, whole: string): string {
  return error.issues
    .map(({ path, message }) => `${path.length === 0 ? whole : path.join(".")}: ${message}`)
    .join("; ");
}

interface Route {
  readonly method: string;
  readonly path: RegExp;
}

/** To be called before the routes are made: it has to see them, to tell a wrong method from a wrong path. */
export function answerProblems(app: FastifyInstance, log: Logger): void {
  const routes: Route[] = [];
  app.addHook("onRoute", ({ method, url }) => {
    const path = new RegExp(`^${url.replace(/:\w+/g, "[^/]+")}/?$`);
    for (const each of [method].flat()) routes.push({ method: each, path });
  });
  app.setNotFoundHandler((request, reply) => notFound(routes, request, reply));
  app.setErrorHandler((error: { statusCode?: number; code?: string; message?: string }, request, reply) => {
    if (error instanceof HttpProblem) return reply.code(error.status).send(error.body);
    const status = error.statusCode ?? 500;
    if (status >= 500) {
      log.error({ error, method: request.method, route: request.routeOptions.url }, "HTTP request failed");
      const { body } = errorAnswer("internal", "The node could not answer; its log says why.");
      return reply.code(500).send(body);
    }
    return reply.code(status).send(badInput(status, error.message ?? ""));
  });
}

function notFound(routes: readonly Route[], request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const path = request.url.split("?", 1)[0]!;
  const others = [
    ...new Set(routes.filter((route) => route.path.test(path)).map(({ method }) => method)),
  ].sort();
  if (others.length === 0) {
    const message = `There is nothing at ${path}.`;
    return reply.code(404).send(refusal("not-found", message, "See /v1/docs for what there is."));
  }
  const allowed = others.join(", ");
  return reply
    .code(405)
    .header("allow", allowed)
    .send(refusal("method-not-allowed", `${path} does not take ${request.method}.`, `Use ${allowed}.`));
}

function badInput(status: number, message: string): ErrorBody {
  switch (status) {
    case 413:
      return refusal("too-large", `The body is over ${BODY_LIMIT_BYTES} bytes.`, "Send less.");
    case 415:
      return refusal(
        "unsupported-media-type",
        "The body is not application/json.",
        "Set content-type: application/json.",
      );
    default:
      return refusal("bad-request", message, "Correct what the message names and send it again.");
  }
}
