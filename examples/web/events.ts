/** Server-sent events: what a page hears without asking. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { Refusal } from "./site.ts";

const MAX_LISTENERS = 100;

/** Of one site. */
export class EventStreams {
  readonly #open = new Set<AbortController>();

  constructor(site: FastifyInstance) {
    site.addHook("preClose", async () => {
      for (const stream of this.#open) stream.abort();
    });
  }

  /** Sends what `source` yields until the browser leaves or the site closes; the signal tells the source. */
  async send(
    request: FastifyRequest,
    reply: FastifyReply,
    source: (signal: AbortSignal) => AsyncIterable<unknown>,
  ): Promise<void> {
    if (this.#open.size >= MAX_LISTENERS) throw new Refusal(503, "busy", "Too many are listening.");
    const stream = new AbortController();
    this.#open.add(stream);
    request.raw.once("close", () => stream.abort());
    reply.hijack();
    const { raw } = reply;
    raw.writeHead(200, {
      ...(reply.getHeaders() as Record<string, string>),
      "content-type": "text/event-stream",
      "cache-control": "no-cache",
    });
    try {
      for await (const event of source(stream.signal)) raw.write(`data: ${JSON.stringify(event)}\n\n`);
    } finally {
      this.#open.delete(stream);
      raw.end();
    }
  }
}
