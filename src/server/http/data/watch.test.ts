/** The event stream as a browser sees it: blocks of lines, ids that resume. */
import { connect } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { FakeNode } from "../../resp/fake-node.testkit.ts";
import { Door } from "./door.testkit.ts";

let node: FakeNode;
let door: Door;
beforeEach(async () => {
  node = new FakeNode({ shards: 4 });
  door = await Door.open(node);
});
afterEach(() => door.close());

interface Event {
  readonly event: string;
  readonly id: string | null;
  readonly data: unknown;
}

/** Reads a stream event by event. */
class Reader {
  readonly response: Response;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #abort: AbortController;
  #text = "";
  lastId: string | null = null;

  private constructor(response: Response, abort: AbortController) {
    this.response = response;
    this.#reader = response.body!.getReader();
    this.#abort = abort;
  }

  static async open(path: string, headers: Record<string, string> = {}): Promise<Reader> {
    const abort = new AbortController();
    return new Reader(
      await fetch(`${door.url}/v1/keyspaces${path}`, { headers, signal: abort.signal }),
      abort,
    );
  }

  /** The next event; null: the stream has ended. */
  async next(): Promise<Event | null> {
    for (;;) {
      const end = this.#text.indexOf("\n\n");
      if (end >= 0) {
        const lines = this.#text.slice(0, end).split("\n");
        this.#text = this.#text.slice(end + 2);
        const field = (name: string) =>
          lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2) ?? null;
        this.lastId = field("id") ?? this.lastId;
        const event = field("event");
        if (event !== null) return { event, id: field("id"), data: JSON.parse(field("data")!) };
        continue;
      }
      const { done, value } = await this.#reader.read();
      if (done) return null;
      this.#text += new TextDecoder().decode(value);
    }
  }

  /** `kind key=value` of so many changes, in the order of telling. */
  async changes(count: number): Promise<string[]> {
    const told: string[] = [];
    while (told.length < count) {
      const event = await this.next();
      if (event?.event !== "change") throw new Error(`expected a change, not ${JSON.stringify(event)}`);
      const { changes } = event.data as { changes: { kind: string; key?: string; value?: string | null }[] };
      for (const { kind, key, value } of changes)
        told.push([kind, key, ...(value === undefined ? [] : [value])].join(" "));
    }
    return told;
  }

  close(): void {
    this.#abort.abort();
  }
}

async function openStarted(path: string, headers: Record<string, string> = {}): Promise<Reader> {
  const reader = await Reader.open(path, headers);
  expect(await reader.next()).toMatchObject({ event: "start", data: { shards: 4 } });
  return reader;
}

test("a stream tells the changes of every shard, keys as callers know them, values where they are small", async () => {
  const reader = await openStarted("/default/watch");
  expect(reader.response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
  await door.ask("PUT", "/default/keys/a", "1");
  await door.ask("POST", "/default/counters/n/increment", { by: 5 });
  await door.ask("POST", "/default/sets/s/add", { members: ["m"] });
  await door.ask("PUT", "/default/keys/bytes", new Uint8Array([255]));
  await door.ask("DELETE", "/default/keys/a");
  expect((await reader.changes(5)).sort()).toEqual([
    "delete a",
    "set a 1",
    "set bytes [object Object]",
    "set n 5",
    "set s ",
  ]);
  reader.close();
});

test("a batch is one event, and a prefix leaves out the rest", async () => {
  const reader = await openStarted("/default/watch?prefix={t}a");
  const put = (key: string) => ({ op: "put", key, value: "x" });
  await door.ask("POST", "/default/batch", { operations: [put("{t}a1"), put("{t}b1"), put("{t}a2")] });
  const event = await reader.next();
  expect(event).toMatchObject({
    event: "change",
    data: {
      changes: [
        { kind: "set", key: "{t}a1" },
        { key: "{t}a2", value: "x" },
      ],
    },
  });
  reader.close();
});

test("Last-Event-ID goes on after that event at every shard, without a gap or a duplicate", async () => {
  const keys = Array.from({ length: 12 }, (_, i) => `k${i}`);
  const first = await openStarted("/default/watch");
  for (const key of keys) await door.ask("PUT", `/default/keys/${key}`, "1");
  const told = await first.changes(5);
  const id = first.lastId!;
  first.close();
  for (const key of keys) await door.ask("PUT", `/default/keys/${key}`, "2");
  const second = await openStarted("/default/watch", { "last-event-id": id });
  told.push(...(await second.changes(19)));
  expect([...told].sort()).toEqual(keys.flatMap((key) => [`set ${key} 1`, `set ${key} 2`]).sort());
  const third = await openStarted(`/default/watch?from=${id}`);
  expect((await third.changes(19)).length).toBe(19);
  second.close();
  third.close();
});

test("who comes back too late is told which shard to read again, and the stream goes on", async () => {
  await door.close();
  node = new FakeNode({ shards: 1, history: { bytes: 1e6, changes: 3 } });
  door = await Door.open(node);
  const reader = await Reader.open("/default/watch");
  const { id } = (await reader.next())!;
  reader.close();
  for (let i = 0; i < 10; i++) await door.ask("PUT", "/default/keys/a", String(i));
  const late = await Reader.open("/default/watch", { "last-event-id": id! });
  expect((await late.next())?.event).toBe("start");
  expect(await late.next()).toMatchObject({
    event: "compacted",
    id: null,
    data: {
      code: "compacted",
      definite: true,
      shard: 0,
      hint: expect.stringContaining("Read again") as string,
    },
  });
  expect(await late.changes(3)).toEqual(["set a 7", "set a 8", "set a 9"]);
  late.close();
});

test("positions of shards that are gone count as missed changes; what is no position is refused", async () => {
  const elsewhere = new FakeNode({ shards: 2, firstGroup: 50 });
  const other = await Door.open(elsewhere);
  const response = await fetch(`${other.url}/v1/keyspaces/default/watch`);
  const { value } = await response.body!.getReader().read();
  const id = /^id: (.*)$/m.exec(new TextDecoder().decode(value))![1]!;
  await other.close();
  const reader = await openStarted("/default/watch", { "last-event-id": id });
  expect((await reader.next())?.event).toBe("compacted");
  reader.close();
  const refused = await door.ask("GET", "/default/watch?from=nonsense!");
  expect([refused.status, refused.code()]).toEqual([400, "bad-request"]);
  expect((await door.ask("GET", "/nowhere/watch")).status).toBe(404);
});

test("a reader that stops reading pauses its watches: the node buffers little, and tells it everything once it reads", async () => {
  const value = "v".repeat(60_000);
  const { port } = new URL(door.url);
  const socket = connect(Number(port), "127.0.0.1");
  socket.write("GET /v1/keyspaces/default/watch HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await new Promise((resolve) => socket.once("data", resolve));
  socket.pause();
  for (let i = 0; i < 300; i++) await door.ask("PUT", "/default/keys/a", `${value}${i}`);
  // The history forgot most of it meanwhile, and so nothing else held it either.
  let text = "";
  socket.on("data", (chunk) => (text += chunk.toString()));
  socket.resume();
  await expect.poll(() => text.includes(`v299"`), { timeout: 5000 }).toBe(true);
  expect(text).toContain("event: compacted");
  expect(text.length).toBeLessThan(14_000_000);
  socket.destroy();
});

test("too many watches are refused before the stream begins; a closed stream makes room", async () => {
  await door.close();
  node = new FakeNode({ shards: 4, maxWatches: 8 });
  door = await Door.open(node);
  const first = await openStarted("/default/watch");
  await openStarted("/default/watch");
  const refused = await door.ask("GET", "/default/watch");
  expect([refused.status, refused.code()]).toEqual([503, "overloaded"]);
  expect(node.watches.count).toBe(8);
  first.close();
  await expect.poll(() => node.watches.count).toBe(4);
  (await openStarted("/default/watch")).close();
});

test("a door that closes ends its streams with the reason", async () => {
  const reader = await openStarted("/default/watch");
  const closing = door.close();
  expect(await reader.next()).toMatchObject({ event: "end", data: { code: "closing", definite: true } });
  expect(await reader.next()).toBe(null);
  await closing;
  expect(node.watches.count).toBe(0);
});

test("web pages of invited origins may watch; others may not read the stream", async () => {
  const invited = await openStarted("/default/watch", { origin: "https://app.example" });
  expect(invited.response.headers.get("access-control-allow-origin")).toBe("https://app.example");
  invited.close();
  const other = await openStarted("/default/watch", { origin: "https://evil.example" });
  expect(other.response.headers.get("access-control-allow-origin")).toBe(null);
  other.close();
});
