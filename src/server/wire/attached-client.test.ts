import { connect, type Socket } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Failure } from "../../core/reply.ts";
import type { GroupId } from "../../core/ids.ts";
import type { Operation } from "../../data/batch.ts";
import { call } from "../../data/data.testkit.ts";
import {
  type ClientMessage,
  decodeNodeMessage,
  encodeClientMessage,
  type NodeMessage,
} from "../../wire/messages.ts";
import { FrameStream } from "../../wire/stream.ts";
import { FakeNode } from "../resp/fake-node.testkit.ts";
import { memoryLog, type RunningServer, startServer } from "../resp/client.testkit.ts";
import { quickPasswords, makeUser } from "../security/security.testkit.ts";
import { Security } from "../security/security.ts";

const { log } = memoryLog();
let node: FakeNode;
let running: RunningServer;
let opened: Socket[] = [];

beforeEach(async () => {
  node = new FakeNode();
  running = await startServer({ node });
});

afterEach(async () => {
  for (const socket of opened) socket.destroy();
  opened = [];
  await running.close();
});

/** An attached client that sees messages. */
class Attached {
  readonly received: NodeMessage[] = [];
  readonly socket: Socket;
  readonly stream: FrameStream;
  closed = false;
  #waiting: (() => void)[] = [];

  constructor(socket: Socket) {
    this.socket = socket;
    this.stream = new FrameStream(socket, {
      onFrame: (frame) => {
        this.received.push(decodeNodeMessage(frame));
        this.#wake();
      },
      onDrain: () => undefined,
      onProblem: (problem) => {
        throw new Error(problem);
      },
      onClose: () => {
        this.closed = true;
        this.#wake();
      },
    });
  }

  send(message: ClientMessage): void {
    this.stream.send(encodeClientMessage(message));
  }

  command(id: number, group: GroupId, ...words: [string, ...string[]]): void {
    const { spec, args } = call(...words);
    const operation: Operation = { kind: "command", spec, args };
    const write = spec.access === "write";
    const request = {
      id,
      group,
      write,
      consistency: "linearizable",
      atLeast: 0,
      maxStaleness: null,
      quorum: null,
      timeout: 5000,
      operation,
    } as const;
    this.send({ type: "request", request });
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.closed) throw new Error("the node closed the connection");
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

async function greet(...lines: string[]): Promise<{ socket: Socket; answer: string; rest: Buffer }> {
  const [host, port] = running.server.address!.split(":");
  const socket = connect({ host: host!, port: Number(port) });
  opened.push(socket);
  socket.write(lines.map((line) => `${line}\r\n`).join(""));
  let answer = "";
  while (answer.split("\r\n").length <= lines.length) {
    answer += await new Promise<string>((resolve) =>
      socket.once("data", (chunk) => resolve(chunk.toString("latin1"))),
    );
  }
  const end = answer.lastIndexOf("\r\n") + 2;
  return { socket, answer: answer.slice(0, end), rest: Buffer.from(answer.slice(end), "latin1") };
}

async function attach(...before: string[]): Promise<Attached> {
  const { socket, rest } = await greet(...before, "KVORUM ATTACH 1");
  const client = new Attached(socket);
  socket.emit("data", rest);
  return client;
}

const replies = ({ received }: Attached) => received.flatMap((m) => (m.type === "reply" ? [m] : []));

test("what was asked as RESP before is answered as RESP, then frames begin", async () => {
  const { socket, answer, rest } = await greet("SET a 1", "INCR a", "KVORUM ATTACH 1");
  expect(answer).toBe("+OK\r\n:2\r\n+OK\r\n");
  const client = new Attached(socket);
  socket.emit("data", rest);
  client.command(1, node.groupOf("a"), "get", "a");
  await client.until(() => client.received.length > 0);
  expect(replies(client)).toMatchObject([{ id: 1, reply: Uint8Array.of(50), seen: 7 }]);
});

test("requests are answered as they are done: one that waits holds up nobody", async () => {
  const client = await attach();
  node.held = [];
  client.command(1, node.groupOf("a"), "get", "a");
  await expect.poll(() => node.held!.length).toBe(1);
  const [waits] = node.held;
  node.held = null;
  client.command(2, node.groupOf("b"), "incr", "b");
  await client.until(() => client.received.length > 0);
  expect(replies(client)).toMatchObject([{ id: 2, reply: 1 }]);
  waits!();
  await client.until(() => client.received.length > 1);
  expect(replies(client)[1]).toMatchObject({ id: 1, reply: null });
});

test("a node that starts tells no topology before it knows the catalog; calls are answered meanwhile", async () => {
  const waiting: (() => void)[] = [];
  node.whenReady = (callback) => void waiting.push(callback);
  const client = await attach();
  const { group } = node.shards()[0]!;
  client.send({ type: "topology" });
  client.command(7, group, "get", "a");
  await client.until(() => client.received.length > 0);
  expect(client.received.map(({ type }) => type)).toEqual(["reply"]);
  for (const callback of waiting) callback();
  await client.until(() => client.received.length > 1);
  expect(client.received[1]).toMatchObject({ type: "topology" });
});

test("the topology says where the nodes and the shards are", async () => {
  const client = await attach();
  client.send({ type: "topology" });
  await client.until(() => client.received.length > 0);
  const [message] = client.received;
  const expected = { nodes: [expect.objectContaining({ resp: expect.any(String) })] };
  expect(message).toMatchObject({ type: "topology", topology: expected });
  const keyspaces = message?.type === "topology" ? message.topology.keyspaces : [];
  expect(keyspaces.map(({ name, shardList }) => [name, shardList.length])).toEqual([
    ["default", 4],
    ["other", 2],
  ]);
});

test("a watch tells what changes beside the replies, page by page, and ends with the server", async () => {
  const client = await attach();
  const group = node.groupOf("a");
  client.send({ type: "watch", number: 7, group, from: null, prefix: new Uint8Array(0) });
  await client.until(() => client.received.length === 1);
  client.command(1, group, "set", "a", "1");
  client.command(2, group, "set", "a", "2");
  await client.until(() => client.received.length >= 4);
  client.send({ type: "watch-more", number: 7 });
  await running.close();
  await expect.poll(() => client.closed).toBe(true);
  const told = client.received.filter(({ type }) => type.startsWith("watch-"));
  expect(told.at(0)).toMatchObject({ type: "watch-start", number: 7 });
  expect(told.at(1)).toMatchObject({ type: "watch-events", number: 7 });
  expect(told.at(-1)).toMatchObject({ type: "watch-end", code: "closing" });
  expect(node.watches.count).toBe(0);
});

test("a reply that no frame can hold is told as that, and the connection stays", async () => {
  const client = await attach();
  const group = node.groupOf("{h}1");
  const keys = Array.from({ length: 4 }, (_, i) => `{h}${i}`);
  for (const [i, key] of keys.entries()) client.command(i, group, "set", key, "x".repeat(14 * 1024 * 1024));
  await client.until(() => client.received.length === 4);
  client.command(9, group, "mget", ...keys);
  client.command(10, group, "strlen", keys[0]!);
  await client.until(() => client.received.length === 6);
  const byId = new Map(replies(client).map((reply) => [reply.id, reply.reply]));
  expect((byId.get(9) as Failure).code).toBe("too-large");
  expect(byId.get(10)).toBe(14 * 1024 * 1024);
});

test("a frame that is no message ends the connection of whoever sent it", async () => {
  const client = await attach();
  client.stream.send(Uint8Array.of(99, 1, 2));
  await expect.poll(() => client.closed).toBe(true);
  expect(running.server.stats.protocolErrors).toBe(1);
});

test("another version is refused, and the connection stays one of RESP", async () => {
  const { answer } = await greet("KVORUM ATTACH 99", "PING");
  expect(answer).toMatch(/^-ERR this node speaks version 1[^\r]*\r\n\+PONG\r\n$/);
});

test("who has to log in cannot attach before, and is asked about every request after", async () => {
  const { passwords } = quickPasswords();
  await running.close();
  running = await startServer({ node, security: new Security({ node, log, passwords }) });
  node.userList = [
    await makeUser(passwords, "ada", "a good password", [{ keyspace: "other", role: "write" }]),
  ];
  const stranger = await greet("KVORUM ATTACH 1");
  expect(stranger.answer).toMatch(/^-NOAUTH/);

  const client = await attach('AUTH ada "a good password"');
  client.command(1, node.groupOf("other:a"), "set", "other:a", "1");
  client.command(2, node.groupOf("a"), "set", "a", "1");
  client.send({ type: "admin", id: 3, request: { type: "keyspace-create", spec: { name: "mine" } } });
  await client.until(() => client.received.length === 3);
  const byId = new Map(client.received.map((m) => ["id" in m ? m.id : 0, m]));
  expect(byId.get(2)).toMatchObject({ reply: { code: "forbidden" } });
  expect(byId.get(3)).toMatchObject({ result: { ok: false, code: "forbidden" } });
  expect(byId.get(1)).toMatchObject({ reply: { text: "OK" } });

  const taken = { type: "user-put", name: "ada", password: "mine from now on" };
  client.send({ type: "admin", id: 5, request: taken });
  await client.until(() => client.received.length === 4);
  expect(client.received[3]).toMatchObject({ id: 5, result: { ok: false, code: "forbidden" } });

  node.userList = [];
  node.userList = [await makeUser(passwords, "bob", "another password", [])];
  client.command(4, node.groupOf("other:a"), "get", "other:a");
  await client.until(() => client.received.length === 5);
  expect(client.received[4]).toMatchObject({ reply: { code: "unauthenticated" } });
  client.send({ type: "topology" });
  await expect.poll(() => client.closed).toBe(true);
});

test("a server that closes answers what is under way, and nothing more", async () => {
  const client = await attach();
  node.held = [];
  client.command(1, node.groupOf("a"), "incr", "a");
  await expect.poll(() => node.held!.length).toBe(1);
  const stopped = running.close();
  client.command(2, node.groupOf("a"), "incr", "a");
  node.release();
  await stopped;
  await expect.poll(() => client.closed).toBe(true);
  expect(replies(client).map(({ id }) => id)).toEqual([1]);
});
