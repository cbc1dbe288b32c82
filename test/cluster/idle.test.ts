/** Many clients that say nothing. */
import { once } from "node:events";
import { type Socket, connect } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { TestCluster, until } from "./cluster.testkit.ts";

const CLIENTS = 10_000;
/** Opened at a time, so that the server's queue of new connections does not overflow. */
const BATCH = 250;

/** Both ends need a file descriptor for each connection, and a few for themselves. */
const NEEDED = CLIENTS + 500;

function fileLimit(): number {
  const report = process.report.getReport() as {
    readonly userLimits?: { readonly open_files?: { hard: unknown } };
  };
  const hard = report.userLimits?.open_files?.hard;
  return typeof hard === "number" ? hard : Number.POSITIVE_INFINITY;
}

const limit = fileLimit();
if (limit < NEEDED)
  console.warn(`SKIPPED: ${CLIENTS} idle connections need ${NEEDED} open files; the limit is ${limit}.`);

let cluster: TestCluster;
const sockets: Socket[] = [];

beforeEach(async () => {
  cluster = await TestCluster.create(1);
  cluster.start();
  await cluster.untilReady();
});

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await cluster.end();
});

test.skipIf(limit < NEEDED)(
  "given ten thousand idle connections, then another client is served as ever, and each idle one when it speaks",
  async () => {
    const [node] = cluster.nodes;
    for (let opened = 0; opened < CLIENTS; opened += BATCH) {
      const batch = Array.from({ length: BATCH }, () => connect(node!.ports.resp, "127.0.0.1"));
      sockets.push(...batch);
      await Promise.all(batch.map((socket) => once(socket, "connect")));
    }
    const client = node!.client();
    await until(async () => client.status === "ready", 10_000, "the client to connect");
    expect(await client.set("a", "1")).toBe("OK");
    expect(await client.info("clients")).toMatch(new RegExp(`connected_clients:${CLIENTS + 1}\\b`));
    client.disconnect();

    const last = sockets.at(-1)!;
    const answer = once(last, "data") as Promise<[Buffer]>;
    last.write("GET a\r\n");
    expect((await answer)[0].toString()).toBe("$1\r\n1\r\n");
  },
);
