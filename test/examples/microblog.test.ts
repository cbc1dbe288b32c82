/** The microblog of examples/microblog, its whole story over HTTP, on a cluster of three processes. */
import { readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Blog, KEYSPACES } from "../../examples/microblog/blog.ts";
import { BlogServer } from "../../examples/microblog/server.ts";
import { connect } from "../../src/client/index.ts";
import { TestCluster } from "../cluster/cluster.testkit.ts";
import { ask } from "./browser.testkit.ts";

interface Page {
  readonly posts: readonly { readonly author: string; readonly number: number; readonly text: string }[];
  readonly next?: string;
}

const PAGE_FOLDER = new URL("../../examples/microblog/page/", import.meta.url);

describe("the microblog", () => {
  let cluster: TestCluster;
  let url: string;
  /** Two, as behind a load balancer. */
  let servers: BlogServer[] = [];
  let requests = 0;

  const api = (method: string, path: string, body?: unknown, key = `request-${++requests}`) =>
    ask(method, `${servers[requests % 2]!.address}/api/people${path}`, body, key);
  const enter = (...names: string[]) => Promise.all(names.map((name) => api("PUT", `/${name}`)));
  const post = (name: string, text: string, key?: string) => api("POST", `/${name}/posts`, { text }, key);
  const follow = (name: string, other: string) => api("PUT", `/${name}/following/${other}`);
  const unfollow = (name: string, other: string) => api("DELETE", `/${name}/following/${other}`);
  const profile = async (name: string) => (await api("GET", `/${name}`)).body;
  const page = async (path: string) => (await api("GET", path)).body as unknown as Page;
  const texts = ({ posts }: Page) => posts.map(({ author, text }) => `${author}: ${text}`);

  beforeAll(async () => {
    cluster = await TestCluster.create(3);
    cluster.start();
    await cluster.untilReady();
    url = `kvorum://${cluster.nodes.map(({ ports }) => `127.0.0.1:${ports.resp}`).join(",")}`;
    servers = await Promise.all([BlogServer.start(url, 0), BlogServer.start(url, 0)]);
  });

  afterAll(async () => {
    await Promise.all(servers.map((server) => server.close()));
    await cluster.end();
  });

  test("people enter, write, follow; the timeline has the newest first; both sides see who follows whom", async () => {
    await enter("tahir", "tara", "ana");
    expect((await api("PUT", "/tara")).status).toBe(200);
    for (const text of ["one", "two"]) await post("tara", text);
    await post("ana", "three");
    await post("tahir", "four");

    expect(texts(await page("/tahir/timeline"))).toEqual(["tahir: four"]);
    await follow("tahir", "tara");
    await follow("tahir", "ana");
    await follow("ana", "tara");
    // A double click.
    await Promise.all([follow("tahir", "tara"), follow("tahir", "tara")]);
    expect(texts(await page("/tahir/timeline"))).toEqual([
      "tahir: four",
      "ana: three",
      "tara: two",
      "tara: one",
    ]);
    expect(await profile("tara")).toMatchObject({ posts: 2, following: [], followers: ["ana", "tahir"] });
    expect(await profile("tahir")).toMatchObject({ following: ["ana", "tara"], followers: [] });

    await unfollow("tahir", "tara");
    await unfollow("tahir", "tara");
    expect(texts(await page("/tahir/timeline"))).toEqual(["tahir: four", "ana: three"]);
    expect(await profile("tara")).toMatchObject({ followers: ["ana"] });
    expect(await profile("tahir")).toMatchObject({ following: ["ana"] });
  });

  test("a timeline goes on, page by page, without a gap or a repetition, while people go on writing", async () => {
    await enter("reader", "busy", "quiet");
    await follow("reader", "busy");
    await follow("reader", "quiet");
    const written: string[] = [];
    for (let i = 1; i <= 45; i++) {
      const author = i % 9 === 0 ? "quiet" : "busy";
      written.unshift(`${author}: ${i}`);
      await post(author, String(i));
    }
    const first = await page("/reader/timeline");
    await post("busy", "meanwhile");
    const second = await page(`/reader/timeline?from=${first.next}`);
    const third = await page(`/reader/timeline?from=${second.next}`);
    expect([first, second, third].flatMap(texts)).toEqual(written);
    expect(third.next).toBeUndefined();
    expect(texts(await page("/reader/timeline"))[0]).toBe("busy: meanwhile");
    expect(texts(await page("/quiet/posts"))).toEqual(written.filter((post) => post.startsWith("quiet")));
  });

  test("a post that is sent again under its key is the same post, also at the same moment at another server", async () => {
    await enter("repeater");
    const sent = Array.from({ length: 6 }, (_, i) => post("repeater", `hello ${i % 2}`, `the-post-${i % 2}`));
    const numbers = (await Promise.all(sent)).map(({ body }) => body["number"]);
    expect(numbers[2]).toBe(numbers[0]);
    expect(new Set(numbers).size).toBe(2);
    expect(await profile("repeater")).toMatchObject({ posts: 2 });
  });

  test("given following that was cut off in the middle, then nobody sees it, it can be done again, and what is left over goes away", async () => {
    await enter("half", "whole");
    const db = await connect(url, { keyspaces: KEYSPACES });
    const longAgo = Date.now() - 3_600_000;
    // The first of the two writes was done, an hour ago and just now.
    await db.followers.add("whole", { follower: "half", id: `${longAgo}-a` });
    await db.followers.add("whole", { follower: "half", id: `${Date.now()}-b` });
    expect(await profile("whole")).toMatchObject({ followers: [] });
    // What is not old may be going on right now.
    expect(await db.followers.size("whole")).toBe(1);
    await follow("half", "whole");
    expect(await profile("whole")).toMatchObject({ followers: ["half"] });

    // Unfollowing was cut off after its first write; much later somebody looks.
    await db.following.delete("half", "whole");
    expect(await profile("whole")).toMatchObject({ followers: [] });
    const later = await Blog.open(url, () => Date.now() + 3_600_000);
    expect(await later.following.followers("whole")).toEqual([]);
    expect(await db.followers.exists("whole")).toBe(false);
    later.close();
    db.close();
  });

  test("a reader hears that somebody whom they follow has written", async () => {
    await enter("listener", "speaker");
    await follow("listener", "speaker");
    const events = await fetch(`${servers[0]!.address}/api/people/listener/events`);
    const reader = events.body!.getReader();
    await reader.read();
    const news = reader.read();
    await post("speaker", "hear");
    expect((await news).done).toBe(false);
    await reader.cancel();
  });

  test("everybody is listed", async () => {
    const names: string[] = [];
    let from: string | undefined;
    do {
      const { body } = await api("GET", from === undefined ? "" : `?from=${encodeURIComponent(from)}`);
      names.push(...(body["names"] as string[]));
      from = body["next"] as string | undefined;
    } while (from !== undefined);
    expect(names).toEqual(expect.arrayContaining(["tahir", "tara", "ana"]));
  });

  test.each([
    [404, "unknown-user", () => api("GET", "/nobody/timeline")],
    [404, "unknown-user", () => api("GET", "/nobody")],
    [404, "unknown-user", () => post("nobody", "hello")],
    [404, "unknown-user", () => follow("tara", "nobody")],
    [400, "bad-request", () => follow("tara", "tara")],
    [400, "bad-name", () => api("PUT", "/%3Cscript%3E")],
    [400, "bad-name", () => api("PUT", `/${"x".repeat(21)}`)],
    [400, "empty", () => post("tara", " \n ")],
    [400, "empty", () => api("POST", "/tara/posts", {})],
    [400, "too-long", () => post("tara", "x".repeat(281))],
    [400, "bad-request", () => post("tara", "hello", "?")],
    [400, "bad-request", () => api("GET", "/tara/timeline?from=nonsense")],
    [400, "bad-request", () => api("GET", "?from=nonsense")],
    [413, "bad-request", () => post("tara", "x".repeat(100_000))],
  ])("refuses with %d and %s what cannot be", async (status, code, request) => {
    expect(await request()).toMatchObject({
      status,
      body: { error: { code, definite: true, message: expect.stringMatching(/\w/) } },
    });
  });

  test("what users type is text: it is sent as data, the page makes only text of it, and the browser runs no script but the page's", async () => {
    await enter("mallory");
    const script = `<img src=x onerror="alert(1)"><script>alert(2)</script>`;
    await post("mallory", script);
    const response = await fetch(`${servers[0]!.address}/api/people/mallory/posts`);
    expect(response.headers.get("content-type")).toMatch(/^application\/json/);
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
    expect(texts((await response.json()) as Page)).toEqual([`mallory: ${script}`]);

    const index = await fetch(servers[0]!.address);
    const policy = index.headers.get("content-security-policy");
    expect(policy).toMatch(/^default-src 'self';/);
    expect(policy).not.toContain("unsafe");
    for (const name of readdirSync(PAGE_FOLDER).filter((file) => file.endsWith(".js")))
      expect(readFileSync(new URL(name, PAGE_FOLDER), "utf8")).not.toMatch(
        /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function/,
      );
  });
});
