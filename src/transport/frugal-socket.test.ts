import { randomBytes } from "node:crypto";
import { type AddressInfo, connect, createServer, Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { frugal } from "./frugal-socket.ts";

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** The client's end of a connection, and the server's after `frugal`. */
async function pair(pauseOnConnect = true): Promise<{ client: Socket; socket: Socket; accepted: Socket }> {
  const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const client = connect({
    port: (server.address() as AddressInfo).port,
    host: "127.0.0.1",
    allowHalfOpen: true,
  });
  return new Promise((resolve) =>
    server.on("connection", (accepted) => {
      const socket = frugal(accepted, { allowHalfOpen: true });
      closing.push(
        () => server.close(),
        () => client.destroy(),
        () => socket.destroy(),
      );
      resolve({ client, socket, accepted });
    }),
  );
}

const ended = (socket: Socket): Promise<void> => new Promise((done) => socket.once("end", done));

test("what was sent arrives, in chunks that later reads leave alone, and both ends may go on after the other has ended", async () => {
  const { client, socket, accepted } = await pair();
  expect(socket).not.toBe(accepted);
  const chunks: Uint8Array[] = [];
  socket.on("data", (chunk) => chunks.push(chunk));
  const sent = randomBytes(300_000);
  const parts = [1, 5, 191, 192, 193, 1024, 1025, 70_000, 200_000];
  let at = 0;
  for (const length of parts) {
    client.write(sent.subarray(at, at + length));
    at += length;
    await new Promise((done) => setTimeout(done, 5));
  }
  client.end(sent.subarray(at));
  await ended(socket);
  expect(Buffer.concat(chunks).equals(sent)).toBe(true);

  const reply: Uint8Array[] = [];
  client.on("data", (chunk) => reply.push(chunk));
  socket.end("so long");
  await ended(client);
  expect(Buffer.concat(reply).toString()).toBe("so long");
});

test("a paused one reads nothing, so that the sender has to wait, and goes on when it is resumed", async () => {
  const { client, socket } = await pair();
  let received = 0;
  socket.on("data", (chunk: Uint8Array) => (received += chunk.length));
  client.write("x");
  await expect.poll(() => received).toBe(1);
  socket.pause();
  const much = Buffer.alloc(64 * 1024 * 1024, 1);
  client.end(much);
  await new Promise((done) => setTimeout(done, 100));
  expect(received).toBe(1);
  expect(client.writableLength).toBeGreaterThan(0);
  socket.resume();
  await ended(socket);
  expect(received).toBe(1 + much.length);
});

test("several at once share the memory that is read into, and nothing else", async () => {
  const pairs = await Promise.all(Array.from({ length: 20 }, () => pair()));
  const received = pairs.map(() => "");
  for (const [i, { client, socket }] of pairs.entries()) {
    socket.on("data", (chunk: Uint8Array) => (received[i] += Buffer.from(chunk).toString()));
    for (let k = 0; k < 50; k++) client.write(`${i}:${k};`);
    client.end();
  }
  await Promise.all(pairs.map(({ socket }) => ended(socket)));
  for (const [i, text] of received.entries()) {
    expect(text).toBe(Array.from({ length: 50 }, (_, k) => `${i}:${k};`).join(""));
  }
});

test("a connection that breaks is told as with any socket", async () => {
  const { client, socket } = await pair();
  const told: string[] = [];
  socket.on("data", () => told.push("data"));
  socket.on("error", (error: NodeJS.ErrnoException) => told.push(error.code ?? "?"));
  const closed = new Promise((done) => socket.once("close", done));
  client.resetAndDestroy();
  await closed;
  expect(told).toEqual(["ECONNRESET"]);
  expect(socket.destroyed).toBe(true);
});

test("one that is being read already, as it comes from another process, is taken over as well", async () => {
  const { client, socket, accepted } = await pair(false);
  expect(accepted.destroyed).toBe(true);
  let received = "";
  socket.on("data", (chunk: Uint8Array) => (received += Buffer.from(chunk).toString()));
  client.end("a request");
  await ended(socket);
  expect(received).toBe("a request");
});

test("one that holds what it has read stays what it is, and nothing of that is lost", async () => {
  const server = createServer({ allowHalfOpen: true });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const accepting = new Promise<Socket>((done) => server.once("connection", done));
  const client = connect({ port: (server.address() as AddressInfo).port, host: "127.0.0.1" });
  const accepted = await accepting;
  closing.push(
    () => server.close(),
    () => client.destroy(),
    () => accepted.destroy(),
  );
  accepted.pause();
  client.end("a request");
  await expect.poll(() => accepted.readableLength).toBe(9);
  expect(frugal(accepted)).toBe(accepted);
  expect(accepted.isPaused()).toBe(false);
  let received = "";
  accepted.on("data", (chunk: Uint8Array) => (received += Buffer.from(chunk).toString()));
  await ended(accepted);
  expect(received).toBe("a request");
});

test("one without a handle stays what it is, and flows", () => {
  const never = new Socket();
  never.pause();
  expect(frugal(never)).toBe(never);
  expect(never.isPaused()).toBe(false);
  never.destroy();
});
