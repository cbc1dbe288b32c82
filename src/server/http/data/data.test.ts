import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { binaryBytes } from "../../../core/bytes.ts";
import { failureReply } from "../../../node/failures.ts";
import { FakeNode } from "../../resp/fake-node.testkit.ts";
import { Door } from "./door.testkit.ts";

let node: FakeNode;
let door: Door;
beforeAll(async () => {
  node = new FakeNode({ maxValueBytes: 100_000 });
  door = await Door.open(node);
});
afterAll(() => door.close());

describe("values", () => {
  it("are stored as bytes, and answered as the same bytes, never as a page of this origin", async () => {
    const bytes = Uint8Array.of(0, 255, 10, 13, 128);
    const put = await door.ask("PUT", "/default/keys/raw", bytes, { "content-type": "text/html" });
    expect(put.status).toBe(204);
    const got = await fetch(`${door.url}/v1/keyspaces/default/keys/raw`);
    expect(new Uint8Array(await got.arrayBuffer())).toEqual(bytes);
    expect(got.headers.get("content-type")).toBe("application/octet-stream");
    expect(got.headers.get("x-content-type-options")).toBe("nosniff");
    expect(got.headers.get("etag")).toBe(put.headers.get("etag"));
  });

  it("may be JSON: refused when they are not what they are labelled, labelled when asked for", async () => {
    const bad = await door.ask("PUT", "/default/keys/doc", "{", { "content-type": "application/json" });
    expect([bad.status, bad.code()]).toEqual([400, "bad-request"]);
    await door.ask("PUT", "/default/keys/doc", { balance: 10 });
    const got = await door.ask("GET", "/default/keys/doc", undefined, { accept: "application/json" });
    expect([got.headers.get("content-type"), got.json()]).toEqual(["application/json", { balance: 10 }]);
    await door.ask("PUT", "/default/keys/doc", "no JSON");
    const not = await door.ask("GET", "/default/keys/doc", undefined, { accept: "application/json" });
    expect([not.status, not.code()]).toEqual([406, "not-acceptable"]);
  });

  it("that do not exist are a definite 404, and may be empty", async () => {
    const missing = await door.ask("GET", "/default/keys/nobody");
    expect([missing.status, missing.json()]).toEqual([
      404,
      {
        error: {
          code: "no-such-key",
          message: "The key does not exist.",
          hint: expect.any(String),
          definite: true,
        },
      },
    ]);
    await door.ask("PUT", "/default/keys/empty");
    const empty = await door.ask("GET", "/default/keys/empty");
    expect([empty.status, empty.text]).toEqual([200, ""]);
  });

  it("have keys of any bytes: slashes, spaces, percent signs, and what is no UTF-8", async () => {
    for (const key of ["a/b", "a b", "100%", "ключ", "a/", "{tag}?x#y", "."]) {
      const path = `/default/keys/${key === "." ? "%2E%2F" : encodeURIComponent(key)}`;
      await door.ask("PUT", path, `value of ${key}`);
      expect((await door.ask("GET", path)).text).toBe(`value of ${key}`);
    }
    const encoded = Buffer.from([0xff, 0x00]).toString("base64url");
    await door.ask("PUT", `/default/keys/${encoded}?keyEncoding=base64url`, "binary");
    const listed = await door.ask("GET", "/default/keys?limit=1000");
    expect((listed.json() as { keys: unknown[] }).keys).toContainEqual({ base64: "/wA=" });
    expect((await door.ask("GET", `/default/keys/${encoded}?keyEncoding=base64url`)).text).toBe("binary");
  });

  it("are those that Redis clients see: the keyspace's name stands before the key", async () => {
    await door.ask("PUT", "/other/keys/1", "one");
    expect((await door.ask("GET", "/other/keys/1")).text).toBe("one");
    expect((await door.ask("GET", "/other/keys")).json()).toEqual({ keys: ["1"], cursor: null });
    const wrong = await door.ask("GET", "/default/keys/other:1");
    expect([wrong.status, wrong.text]).toEqual([400, expect.stringContaining("/v1/keyspaces/other")]);
    const unknown = await door.ask("GET", "/nothing/keys/1");
    expect([unknown.status, unknown.code()]).toEqual([404, "unknown-keyspace"]);
    const unknownPut = await door.ask("PUT", "/nothing/keys/1", "x");
    expect([unknownPut.status, unknownPut.code()]).toEqual([404, "unknown-keyspace"]);
  });

  it("are refused above the keyspace's limit, announced or not, and other bodies above 64 KiB", async () => {
    expect((await door.ask("PUT", "/default/keys/big", "x".repeat(100_000))).status).toBe(204);
    const big = await door.ask("PUT", "/default/keys/big", "x".repeat(100_001));
    expect([big.status, big.code()]).toEqual([413, "too-large"]);
    const chunks = new ReadableStream({
      start(controller) {
        for (let i = 0; i < 3; i++) controller.enqueue(new Uint8Array(50_000));
        controller.close();
      },
    });
    const chunked = await fetch(`${door.url}/v1/keyspaces/default/keys/big`, {
      method: "PUT",
      body: chunks,
      duplex: "half",
    } as RequestInit);
    expect(chunked.status).toBe(413);
    const json = await door.ask("POST", "/default/sets/s/add", { members: ["x".repeat(70_000)] });
    expect([json.status, json.code()]).toEqual([413, "too-large"]);
  });
});

describe("compare-and-set", () => {
  it("writes only over the version that was read", async () => {
    const first = await door.ask("PUT", "/default/keys/cas", "1");
    const tag = first.headers.get("etag")!;
    const second = await door.ask("PUT", "/default/keys/cas", "2", { "if-match": tag });
    expect(second.status).toBe(204);
    const late = await door.ask("PUT", "/default/keys/cas", "3", { "if-match": tag });
    expect([late.status, late.code()]).toEqual([412, "precondition-failed"]);
    expect((await door.ask("GET", "/default/keys/cas")).text).toBe("2");
    expect((await door.ask("DELETE", "/default/keys/cas", undefined, { "if-match": tag })).status).toBe(412);
    const present = second.headers.get("etag")!;
    const deleted = await door.ask("DELETE", "/default/keys/cas", undefined, { "if-match": present });
    expect([deleted.status, deleted.json()]).toEqual([200, { deleted: true }]);
    await door.ask("PUT", "/default/keys/cas", "again");
    expect((await door.ask("PUT", "/default/keys/cas", "4", { "if-match": present })).status).toBe(412);
  });

  it("creates only, replaces only, and knows what the caller has", async () => {
    const path = "/default/keys/once";
    expect((await door.ask("PUT", path, "x", { "if-match": "*" })).status).toBe(412);
    expect((await door.ask("DELETE", path, undefined, { "if-match": "*" })).status).toBe(412);
    const created = await door.ask("PUT", path, "x", { "if-none-match": "*" });
    expect(created.status).toBe(204);
    expect((await door.ask("PUT", path, "y", { "if-none-match": "*" })).status).toBe(412);
    expect((await door.ask("PUT", path, "z", { "if-match": "*" })).status).toBe(204);
    const etag = (await door.ask("GET", path)).headers.get("etag")!;
    const known = await door.ask("GET", path, undefined, { "if-none-match": `"1", ${etag}` });
    expect([known.status, known.text]).toEqual([304, ""]);
  });

  it("takes one strong tag", async () => {
    const path = "/default/keys/tags";
    const put = await door.ask("PUT", path, "x");
    const etag = put.headers.get("etag")!;
    expect((await door.ask("PUT", path, "y", { "if-match": `W/${etag}` })).status).toBe(412);
    expect((await door.ask("PUT", path, "y", { "if-match": '"1", "2"' })).status).toBe(400);
    expect((await door.ask("PUT", path, "y", { "if-match": etag, "if-none-match": "*" })).status).toBe(400);
    expect((await door.ask("GET", path)).text).toBe("x");
  });
});

describe("expiry", () => {
  it("is set with the value or later, shown in milliseconds, kept or removed", async () => {
    const path = "/default/keys/session";
    await door.ask("PUT", `${path}?ttl=1h`, "x");
    const ttl = async (): Promise<number | null> => {
      const header = (await door.ask("GET", path)).headers.get("kvorum-ttl");
      return header === null ? null : Number(header);
    };
    expect(await ttl()).toBeGreaterThan(3_590_000);
    await door.ask("PUT", `${path}?keepTtl=true`, "y");
    expect(await ttl()).toBeLessThanOrEqual(3_600_000);
    expect((await door.ask("POST", `${path}/expire`, { ttl: null })).json()).toEqual({ changed: true });
    expect(await ttl()).toBeNull();
    expect((await door.ask("POST", `${path}/expire`, { ttl: 60_000 })).json()).toEqual({ changed: true });
    expect(await ttl()).toBeLessThanOrEqual(60_000);
  });
});

describe("counters, sets and maps", () => {
  it("count, beyond what a JSON number holds", async () => {
    const path = "/default/counters/likes";
    expect((await door.ask("GET", path)).json()).toEqual({ value: 0 });
    expect((await door.ask("POST", `${path}/increment`)).json()).toEqual({ value: 1 });
    expect((await door.ask("POST", `${path}/increment`, { by: -3 })).json()).toEqual({ value: -2 });
    const large = await door.ask("POST", `${path}/increment`, { by: "9223372036854775807" });
    expect(large.json()).toEqual({ value: "9223372036854775805" });
    expect((await door.ask("GET", path)).json()).toEqual({ value: "9223372036854775805" });
    expect((await door.ask("POST", `${path}/increment`, { by: "9223372036854775807" })).status).toBe(400);
  });

  it("hold distinct members", async () => {
    const path = "/default/sets/friends";
    expect((await door.ask("POST", `${path}/add`, { members: ["a", "b", "a"] })).json()).toEqual({
      added: 2,
    });
    expect((await door.ask("GET", path)).json()).toEqual({ members: ["a", "b"], cursor: null });
    expect((await door.ask("GET", `${path}/members/a`)).json()).toEqual({ member: true });
    expect((await door.ask("GET", `${path}/members/c`)).json()).toEqual({ member: false });
    expect((await door.ask("POST", `${path}/remove`, { members: ["a", "c"] })).json()).toEqual({
      removed: 1,
    });
    const page = await door.ask("GET", "/default/keys/friends");
    expect([page.status, page.code()]).toEqual([409, "wrong-type"]);
    expect((await door.ask("POST", "/default/maps/friends/set", FIELDS)).status).toBe(409);
  });

  it("map fields to bytes", async () => {
    const path = "/default/maps/user";
    expect((await door.ask("POST", `${path}/set`, FIELDS)).json()).toEqual({ added: 2 });
    expect((await door.ask("GET", path)).json()).toEqual({ ...FIELDS, cursor: null });
    expect((await door.ask("PUT", `${path}/fields/age`, "41")).status).toBe(204);
    expect((await door.ask("POST", `${path}/fields/age/increment`)).json()).toEqual({ value: 42 });
    expect((await door.ask("GET", `${path}/fields/age`)).text).toBe("42");
    expect((await door.ask("GET", `${path}/fields/none`)).status).toBe(404);
    expect((await door.ask("POST", `${path}/remove`, { fields: ["age", "x"] })).json()).toEqual({
      removed: 1,
    });
  });
});

const FIELDS = {
  fields: [
    { name: "age", value: "40" },
    { name: "name", value: { base64: "/w==" } },
  ],
};

describe("pages", () => {
  it("list every key once, by prefix and type, over all shards", async () => {
    for (let i = 0; i < 57; i++) await door.ask("PUT", `/default/keys/page${i}`, "x");
    await door.ask("POST", "/default/sets/page-set/add", { members: ["m"] });
    const all = async (query: string): Promise<unknown[]> => {
      const keys: unknown[] = [];
      let cursor: string | null = "";
      while (cursor !== null) {
        const after: string = cursor === "" ? "" : `&cursor=${cursor}`;
        const page = (await door.ask("GET", `/default/keys?${query}${after}`)).json() as {
          keys: unknown[];
          cursor: string | null;
        };
        expect(page.keys.length).toBeLessThanOrEqual(7);
        keys.push(...page.keys);
        cursor = page.cursor;
      }
      return keys;
    };
    const expected = Array.from({ length: 57 }, (_, i) => `page${i}`);
    const keys = await all("limit=7&prefix=page&type=value");
    expect([keys.length, new Set(keys)]).toEqual([57, new Set(expected)]);
    expect(await all("limit=7&prefix=page&type=set")).toEqual(["page-set"]);
    expect((await all("limit=7&prefix=page5")).length).toBe(8);
    const forged = await door.ask("GET", "/default/keys?cursor=k999.");
    expect([forged.status, forged.text]).toEqual([400, expect.stringContaining("cursor")]);
  });

  it("walk a large set", async () => {
    const members = Array.from({ length: 250 }, (_, i) => `m${i}`);
    await door.ask("POST", "/default/sets/large/add", { members });
    const seen: string[] = [];
    let query = "limit=100";
    for (let page = 0; page < 3; page++) {
      const body = (await door.ask("GET", `/default/sets/large?${query}`)).json() as {
        members: string[];
        cursor: string | null;
      };
      seen.push(...body.members);
      query = `limit=100&cursor=${body.cursor}`;
    }
    expect(seen.toSorted()).toEqual(members.toSorted());
  });
});

describe("batches", () => {
  it("are one step over the keys of one tag", async () => {
    const operations = [
      { op: "put", key: "{b}1", value: "x", ttl: "1h" },
      { op: "get", key: "{b}1" },
      { op: "get", key: "{b}none" },
      { op: "increment", key: "{b}count", by: 5 },
      { op: "add", key: "{b}set", members: ["m"] },
      { op: "increment", key: "{b}set" },
      { op: "remove", key: "{b}set", members: ["m"] },
      { op: "setField", key: "{b}map", field: "f", value: "v" },
      { op: "removeField", key: "{b}map", field: "f" },
      { op: "delete", key: "{b}1" },
    ];
    const done = await door.ask("POST", "/other/batch", { operations });
    expect([done.status, done.json()]).toEqual([
      200,
      {
        results: [
          {},
          { value: "x" },
          { value: null },
          { value: 5 },
          { added: 1 },
          { error: expect.objectContaining({ code: "wrong-type", definite: true }) },
          { removed: 1 },
          { added: 1 },
          { removed: 1 },
          { deleted: true },
        ],
      },
    ]);
  });

  it("are refused over several shards, and done only while versions are what they were", async () => {
    const [a, b] = FakeNode.apart();
    const put = (key: string): object => ({ op: "put", key, value: "x" });
    const apart = await door.ask("POST", "/default/batch", { operations: [put(a), put(b)] });
    expect([apart.status, apart.code()]).toEqual([409, "cross-shard"]);

    const lock = { if: [{ key: "{l}lock", version: null }], operations: [put("{l}lock"), put("{l}data")] };
    expect((await door.ask("POST", "/default/batch", lock)).status).toBe(200);
    expect((await door.ask("POST", "/default/batch", lock)).status).toBe(412);
    const etag = (await door.ask("GET", "/default/keys/%7Bl%7Dlock")).headers.get("etag")!;
    const version = Number(etag.slice(1, -1));
    const swap = { if: [{ key: "{l}lock", version }], operations: [put("{l}lock")] };
    expect((await door.ask("POST", "/default/batch", swap)).status).toBe(200);
    expect((await door.ask("POST", "/default/batch", swap)).status).toBe(412);
  });
});

describe("what is wrong with a request", () => {
  it.each([
    ["GET", "/default/keys/a?consistancy=stale", undefined, /consistancy/],
    ["GET", "/default/keys/a?consistency=eventual", undefined, /consistency/],
    ["PUT", "/default/keys/a?ttl=soon", "x", /ttl: expected a duration/],
    ["PUT", "/default/keys/a?ttl=0", "x", /ttl: expected a duration above 0/],
    ["GET", "/default/keys/a?timeout=2h", undefined, /timeout: expected at most 25000 ms/],
    ["GET", "/default/keys?limit=0", undefined, /limit: expected a whole number from 1 to 1000/],
    ["POST", "/default/sets/s/add", { members: [] }, /members/],
    ["POST", "/default/sets/s/add", { members: [1] }, /members\.0: expected text/],
    ["POST", "/default/counters/c/increment", { by: 1.5 }, /by: expected a whole number/],
    ["POST", "/default/batch", { operations: [{ op: "destroy", key: "a" }] }, /operations\.0\.op/],
    ["GET", "/default/keys/a!?keyEncoding=base64url", undefined, /key: "a!" is not base64url/],
  ])("is named: %s %s", async (method, path, body, message) => {
    const answer = await door.ask(method, path, body);
    expect(answer.status).toBe(400);
    expect(answer.json()).toMatchObject({
      error: { code: "bad-request", message: expect.stringMatching(message), definite: true },
    });
  });

  it("is a wrong method, a form, or a bad header", async () => {
    const wrong = await door.ask("POST", "/default/keys/a", {});
    expect([wrong.status, wrong.headers.get("allow")]).toEqual([405, "DELETE, GET, HEAD, PUT"]);
    const form = await door.ask("POST", "/default/sets/s/add", "members=a", {
      "content-type": "application/x-www-form-urlencoded",
    });
    expect(form.status).toBe(415);
    const header = await door.ask("GET", "/default/keys/a", undefined, { "kvorum-timeout": "long" });
    expect([header.status, header.text]).toEqual([400, expect.stringContaining("Kvorum-Timeout")]);
    const key = await door.ask("PUT", "/default/keys/a", "x", { "idempotency-key": "a b" });
    expect([key.status, key.text]).toEqual([400, expect.stringContaining("Idempotency-Key")]);
  });

  it("is told with its certainty: what may have happened is never called a failure", async () => {
    node.failure = failureReply("timeout", "No answer in 5 s.");
    const answer = await door.ask("POST", "/default/counters/c/increment");
    node.failure = null;
    expect([answer.status, answer.json()]).toEqual([
      504,
      {
        error: {
          code: "timeout",
          message: "No answer in 5 s.",
          hint: expect.stringContaining("Read the key"),
          definite: false,
        },
      },
    ]);
  });
});

describe("what a request carries to the node", () => {
  it("is its timeout, its consistency and its idempotency key", async () => {
    await door.ask("GET", "/default/keys/a?consistency=stale&timeout=2s");
    expect(node.lastOptions).toEqual({ consistency: "stale", timeout: 2000 });
    await door.ask("GET", "/default/keys/a?consistency=stale&maxStaleness=250ms");
    expect(node.lastOptions).toEqual({ consistency: "stale", maxStaleness: 250 });
    const contradiction = await door.ask("GET", "/default/keys/a?maxStaleness=250ms");
    expect([contradiction.status, contradiction.text]).toEqual([
      400,
      expect.stringContaining("maxStaleness"),
    ]);
    await door.ask("GET", "/default/keys/a", undefined, { "kvorum-timeout": "300ms" });
    expect(node.lastOptions).toEqual({ timeout: 300 });
    await door.ask("POST", "/default/counters/c/increment", undefined, {
      "idempotency-key": "k-1",
      "idempotency-expires": "1d",
    });
    expect(node.lastOptions).toEqual({
      envelope: { kind: "idempotency", key: binaryBytes("k-1"), lifetime: 86_400_000 },
    });
  });
});

describe("web pages of other origins", () => {
  const asked = (origin: string, extra: Record<string, string> = {}) => ({ origin, ...extra });

  it("are kept out, and let in where corsOrigins names them, for the data only", async () => {
    const preflight = { "access-control-request-method": "PUT" };
    const invited = await door.ask(
      "OPTIONS",
      "/default/keys/a",
      undefined,
      asked("https://app.example", preflight),
    );
    expect(invited.status).toBe(204);
    expect(invited.headers.get("access-control-allow-origin")).toBe("https://app.example");
    expect(invited.headers.get("access-control-allow-methods")).toContain("PUT");
    const put = await door.ask("PUT", "/default/keys/a", "x", asked("https://app.example"));
    expect([put.status, put.headers.get("access-control-allow-origin")]).toEqual([
      204,
      "https://app.example",
    ]);
    expect(put.headers.get("access-control-expose-headers")).toContain("etag");
    expect(put.headers.get("vary")).toContain("origin");

    for (const origin of ["https://evil.example", "https://app.example.evil.example", "null"]) {
      const stranger = await door.ask("OPTIONS", "/default/keys/a", undefined, asked(origin, preflight));
      expect([stranger.status, stranger.headers.get("access-control-allow-origin")]).toEqual([403, null]);
      expect((await door.ask("PUT", "/default/keys/a", "y", asked(origin))).status).toBe(403);
      const read = await door.ask("GET", "/default/keys/a", undefined, asked(origin));
      expect(read.headers.get("access-control-allow-origin")).toBeNull();
    }
    const admin = await fetch(`${door.url}/v1/admin`, {
      method: "POST",
      headers: { origin: "https://app.example", "content-type": "application/json" },
      body: JSON.stringify({ type: "keyspace-drop", name: "default" }),
    });
    expect(admin.status).toBe(403);
  });
});
