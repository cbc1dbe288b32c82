/** The description of this door, for programs and for people. */
import type { FastifyInstance } from "fastify";
import type { KvorumNode } from "../../node/api.ts";
import { docsPage } from "./docs-page.ts";
import { openApi } from "./openapi.ts";

/** The page is one file: it loads nothing, and runs nothing. */
const POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export function serveDocuments(app: FastifyInstance, node: KvorumNode): void {
  let document: string | null = null;
  let page: string | null = null;
  app.get("/v1/openapi.json", async (_request, reply) => {
    document ??= JSON.stringify(openApi(node.status().version), null, 2);
    return reply.type("application/json").send(document);
  });
  app.get("/v1/docs", async (_request, reply) => {
    page ??= docsPage(openApi(node.status().version));
    return reply.type("text/html; charset=utf-8").header("content-security-policy", POLICY).send(page);
  });
}
