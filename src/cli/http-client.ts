/** Asks nodes over HTTP, for the commands that look at a cluster or administer it. */
import type { MembershipInfo, NodeStatus } from "../node/api.ts";
import type { Grant } from "../node/catalog/users.ts";
import type { Explanation } from "../node/explain.ts";
import type { ExplainedLeader } from "../node/explain-leader.ts";
import type { AdminInput } from "../server/security/administer.ts";
import { CliError, codeOf, EXIT, messageOf, usage } from "./failure.ts";
import { type HttpAnswer, requestJson } from "./http-request.ts";
import { remote } from "./login.ts";

/** Where the nodes of `kvorum dev` answer; tried in turn when nobody names a node. */
const DEFAULT_HOSTS = ["127.0.0.1:7411", "127.0.0.1:7421", "127.0.0.1:7431"];

const STATUS_TIMEOUT_MS = 3_000;
/** Moving replicas and leaders takes a while; the node itself gives up earlier. */
const ADMIN_TIMEOUT_MS = 60_000;

/** The node that answered, and what it said. */
export interface Reached {
  readonly url: string;
  readonly status: NodeStatus;
}

/** The nodes to ask: `--url`, else KVORUM_URL, else those of `kvorum dev`. Several are separated by commas. */
export function nodeUrls(
  flag: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): string[] {
  const given = flag ?? env["KVORUM_URL"];
  if (given === undefined || given === "") return DEFAULT_HOSTS.map(urlOfHost);
  return given.split(",").map((text) => {
    const url = parseUrl(text.includes("://") ? text.trim() : urlOfHost(text.trim()));
    if (url !== null && (url.protocol === "http:" || url.protocol === "https:")) return url.origin;
    const source = flag === undefined ? "KVORUM_URL" : "--url";
    throw usage(`${source}: "${text}" is not a node's address`, "Write it as http://127.0.0.1:7411.");
  });
}

/** Of a node whose address the cluster tells us. */
export const urlOfHost = (host: string): string => `${remote().ca === null ? "http" : "https"}://${host}`;

function parseUrl(text: string): URL | null {
  return URL.canParse(text) ? new URL(text) : null;
}

/** The first node that answers. Throws when none does, and says why for each. */
export async function reachNode(urls: readonly string[]): Promise<Reached> {
  const reasons: string[] = [];
  for (const url of urls) {
    try {
      return { url, status: await fetchStatus(url) };
    } catch (error) {
      if (error instanceof CliError) throw error;
      reasons.push(`${url} (${whyUnreachable(error)})`);
    }
  }
  throw new CliError(
    `no node answers at ${reasons.join(", ")}`,
    "Start a cluster with `kvorum dev`, or name a running node with --url (KVORUM_URL).",
    EXIT.unreachable,
  );
}

export async function fetchStatus(url: string, timeoutMs = STATUS_TIMEOUT_MS): Promise<NodeStatus> {
  const { body } = await answerOf(await requestJson("GET", `${url}/v1/status`, timeoutMs));
  if (typeof body !== "object" || body === null || !("replicas" in body))
    throw new Error("it is not a Kvorum node");
  return body as NodeStatus;
}

export async function fetchMembers(url: string): Promise<MembershipInfo> {
  const { body } = await answerOf(await requestJson("GET", `${url}/v1/members`, STATUS_TIMEOUT_MS));
  return body as MembershipInfo;
}

export interface ListedUser {
  readonly name: string;
  readonly grants: readonly Grant[];
}

export async function listUsers(url: string): Promise<readonly ListedUser[]> {
  const { body } = await answerOf(await requestJson("GET", `${url}/v1/users`, STATUS_TIMEOUT_MS));
  return body as readonly ListedUser[];
}

/** `leaders`: null where the keyspace merges. */
export type ExplainedKeyspace = Explanation & { readonly leaders: readonly ExplainedLeader[] | null };

export async function fetchExplanation(url: string, keyspace: string): Promise<ExplainedKeyspace> {
  const path = `/v1/keyspaces/${encodeURIComponent(keyspace)}/explain`;
  const { body } = await answerOf(await requestJson("GET", `${url}${path}`, STATUS_TIMEOUT_MS));
  return body as ExplainedKeyspace;
}

/** Who is not let in is told so at once: another node would say the same. */
async function answerOf(answer: HttpAnswer): Promise<HttpAnswer> {
  if (answer.ok) return answer;
  const message = errorText(answer.body) ?? `HTTP status ${answer.status}`;
  if (![401, 403, 429].includes(answer.status)) throw new Error(message);
  throw refusedLogin(message, answer.body);
}

function refusedLogin(message: string, body: unknown): CliError {
  const { error } = body as { error?: { code?: string; hint?: string } };
  const advice =
    error?.code === "unauthenticated"
      ? "Log in with --user NAME --password-file FILE (KVORUM_USER, KVORUM_PASSWORD_FILE)."
      : (error?.hint ?? "See the node's log.");
  return new CliError(message, advice);
}

/** Carries out a request through this node and returns what it says. */
export async function administer(url: string, request: AdminInput): Promise<string> {
  let answer: HttpAnswer;
  try {
    answer = await requestJson("POST", `${url}/v1/admin`, ADMIN_TIMEOUT_MS, request);
  } catch (error) {
    throw new CliError(
      `the answer of ${url} did not arrive (${whyUnreachable(error)}): the change may or may not have been made`,
      "Look with `kvorum status` before you try again.",
      EXIT.unreachable,
      error,
    );
  }
  if (answer.ok) return (answer.body as { detail?: string }).detail ?? "done";
  const { error } = answer.body as { error?: { message?: string; hint?: string; definite?: boolean } };
  const unsure = error?.definite === false ? " (it may have been done all the same)" : "";
  throw new CliError(
    `${error?.message ?? `HTTP status ${answer.status}`}${unsure}`,
    error?.hint ?? "See the node's log.",
  );
}

function errorText(body: unknown): string | undefined {
  return (body as { error?: { message?: string } } | null)?.error?.message;
}

/** In a few words. */
export function whyUnreachable(error: unknown): string {
  if (error instanceof Error && error.name === "TimeoutError") return "no answer in time";
  switch (codeOf(error)) {
    case "EPROTO":
    case "HPE_INVALID_CONSTANT":
      return "it speaks another protocol: with --ca connections are encrypted, without they are not";
    case "ECONNREFUSED":
      return "connection refused";
    case "ECONNRESET":
      return "connection lost";
    case "SELF_SIGNED_CERT_IN_CHAIN":
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
      return "its certificate is of an authority that is not trusted: name that with --ca";
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return "its certificate is for other names than this one";
    case "ENOTFOUND":
      return "unknown host";
    case undefined:
      if (error instanceof SyntaxError) return "it is not a Kvorum node";
      return messageOf(error);
    default:
      return codeOf(error)!;
  }
}
