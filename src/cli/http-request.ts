/** One request to a node, with the login and the trusted certificates of this command line. */
import { request as plainRequest, type IncomingMessage } from "node:http";
import { request as secureRequest } from "node:https";
import { text as readText } from "node:stream/consumers";
import { remote } from "./login.ts";

export interface HttpAnswer {
  readonly status: number;
  readonly ok: boolean;
  /** Parsed JSON. */
  readonly body: unknown;
}

/** Fails with `TimeoutError`, the system's error, or a `SyntaxError` when the answer is no JSON. */
export function requestJson(
  method: "GET" | "POST",
  url: string,
  timeoutMs: number,
  body?: unknown,
): Promise<HttpAnswer> {
  const { login, ca } = remote();
  const secure = url.startsWith("https:");
  const headers = {
    ...(body === undefined ? {} : { "content-type": "application/json" }),
    ...(login === null
      ? {}
      : { authorization: `Basic ${Buffer.from(`${login.user}:${login.password}`).toString("base64")}` }),
  };
  return new Promise((resolve, reject) => {
    const options = { method, headers, agent: false as const };
    const answered = (response: IncomingMessage): void => {
      readAnswer(response)
        .then(resolve, reject)
        .finally(() => clearTimeout(timer));
    };
    const outgoing = secure
      ? secureRequest(url, { ...options, ...(ca === null ? {} : { ca }) }, answered)
      : plainRequest(url, options, answered);
    const timer = setTimeout(() => {
      outgoing.destroy(Object.assign(new Error("no answer in time"), { name: "TimeoutError" }));
    }, timeoutMs);
    outgoing.on("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

async function readAnswer(response: IncomingMessage): Promise<HttpAnswer> {
  const status = response.statusCode ?? 0;
  return { status, ok: status >= 200 && status < 300, body: JSON.parse(await readText(response)) };
}
