import { expect, test } from "vitest";
import type { GroupId } from "../../core/ids.ts";
import { binaryBytes, binaryString } from "../../core/bytes.ts";
import { call } from "../../data/data.testkit.ts";
import {
  type ClientMessage,
  decodeClientMessage,
  decodeNodeMessage,
  encodeClientMessage,
  encodeNodeMessage,
  type NodeMessage,
} from "../../wire/messages.ts";
import { FakeNode, type FakeNodeOptions } from "../resp/fake-node.testkit.ts";
import { AttachedWatches } from "./watching.ts";

/** The watches of one client; everything that is said goes through the bytes of the wire. */
class Client {
  readonly node: FakeNode;
  readonly received: NodeMessage[] = [];
  readonly watches: AttachedWatches;
  mayRead = (_keyspace: string): boolean => true;

  constructor(options: FakeNodeOptions = {}) {
    this.node = new FakeNode({ shards: 1, ...options });
    this.watches = new AttachedWatches({
      node: this.node,
      send: (message) => this.received.push(decodeNodeMessage(encodeNodeMessage(message))),
      mayRead: (keyspace) => this.mayRead(keyspace),
    });
  }

  get group(): GroupId {
    return this.node.groupOf("a");
  }

  async watch(number: number, from: number | null = null, prefix = "", group = this.group): Promise<void> {
    const message: ClientMessage = { type: "watch", number, group, from, prefix: binaryBytes(prefix) };
    const arrived = decodeClientMessage(encodeClientMessage(message));
    expect(arrived).toEqual(message);
    if (arrived.type === "watch") this.watches.open(arrived);
    await turns();
  }

  async do(name: string, ...words: string[]): Promise<void> {
    await new Promise<void>((resolve) => this.node.execute(call(name, ...words), {}, () => resolve()));
    await turns();
  }

  /** `kind key=value` of everything told to this watch so far. */
  told(number: number): string[] {
    return this.received.flatMap((message) =>
      message.type !== "watch-events" || message.number !== number
        ? []
        : message.events.flatMap(({ changes }) =>
            changes.map((change) => {
              if (change.kind === "flush") return change.kind;
              const value = change.kind === "set" && change.value !== null ? binaryString(change.value) : "";
              return `${change.kind} ${binaryString(change.key)} ${value}`;
            }),
          ),
    );
  }

  last(): NodeMessage | undefined {
    return this.received.at(-1);
  }
}

/** Watches tell in later turns. */
async function turns(): Promise<void> {
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
}

test("every kind of change arrives as it was, and a page follows only when more is asked for", async () => {
  const client = new Client();
  await client.watch(1);
  expect(client.received).toEqual([{ type: "watch-start", number: 1, revision: 0 }]);
  await client.do("set", "a", "x");
  await client.do("sadd", "s", "m");
  await client.do("del", "a");
  await new Promise<unknown>((resolve) => client.node.executeOn(client.group, call(".flush"), {}, resolve));
  await turns();
  expect(client.told(1)).toEqual(["set a x"]);
  client.watches.more(1);
  await turns();
  expect(client.told(1)).toEqual(["set a x", "set s ", "delete a ", "flush"]);
  expect(client.last()).toMatchObject({ type: "watch-events", upTo: 4 });
});

test("several watches of one client do not wait for each other, and one ends alone", async () => {
  const client = new Client();
  await client.watch(1);
  await client.watch(2, 0, "b");
  await client.do("set", "a", "1");
  await client.do("set", "b", "1");
  expect(client.told(2)).toEqual(["set b 1"]);
  client.watches.close(1);
  client.watches.more(1);
  client.watches.more(2);
  await client.do("set", "b", "2");
  expect(client.told(1)).toEqual(["set a 1"]);
  expect(client.told(2)).toEqual(["set b 1", "set b 2"]);
  client.watches.closeAll();
  expect(client.node.watches.count).toBe(0);
});

test("who asks for no more falls behind, hears that it did, and may go on from where it is told", async () => {
  const client = new Client({ history: { bytes: 1e6, changes: 3 } });
  await client.watch(1);
  for (let i = 1; i <= 9; i++) await client.do("set", "a", String(i));
  client.watches.more(1);
  await expect
    .poll(() => client.last())
    .toMatchObject({ type: "watch-end", code: "compacted", resumeFrom: 6 });
  await client.watch(1, 6);
  expect(client.told(1)).toEqual(["set a 1", "set a 7", "set a 8", "set a 9"]);
});

test("progress is told now and then where nothing matches, so that nobody falls behind by that", async () => {
  const client = new Client();
  await client.watch(1, null, "other");
  for (let i = 0; i < 600; i++) client.node.execute(call("set", "a", String(i)), {}, () => undefined);
  await expect.poll(() => client.last()).toMatchObject({ type: "watch-events", events: [] });
});

test("a watch needs the right to read its keyspace, and ends when it is lost", async () => {
  const client = new Client();
  client.mayRead = (keyspace) => keyspace === "default";
  await client.watch(1, null, "", client.node.groupOf("other:a"));
  expect(client.last()).toMatchObject({ type: "watch-end", number: 1, code: "forbidden" });
  await client.watch(2);
  client.mayRead = () => false;
  await client.do("set", "a", "1");
  expect(client.last()).toMatchObject({ type: "watch-end", number: 2, code: "forbidden", resumeFrom: 0 });
  expect(client.told(2)).toEqual([]);
  expect(client.node.watches.count).toBe(0);
});

test("a group that does not exist, and more watches than a client may have, are refused", async () => {
  const client = new Client();
  await client.watch(1, null, "", 999 as GroupId);
  expect(client.last()).toMatchObject({ code: "unknown-keyspace" });
  for (let i = 0; i < 513; i++) await client.watch(i, 0);
  expect(client.last()).toMatchObject({ number: 512, code: "overloaded" });
});
