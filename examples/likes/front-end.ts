/** A web server of the like button. Several of them run side by side; they share nothing but the cluster. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { EventStreams } from "../web/events.ts";
import { createSite, listen, pageOf, Refusal } from "../web/site.ts";
import type { Cluster } from "./cluster.ts";
import { type Click, Likes, type Replication } from "./likes.ts";
import { Link } from "./link.ts";

export interface FrontEndOptions {
  /** `kvorum://host:port`, or the example's own: this front end stands on its machine of the same number then. */
  readonly cluster: string | Cluster;
  readonly replication: Replication;
  /** 0: a free one. */
  readonly port: number;
  /** From 1. */
  readonly number: number;
  /** The addresses of all front ends, once they are known. */
  readonly frontEnds: () => readonly string[];
  /** In [0, 1): decides whether a reply is lost. Default: `Math.random`. */
  readonly chance?: () => number;
}

/** Which replies are lost, and how often: probabilities for each click. */
export interface Faults {
  /** Between the cluster and the front end. */
  readonly cluster: number;
  /** Between the front end and the browser. */
  readonly browser: number;
}

const NO_FAULTS: Faults = { cluster: 0, browser: 0 };
const NAME = /^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,39}$/u;
const CLICK_ID = /^[\w-]{8,64}$/;

export class FrontEnd {
  readonly address: string;
  readonly #site: FastifyInstance;
  readonly #likes: Likes;
  readonly #link: Link;

  private constructor(address: string, site: FastifyInstance, likes: Likes, link: Link) {
    this.address = address;
    this.#site = site;
    this.#likes = likes;
    this.#link = link;
  }

  static async start(options: FrontEndOptions): Promise<FrontEnd> {
    const { cluster, replication, port, number, chance = Math.random } = options;
    const isOurs = typeof cluster !== "string";
    const link = isOurs ? await cluster.linkOf(number) : await Link.open();
    let likes: Likes | null = null;
    try {
      likes = await Likes.open(isOurs ? cluster.urlOf(number) : cluster, replication, { route: link.route });
      const site = createSite(pageOf("likes", import.meta.url));
      defineRoutes(site, { ...options, chance, likes, link });
      return new FrontEnd(await listen(site, port), site, likes, link);
    } catch (error) {
      likes?.close();
      link.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#site.close();
    this.#likes.close();
    this.#link.close();
  }
}

interface Parts extends Required<Omit<FrontEndOptions, "port">> {
  readonly likes: Likes;
  readonly link: Link;
}

function defineRoutes(site: FastifyInstance, parts: Parts): void {
  const { cluster, replication, number, frontEnds, chance, likes, link } = parts;
  let faults = NO_FAULTS;
  const events = new EventStreams(site);
  allowSiblings(site);

  /** `cutOff`: numbers of front ends; null: the cluster is not ours, so that we cannot cut it. */
  site.get("/api/front-ends", async () => ({
    frontEnds: frontEnds(),
    replication,
    cutOff: typeof cluster === "string" ? null : cluster.cutOff,
  }));

  site.put("/api/cut-off", async (request) => {
    if (typeof cluster === "string") throw new Refusal(409, "not-ours", "This cluster is not the example's.");
    cluster.cut(number, booleanIn(request.body, "cutOff"));
    return { cutOff: cluster.cutOff };
  });

  site.post("/api/pages/:page/likes", (request, reply) => done(clickOf(request), "like", reply));
  site.post("/api/pages/:page/taken-back", (request, reply) => done(clickOf(request), "takeBack", reply));

  async function done(click: Click, what: "like" | "takeBack", reply: FastifyReply): Promise<unknown> {
    if (chance() < faults.cluster) link.loseNextAnswer();
    await likes[what](click);
    if (chance() < faults.browser) {
      // It is done, and nobody hears of it.
      reply.hijack();
      reply.raw.destroy();
      return reply;
    }
    return { frontEnd: number };
  }

  site.get("/api/pages/:page", async (request) => {
    const page = nameIn(request.params, "page");
    const { user } = request.query as Readonly<Record<string, unknown>>;
    const liked = user === undefined ? false : await likes.doesLike(page, nameIn({ user }, "user"));
    return { frontEnd: number, faults, liked, counts: await likes.counts(page) };
  });

  site.delete("/api/pages/:page", async (request) => {
    await likes.reset(nameIn(request.params, "page"));
    return {};
  });

  site.put("/api/faults", async (request) => (faults = faultsOf(request.body)));

  site.get("/api/pages/:page/events", async (request, reply) => {
    const page = nameIn(request.params, "page");
    await events.send(request, reply, (signal) => likes.changes(page, signal));
  });
}

/** The page may speak to the other front ends of this machine too: that is how it repeats a click elsewhere. */
function allowSiblings(site: FastifyInstance): void {
  site.addHook("onRequest", async (request, reply) => {
    const { origin } = request.headers;
    if (origin === undefined || !/^http:\/\/(127\.0\.0\.1|localhost):\d+$/.test(origin)) return;
    void reply.header("access-control-allow-origin", origin);
    void reply.header("vary", "origin");
    if (request.method !== "OPTIONS") return;
    void reply.header("access-control-allow-methods", "GET, POST, PUT, DELETE");
    void reply.header("access-control-allow-headers", "content-type, idempotency-key");
    await reply.code(204).send();
  });
}

function clickOf(request: FastifyRequest): Click {
  const id = request.headers["idempotency-key"];
  if (typeof id !== "string" || !CLICK_ID.test(id))
    throw new Refusal(
      400,
      "bad-request",
      "Idempotency-Key: the click's id, 8 to 64 letters, digits, _ or -.",
    );
  return { id, page: nameIn(request.params, "page"), user: nameIn(request.body, "user") };
}

function nameIn(where: unknown, field: string): string {
  const value = (where as Readonly<Record<string, unknown>> | null | undefined)?.[field];
  if (typeof value === "string" && NAME.test(value)) return value;
  throw new Refusal(400, "bad-request", `${field}: 1 to 40 letters, digits, spaces, ".", "_" or "-".`);
}

function booleanIn(where: unknown, field: string): boolean {
  const value = (where as Readonly<Record<string, unknown>> | null | undefined)?.[field];
  if (typeof value === "boolean") return value;
  throw new Refusal(400, "bad-request", `${field}: true or false.`);
}

function faultsOf(body: unknown): Faults {
  const { cluster, browser } = (body ?? {}) as Readonly<Record<string, unknown>>;
  const isProbability = (value: unknown): value is number =>
    typeof value === "number" && value >= 0 && value <= 0.9;
  if (isProbability(cluster) && isProbability(browser)) return { cluster, browser };
  throw new Refusal(400, "bad-request", "cluster and browser: probabilities from 0 to 0.9.");
}
