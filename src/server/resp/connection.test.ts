import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Failure } from "../../core/reply.ts";
import { encodeCommand, startServer, type RunningServer, type TestClient } from "./client.testkit.ts";
import { FakeNode } from "./fake-node.testkit.ts";

let node: FakeNode;
let running: RunningServer;
let client: TestClient;

beforeEach(async () => {
  node = new FakeNode();
  running = await startServer({ node });
  client = await running.connect();
});

afterEach(() => running.close());

const ABORTED = "-EXECABORT Transaction discarded because of previous errors.";

describe("pipelining", () => {
  test("replies come in the order of the commands, whoever answers first", async () => {
    const [a, b] = FakeNode.apart();
    const replies = await client.pipeline(
      ["SET", a, 1],
      ["PING"],
      ["GET", a],
      ["SET", b, 2],
      ["ECHO", "x"],
      ["MGET", a, b],
    );
    expect(replies).toEqual(["+OK", "+PONG", "1", "+OK", "x", ["1", "2"]]);
  });

  test("a read sees the writes before it, and not those behind it, though reads are served before writes commit", async () => {
    const commands = Array.from({ length: 600 }, (_, i) => [
      ["INCR", `k${i % 7}`],
      ["GET", `k${i % 7}`],
      ["EXISTS", "k0", "k1", "k2"],
    ]).flat();
    const counts = new Map<string, number>();
    const expected = commands.map(([name, ...keys]) => {
      if (name === "EXISTS") return keys.filter((key) => counts.has(key)).length;
      const count = (counts.get(keys[0]!) ?? 0) + (name === "INCR" ? 1 : 0);
      counts.set(keys[0]!, count);
      return name === "INCR" ? count : String(count);
    });
    expect(await client.pipeline(...commands)).toEqual(expected);
  });

  test("commands over the whole store see all writes before them", async () => {
    const [a, b] = FakeNode.apart();
    const replies = await client.pipeline(
      ["SET", a, 1],
      ["SET", b, 1],
      ["DBSIZE"],
      ["FLUSHALL"],
      ["DBSIZE"],
      ["SET", a, 1],
      ["KEYS", "*"],
    );
    expect(replies).toEqual(["+OK", "+OK", 2, "+OK", 0, "+OK", [a]]);
  });

  test("writes to one key are under way together", async () => {
    node.held = [];
    client.write(Buffer.concat(Array.from({ length: 50 }, () => encodeCommand(["INCR", "n"]))));
    await eventually(() => node.held!.length === 50);
    node.release();
    expect(await client.readMany(50)).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
  });

  test("a failed write does not stop those behind it", async () => {
    const replies = await client.pipeline(
      ["SET", "s", "text"],
      ["INCR", "s"],
      ["SET", "s", "1"],
      ["INCR", "s"],
    );
    expect(replies).toEqual(["+OK", "-ERR value is not an integer or out of range", "+OK", 2]);
  });

  test("thousands of commands in one write", async () => {
    const commands = Array.from({ length: 6_000 }, (_, i) =>
      i % 2 === 0 ? ["SET", `k${i % 100}`, i] : ["GET", `k${(i - 1) % 100}`],
    );
    const replies = await client.pipeline(...commands);
    expect(replies.filter((reply) => reply === "+OK")).toHaveLength(3_000);
    expect(replies.every((reply, i) => i % 2 === 0 || reply === String(i - 1))).toBe(true);
  });
});

describe("refusals", () => {
  test.each<[string[], string]>([
    [["GET"], "-ERR wrong number of arguments for 'get' command"],
    [["get", "a", "b"], "-ERR wrong number of arguments for 'get' command"],
    [["NoSuch", "a", "b"], "-ERR unknown command 'NoSuch', with args beginning with: 'a' 'b' "],
    [["x\r\ny"], "-ERR unknown command 'x  y', with args beginning with: "],
    [[".flush"], "-ERR unknown command '.flush', with args beginning with: "],
    [["SSUBSCRIBE", "c"], "-ERR unknown command 'SSUBSCRIBE', with args beginning with: 'c' "],
  ])("%j", async (command, error) => {
    expect(await client.call(...command)).toBe(error);
  });

  test("a full node is an error of that command only", async () => {
    node.failure = new Failure("OVERLOADED busy");
    expect(await client.call("SET", "a", 1)).toBe("-OVERLOADED busy");
    node.failure = null;
    expect(await client.call("SET", "a", 1)).toBe("+OK");
  });

  test("a malformed request is answered after those before it, and ends the connection", async () => {
    client.write(
      Buffer.concat([encodeCommand(["SET", "a", 1]), Buffer.from("*1\r\n+x\r\n"), encodeCommand(["PING"])]),
    );
    expect(await client.closed).toEqual(["+OK", "-ERR Protocol error: expected '$', got '+'"]);
    expect(running.server.stats.protocolErrors).toBe(1);
    expect(running.lines.filter(({ level }) => level === "warn")).toHaveLength(1);
  });

  test("an argument over the limit is refused, and the connection goes on", async () => {
    await running.close();
    running = await startServer({ node, options: { maxBulkBytes: 1000 } });
    client = await running.connect();
    const replies = await client.pipeline(["SET", "a", "x".repeat(100_000)], ["GET", "a"]);
    expect(replies).toEqual(["-ERR an argument of 100000 bytes is over the limit of 1000 bytes", null]);
  });
});

describe("transactions", () => {
  test("queue, then run as one", async () => {
    const replies = await client.pipeline(
      ["MULTI"],
      ["SET", "a", 1],
      ["INCR", "a"],
      ["PING"],
      ["GET", "a"],
      ["EXEC"],
    );
    expect(replies).toEqual(["+OK", "+QUEUED", "+QUEUED", "+QUEUED", "+QUEUED", ["+OK", 2, "+PONG", "2"]]);
  });

  test("an error while running does not stop the others", async () => {
    const replies = await client.pipeline(
      ["MULTI"],
      ["SET", "a", "x"],
      ["INCR", "a"],
      ["GET", "a"],
      ["EXEC"],
    );
    expect(replies.at(-1)).toEqual(["+OK", "-ERR value is not an integer or out of range", "x"]);
  });

  test("an error while queueing discards everything", async () => {
    for (const wrong of [["NOSUCH"], ["GET"], ["DBSIZE"], ["HELLO", "3"]]) {
      const replies = await client.pipeline(["MULTI"], ["SET", "a", 1], wrong, ["EXEC"], ["GET", "a"]);
      expect(String(replies[2])).toMatch(/^-ERR /);
      expect(replies.slice(3)).toEqual([ABORTED, null]);
    }
  });

  test("keys of several shards are refused in clear words", async () => {
    const [a, b] = FakeNode.apart();
    const replies = await client.pipeline(["MULTI"], ["SET", a, 1], ["SET", b, 1], ["EXEC"], ["GET", a]);
    expect(replies[3]).toMatch(/^-CROSSSLOT /);
    expect(replies[4]).toBeNull();
  });

  test("a watched key that changes aborts, one that does not lets it through", async () => {
    const other = await running.connect();
    await client.call("WATCH", "a", "a", "b{a}");
    await other.call("SET", "a", 1);
    expect(await client.pipeline(["MULTI"], ["SET", "a", 2], ["EXEC"], ["GET", "a"])).toEqual([
      "+OK",
      "+QUEUED",
      "*-1",
      "1",
    ]);
    await client.call("WATCH", "a");
    expect(await client.pipeline(["MULTI"], ["SET", "a", 2], ["EXEC"], ["GET", "a"])).toEqual([
      "+OK",
      "+QUEUED",
      ["+OK"],
      "2",
    ]);
  });

  test("a watch is checked also when nothing but PING is queued", async () => {
    const other = await running.connect();
    await client.call("WATCH", "a");
    await other.call("SET", "a", 1);
    expect(await client.pipeline(["MULTI"], ["PING"], ["EXEC"])).toEqual(["+OK", "+QUEUED", "*-1"]);
    await client.call("WATCH", "a");
    expect(await client.pipeline(["MULTI"], ["PING"], ["EXEC"])).toEqual(["+OK", "+QUEUED", ["+PONG"]]);
    expect(await client.pipeline(["MULTI"], ["EXEC"])).toEqual(["+OK", []]);
  });

  test("UNWATCH, DISCARD, EXEC and RESET forget the watches", async () => {
    const other = await running.connect();
    for (const forget of [[["UNWATCH"]], [["MULTI"], ["DISCARD"]], [["MULTI"], ["EXEC"]], [["RESET"]]]) {
      await client.call("WATCH", "a");
      await other.call("INCR", "a");
      await client.pipeline(...forget);
      const replies = await client.pipeline(["MULTI"], ["PING"], ["UNWATCH"], ["EXEC"]);
      expect(replies.at(-1)).toEqual(["+PONG", "+OK"]);
    }
  });

  test("the pipelined WATCH, GET, MULTI, SET, EXEC of an optimistic loop never loses an increment", async () => {
    const clients = await Promise.all(Array.from({ length: 4 }, () => running.connect()));
    await client.call("SET", "n", 0);
    const increment = async (each: TestClient): Promise<void> => {
      for (let done = 0; done < 25;) {
        const [, value] = await each.pipeline(["WATCH", "n"], ["GET", "n"]);
        const replies = await each.pipeline(["MULTI"], ["SET", "n", Number(value) + 1], ["EXEC"]);
        if (replies[2] !== "*-1") done++;
      }
    };
    await Promise.all(clients.map(increment));
    expect(await client.call("GET", "n")).toBe("100");
  });

  test("a WATCH that failed does not let EXEC through", async () => {
    node.failure = new Failure("CLUSTERDOWN no leader");
    expect(await client.call("WATCH", "a")).toBe("-CLUSTERDOWN no leader");
    node.failure = null;
    const replies = await client.pipeline(["MULTI"], ["SET", "a", 1], ["EXEC"], ["GET", "a"]);
    expect(replies[2]).toMatch(/^-EXECABORT .*WATCH/);
    expect(replies[3]).toBeNull();
  });

  test("commands of the family out of place", async () => {
    expect(
      await client.pipeline(["EXEC"], ["DISCARD"], ["MULTI"], ["MULTI"], ["WATCH", "a"], ["EXEC"]),
    ).toEqual([
      "-ERR EXEC without MULTI",
      "-ERR DISCARD without MULTI",
      "+OK",
      "-ERR MULTI calls can not be nested",
      "-ERR WATCH inside MULTI is not allowed",
      [],
    ]);
  });

  test("a transaction over the limit of a command is refused, and none of it runs", async () => {
    await running.close();
    running = await startServer({ node, options: { maxCommandBytes: 10_000 } });
    client = await running.connect();
    const commands = Array.from({ length: 20 }, () => ["SET", "a", "x".repeat(900)]);
    const replies = await client.pipeline(["MULTI"], ...commands, ["EXEC"], ["GET", "a"]);
    expect(replies).toContain("-ERR the transaction is over the limit of 10000 bytes");
    expect(replies.slice(-2)).toEqual([ABORTED, null]);
  });

  test("reads and writes around a transaction see each other in order", async () => {
    const replies = await client.pipeline(
      ["SET", "a", 1],
      ["MULTI"],
      ["INCR", "a"],
      ["GET", "a"],
      ["EXEC"],
      ["GET", "a"],
      ["INCR", "a"],
      ["GET", "a"],
    );
    expect(replies.filter((reply) => reply !== "+QUEUED")).toEqual(["+OK", "+OK", [2, "2"], "2", 3, "3"]);
  });
});

describe("what a client asks for about its replies", () => {
  test("the protocol version changes where HELLO stands", async () => {
    await client.call("HSET", "h", "f", "v");
    const replies = await client.pipeline(
      ["HGETALL", "h"],
      ["GET", "x"],
      ["HELLO", "3"],
      ["HGETALL", "h"],
      ["GET", "x"],
      ["HELLO", "2"],
      ["HGETALL", "h"],
    );
    expect(replies[0]).toEqual(["f", "v"]);
    expect(replies[3]).toEqual({ map: [["f", "v"]] });
    expect(replies[4]).toBeNull();
    expect(replies[6]).toEqual(["f", "v"]);
  });

  test("pairs are flat in RESP2 and pairs in RESP3, also in a transaction", async () => {
    await client.call("HSET", "h", "f", "v");
    const ask = ["HRANDFIELD", "h", "2", "WITHVALUES"];
    expect(await client.pipeline(ask, ["MULTI"], ask, ["EXEC"])).toEqual([
      ["f", "v"],
      "+OK",
      "+QUEUED",
      [["f", "v"]],
    ]);
    await client.call("HELLO", "3");
    expect(await client.pipeline(ask, ["MULTI"], ask, ["EXEC"])).toEqual([
      [["f", "v"]],
      "+OK",
      "+QUEUED",
      [[["f", "v"]]],
    ]);
  });

  test("CLIENT REPLY turns replies off, on, and skips one", async () => {
    const replies = await client.pipeline(["PING"]);
    client.write(
      Buffer.concat(
        [
          ["CLIENT", "REPLY", "SKIP"],
          ["SET", "a", 1],
          ["GET", "a"],
        ].map(encodeCommand),
      ),
    );
    client.write(
      Buffer.concat(
        [["CLIENT", "REPLY", "OFF"], ["SET", "a", 2], ["PING"], ["CLIENT", "REPLY", "ON"], ["GET", "a"]].map(
          encodeCommand,
        ),
      ),
    );
    expect([...replies, ...(await client.readMany(3))]).toEqual(["+PONG", "1", "+OK", "2"]);
  });

  test("QUIT answers, closes, and ignores what follows", async () => {
    client.write(Buffer.concat([["SET", "a", 1], ["QUIT"], ["SET", "a", 2]].map(encodeCommand)));
    expect(await client.closed).toEqual(["+OK", "+OK"]);
    const other = await running.connect();
    expect(await other.call("GET", "a")).toBe("1");
  });

  test("a client that closes its side still gets what it is owed", async () => {
    client.socket.end(
      Buffer.concat(
        [
          ["SET", "a", 1],
          ["GET", "a"],
        ].map(encodeCommand),
      ),
    );
    expect(await client.closed).toEqual(["+OK", "1"]);
  });
});

describe("clients that ask for more than they take", () => {
  test("reading pauses at the limit of commands, and everything is answered in the end", async () => {
    await running.close();
    running = await startServer({ node, options: { maxPipelinedCommands: 100 } });
    client = await running.connect();
    node.held = [];
    const commands = Array.from({ length: 30_000 }, (_, i) => ["SET", "k", i]);
    client.write(Buffer.concat(commands.map(encodeCommand)));
    await eventually(() => node.held!.length > 100);
    await new Promise((resolve) => setTimeout(resolve, 50));
    // One chunk of the socket may pass the limit, not the whole stream.
    expect(node.held.length).toBeLessThan(5000);
    node.release();
    const replies = await client.readMany(commands.length);
    expect(replies.every((reply) => reply === "+OK")).toBe(true);
  });

  test("replies to a client that does not read stay within the limit, and arrive when it does", async () => {
    await running.close();
    running = await startServer({ node, options: { maxPipelinedBytes: 1 << 20 } });
    client = await running.connect();
    await client.call("SET", "large", "x".repeat(1 << 20));
    client.socket.pause();
    const ask = encodeCommand(["GET", "large"]);
    const asked = 300;
    for (let i = 0; i < asked; i++) {
      client.write(ask);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await eventually(() => running.server.stats.bufferedBytes > 1 << 20);
    expect(running.server.stats.bufferedBytes).toBeLessThan(64 << 20);
    client.socket.resume();
    const replies = await client.readMany(asked);
    expect(replies.every((reply) => (reply as string).length === 1 << 20)).toBe(true);
    await eventually(() => running.server.stats.bufferedBytes === 0);
  });

  test("over the hard limit of replies a client is disconnected, and that is logged", async () => {
    await running.close();
    running = await startServer({ node, options: { maxOutputBytes: 8 << 20 } });
    client = await running.connect();
    await client.call("SET", "large", "x".repeat(1 << 20));
    client.socket.pause();
    client.write(Buffer.concat(Array.from({ length: 100 }, () => encodeCommand(["GET", "large"]))));
    await eventually(() => running.server.stats.connections === 0);
    expect(running.server.stats.slowClientsClosed).toBe(1);
    const line = running.lines.find(({ message }) => message === "disconnected a client");
    expect(line).toMatchObject({
      level: "warn",
      fields: { reason: expect.stringMatching(/bytes of replies wait/) },
    });
    expect(running.server.stats.bufferedBytes).toBe(0);
  });

  test("when all buffers together are over the limit, the largest client goes", async () => {
    await running.close();
    running = await startServer({ node, options: { maxBufferedBytes: 1 << 20 } });
    const small = await running.connect();
    small.write(`*2\r\n$3\r\nGET\r\n$1000\r\n${"x".repeat(500)}`);
    const large = await running.connect();
    large.write(`*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2000000\r\n${"x".repeat(1_500_000)}`);
    await large.closed;
    await eventually(() => running.server.stats.connections === 1);
    small.write(`${"x".repeat(500)}\r\n`);
    expect(await small.read()).toBeNull();
  });

  test("a client that goes away in the middle leaves nothing behind", async () => {
    node.held = [];
    client.write(Buffer.concat([["SET", "a", 1], ["GET", "a"], ["DBSIZE"]].map(encodeCommand)));
    await eventually(() => node.held!.length === 1);
    client.socket.resetAndDestroy();
    await eventually(() => running.server.stats.connections === 0);
    const { calls } = node;
    node.release();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(node.calls).toBe(calls);
    expect(running.server.stats.bufferedBytes).toBe(0);
  });
});

async function eventually(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    if (tries > 1000) throw new Error("it did not happen");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
