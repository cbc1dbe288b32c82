/** Publish/subscribe as clients see it. What happens between nodes: src/node/channels. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { channelsAlone } from "../../node/channels/alone.testkit.ts";
import type { Grant } from "../../node/catalog/users.ts";
import { makeUser, quickPasswords } from "../security/security.testkit.ts";
import { Security } from "../security/security.ts";
import { memoryLog, startServer, type RunningServer, type TestClient } from "./client.testkit.ts";
import { FakeNode } from "./fake-node.testkit.ts";
import { Subscriber } from "./subscriber.ts";

let node: FakeNode;
let running: RunningServer;
let client: TestClient;
let other: TestClient;

beforeEach(async () => {
  node = new FakeNode();
  running = await startServer({ node });
  client = await running.connect();
  other = await running.connect();
});

afterEach(() => running.close());

describe("a subscriber", () => {
  test("is told of each channel, then hears what others publish, and they how many will hear it", async () => {
    client.write("SUBSCRIBE news fifo:a\r\n");
    expect(await client.readMany(2)).toEqual([
      ["subscribe", "news", 1],
      ["subscribe", "fifo:a", 2],
    ]);
    expect(
      await other.pipeline(["PUBLISH", "news", "1"], ["PUBLISH", "fifo:a", "2"], ["PUBLISH", "b", "3"]),
    ).toEqual([1, 1, 0]);
    expect(await client.readMany(2)).toEqual([
      ["message", "news", "1"],
      ["message", "fifo:a", "2"],
    ]);
  });

  test("hears a message once for its channel and once for each pattern", async () => {
    client.write("PSUBSCRIBE n* ne?s\r\nSUBSCRIBE news news\r\n");
    await client.readMany(4);
    expect(await other.call("PUBLISH", "news", "x")).toBe(3);
    expect(await client.readMany(3)).toEqual([
      ["message", "news", "x"],
      ["pmessage", "n*", "news", "x"],
      ["pmessage", "ne?s", "news", "x"],
    ]);
  });

  test("of RESP2 may do nothing else until it has ended all; PING answers like a message", async () => {
    await client.call("SUBSCRIBE", "a");
    expect(await client.call("GET", "k")).toBe(
      "-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context",
    );
    expect(await client.call("PING")).toEqual(["pong", ""]);
    expect(await client.call("PING", "x")).toEqual(["pong", "x"]);
    expect(await client.call("UNSUBSCRIBE")).toEqual(["unsubscribe", "a", 0]);
    expect(await client.call("UNSUBSCRIBE")).toEqual(["unsubscribe", null, 0]);
    expect(await client.call("GET", "k")).toBeNull();
    expect(await other.call("PUBLISH", "a", "x")).toBe(0);
  });

  test("of RESP3 may do everything, and tells messages from replies: they come behind the replies owed", async () => {
    await client.call("HELLO", 3);
    expect(await client.call("SUBSCRIBE", "a")).toEqual({ push: ["subscribe", "a", 1] });
    const replies = await client.pipeline(["SET", "k", "v"], ["PUBLISH", "a", "x"], ["GET", "k"], ["PING"]);
    expect(replies).toEqual(["+OK", 1, "v", "+PONG"]);
    expect(await client.read()).toEqual({ push: ["message", "a", "x"] });
  });

  test("ends by RESET, and by leaving", async () => {
    await client.call("SUBSCRIBE", "a");
    expect(await client.call("RESET")).toBe("+RESET");
    expect(await other.call("PUBLISH", "a", "x")).toBe(0);
    await client.call("PSUBSCRIBE", "*");
    expect(await other.call("PUBSUB", "NUMPAT")).toBe(1);
    await client.close();
    await expect.poll(() => other.call("PUBSUB", "NUMPAT")).toBe(0);
  });

  test("that waits for its node to take part is answered before anything behind it is looked at", async () => {
    await running.close();
    node = new FakeNode();
    node.channels = channelsAlone(30);
    running = await startServer({ node });
    client = await running.connect();
    expect(
      await client.pipeline(["PING"], ["SUBSCRIBE", "a"], ["PING"], ["UNSUBSCRIBE", "a"], ["PING"]),
    ).toEqual(["+PONG", ["subscribe", "a", 1], ["pong", ""], ["unsubscribe", "a", 0], "+PONG"]);
  });

  test("is disconnected when it may have missed messages of a reliable channel", () => {
    const killed: string[] = [];
    const subscriber = new Subscriber(node.channels, { push() {}, kill: (reason) => killed.push(reason) });
    subscriber.onInterrupted("total");
    expect(killed).toEqual(["it may have missed messages of total channels, as this node was cut off"]);
  });

  test("that does not read is disconnected at its limit, and counted", async () => {
    await running.close();
    running = await startServer({ node: (node = new FakeNode()), options: { maxSubscriberBytes: 1 << 20 } });
    client = await running.connect();
    other = await running.connect();
    await client.call("SUBSCRIBE", "a");
    client.socket.pause();
    const message = "x".repeat(512 << 10);
    await expect.poll(() => other.call("PUBLISH", "a", message), { timeout: 5000, interval: 1 }).toBe(0);
    expect(running.server.stats.slowSubscribersClosed).toBe(1);
    expect(running.lines.at(-1)).toMatchObject({
      fields: {
        reason: expect.stringMatching(/bytes of messages wait for it \(limit maxSubscriberBytes, 1048576\)/),
      },
    });
    client.socket.resume();
  });
});

describe("PUBSUB", () => {
  test("tells of the channels that clients of this node listen to", async () => {
    await client.pipeline(["SUBSCRIBE", "a"], ["SUBSCRIBE", "b"]);
    await other.call("HELLO", 3);
    await other.pipeline(["SUBSCRIBE", "b"], ["PSUBSCRIBE", "c*"]);
    expect(((await other.call("PUBSUB", "CHANNELS")) as string[]).toSorted()).toEqual(["a", "b"]);
    expect(await other.call("PUBSUB", "CHANNELS", "b*")).toEqual(["b"]);
    expect(await other.call("PUBSUB", "NUMSUB", "a", "b", "c")).toEqual(["a", 1, "b", 2, "c", 0]);
    expect(await other.call("PUBSUB", "NUMPAT")).toBe(1);
    expect(await other.call("CLIENT", "LIST", "TYPE", "pubsub")).toMatch(/sub=2 psub=0[^]*sub=1 psub=1/);
  });
});

describe("refusals", () => {
  test("neither SUBSCRIBE nor PUBLISH within a transaction", async () => {
    const [, publish, , , subscribe] = await client.pipeline(
      ["MULTI"],
      ["PUBLISH", "a", "x"],
      ["DISCARD"],
      ["MULTI"],
      ["SUBSCRIBE", "a"],
    );
    expect(publish).toBe("-ERR PUBLISH cannot be part of a transaction in Kvorum");
    expect(subscribe).toMatch(/^-ERR/);
  });

  test("a message over its guarantee's limit", async () => {
    expect(await client.call("PUBLISH", "fifo:a", "x".repeat(70_000))).toMatch(
      /^-ERR The message is larger than its channel's guarantee allows/,
    );
    expect(await client.call("PUBLISH", "a", "x".repeat(70_000))).toBe(0);
  });
});

test("who may write may publish, who may read may listen, and only as long as that is so", async () => {
  const { passwords } = quickPasswords();
  const secret = "correct horse battery";
  const named = (name: string, grants: readonly Grant[]) => makeUser(passwords, name, secret, grants);
  const reader = await named("reader", [{ keyspace: "*", role: "read" }]);
  const writer = await named("writer", [{ keyspace: "*", role: "write" }]);
  const stranger = await named("stranger", [{ keyspace: "other", role: "write" }]);
  node.userList = [reader, writer, stranger];
  const { log } = memoryLog();
  await running.close();
  running = await startServer({ node, security: new Security({ node, log, passwords }) });
  [client, other] = [await running.connect(), await running.connect()];
  await client.call("AUTH", "reader", secret);
  expect(await client.call("SUBSCRIBE", "a")).toEqual(["subscribe", "a", 1]);
  await other.call("AUTH", "stranger", secret);
  expect(await other.call("PUBLISH", "a", "x")).toBe(noCommand("publish"));
  expect(await other.call("PSUBSCRIBE", "*")).toBe(noCommand("psubscribe"));
  await other.call("AUTH", "writer", secret);
  expect(await other.call("PUBLISH", "a", "x")).toBe(1);
  expect(await client.read()).toEqual(["message", "a", "x"]);
  node.userList = [{ ...reader, grants: [] }, writer];
  await client.closed;
  expect(running.lines.at(-1)).toMatchObject({ fields: { reason: "its user may not listen any more" } });
});

const noCommand = (name: string): string =>
  `-NOPERM this user has no permissions to run the '${name}' command`;
