/** The web server of the microblog. Any number of them may run on one cluster. */
import type { FastifyInstance, FastifyRequest } from "fastify";
import { EventStreams } from "../web/events.ts";
import { createSite, listen, pageOf, Refusal } from "../web/site.ts";
import { Blog } from "./blog.ts";
import { MAX_FOLLOWING } from "./following.ts";
import { NAME } from "./names.ts";

/** Characters, as people count them. */
const MAX_TEXT = 280;
const REQUEST_ID = /^[\w-]{8,64}$/;

export class BlogServer {
  readonly address: string;
  readonly #site: FastifyInstance;
  readonly #blog: Blog;

  private constructor(address: string, site: FastifyInstance, blog: Blog) {
    this.address = address;
    this.#site = site;
    this.#blog = blog;
  }

  /** `port` 0: a free one. */
  static async start(url: string, port: number): Promise<BlogServer> {
    const blog = await Blog.open(url);
    try {
      const site = createSite(pageOf("microblog", import.meta.url));
      defineRoutes(site, blog);
      return new BlogServer(await listen(site, port), site, blog);
    } catch (error) {
      blog.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#site.close();
    this.#blog.close();
  }
}

function defineRoutes(site: FastifyInstance, blog: Blog): void {
  const events = new EventStreams(site);

  /** A name is all it takes to be somebody. */
  site.put("/api/people/:name", async (request, reply) => {
    const name = nameIn(request);
    return reply.code((await blog.enter(name)) ? 201 : 200).send({ name });
  });

  site.get("/api/people", async (request) => blog.people(queryOf(request, "from")));
  site.get("/api/people/:name", async (request) => blog.profile(nameIn(request)));

  site.post("/api/people/:name/posts", async (request, reply) => {
    const name = nameIn(request);
    const text = textIn(request);
    const id = requestIdOf(request);
    await blog.person(name);
    return reply.code(201).send(await blog.posts.write(name, text, id));
  });

  site.get("/api/people/:name/posts", async (request) => {
    const name = nameIn(request);
    await blog.person(name);
    return blog.postsOf(name, positionOf(request));
  });

  site.get("/api/people/:name/timeline", async (request) => {
    const name = nameIn(request);
    await blog.person(name);
    return blog.timeline(name, positionOf(request));
  });

  site.put("/api/people/:name/following/:other", async (request) => {
    const [name, other] = [nameIn(request), nameIn(request, "other")];
    if (name === other) throw new Refusal(400, "bad-request", "Nobody has to follow themselves.");
    await Promise.all([blog.person(name), blog.person(other)]);
    await blog.following.follow(name, other);
    return { following: true };
  });

  site.delete("/api/people/:name/following/:other", async (request) => {
    const [name, other] = [nameIn(request), nameIn(request, "other")];
    await Promise.all([blog.person(name), blog.person(other)]);
    await blog.following.unfollow(name, other);
    return { following: false };
  });

  site.get("/api/people/:name/events", async (request, reply) => {
    const name = nameIn(request);
    await blog.person(name);
    await events.send(request, reply, (signal) => blog.news(name, signal));
  });
}

function nameIn(request: FastifyRequest, field = "name"): string {
  const name = (request.params as Readonly<Record<string, string>>)[field] ?? "";
  if (NAME.test(name)) return name;
  throw new Refusal(
    400,
    "bad-name",
    "A name has 2 to 20 lower-case letters, digits and underscores, with a letter first.",
  );
}

function textIn(request: FastifyRequest): string {
  const text = (request.body as Readonly<Record<string, unknown>> | null | undefined)?.["text"];
  if (typeof text !== "string" || text.trim() === "") throw new Refusal(400, "empty", "A post needs a text.");
  const length = [...text.trim()].length;
  if (length > MAX_TEXT)
    throw new Refusal(400, "too-long", `A post has at most ${MAX_TEXT} characters; this one has ${length}.`);
  return text.trim();
}

function requestIdOf(request: FastifyRequest): string {
  const id = request.headers["idempotency-key"];
  if (typeof id === "string" && REQUEST_ID.test(id)) return id;
  throw new Refusal(400, "bad-request", "Idempotency-Key: 8 to 64 letters, digits, _ or -.");
}

function queryOf(request: FastifyRequest, field: string): string | undefined {
  const value = (request.query as Readonly<Record<string, unknown>>)[field];
  if (value === undefined || typeof value === "string") return value;
  throw new Refusal(400, "bad-request", `${field}: once.`);
}

/** As long as ours can become, with some room for people who follow in several tabs at once. */
function positionOf(request: FastifyRequest): string | undefined {
  const from = queryOf(request, "from");
  if (from !== undefined && from.split("~").length > 2 * MAX_FOLLOWING)
    throw new Refusal(400, "bad-request", "from: too many people.");
  return from;
}
