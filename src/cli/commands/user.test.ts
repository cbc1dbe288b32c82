/** `kvorum user` against a real HTTP door. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { memoryLog } from "../../server/resp/client.testkit.ts";
import { AdministeredNode } from "../../server/http/administered-node.testkit.ts";
import { type HttpServer, startHttpServer } from "../../server/http/http-server.ts";
import { quickPasswords } from "../../server/security/security.testkit.ts";
import { Security } from "../../server/security/security.ts";
import { fakeProcess } from "../context.testkit.ts";

let node: AdministeredNode;
let server: HttpServer;
let directory: string;
let rootFile: string;
const { log, lines } = memoryLog();

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "kvorum-user-"));
  rootFile = join(directory, "root");
  writeFileSync(rootFile, "correct horse battery\n");
  node = new AdministeredNode({ atOnce: true });
  const security = new Security({ node, log, passwords: quickPasswords().passwords });
  server = await startHttpServer(
    node,
    { host: "127.0.0.1", port: 0, allowedHosts: [], corsOrigins: [], security },
    log,
  );
});

afterEach(async () => {
  await server.close();
  rmSync(directory, { recursive: true });
});

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function kvorum(line: string, input = "", env: Record<string, string> = {}): Promise<Ran> {
  const url = `http://127.0.0.1:${server.address.port}`;
  const { run, out, err } = fakeProcess({ input, env: { KVORUM_URL: url, ...env } });
  const code = await run(...line.split(" "));
  return { code, out: out(), err: err() };
}

const asRoot = (line: string, input = ""): Promise<Ran> =>
  kvorum(line, input, { KVORUM_USER: "root", KVORUM_PASSWORD_FILE: rootFile });

test("from the first administrator to users with roles and tokens", async () => {
  expect((await kvorum("user list")).out).toBe("There are no users: nobody has to log in.\n");
  const first = await kvorum(`user add root --admin --new-password-file ${rootFile}`);
  expect(first).toMatchObject({ code: 0, out: "ok  user root may admin *\n" });

  const stranger = await kvorum("user list");
  expect(stranger).toMatchObject({ code: 1, err: expect.stringMatching(/Log in with --user NAME/) });

  expect(await asRoot("user add ada --grant write:carts,read:x")).toMatchObject({ code: 2 });
  const ada = await asRoot("user add ada --grant write:carts --grant read:shop-*", "ada's password\n");
  expect(ada.out).toBe("ok  user ada may write carts, read shop-*\n");
  expect((await asRoot("user grant ada admin carts")).out).toBe(
    "ok  user ada may read shop-*, admin carts\n",
  );
  expect((await asRoot("user revoke ada shop-*")).out).toBe("ok  user ada may admin carts\n");
  expect((await asRoot("user revoke ada default")).err).toMatch(/ada was granted nothing in default/);
  expect((await asRoot("user list")).out).toMatch(/root +admin \*\nada +admin carts\n/);

  const asAda = { KVORUM_USER: "ada", KVORUM_PASSWORD: "ada's password" };
  expect(await kvorum("keyspace list", "", asAda)).toMatchObject({ code: 0 });
  expect(await kvorum("user list", "", asAda)).toMatchObject({
    code: 1,
    err: expect.stringMatching(/lacks a role/),
  });
  expect((await asRoot("user password ada", "another password\n")).code).toBe(0);
  expect(await kvorum("keyspace list", "", asAda)).toMatchObject({ code: 1 });

  const token = (await asRoot("user token front-end --grant read:*")).out.trim();
  const url = `http://127.0.0.1:${server.address.port}/v1/keyspaces/default/keys`;
  const headers = { authorization: `Bearer ${token}` };
  expect((await fetch(url, { headers })).status).toBe(200);
  expect((await asRoot("user delete front-end")).code).toBe(0);
  expect((await fetch(url, { headers })).status).toBe(401);
  expect((await asRoot("user delete root")).err).toMatch(/Nobody would be left/);
  expect(JSON.stringify(lines)).not.toMatch(/password\b.*(horse|ada's|another)/);
});

test("a slip does not change somebody's password, and a wrong one is told", async () => {
  await kvorum(`user add root --admin --new-password-file ${rootFile}`);
  expect((await asRoot("user add root", "mine\n")).err).toMatch(/there is a user root already/);
  expect((await asRoot("user add bob", "short\n")).err).toMatch(/password/);
  const wrong = await kvorum("status --user root --password-file -", "wrong password\n");
  expect(wrong).toMatchObject({ code: 1, err: expect.stringMatching(/do not fit/) });
  expect(await kvorum("status --user root")).toMatchObject({
    code: 2,
    err: expect.stringMatching(/there is no password for the user root/),
  });
  expect(await kvorum("status --user root --password-file /nowhere/at/all")).toMatchObject({ code: 2 });
});
