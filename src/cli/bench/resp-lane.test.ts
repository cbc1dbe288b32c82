import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import type { OperationFailure } from "../../bench/generator.ts";
import { DEFAULT_SETTINGS } from "../../bench/settings.ts";
import { encoderFor } from "./encode.ts";
import { RespLane } from "./resp-lane.ts";

const cleanup: (() => void)[] = [];
afterEach(() => {
  for (const undo of cleanup.splice(0)) undo();
});

/** What `answer` returns is written; null hangs up. */
async function server(
  answer: (received: string) => string | null,
): Promise<{ server: Server; port: number }> {
  const made = createServer((socket: Socket) => {
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk) => {
      const reply = answer(chunk.toString("latin1"));
      if (reply === null) socket.destroy();
      else socket.write(reply);
    });
    cleanup.push(() => socket.destroy());
  });
  made.listen(0, "127.0.0.1");
  await once(made, "listening");
  cleanup.push(() => made.close());
  return { server: made, port: (made.address() as AddressInfo).port };
}

async function lane(port: number, greeting: readonly (readonly string[])[] = []): Promise<RespLane> {
  const made = new RespLane({
    address: { host: "127.0.0.1", port },
    encode: encoderFor({ ...DEFAULT_SETTINGS, valueSize: 3, keys: 100 }),
    greeting,
  });
  cleanup.push(() => made.close());
  await made.connect();
  return made;
}

const sent = (to: RespLane, key: number): Promise<OperationFailure | null> =>
  new Promise((resolve) => to.send({ kind: "get", key, item: 0 }, resolve));

test("what is sent in one turn leaves in one write, and answers come in its order", async () => {
  const received: string[] = [];
  const { port } = await server((text) => {
    received.push(text);
    return "$1\r\na\r\n-CLUSTERDOWN There is no leader.\r\n$-1\r\n";
  });
  const to = await lane(port);
  const outcomes = await Promise.all([sent(to, 1), sent(to, 2), sent(to, 3)]);
  expect(outcomes.map((outcome) => outcome?.code ?? null)).toEqual([null, "no-leader", null]);
  expect(outcomes[1]).toMatchObject({ definite: true });
  const get = (key: string) => `*2\r\n$3\r\nGET\r\n$17\r\nkvorum-bench-s-${key}\r\n`;
  expect(received).toEqual([get("01") + get("02") + get("03")]);
});

test("after a connection that is lost, nobody knows what became of its requests; the next one makes another", async () => {
  let answers = 0;
  const { port } = await server(() => (++answers === 1 ? null : "+OK\r\n"));
  const to = await lane(port);
  expect(await Promise.all([sent(to, 1), sent(to, 2)])).toEqual([
    expect.objectContaining({ code: "connection-lost", definite: false }),
    expect.objectContaining({ code: "connection-lost", definite: false }),
  ]);
  expect(await sent(to, 3)).toBeNull();
});

test("while nobody listens, requests surely had no effect", async () => {
  const { server: gone, port } = await server(() => null);
  const to = await lane(port);
  gone.close();
  expect(await sent(to, 1)).toMatchObject({ code: "connection-lost" });
  expect(await sent(to, 2)).toMatchObject({
    code: "unreachable",
    definite: true,
    detail: expect.stringContaining("refused"),
  });
});

test("a greeting that the server does not take is told", async () => {
  const { port } = await server(() => "-ERR unknown command 'KVORUM'\r\n");
  await expect(lane(port, [["KVORUM", "CONSISTENCY", "stale"]])).rejects.toThrow(/unknown command 'KVORUM'/);
});
