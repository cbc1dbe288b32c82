/** What both examples need of the web: a page's files, careful headers, and errors that say what happened. */
import { readdirSync, readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { extname } from "node:path";
import Fastify, { type FastifyError, type FastifyInstance } from "fastify";
import { KvorumError } from "kvorum/client";

export const HOST = "127.0.0.1";
const MAX_BODY_BYTES = 16 * 1024;

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** A request that the site refuses: `status` 4xx. Nothing was done. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** A site that serves the files of `folder`; the rest is up to the caller. */
export function createSite(folder: URL): FastifyInstance {
  const site = Fastify({ bodyLimit: MAX_BODY_BYTES, forceCloseConnections: true });
  // Whatever users type becomes text in the page; should that ever go wrong, the browser still runs no script but ours.
  site.addHook("onSend", async (_request, reply) => {
    void reply.header(
      "content-security-policy",
      "default-src 'self'; connect-src 'self' http://127.0.0.1:*; base-uri 'none'; frame-ancestors 'none'",
    );
    void reply.header("x-content-type-options", "nosniff");
    void reply.header("referrer-policy", "no-referrer");
  });
  for (const name of readdirSync(folder)) {
    const type = TYPES[extname(name)];
    if (type === undefined) continue;
    site.get(name === "index.html" ? "/" : `/${name}`, (_request, reply) =>
      // Read at every request: change the page, reload, see it.
      reply
        .type(type)
        .header("cache-control", "no-cache")
        .send(readFileSync(new URL(name, folder))),
    );
  }
  site.setErrorHandler<FastifyError | KvorumError | Refusal>((error, _request, reply) => {
    const { status, body } = answerTo(error);
    if (status === 500) console.error(error);
    return reply.code(status).send({ error: body });
  });
  site.setNotFoundHandler((_request, reply) =>
    reply.code(404).send({ error: { code: "not-found", message: "There is nothing here.", definite: true } }),
  );
  return site;
}

/** `definite` false: it may have been done, so the browser repeats it under the same `Idempotency-Key`. */
function answerTo(error: FastifyError | KvorumError | Refusal): { status: number; body: object } {
  const { message } = error;
  if (error instanceof Refusal)
    return { status: error.status, body: { code: error.code, message, definite: true } };
  if (error instanceof KvorumError) {
    const { code, hint, definite } = error;
    return { status: code === "bad-request" ? 400 : 503, body: { code, message, hint, definite } };
  }
  const status = error.statusCode ?? 500;
  if (status < 500) return { status, body: { code: "bad-request", message, definite: true } };
  return {
    status: 500,
    body: { code: "internal", message: "The site has a bug; its log says which.", definite: false },
  };
}

/** Listens on the loopback interface only: the examples know no passwords. Answers the address. */
export async function listen(site: FastifyInstance, port: number): Promise<string> {
  await site.listen({ host: HOST, port });
  return `http://${HOST}:${(site.server.address() as AddressInfo).port}`;
}

/** The page's files lie beside the sources, also for what was compiled into `examples/dist`. */
export function pageOf(example: string, moduleUrl: string): URL {
  const above = moduleUrl.includes("/examples/dist/") ? "../.." : "..";
  return new URL(`${above}/${example}/page/`, moduleUrl);
}
