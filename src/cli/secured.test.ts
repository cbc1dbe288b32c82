/** The set-up of docs/SECURITY.md, as it stands there, and then everybody who tries to get in. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls, type ConnectionOptions, DEFAULT_CIPHERS, type TLSSocket } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { connect as connectClient, counter } from "../client/index.ts";
import { startServer } from "../server/start-server.ts";
import { type FakeProcess, fakeProcess } from "./context.testkit.ts";
import { splitLine } from "./resp/split-line.ts";

const manual = readFileSync(new URL("../../docs/SECURITY.md", import.meta.url), "utf8");
const commands = /```sh\n([^]*?)```/.exec(manual)![1]!.trim().split("\n");

let directory: string;
let server: FakeProcess;
let stopped: Promise<number>;
let resp: { host: string; port: number };
let url: string;
let env: Record<string, string> = {};
const results: { line: string; code: number; out: string; err: string }[] = [];
const logged: string[] = [];

/** Files are named as they lie in the test's own directory. */
const located = (word: string, index: number): string =>
  index > 0 && /^certs(\/|$)|\.password$/.test(word) ? join(directory, word) : word;

async function kvorum(
  words: readonly string[],
  more: Record<string, string> = {},
): Promise<(typeof results)[number]> {
  const { run, out, err } = fakeProcess({ env: { ...env, ...more } });
  const code = await run(...words.map(located));
  return { line: words.join(" "), code, out: out(), err: err() };
}

async function serve(words: readonly string[]): Promise<void> {
  server = fakeProcess({
    startServer: (options, log, version) => startServer(options, log, version),
    createLogger: async () => {
      const keep = (fields: object, message: string): void =>
        void logged.push(JSON.stringify({ ...fields, message }));
      return { debug: keep, info: keep, warn: keep, error: keep, flush: () => undefined };
    },
  });
  const anyPorts = [
    "--resp-port",
    "0",
    "--http-port",
    "0",
    "--peer-port",
    "0",
    "--data-dir",
    join(directory, "data"),
  ];
  stopped = server.run(...words.map(located), ...anyPorts);
  const [, redis, http] = await Promise.race([
    server.printed(/redis (\S+) +(https:\S+)/),
    stopped.then((code) => Promise.reject(new Error(`ended with ${code}: ${server.err()}`))),
  ]);
  const [host, port] = redis!.split(":");
  resp = { host: host!, port: Number(port) };
  url = http!;
  env = { KVORUM_ADDRESS: redis!, KVORUM_URL: http! };
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "kvorum-secured-"));
  for (const line of commands) {
    const words = splitLine(line)!
      .map((word) => Buffer.from(word).toString())
      .slice(1);
    if (!line.startsWith("kvorum ")) execFileSync("/bin/sh", ["-c", line], { cwd: directory });
    else if (line.startsWith("kvorum serve ")) await serve(words);
    else {
      results.push(await kvorum(words));
      expect(results.at(-1)).toMatchObject({ code: 0, err: "" });
    }
  }
}, 60_000);

afterAll(async () => {
  server.signal("SIGTERM");
  await stopped;
  rmSync(directory, { recursive: true });
});

const ca = (): Buffer => readFileSync(join(directory, "certs/ca.crt"));
const secret = (name: string): string => readFileSync(join(directory, `${name}.password`), "utf8").trim();

/** What an address answers to some bytes, until it falls silent or closes. */
async function say(socket: Socket | TLSSocket, bytes: string): Promise<string> {
  let text = "";
  socket.on("data", (chunk: Buffer) => {
    text += chunk.toString();
    socket.end();
  });
  socket.on("error", () => socket.destroy());
  socket.write(bytes);
  await new Promise((resolve) => socket.once("close", resolve));
  return text;
}

const tls = (options: ConnectionOptions = {}): TLSSocket => connectTls({ ...resp, ca: ca(), ...options });

test("the five commands do what the manual says", async () => {
  expect(commands).toHaveLength(5);
  expect(results.map(({ line, code, err }) => [line.split(" ", 2).join(" "), code, err])).toEqual([
    ["certs dev", 0, ""],
    ["user add", 0, ""],
    ["set --user", 0, ""],
  ]);
  expect(results[2]!.out).toBe("OK\n");
  for (const file of ["certs/ca.key", "certs/node.key", "admin.password"])
    expect([file, (statSync(join(directory, file)).mode & 0o777).toString(8)]).toEqual([file, "600"]);
});

test("what was written is read by who may, over RESP and HTTP", async () => {
  const ada = {
    KVORUM_USER: "ada",
    KVORUM_PASSWORD: secret("ada"),
    KVORUM_CA: join(directory, "certs/ca.crt"),
  };
  expect(await kvorum(["get", "greeting"], ada)).toMatchObject({ code: 0, out: "hello\n" });
  expect(await kvorum(["keyspace", "list"], ada)).toMatchObject({ code: 0 });
  expect(await kvorum(["keyspace", "create", "mine"], ada)).toMatchObject({ code: 1 });
  expect(
    await kvorum(["status"], { ...ada, KVORUM_USER: "admin", KVORUM_PASSWORD: secret("admin") }),
  ).toMatchObject({
    code: 0,
  });
});

test("kvorum bench logs in too, over the typed client and RESP, and is told when it may not write", async () => {
  const ada = {
    KVORUM_USER: "ada",
    KVORUM_PASSWORD: secret("ada"),
    KVORUM_CA: join(directory, "certs/ca.crt"),
  };
  const short = ["--requests", "20", "--clients", "2", "--warmup", "0", "--keys", "5"];
  for (const more of [[], ["--protocol", "resp"], ["--resp", `${resp.host}:${resp.port}`]]) {
    const run = await kvorum(["bench", "set", ...short, ...more], ada);
    expect(run).toMatchObject({ code: 0, out: expect.stringMatching(/^latency +20 /m) });
    const stranger = await kvorum(["bench", "set", ...short, ...more], { ...ada, KVORUM_USER: "" });
    expect(stranger.code).not.toBe(0);
    expect(stranger.err).toMatch(/log in|NOAUTH/i);
  }
}, 30_000);

test("no login, a wrong one, no encryption, an authority that is not ours: nothing", async () => {
  const trust = { KVORUM_CA: join(directory, "certs/ca.crt") };
  expect((await kvorum(["get", "greeting"], trust)).err).toMatch(/NOAUTH/);
  expect((await kvorum(["status"], trust)).err).toMatch(/Log in with --user/);
  const wrong = { ...trust, KVORUM_USER: "admin", KVORUM_PASSWORD: secret("ada") };
  expect((await kvorum(["get", "greeting"], wrong)).err).toMatch(/WRONGPASS/);
  expect((await kvorum(["status"], wrong)).err).toMatch(/do not fit/);
  expect(await kvorum(["get", "greeting"], { KVORUM_CA: "" })).toMatchObject({ code: 3 });
  expect(await kvorum(["status", "--url", url.replace("https", "http")])).toMatchObject({ code: 3 });
  expect((await kvorum(["status"])).err, "its authority is not trusted").toMatch(/certificate/);
  expect(await say(connect(resp), "PING\r\n")).not.toContain("PONG");
  expect(await say(connect(resp), "GET / HTTP/1.1\r\nHost: x\r\n\r\n")).not.toContain("HTTP/1.1");
});

test("everything sent before AUTH is refused, though a right AUTH follows in the same packet", async () => {
  const packet = `MULTI\r\nGET greeting\r\nSUBSCRIBE x\r\nAUTH ada ${secret("ada")}\r\nGET greeting\r\nQUIT\r\n`;
  const replies: string[] = [];
  const socket = tls();
  socket.write(packet);
  socket.on("data", (chunk: Buffer) => replies.push(chunk.toString()));
  await once(socket, "close");
  expect(replies.join("").split("\r\n")).toEqual([
    "-NOAUTH Authentication required.",
    "-NOAUTH Authentication required.",
    "-NOAUTH Authentication required.",
    "+OK",
    "$5",
    "hello",
    "+OK",
    "",
  ]);
});

test("the typed client comes in over TLS with a login, and gets as far as its user may", async () => {
  const target = `kvorums://${resp.host}:${resp.port}`;
  const keyspaces = { hits: counter() };
  const as = (user: string, password: string) =>
    connectClient(target, { user, password, tls: { ca: ca() }, keyspaces, ensure: true, openTimeout: 4000 });
  await expect(as("ada", secret("ada"))).rejects.toMatchObject({ code: "forbidden", definite: true });
  const admin = await as("admin", secret("admin"));
  await admin.hits.increment("home");
  admin.close();
  const ada = await as("ada", secret("ada"));
  expect(await ada.hits.increment("home")).toBe(2);
  ada.close();
  await expect(as("ada", "wrong password")).rejects.toMatchObject({
    code: "unauthenticated",
    definite: true,
  });
  const plain = target.replace("kvorums", "kvorum");
  const { user, password } = { user: "ada", password: secret("ada") };
  const untrusting = { user, password, keyspaces, openTimeout: 300 };
  await expect(connectClient(target, untrusting)).rejects.toMatchObject({
    code: "unreachable",
    definite: true,
  });
  await expect(connectClient(plain, untrusting)).rejects.toMatchObject({
    code: "unreachable",
  });
}, 30_000);

test("TLS 1.2 and 1.3, nothing older", async () => {
  for (const version of ["TLSv1.2", "TLSv1.3"] as const)
    expect(await say(tls({ minVersion: version, maxVersion: version }), "PING\r\n")).toMatch(/^-NOAUTH/);
  const old = {
    minVersion: "TLSv1",
    maxVersion: "TLSv1.1",
    ciphers: `${DEFAULT_CIPHERS}:@SECLEVEL=0`,
  } as const;
  expect(await say(tls(old), "PING\r\n")).toBe("");
});

test("the log names who came, and no password", () => {
  const text = logged.join("\n");
  expect(text).toMatch(/"audit":"login","user":"ada"/);
  expect(text).toMatch(/"audit":"login-failed","user":"admin"/);
  expect(text).toMatch(/"audit":"change","user":"admin"/);
  for (const name of ["admin", "ada"]) expect(text).not.toContain(secret(name));
  expect(text).not.toContain("scrypt$");
});
