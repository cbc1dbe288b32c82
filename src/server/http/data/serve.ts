/** Puts the routes of the data API behind the HTTP door. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { KeyspaceInfo, KvorumNode } from "../../../node/api.ts";
import { BODY_LIMIT_BYTES, HttpProblem, problem } from "../problems.ts";
import { Addressing } from "./address.ts";
import { readValue } from "./body.ts";
import type { Answer, DataRoute } from "./route.ts";
import { DATA_ROUTES } from "./routes.ts";
import { openWatch, watchRoute, type WatchStream } from "./watch.ts";

/** Below it are all routes of `DATA_ROUTES`. */
export const DATA_PATH = "/v1/keyspaces/{keyspace}";

export function serveData(app: FastifyInstance, node: KvorumNode): void {
  for (const route of DATA_ROUTES) {
    if (route.body !== "bytes") add(app, node, route);
  }
  // Only routes that take bytes take any content type: no form of a web page can PUT.
  void app.register(async (inner) => {
    inner.removeAllContentTypeParsers();
    inner.addContentTypeParser("*", (request, payload, done) => {
      const keyspace = findKeyspace(node, request);
      if (keyspace instanceof HttpProblem) done(keyspace);
      else readValue(payload, request.headers["content-length"], keyspace, done);
    });
    for (const route of DATA_ROUTES) if (route.body === "bytes") add(inner, node, route);
  });
  serveWatches(app, node);
}

const urlOf = (path: string): string => `${DATA_PATH}${path}`.replace(/\{(\w+)\}/g, ":$1");

function serveWatches(app: FastifyInstance, node: KvorumNode): void {
  const streams = new Set<WatchStream>();
  app.addHook("preClose", async () => {
    for (const stream of streams) stream.end("closing", "");
  });
  app.route({
    method: watchRoute.method,
    url: urlOf(watchRoute.path),
    exposeHeadRoute: false,
    handler: async (request, reply) => {
      const { keyspace, addressing } = incomingOf(node, request);
      const lastEventId = request.headers["last-event-id"]?.toString();
      const stream = await openWatch({ node, keyspace, addressing, query: request.query, lastEventId });
      streams.add(stream);
      reply.hijack();
      const { raw } = reply;
      raw.on("close", () => streams.delete(stream));
      for (const [name, value] of Object.entries(reply.getHeaders()))
        if (value !== undefined) raw.setHeader(name, value);
      raw.setHeader("x-content-type-options", "nosniff");
      // The end of the stream is the end of the connection: it must not hold up a door that closes.
      raw.setHeader("connection", "close");
      raw.writeHead(200, { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-store" });
      stream.pipe(raw);
      if (!raw.destroyed) return;
      streams.delete(stream);
      stream.close();
    },
  });
}

function add(app: FastifyInstance, node: KvorumNode, route: DataRoute): void {
  app.route({
    method: route.method,
    url: urlOf(route.path),
    bodyLimit: BODY_LIMIT_BYTES,
    handler: async (request, reply) => send(reply, await route.handle(incomingOf(node, request))),
  });
}

function incomingOf(node: KvorumNode, request: FastifyRequest): Parameters<DataRoute["handle"]>[0] {
  const keyspace = findKeyspace(node, request);
  if (keyspace instanceof HttpProblem) throw keyspace;
  return {
    node,
    keyspace,
    addressing: new Addressing(keyspace.name, node.keyspaces()),
    params: request.params as Readonly<Record<string, string>>,
    query: request.query,
    headers: request.headers,
    body: request.body,
  };
}

function findKeyspace(node: KvorumNode, request: FastifyRequest): KeyspaceInfo | HttpProblem {
  const { keyspace: name } = request.params as { readonly keyspace: string };
  const found = node.keyspaces().find((keyspace) => keyspace.name === name);
  if (found !== undefined) return found;
  if (node.keyspaces().length === 0)
    return problem("no-leader", "The cluster has no keyspaces yet: it is still starting.");
  return problem("unknown-keyspace", `There is no keyspace "${name}".`);
}

function send(reply: FastifyReply, { status = 200, headers = {}, body }: Answer): FastifyReply {
  // A value must never be taken for a page of this origin.
  void reply.code(status).headers(headers).header("x-content-type-options", "nosniff");
  void reply.header("cache-control", "no-store");
  if (body instanceof Uint8Array) return reply.send(Buffer.from(body.buffer, body.byteOffset, body.length));
  return body === undefined ? reply.send() : reply.type("application/json").send(JSON.stringify(body));
}
