/** What a page in a browser does: requests that are repeated, under one key, until there is an answer. */
import { sleep } from "../cluster/cluster.testkit.ts";

export interface Answer {
  readonly status: number;
  // What a site answers is checked by the test that asks.
  readonly body: Readonly<Record<string, unknown>>;
}

/** Throws when there was no answer. */
export async function ask(method: string, url: string, body?: unknown, key?: string): Promise<Answer> {
  const response = await fetch(url, {
    method,
    headers: {
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(key === undefined ? {} : { "idempotency-key": key }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(10_000),
  });
  return { status: response.status, body: (await response.json()) as Answer["body"] };
}

/** Asks one address after the other until one has done it. Answers how often it had to ask. */
export async function insist(urls: readonly string[], body: unknown, key: string): Promise<number> {
  for (let attempt = 1; attempt <= 50; attempt++) {
    const answer = await ask("POST", urls[attempt % urls.length]!, body, key).catch(() => null);
    if (answer?.status === 200) return attempt;
    if (answer !== null && answer.status < 500) throw new Error(JSON.stringify(answer.body));
    await sleep(50);
  }
  throw new Error("no front end would do it");
}
