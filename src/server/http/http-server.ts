/**
 * The HTTP door: health for orchestrators, metrics for Prometheus, status and administration as JSON, and the data.
 *
 *   GET  /health/live    200 while the process runs
 *   GET  /health/ready   200 once the node serves requests; 503 with the reason until then
 *   GET  /health         both
 *   GET  /metrics        Prometheus
 *   GET  /v1/status      `NodeStatus`
 *   GET  /v1/members     `MembershipInfo`
 *   GET  /v1/channels    `ChannelsInfo`
 *   GET  /v1/keyspaces   `KeyspaceInfo[]`
 *   GET  /v1/users       names and grants
 *   POST /v1/admin       an `AdminInput`; answers `{ ok: true, detail }` or an error
 *   /v1/keyspaces/…      reading, writing, watching and explaining: `data/routes.ts`, `data/watch.ts`
 *   GET  /v1/openapi.json, /v1/docs   what all of these take and answer
 *
 * `authentication.ts` says who may do which.
 */
import type { Server as TlsServer } from "node:https";
import Fastify, { type FastifyHttpsOptions, type FastifyInstance } from "fastify";
import type { Address, Logger } from "../../core/world.ts";
import type { KvorumNode } from "../../node/api.ts";
import type { TlsIdentity } from "../../transport/tls-sockets.ts";
import { formatAddress } from "../notation.ts";
import { Security } from "../security/security.ts";
import { type AccessOptions, guardAccess } from "./access.ts";
import { serveAdministration } from "./administration.ts";
import { authenticate } from "./authentication.ts";
import { serveData } from "./data/serve.ts";
import { serveDocuments } from "./documents.ts";
import { serveHealth } from "./health.ts";
import { answerProblems, BODY_LIMIT_BYTES } from "./problems.ts";

export interface HttpOptions extends AccessOptions {
  /** 0: any free port. */
  readonly port: number;
  /** Default: one of its own, which knows the node's users. */
  readonly security?: Security;
  /** /metrics needs no login. Default false. */
  readonly openMetrics?: boolean;
  /** Encrypts; without it, the port does not. */
  readonly tls?: TlsIdentity;
}

export interface HttpServer {
  readonly address: Address;
  /** Answers what is in flight, for at most two seconds, then closes every connection. */
  close(): Promise<void>;
}

const CLOSE_GRACE_MS = 2_000;
/** Keys stand in the path, percent-encoded; longer ones travel in the body of a batch. */
const MAX_HEADER_BYTES = 64 * 1024;

/** Listens, and serves `node` from then on. Fails with a sentence that names the address and the option to change. */
export async function startHttpServer(
  node: KvorumNode,
  options: HttpOptions,
  log: Logger,
): Promise<HttpServer> {
  const app = buildApp(node, options, log);
  const address = await listen(app, options);
  return { address, close: () => close(app) };
}

/** The door without a socket. `onRoute` is told of every route. */
export function buildApp(
  node: KvorumNode,
  options: HttpOptions,
  log: Logger,
  onRoute: (method: string, url: string) => void = () => undefined,
): FastifyInstance {
  const { tls } = options;
  const http = { maxHeaderSize: MAX_HEADER_BYTES };
  const settings = {
    logger: false,
    bodyLimit: BODY_LIMIT_BYTES,
    connectionTimeout: 30_000,
    requestTimeout: 10_000,
    keepAliveTimeout: 60_000,
    forceCloseConnections: "idle" as const,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: MAX_HEADER_BYTES },
  };
  const app =
    tls === undefined
      ? Fastify({ ...settings, http })
      : encrypted({ ...settings, https: { ...http, ...tls.options } }, tls);
  // Without this a form of a web page could post text/plain; only JSON is taken.
  app.removeContentTypeParser("text/plain");
  app.addHook("onRoute", ({ method, url }) => {
    for (const each of [method].flat()) onRoute(each, url);
  });
  answerProblems(app, log);
  guardAccess(app, options);
  const security = options.security ?? new Security({ node, log });
  const authentication = authenticate(app, security, options.openMetrics ?? false);
  serveHealth(app, node);
  serveAdministration(app, node, security, authentication);
  serveDocuments(app, node);
  serveData(app, node);
  return app;
}

/** Why a door could not be opened, in words, for every reason people meet. */
export function listenProblem(code: string | undefined, address: Address, option: string): string {
  const where = formatAddress(address);
  switch (code) {
    case "EADDRINUSE":
      return `${where} is in use by another program; stop it, or choose another ${option}`;
    case "EACCES":
      return `no permission to listen on ${where}; ports below 1024 need rights, choose another ${option}`;
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return `${address.host} is not an address of this machine; correct host`;
    default:
      return `cannot listen on ${where} (${code ?? "unknown error"})`;
  }
}

/** The same to everybody but the socket. */
function encrypted(settings: FastifyHttpsOptions<TlsServer>, tls: TlsIdentity): FastifyInstance {
  const app = Fastify(settings);
  tls.renew(app.server);
  return app as unknown as FastifyInstance;
}

async function listen(app: FastifyInstance, options: HttpOptions): Promise<Address> {
  try {
    await app.listen({ host: options.host, port: options.port });
  } catch (error) {
    await app.close();
    const code = (error as { code?: string }).code;
    throw new Error(`HTTP: ${listenProblem(code, options, "httpPort (--http-port)")}`, { cause: error });
  }
  const bound = app.server.address();
  if (bound === null || typeof bound === "string") throw new Error("HTTP: the server has no address");
  return { host: bound.address, port: bound.port };
}

async function close(app: FastifyInstance): Promise<void> {
  const timer = setTimeout(() => app.server.closeAllConnections(), CLOSE_GRACE_MS);
  try {
    await app.close();
  } finally {
    clearTimeout(timer);
  }
}
