import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FakeNode } from "../resp/fake-node.testkit.ts";
import { Door } from "./data/door.testkit.ts";
import { buildApp } from "./http-server.ts";
import { type OpenApi, openApi } from "./openapi.ts";

const quiet = { debug: ignore, info: ignore, warn: ignore, error: ignore };
function ignore(): void {
  /* nobody reads it */
}

let door: Door;
beforeAll(async () => {
  door = await Door.open();
});
afterAll(() => door.close());

type Json = Readonly<Record<string, unknown>>;

const operations = (document: OpenApi) =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method, path, operation })),
  );

test("every route of the door is in the document, and the other way round", async () => {
  const served = new Set<string>();
  const options = { host: "127.0.0.1", port: 0, allowedHosts: [], corsOrigins: [] };
  const app = buildApp(new FakeNode(), options, quiet, (method, url) => {
    // Fastify serves HEAD beside GET.
    if (method !== "HEAD") served.add(`${method} ${url.replace(/:(\w+)/g, "{$1}")}`);
  });
  await app.ready();
  const described = operations(openApi("1")).map(({ method, path }) => `${method.toUpperCase()} ${path}`);
  expect(described.sort()).toEqual([...served].sort());
});

describe("the document", () => {
  const document = openApi("1.2.3");

  test("has one name for each operation, and a group that is described", () => {
    const all = operations(document).map(({ operation }) => operation);
    expect(new Set(all.map(({ operationId }) => operationId)).size).toBe(all.length);
    const groups = new Set(document.tags.map(({ name }) => name));
    expect(all.filter(({ tags }) => !groups.has(tags[0]))).toEqual([]);
  });

  test("describes every parameter of every path, and nothing twice", () => {
    for (const { path, operation } of operations(document)) {
      const inPath = operation.parameters.filter((each) => each["in"] === "path");
      const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      expect(inPath.map(({ name }) => name)).toEqual(named);
      const all = operation.parameters.map((each) => `${String(each["in"])} ${String(each["name"])}`);
      expect(new Set(all).size).toBe(all.length);
      const bare = operation.parameters.filter(
        ({ description }) => typeof description !== "string" || description === "",
      );
      expect([operation.operationId, bare]).toEqual([operation.operationId, []]);
    }
  });

  test("is whole: every answer is described, every reference leads somewhere, every schema says something", () => {
    for (const { operation } of operations(document)) {
      for (const answer of Object.values(operation.responses) as Json[])
        expect(answer["$ref"] ?? answer["description"]).toMatch(/./);
      expect(Object.keys(operation.responses).some((status) => status.startsWith("2"))).toBe(true);
    }
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, at]) => at!);
    expect(references.length).toBeGreaterThan(20);
    for (const at of references) {
      let place: unknown = document;
      for (const step of at.split("/")) place = (place as Json)[step];
      expect([at, place]).toEqual([at, expect.anything()]);
    }
  });

  test("says of queries and bodies what the routes check", () => {
    const { get, put } = document.paths["/v1/keyspaces/{keyspace}/keys/{key}"]!;
    const consistency = get!.parameters.find(({ name }) => name === "consistency")!;
    expect(consistency["schema"]).toEqual({
      type: "string",
      enum: ["linearizable", "sequential", "stale"],
    });
    expect(put!.parameters.map(({ name }) => name)).toContain("idempotency-key");
    expect(put!.requestBody).toMatchObject({ content: { "*/*": {} } });
    const { post } = document.paths["/v1/keyspaces/{keyspace}/batch"]!;
    const body = JSON.stringify(post!.requestBody);
    for (const op of ["get", "put", "delete", "increment", "add", "remove", "setField", "removeField"])
      expect(body).toContain(`"const":"${op}"`);
  });
});

test("it is served, and as a page that loads nothing and runs nothing", async () => {
  const served = (await (await fetch(`${door.url}/v1/openapi.json`)).json()) as OpenApi;
  expect(served).toEqual(JSON.parse(JSON.stringify(openApi("0.1.0-test"))));
  const response = await fetch(`${door.url}/v1/docs`);
  expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
  expect(response.headers.get("content-security-policy")).toMatch(/^default-src 'none'/);
  const page = await response.text();
  for (const { operation, path } of operations(served)) {
    expect(page).toContain(`id="${operation.operationId}"`);
    expect(page).toContain(path.replace(/(\{\w+\})/g, "<i>$1</i>"));
  }
  expect(page).not.toMatch(/<script|<link|src=|https?:\/\/(?!localhost)/);
  expect(page).not.toMatch(/undefined|\[object/);
});

test("a page of an invited origin passes the preflight for every route of the data, and for none of the others", async () => {
  const headers = { origin: "https://app.example", "access-control-request-headers": "idempotency-key" };
  for (const { method, path } of operations(openApi("1"))) {
    const url = `${door.url}${path.replace("{keyspace}", "default").replace(/\{\w+\}/g, "x")}`;
    const asked = { ...headers, "access-control-request-method": method.toUpperCase() };
    const response = await fetch(url, { method: "OPTIONS", headers: asked });
    const isData = path.startsWith("/v1/keyspaces");
    const allowed = response.headers.get("access-control-allow-methods")?.split(", ") ?? [];
    expect([path, allowed.includes(method.toUpperCase())]).toEqual([path, isData]);
    const stranger = await fetch(url, {
      method: "OPTIONS",
      headers: { ...asked, origin: "https://evil.example" },
    });
    expect(stranger.headers.get("access-control-allow-origin")).toBe(null);
  }
});
