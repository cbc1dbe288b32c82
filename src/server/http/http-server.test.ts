import { connect, createServer, type AddressInfo } from "node:net";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { once } from "node:events";
import { afterEach, describe, expect, it } from "vitest";
import type { Logger } from "../../core/world.ts";
import { fakeNode, type FakeNode } from "./fake-node.testkit.ts";
import { startHttpServer, type HttpServer } from "./http-server.ts";

const logged: { level: string; fields: object; message: string }[] = [];
const log: Logger = Object.fromEntries(
  ["debug", "info", "warn", "error"].map((level) => [
    level,
    (fields: object, message: string) => void logged.push({ level, fields, message }),
  ]),
) as unknown as Logger;

const open: HttpServer[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
});

async function serve(
  node: FakeNode = fakeNode(),
): Promise<{ node: FakeNode; url: string; port: number; server: HttpServer }> {
  const server = await startHttpServer(
    node,
    { host: "127.0.0.1", port: 0, allowedHosts: ["kv.example"], corsOrigins: ["https://app.example"] },
    log,
  );
  open.push(server);
  return { node, server, port: server.address.port, url: `http://127.0.0.1:${server.address.port}` };
}

/** fetch forbids setting Host; this does not. */
async function raw(
  port: number,
  method: string,
  path: string,
  headers: Record<string, string>,
  body?: string,
): Promise<{ status: number; body: string }> {
  const outgoing = httpRequest({ host: "127.0.0.1", port, method, path, headers });
  outgoing.end(body);
  const [response] = (await once(outgoing, "response")) as [IncomingMessage];
  let text = "";
  for await (const chunk of response) text += String(chunk);
  return { status: response.statusCode!, body: text };
}

const post = (url: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(`${url}/v1/admin`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });

describe("health", () => {
  it("is live at once, and ready only when the node is, saying what it waits for until then", async () => {
    const { url, node } = await serve(
      fakeNode({
        ready: false,
        waiting: { reason: "a quorum: n2 and n3 are not reachable", milliseconds: 1234.5 },
      }),
    );
    expect((await fetch(`${url}/health/live`)).status).toBe(200);
    const waiting = await fetch(`${url}/health/ready`);
    expect(waiting.status).toBe(503);
    expect(await waiting.json()).toEqual({
      ready: false,
      reason: "a quorum: n2 and n3 are not reachable",
      waitingMilliseconds: 1235,
    });

    node.state = { ...node.state, ready: true, waiting: null };
    const ready = await fetch(`${url}/health/ready`);
    expect([ready.status, await ready.json()]).toEqual([200, { ready: true }]);
    const both = await fetch(`${url}/health`);
    expect([both.status, await both.json()]).toEqual([200, { live: true, ready: true }]);
  });

  it("names the disk when that is what is wrong", async () => {
    const storage = {
      healthy: false,
      problem: "log/000001: fdatasync failed: EIO",
      logBytes: 0,
      overlayBytes: 0,
    };
    const { url } = await serve(fakeNode({ ready: false, storage }));
    expect(await (await fetch(`${url}/health`)).json()).toMatchObject({
      ready: false,
      reason: storage.problem,
    });
  });
});

describe("metrics", () => {
  it("shows the node's counters and gauges, its replicas, and the process", async () => {
    const { url } = await serve();
    const response = await fetch(`${url}/metrics`);
    const text = await response.text();
    expect(response.headers.get("content-type")).toContain("text/plain; version=0.0.4");
    expect(text).toContain("\nkvorum_commands_total 41\n");
    expect(text).toContain("\nkvorum_syncs_total 7\n");
    expect(text).toContain("\nkvorum_connections 3\n");
    expect(text).toContain("\nkvorum_loop_lag_seconds 0.0015\n");
    expect(text).toContain('kvorum_replica_lag_entries{keyspace="default",shard="0",peer="n3"} 7');
    expect(text).toContain("kvorum_process_resident_memory_bytes");
    const names = [...text.matchAll(/^([a-z_]+)/gm)].map((match) => match[1]!);
    expect(names.filter((name) => !name.startsWith("kvorum_"))).toEqual([]);
  });

  it("shows totals, not sums of scrapes, and forgets replicas that are gone", async () => {
    const { url, node } = await serve();
    await (await fetch(`${url}/metrics`)).text();
    node.numbers = { counters: { commands: 50 }, gauges: {} };
    node.state = { ...node.state, replicas: [] };
    const text = await (await fetch(`${url}/metrics`)).text();
    expect(text).toContain("\nkvorum_commands_total 50\n");
    expect(text).not.toContain("kvorum_replica_term{");
  });
});

describe("/v1", () => {
  it("serves the status, the members and the keyspaces as the node has them", async () => {
    const { url, node } = await serve();
    expect(await (await fetch(`${url}/v1/status`)).json()).toEqual(node.state);
    expect(await (await fetch(`${url}/v1/members`)).json()).toEqual(node.members());
    expect(await (await fetch(`${url}/v1/keyspaces`)).json()).toEqual(node.state.keyspaces);
  });

  it("hands an admin request to the node and answers its result", async () => {
    const { url, node } = await serve();
    const request = { type: "keyspace-create", spec: { name: "carts", shards: 4 } };
    const response = await post(url, request);
    expect([response.status, await response.json()]).toEqual([200, { ok: true, detail: "done" }]);
    expect(node.adminRequests).toEqual([request]);
  });

  it.each([
    ["exists", 409, true],
    ["unknown-keyspace", 404, true],
    ["no-leader", 503, true],
    ["timeout", 504, false],
    ["never-heard-of", 500, false],
  ])("maps the error %s to %i, definite %s", async (code, status, definite) => {
    const { url, node } = await serve();
    node.adminResult = { ok: false, code, message: "so it is" };
    const response = await post(url, { type: "keyspace-drop", name: "carts" });
    expect(response.status).toBe(status);
    expect(await response.json()).toEqual({
      error: { code, message: "so it is", hint: expect.any(String), definite },
    });
  });

  it("refuses malformed requests without asking the node, and names the field", async () => {
    const { url, node } = await serve();
    const bad: [unknown, number, RegExp][] = [
      [{ type: "keyspace-create", spec: { name: "a", shards: 0 } }, 400, /spec\.shards/],
      [{ type: "keyspace-create", spec: { name: "a", colour: 1 } }, 400, /colour/],
      [{ type: "destroy-everything" }, 400, /type/],
      [[], 400, /the body/],
      ["{", 400, /JSON/],
      ["", 400, /empty/],
      [JSON.stringify({ type: "keyspace-drop", name: "x".repeat(100_000) }), 413, /65536/],
    ];
    for (const [body, status, message] of bad) {
      const response = await post(url, body);
      expect(response.status).toBe(status);
      expect(await response.json()).toMatchObject({
        error: { message: expect.stringMatching(message), definite: true },
      });
    }
    expect(node.adminRequests).toEqual([]);
  });

  it("refuses what a web page could send: forms, foreign origins, rebound names", async () => {
    const { url, node, port } = await serve();
    const body = JSON.stringify({ type: "keyspace-drop", name: "default" });
    expect((await post(url, body, { "content-type": "text/plain" })).status).toBe(415);
    expect((await post(url, body, { "content-type": "application/x-www-form-urlencoded" })).status).toBe(415);

    const json = { "content-type": "application/json" };
    const foreign = { ...json, host: `127.0.0.1:${port}`, origin: "https://evil.example" };
    expect(await raw(port, "POST", "/v1/admin", foreign, body)).toMatchObject({
      status: 403,
      body: expect.stringContaining("forbidden-origin"),
    });
    expect((await raw(port, "POST", "/v1/admin", { ...json, host: "evil.example" }, body)).status).toBe(403);
    for (const path of ["/v1/status", "/%761/status", "http://evil.example/v1/status"])
      expect([path, (await raw(port, "GET", path, { host: "evil.example:7411" })).status]).toEqual([
        path,
        403,
      ]);
    expect(node.adminRequests).toEqual([]);

    const same = { ...json, host: `localhost:${port}`, origin: `http://localhost:${port}` };
    expect((await raw(port, "POST", "/v1/admin", same, body)).status).toBe(200);
    expect((await raw(port, "GET", "/v1/status", { host: "kv.example" })).status).toBe(200);
    expect((await raw(port, "GET", "/health/ready", { host: "kvorum-1.internal" })).status).toBe(200);
  });

  it("tells a wrong path from a wrong method", async () => {
    const { url } = await serve();
    const missing = await fetch(`${url}/v2/status`);
    expect([missing.status, await missing.json()]).toEqual([
      404,
      {
        error: {
          code: "not-found",
          message: "There is nothing at /v2/status.",
          hint: expect.any(String),
          definite: true,
        },
      },
    ]);
    const wrong = await fetch(`${url}/v1/admin?x=1`);
    expect([wrong.status, wrong.headers.get("allow")]).toEqual([405, "POST"]);
    const deleted = await fetch(`${url}/v1/status`, { method: "DELETE" });
    expect([deleted.status, deleted.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  });

  it("answers 500 without details when the node throws, and logs them", async () => {
    const { url, node } = await serve();
    node.status = () => {
      throw new Error("private detail");
    };
    const response = await fetch(`${url}/v1/status`);
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain("private detail");
    expect(logged.at(-1)).toMatchObject({ level: "error", fields: { error: { message: "private detail" } } });
  });
});

describe("listening and closing", () => {
  it("says which port is taken and which option changes it", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as AddressInfo;
    await expect(
      startHttpServer(fakeNode(), { host: "127.0.0.1", port, allowedHosts: [], corsOrigins: [] }, log),
    ).rejects.toThrow(
      `HTTP: 127.0.0.1:${port} is in use by another program; stop it, or choose another httpPort (--http-port)`,
    );
    other.close();
  });

  it("closes although a client keeps its connection and another never finishes its request", async () => {
    const { url, server, port } = await serve();
    await fetch(`${url}/health/live`);
    const slow = connect(port, "127.0.0.1");
    await once(slow, "connect");
    slow.on("error", () => slow.destroy());
    slow.write("GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n");
    const before = performance.now();
    await server.close();
    expect(performance.now() - before).toBeLessThan(4_000);
    await expect(fetch(`${url}/health/live`)).rejects.toThrow("fetch failed");
    slow.destroy();
  });
});
