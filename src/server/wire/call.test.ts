import { expect, test } from "vitest";
import { groupId, SYSTEM_GROUP, type GroupId } from "../../core/ids.ts";
import { Failure, type Reply } from "../../core/reply.ts";
import type { Operation } from "../../data/batch.ts";
import { call, plain } from "../../data/data.testkit.ts";
import { Access, FULL_ACCESS } from "../security/access.ts";
import { runCall } from "./call.ts";
import { FakeNode } from "../resp/fake-node.testkit.ts";

function send(
  node: FakeNode,
  group: GroupId,
  operation: Operation,
  write = true,
  access: Access | null = FULL_ACCESS,
): Promise<Reply> {
  const request = {
    id: 0,
    group,
    write,
    consistency: "stale",
    atLeast: 3,
    maxStaleness: 40,
    quorum: null,
    timeout: 750.5,
    operation,
  } as const;
  return new Promise((resolve) => runCall(node, access, request, resolve));
}

const command = (...words: [string, ...string[]]): Operation => ({ kind: "command", ...call(...words) });
const codeOf = (reply: Reply): unknown => (reply instanceof Failure ? reply.code : reply);

test("a call is run with its options, and its reply comes back whole", async () => {
  const node = new FakeNode();
  const group = node.groupOf("a");
  expect(plain(await send(node, group, command("set", "a", "1")))).toEqual({ status: "OK" });
  expect(plain(await send(node, group, command("get", "a"), false))).toBe("1");
  expect(node.lastOptions).toEqual({
    consistency: "stale",
    atLeast: 3,
    maxStaleness: 40,
    timeout: 750.5,
  });
  const envelope = { kind: "session", token: 1, sequence: 1, acknowledged: 1 } as const;
  await send(node, group, { ...command("incr", "a"), envelope });
  expect(node.lastOptions).toMatchObject({ envelope });
  const refused = await send(node, group, command("sadd", "a", "x"));
  expect(refused).toMatchObject({ message: expect.stringMatching(/^WRONGTYPE/), code: null });
});

test("a transaction comes back as its replies", async () => {
  const node = new FakeNode();
  const calls = [call("incr", "a"), call("incr", "a")];
  const reply = await send(node, node.groupOf("a"), { kind: "transaction", calls, watched: [] });
  expect(plain(reply)).toEqual([1, 2]);
});

test("a session is opened at the shard that is named", async () => {
  const node = new FakeNode();
  expect(await send(node, node.groupOf("a"), command(".session-open"))).toBe(1);
  expect(codeOf(await send(node, groupId(99), command(".session-open")))).toBe("wrong-shard");
  expect(codeOf(await send(node, SYSTEM_GROUP, command(".session-open")))).toBe("wrong-shard");
});

test("what is meant for another shard is refused, whatever part of it", async () => {
  const node = new FakeNode();
  const [here, there] = FakeNode.apart();
  const group = node.groupOf(here);
  expect(codeOf(await send(node, group, command("set", there, "1")))).toBe("wrong-shard");
  const calls = [call("set", here, "1"), call("set", there, "1")];
  expect(codeOf(await send(node, group, { kind: "transaction", calls, watched: [] }))).toBe("wrong-shard");
  const watched = [{ key: Buffer.from(there), version: 0 }];
  const half = { kind: "transaction", calls: [call("set", here, "1")], watched } as const;
  expect(codeOf(await send(node, group, half))).toBe("wrong-shard");
  expect(await send(node, group, command("exists", here), false)).toBe(0);
});

test("a node that starts, with an old catalog, says so in place of naming the wrong shard", async () => {
  const node = new FakeNode();
  const [here, there] = FakeNode.apart();
  const status = node.status();
  node.status = () => ({ ...status, ready: false });
  expect(codeOf(await send(node, node.groupOf(here), command("set", there, "1")))).toBe("no-leader");
  expect(codeOf(await send(node, groupId(99), command(".session-open")))).toBe("no-leader");
});

test("what only nodes may send, and what lies about itself, is refused", async () => {
  const node = new FakeNode();
  const group = node.groupOf("a");
  expect(codeOf(await send(node, group, command(".flush")))).toBe("bad-request");
  expect(codeOf(await send(node, group, command("set", "a", "1"), false))).toBe("bad-request");
});

test("a user's roles hold for every part of a call, and no forged group widens them", async () => {
  const node = new FakeNode();
  const group = node.groupOf("other:a");
  const elsewhere = node.groupOf("mine");
  const reader = new Access("ada", [{ keyspace: "other", role: "read" }]);
  const writer = new Access("bob", [{ keyspace: "other", role: "write" }]);
  const read = (to: GroupId, operation: Operation, access: Access | null) =>
    send(node, to, operation, false, access).then(codeOf);
  const write = (to: GroupId, operation: Operation, access: Access | null) =>
    send(node, to, operation, true, access).then(codeOf);

  expect(await write(group, command("set", "other:a", "1"), null)).toBe("unauthenticated");
  expect(await write(group, command("set", "other:a", "1"), reader)).toBe("forbidden");
  expect(await write(group, command(".session-open"), reader), "sessions are for writing").toBe("forbidden");
  expect(plain(await send(node, group, command("set", "other:a", "1"), true, writer))).toEqual({
    status: "OK",
  });
  expect(await read(group, command(".dbsize"), reader)).toBe(1);

  expect(await read(group, command("get", "mine"), writer), "a key, under the group of another").toBe(
    "forbidden",
  );
  expect(await read(elsewhere, command(".dbsize"), writer)).toBe("forbidden");
  expect(await read(elsewhere, command(".scan", "", "10", "", ""), writer)).toBe("forbidden");
  expect(await write(elsewhere, command(".session-open"), writer)).toBe("forbidden");
  expect(await read(SYSTEM_GROUP, command(".dbsize"), writer)).toBe("forbidden");
  const smuggled = [call("set", "other:a", "2"), call("get", "mine")];
  expect(await write(group, { kind: "transaction", calls: smuggled, watched: [] }, writer)).toBe("forbidden");
  const watched = [{ key: Buffer.from("mine"), version: 0 }];
  const peeking = { kind: "transaction", calls: [call("get", "other:a")], watched } as const;
  expect(await write(group, peeking, writer), "a watch tells whether a key has changed").toBe("forbidden");
});
