/** Requests to our server. A write that got no answer is repeated, with the same key: it is done once all the same. */
const ATTEMPTS = 6;
const PATIENCE_MS = 8000;

export class ApiError extends Error {}

const json = (body, key) => ({
  headers: { "content-type": "application/json", "idempotency-key": key },
  body: JSON.stringify(body),
});

export async function ask(method, path, body) {
  const key = crypto.randomUUID();
  for (let attempt = 1; ; attempt++) {
    const last = attempt === ATTEMPTS || method === "GET";
    try {
      const response = await fetch(`/api${path}`, {
        method,
        ...(method === "GET" ? {} : { headers: { "idempotency-key": key } }),
        ...(body === undefined ? {} : json(body, key)),
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
      const answer = await response.json();
      if (response.ok) return answer;
      if (response.status < 500 || last) throw new ApiError(answer.error.message);
    } catch (error) {
      if (error instanceof ApiError) throw error;
      if (last) throw new ApiError("The server does not answer. Try again in a moment.");
    }
    await new Promise((done) => setTimeout(done, 100 * 2 ** attempt * Math.random()));
  }
}
