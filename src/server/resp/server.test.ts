import { describe, expect, test } from "vitest";
import { encodeCommand, memoryLog, startServer, TestClient } from "./client.testkit.ts";
import { FakeNode } from "./fake-node.testkit.ts";
import { createRespServer } from "./server.ts";

const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

describe("the server", () => {
  test("a port that is taken is a clear error", async () => {
    const running = await startServer({ node: new FakeNode() });
    const second = createRespServer({
      node: new FakeNode(),
      host: "127.0.0.1",
      port: running.port,
      log: memoryLog().log,
    });
    const error = await new Promise<Error | null>((resolve) => second.listen(resolve));
    expect(error?.message).toBe(
      `The RESP port 127.0.0.1:${running.port} is in use by another process. Stop that process, or choose another port.`,
    );
    await running.close();
  });

  test("an address that is not ours is a clear error", async () => {
    const server = createRespServer({
      node: new FakeNode(),
      host: "192.0.2.1",
      port: 0,
      log: memoryLog().log,
    });
    const error = await new Promise<Error | null>((resolve) => server.listen(resolve));
    expect(error?.message).toMatch(/192\.0\.2\.1:0 does not belong to this machine/);
  });

  test("one client too many is told so, and the others go on", async () => {
    const running = await startServer({ node: new FakeNode(), options: { maxConnections: 2 } });
    const [a, b] = [await running.connect(), await running.connect()];
    const refused = await running.connect();
    expect(await refused.closed).toEqual(["-ERR max number of clients reached"]);
    expect(running.server.stats.rejectedConnections).toBe(1);
    expect(await a.call("PING")).toBe("+PONG");
    await b.close();
    await pause(20);
    expect(await (await running.connect()).call("PING")).toBe("+PONG");
    await running.close();
  });

  test("silent clients go after the idle timeout, busy and waiting ones stay", async () => {
    const node = new FakeNode();
    const running = await startServer({ node, options: { idleTimeout: 700 } });
    const [silent, busy, waiting] = [
      await running.connect(),
      await running.connect(),
      await running.connect(),
    ];
    node.held = [];
    waiting.write(encodeCommand(["GET", "a"]));
    for (let i = 0; i < 50; i++) {
      await busy.call("PING");
      await pause(30);
    }
    await silent.closed;
    expect(running.server.stats.connections).toBe(2);
    node.release();
    expect(await waiting.read()).toBeNull();
    await running.close();
  });

  test("closing answers what is under way, takes nothing new, and then disconnects", async () => {
    const node = new FakeNode();
    const running = await startServer({ node });
    const client = await running.connect();
    node.held = [];
    client.write(encodeCommand(["SET", "a", 1]));
    while (node.held.length === 0) await pause(5);
    const closed = running.close();
    client.write(encodeCommand(["SET", "b", 1]));
    await expect(TestClient.connect(running.address)).rejects.toThrow(/ECONNREFUSED/);
    node.release();
    expect(await client.closed).toEqual(["+OK"]);
    await closed;
    expect(running.server.stats.connections).toBe(0);
  });

  test("closing does not wait for ever", async () => {
    const node = new FakeNode();
    const running = await startServer({ node, options: { closeTimeout: 50 } });
    const client = await running.connect();
    node.held = [];
    client.write(encodeCommand(["SET", "a", 1]));
    while (node.held.length === 0) await pause(5);
    await running.close();
    expect(await client.closed).toEqual([]);
  });

  test("a thousand idle clients cost little and are served at once", async () => {
    const running = await startServer({ node: new FakeNode() });
    const clients = await Promise.all(Array.from({ length: 1000 }, () => running.connect()));
    const replies = await Promise.all(clients.map((client) => client.call("PING")));
    expect(running.server.stats.connections).toBe(1000);
    expect(new Set(replies)).toEqual(new Set(["+PONG"]));
    expect(running.server.stats.bufferedBytes).toBe(0);
    await Promise.all(clients.map((client) => client.close()));
    await running.close();
  });

  test("garbage ends only the connection that sent it", async () => {
    const running = await startServer({ node: new FakeNode() });
    const good = await running.connect();
    for (const garbage of ["*3\r\n$3\r\nSET\r\n$-5\r\n", "\0\x01\x02".repeat(30_000), "*1000000000\r\n"]) {
      const bad = await running.connect();
      bad.write(garbage);
      const replies = await bad.closed;
      expect(String(replies.at(-1))).toMatch(/^-ERR Protocol error: /);
    }
    expect(await good.call("PING")).toBe("+PONG");
    await running.close();
  });
});
