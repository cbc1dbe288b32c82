/** People who try to get in over HTTP, and users who try to do more than they may. */
import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Grant } from "../../node/catalog/users.ts";
import { memoryLog } from "../resp/client.testkit.ts";
import type { Passwords } from "../security/password.ts";
import { ADMIN, makeUser, quickPasswords } from "../security/security.testkit.ts";
import { Security } from "../security/security.ts";
import { newSecret, tokenOf } from "../security/token.ts";
import { AdministeredNode } from "./administered-node.testkit.ts";
import { type HttpServer, startHttpServer } from "./http-server.ts";

const SECRET = "correct horse battery";

let node: AdministeredNode;
let passwords: Passwords;
let server: HttpServer;
let port: number;
const { log, lines } = memoryLog();

beforeEach(async () => {
  lines.length = 0;
  node = new AdministeredNode({ atOnce: true });
  passwords = quickPasswords().passwords;
  const security = new Security({ node, log, passwords });
  const options = { host: "127.0.0.1", port: 0, allowedHosts: [], corsOrigins: [], security };
  server = await startHttpServer(node, options, log);
  port = server.address.port;
});

afterEach(() => server.close());

async function addUser(name: string, password: string, grants: readonly Grant[]): Promise<void> {
  node.userList = [...node.userList, await makeUser(passwords, name, password, grants)];
}

const basic = (name: string, password: string): string =>
  `Basic ${Buffer.from(`${name}:${password}`).toString("base64")}`;

const ROOT = basic("root", SECRET);
const ADA = basic("ada", "ada's password");

interface Answered {
  readonly status: number;
  readonly text: string;
  readonly headers: IncomingMessage["headers"];
}

/** The path is sent as it is written. */
async function ask(
  method: string,
  path: string,
  authorization?: string,
  body?: string | object,
): Promise<Answered> {
  const headers = {
    ...(authorization === undefined ? {} : { authorization }),
    ...(typeof body === "object" ? { "content-type": "application/json" } : {}),
  };
  const outgoing = httpRequest({ host: "127.0.0.1", port, method, path, headers });
  outgoing.end(typeof body === "object" ? JSON.stringify(body) : body);
  const [response] = (await once(outgoing, "response")) as [IncomingMessage];
  let text = "";
  for await (const chunk of response) text += String(chunk);
  return { status: response.statusCode!, text, headers: response.headers };
}

const status = async (...args: Parameters<typeof ask>): Promise<number> => (await ask(...args)).status;

describe("without a login", () => {
  beforeEach(() => addUser("root", SECRET, ADMIN));

  test("health is all there is", async () => {
    for (const path of ["/health", "/health/live", "/health/ready"])
      expect([path, await status("GET", path)]).toEqual([path, 200]);
    for (const [method, path] of [
      ["GET", "/metrics"],
      ["GET", "/v1/status"],
      ["GET", "/v1/members"],
      ["GET", "/v1/keyspaces"],
      ["GET", "/v1/users"],
      ["POST", "/v1/admin"],
      ["GET", "/v1/keyspaces/default/keys"],
      ["GET", "/v1/keyspaces/default/keys/x"],
      ["PUT", "/v1/keyspaces/default/keys/x"],
      ["DELETE", "/v1/keyspaces/default/keys/x"],
      ["POST", "/v1/keyspaces/default/batch"],
      ["GET", "/v1/keyspaces/nowhere/keys/x"],
      ["GET", "/nowhere"],
      ["OPTIONS", "/v1/admin"],
    ] as const)
      expect([method, path, await status(method, path)]).toEqual([method, path, 401]);
    const { text, headers } = await ask("GET", "/v1/status");
    expect(JSON.parse(text)).toMatchObject({ error: { code: "unauthenticated", definite: true } });
    expect(headers["www-authenticate"]).toBe('Basic realm="Kvorum", charset="UTF-8"');
    expect(node.requests).toEqual([]);
  });

  test("no way of writing a path leads around it", async () => {
    for (const path of [
      "/%761/status",
      "/v1/%73tatus",
      "/v1/status/",
      "//v1/status",
      "/V1/STATUS",
      "/health/../v1/status",
      "/health/..%2fv1/status",
      "/health%2f..%2fv1%2fstatus",
      "/v1/status?x=/health",
      "/v1/status;/health",
      "http://127.0.0.1/v1/status",
      "/v1/keyspaces//keys/x",
      "/v1/keyspaces/%64efault/keys/x",
    ])
      expect([path, await status("GET", path)]).toEqual([path, 401]);
  });

  test("a body is not waited for, however large it says it is", async () => {
    const socket = connect(port, "127.0.0.1");
    socket.write(
      `PUT /v1/keyspaces/default/keys/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000000\r\n\r\n`,
    );
    const [chunk] = (await once(socket, "data")) as [Buffer];
    expect(chunk.toString()).toMatch(/^HTTP\/1.1 401 /);
    socket.destroy();
  });

  test("credentials that are none", async () => {
    for (const header of [
      basic("root", "wrong"),
      basic("root", ""),
      basic("", ""),
      basic("nobody", SECRET),
      `Basic ${Buffer.from(`root${SECRET}`).toString("base64")}`,
      "Basic",
      "Basic !!!",
      `Bearer ${Buffer.from(`root:${SECRET}`).toString("base64")}`,
      `Bearer ${tokenOf("root", newSecret())}`,
      "Bearer ",
      `Digest username="root"`,
    ])
      expect([header, await status("GET", "/v1/status", header)]).toEqual([
        header,
        expect.toSatisfy((code) => code === 401 || code === 429),
      ]);
    expect(node.calls).toBe(0);
  });

  test("guessing is held up, and told for how long", async () => {
    for (let i = 0; i < 5; i++)
      expect(await status("GET", "/v1/status", basic("root", `guess ${i}`))).toBe(401);
    const held = await ask("GET", "/v1/status", ROOT);
    expect([held.status, held.headers["retry-after"]]).toEqual([429, "1"]);
    expect(JSON.parse(held.text)).toMatchObject({ error: { code: "throttled", definite: true } });
  });
});

describe("with a login", () => {
  beforeEach(() => addUser("root", SECRET, ADMIN));

  test("an administrator does everything", async () => {
    expect(await status("GET", "/v1/status", ROOT)).toBe(200);
    expect(await status("GET", "/metrics", ROOT)).toBe(200);
    expect(await status("PUT", "/v1/keyspaces/default/keys/x", ROOT, "1")).toBeLessThan(300);
    expect(await status("GET", "/v1/keyspaces/default/keys/x", ROOT)).toBe(200);
    expect(await status("POST", "/v1/admin", ROOT, { type: "keyspace-drop", name: "default" })).toBe(200);
    expect(await status("GET", "/nowhere", ROOT)).toBe(404);
  });

  test("a role in one keyspace is none in another, nor in the cluster", async () => {
    await addUser("ada", "ada's password", [{ keyspace: "other", role: "write" }]);
    expect(await status("PUT", "/v1/keyspaces/other/keys/x", ADA, "1")).toBeLessThan(300);
    expect(await status("GET", "/v1/keyspaces/other/keys/x", ADA)).toBe(200);
    expect(await status("GET", "/v1/status", ADA)).toBe(200);
    for (const path of [
      "/v1/keyspaces/default/keys/x",
      "/v1/keyspaces/default/keys",
      "/v1/keyspaces/%64efault/keys/x",
      "/v1/keyspaces/default%2Fkeys/keys/x",
      "/v1/users",
    ])
      expect([path, await status("GET", path, ADA)]).toEqual([path, 403]);
    expect(await status("GET", "/v1/keyspaces/other/../default/keys/x", ADA), "no route at all").toBe(404);
    expect(await status("GET", "/v1/keyspaces/other%2F..%2Fdefault/keys/x", ADA)).toBe(403);
    expect(await status("PUT", "/v1/keyspaces/default/keys/other:x", ADA, "1")).toBe(403);
    for (const request of [
      { type: "keyspace-drop", name: "default" },
      { type: "keyspace-drop", name: "other" },
      { type: "user-put", name: "ada", grants: ADMIN },
      { type: "user-put", name: "root", password: "mine from now on" },
      { type: "user-delete", name: "root" },
      { type: "node-remove", node: "n1" },
    ])
      expect([request, await status("POST", "/v1/admin", ADA, request)]).toEqual([request, 403]);
    expect(node.requests).toEqual([]);
  });

  test("a reader does not write", async () => {
    await addUser("ada", "ada's password", [{ keyspace: "*", role: "read" }]);
    expect(await status("GET", "/v1/keyspaces/default/keys", ADA)).toBe(200);
    expect(await status("PUT", "/v1/keyspaces/default/keys/x", ADA, "1")).toBe(403);
    expect(await status("DELETE", "/v1/keyspaces/default/keys/x", ADA)).toBe(403);
    const batch = { operations: [{ op: "put", key: "x", value: "1" }] };
    expect(await status("POST", "/v1/keyspaces/default/batch", ADA, batch)).toBe(403);
  });

  test("an administrator of a keyspace administers that one", async () => {
    await addUser("ada", "ada's password", [{ keyspace: "shop-*", role: "admin" }]);
    const create = (name: string): Promise<number> =>
      status("POST", "/v1/admin", ADA, { type: "keyspace-create", spec: { name } });
    expect(await create("shop-carts")).toBe(200);
    expect(await create("bank")).toBe(403);
    expect(await status("POST", "/v1/admin", ADA, { type: "user-delete", name: "root" })).toBe(403);
  });

  test("a token is a user of its own, and ends with it", async () => {
    const secret = newSecret();
    await addUser("front-end", secret, [{ keyspace: "other", role: "read" }]);
    const token = `Bearer ${tokenOf("front-end", secret)}`;
    expect(await status("GET", "/v1/keyspaces/other/keys", token)).toBe(200);
    expect(await status("GET", "/v1/keyspaces/default/keys", token)).toBe(403);
    node.userList = node.userList.filter(({ name }) => name !== "front-end");
    expect(await status("GET", "/v1/keyspaces/other/keys", token)).toBe(401);
  });

  test("an answer that takes long ends with its user", async () => {
    await addUser("ada", "ada's password", [{ keyspace: "other", role: "read" }]);
    expect(await status("GET", "/v1/status", ADA)).toBe(200);
    node.held = [];
    const ended = ask("GET", "/v1/keyspaces/other/keys/x", ADA).then(
      () => "answered",
      (error: Error) => error.message,
    );
    await expect.poll(() => node.held?.length).toBe(1);
    node.userList = node.userList.filter(({ name }) => name !== "ada");
    expect(await ended).toBe("socket hang up");
  });

  test("users are made, listed, changed and deleted, and no answer or audit line shows a secret", async () => {
    const texts: string[] = [];
    const admin = async (request: object): Promise<number> => {
      const { status, text } = await ask("POST", "/v1/admin", ROOT, request);
      texts.push(text);
      return status;
    };
    const grants = [{ keyspace: "other", role: "read" }];
    expect(await admin({ type: "user-put", name: "ada", password: "short", grants })).toBe(400);
    expect(await admin({ type: "user-put", name: "ada", grants })).toBe(400);
    expect(await admin({ type: "user-put", name: "ada", password: "ada's password", grants })).toBe(200);
    expect(await status("GET", "/v1/keyspaces/other/keys", ADA)).toBe(200);
    expect(await admin({ type: "user-put", name: "ada", password: "another password" })).toBe(200);
    expect(await status("GET", "/v1/keyspaces/other/keys", ADA), "the old password").toBe(401);
    const list = await ask("GET", "/v1/users", ROOT);
    expect(JSON.parse(list.text)).toEqual([
      { name: "root", grants: ADMIN },
      { name: "ada", grants },
    ]);
    expect(await admin({ type: "user-delete", name: "root" }), "nobody would be left").toBe(409);
    expect(await admin({ type: "user-delete", name: "ada" })).toBe(200);
    const verifiers = node.requests.flatMap((request) =>
      "verifier" in request && request.verifier !== undefined ? [request.verifier] : [],
    );
    expect(verifiers).toHaveLength(2);
    const said = JSON.stringify(lines) + texts.join("") + list.text;
    for (const secret of [SECRET, "ada's password", "another password", ...verifiers])
      expect(said).not.toContain(secret);
    expect(lines.filter(({ fields }) => (fields as { audit?: string }).audit === "change")).toHaveLength(5);
  });
});

describe("before there are users", () => {
  test("this machine makes the first one, who has to be an administrator; then everybody logs in", async () => {
    expect(await status("GET", "/v1/status")).toBe(200);
    const root = { type: "user-put", name: "root", password: SECRET };
    expect(await status("POST", "/v1/admin", undefined, { ...root, grants: [] })).toBe(409);
    expect(await status("POST", "/v1/admin", undefined, { ...root, grants: ADMIN })).toBe(200);
    expect(node.requests.at(-1)).toMatchObject({ first: true });
    expect(await status("GET", "/v1/status")).toBe(401);
    expect(await status("GET", "/v1/status", ROOT)).toBe(200);
  });
});
