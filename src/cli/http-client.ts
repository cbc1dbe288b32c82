/** Asks nodes over HTTP, for the commands that look at a cluster or administer it. */
import type { AdminRequest, NodeStatus } from "../node/api.ts";
import { CliError, codeOf, EXIT, messageOf, usage } from "./failure.ts";

/** Where the nodes of `kvorum dev` answer; tried in turn when nobody names a node. */
const DEFAULT_URLS = ["http://127.0.0.1:7411", "http://127.0.0.1:7421", "http://127.0.0.1:7431"];

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
  if (given === undefined || given === "") return DEFAULT_URLS;
  return given.split(",").map((text) => {
    const url = parseUrl(text.includes("://") ? text.trim() : `http://${text.trim()}`);
    if (url !== null && (url.protocol === "http:" || url.protocol === "https:")) return url.origin;
    const source = flag === undefined ? "KVORUM_URL" : "--url";
    throw usage(`${source}: "${text}" is not a node's address`, "Write it as http://127.0.0.1:7411.");
  });
}

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
  const response = await fetch(`${url}/v1/status`, { signal: AbortSignal.timeout(timeoutMs) });
  const body: unknown = await response.json();
  if (!response.ok) throw new Error(errorText(body) ?? `HTTP status ${response.status}`);
  if (typeof body !== "object" || body === null || !("replicas" in body))
    throw new Error("it is not a Kvorum node");
  return body as NodeStatus;
}

/** Carries out a request through this node and returns what it says. */
export async function administer(url: string, request: AdminRequest): Promise<string> {
  let response: Response;
  let body: unknown;
  try {
    response = await fetch(`${url}/v1/admin`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(request),
      signal: AbortSignal.timeout(ADMIN_TIMEOUT_MS),
    });
    body = await response.json();
  } catch (error) {
    throw new CliError(
      `the answer of ${url} did not arrive (${whyUnreachable(error)}): the change may or may not have been made`,
      "Look with `kvorum status` before you try again.",
      EXIT.unreachable,
      error,
    );
  }
  if (response.ok) return (body as { detail?: string }).detail ?? "done";
  const { error } = body as { error?: { message?: string; hint?: string; definite?: boolean } };
  const unsure = error?.definite === false ? " (it may have been done all the same)" : "";
  throw new CliError(
    `${error?.message ?? `HTTP status ${response.status}`}${unsure}`,
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
    case "ECONNREFUSED":
      return "connection refused";
    case "ECONNRESET":
    case "UND_ERR_SOCKET":
      return "connection lost";
    case "ENOTFOUND":
      return "unknown host";
    case undefined:
      if (error instanceof SyntaxError) return "it is not a Kvorum node";
      // fetch says only that it failed; why is one level deeper.
      return messageOf(error instanceof Error && error.cause !== undefined ? error.cause : error);
    default:
      return codeOf(error)!;
  }
}
