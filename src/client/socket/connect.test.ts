import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createNode, type EmbeddedNode } from "../../embedded/create-node.ts";
import { counter, KvorumError, register } from "../index.ts";
import { parseTarget } from "./address.ts";
import { connect } from "./connect.ts";

const SCHEMA = { keyspaces: { hits: counter({ shards: 2 }), notes: register<string>() }, ensure: true };

async function errorOf(promise: Promise<unknown>): Promise<KvorumError> {
  const reason: unknown = await promise.then(
    () => "it did not fail",
    (error: unknown) => error,
  );
  if (reason instanceof KvorumError) return reason;
  throw new Error(String(reason));
}

describe("an address", () => {
  test("names hosts, ports, a login, and whether it is TLS", () => {
    expect(parseTarget("kvorum://localhost:7410")).toEqual({
      seeds: [{ host: "localhost", port: 7410 }],
      tls: false,
    });
    expect(parseTarget("kvorums://ada:p%40ss@db1,db2:7777,[::1]:9/")).toEqual({
      seeds: [
        { host: "db1", port: 7410 },
        { host: "db2", port: 7777 },
        { host: "::1", port: 9 },
      ],
      tls: true,
      user: "ada",
      password: "p@ss",
    });
  });

  test.each([
    "redis://localhost:6379",
    "kvorum://",
    "kvorum://a:0",
    "kvorum://a:b",
    "kvorum://a:99999",
    "kvorum://u:p@ss@a",
    "kvorum://%zz@a",
  ])("%s is refused, without its password", (url) => {
    expect(() => parseTarget(url)).toThrow(expect.objectContaining({ code: "bad-request", definite: true }));
    expect(() => parseTarget(url)).not.toThrow(/p@ss/);
  });
});

describe("connecting", () => {
  let directory: string;
  let node: EmbeddedNode;
  const others: Server[] = [];

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "kvorum-connect-"));
    node = await createNode({ dataDir: join(directory, "n1"), respPort: 0 });
  });

  afterAll(async () => {
    await node.close();
    await rm(directory, { recursive: true });
  });

  afterEach(() => {
    for (const server of others.splice(0)) server.close();
  });

  async function listen(greet: (text: string) => string): Promise<string> {
    const server = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.on("data", (chunk) => socket.write(greet(chunk.toString("latin1"))));
    });
    others.push(server);
    await new Promise<void>((done) => void server.listen(0, "127.0.0.1", done));
    return `127.0.0.1:${(server.address() as { port: number }).port}`;
  }

  test("one node that answers is enough, whatever the others are", async () => {
    const db = await connect(`kvorum://127.0.0.1:1,${node.addresses.resp}`, SCHEMA);
    expect(await db.hits.increment("a")).toBe(1);
    db.close();
  });

  test("without anybody there, it says whom it tried and how that ended", async () => {
    const error = await errorOf(connect("kvorum://127.0.0.1:1", { ...SCHEMA, openTimeout: 300 }));
    expect(error).toMatchObject({ code: "unreachable", definite: true });
    expect(error.message).toMatch(/127\.0\.0\.1:1: .*ECONNREFUSED/);
  });

  test("a wrong password is told at once, not after the patience for a cluster that starts", async () => {
    const address = await listen(() => "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
    const error = await errorOf(
      connect(`kvorum://ada:secret-word@${address}`, { ...SCHEMA, openTimeout: 600_000 }),
    );
    expect(error).toMatchObject({ code: "unauthenticated", definite: true });
    expect(error.message).not.toContain("secret-word");
  });

  test("what is no Kvorum is told so", async () => {
    const redis = await listen(() => "-ERR unknown command 'KVORUM'\r\n");
    expect(await errorOf(connect(`kvorum://${redis}`, SCHEMA))).toMatchObject({ code: "bad-request" });
  });

  test("a node without users takes no password", async () => {
    const error = await errorOf(connect(`kvorum://ada:whatever1@${node.addresses.resp}`, SCHEMA));
    expect(error.code).toBe("unauthenticated");
  });

  test("calls wait for a connection that is lost, and go on", async () => {
    const db = await connect(`kvorum://${node.addresses.resp}`, SCHEMA);
    const before = await db.hits.increment("again");
    const resp = Number(node.addresses.resp!.split(":")[1]);
    await node.close();
    const meanwhile = db.hits.increment("again", 1, { timeout: 20_000 });
    node = await createNode({ dataDir: join(directory, "n1"), respPort: resp });
    expect(await meanwhile).toBe(before + 1);
    db.close();
  });

  test("what no frame can hold is refused, and the connection and what is on it stay", async () => {
    const db = await connect(`kvorum://${node.addresses.resp}`, SCHEMA);
    const other = db.hits.increment("beside");
    const error = await errorOf(db.notes.set("large", "x".repeat(52 * 1024 * 1024)));
    expect(error).toMatchObject({ code: "too-large", definite: true });
    expect(await other).toBe(1);
    expect(await db.hits.increment("beside")).toBe(2);
    db.close();
  });

  test("changes are watched over the socket, each once and in order, and on from any revision", async () => {
    const db = await connect(`kvorum://${node.addresses.resp}`, SCHEMA);
    const watch = db.notes.watch({ prefix: "w" });
    await watch.started();
    await db.notes.set("x", "not watched");
    for (let i = 0; i < 300; i++) await db.notes.set("w", `${i}`);
    const seen: unknown[] = [];
    for await (const change of watch) {
      seen.push(change.kind === "set" ? change.value : change);
      if (seen.length === 200) break;
    }
    for await (const change of db.notes.watch({ prefix: "w", from: watch.revision! })) {
      seen.push(change.kind === "set" ? change.value : change);
      if (seen.length === 300) break;
    }
    expect(seen).toEqual(Array.from({ length: 300 }, (_, i) => `${i}`));
    db.close();
  });
});
