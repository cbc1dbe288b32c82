/** Keyspaces that merge over three real nodes: what one node is told by HTTP or RESP, the others show, and a node that is killed stops nobody. */
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TestCluster, type TestNode, until } from "./cluster.testkit.ts";

let cluster: TestCluster;
let nodes: readonly [TestNode, TestNode, TestNode];

beforeAll(async () => {
  cluster = await TestCluster.create(3);
  cluster.start();
  await cluster.untilReady();
  nodes = cluster.nodes as unknown as typeof nodes;
}, 30_000);

afterAll(() => cluster.end());

async function ask(node: TestNode, method: string, path: string, body?: unknown): Promise<unknown> {
  const json = body !== undefined && typeof body !== "string";
  const response = await fetch(`http://127.0.0.1:${node.ports.http}/v1/keyspaces/${path}`, {
    method,
    ...(body === undefined ? {} : { body: json ? JSON.stringify(body) : (body as string) }),
    headers: json ? { "content-type": "application/json" } : {},
  });
  const text = await response.text();
  return response.headers.get("content-type")?.startsWith("application/json") === true
    ? JSON.parse(text)
    : `${response.status} ${text}`.trim();
}

const shows = (node: TestNode, path: string, expected: unknown): Promise<void> =>
  until(
    async () => JSON.stringify(await ask(node, "GET", path)) === JSON.stringify(expected),
    5000,
    `${path} to be ${JSON.stringify(expected)}`,
  );

describe.each(["gossip", "quorum"] as const)("a %s keyspace", (replication) => {
  beforeAll(async () => {
    const created = await nodes[0].admin({
      type: "keyspace-create",
      spec: { name: replication, replication, shards: 2 },
    });
    expect(created).toMatchObject({ ok: true });
  });

  test("is written and read by HTTP at any node: values, counters, sets and maps", async () => {
    const [a, b, c] = nodes;
    expect(await ask(a, "PUT", `${replication}/keys/v`, "hello")).toBe("204");
    await shows(b, `${replication}/keys/v`, "200 hello");
    expect(await ask(c, "DELETE", `${replication}/keys/v`)).toEqual({ deleted: true });
    await until(
      async () => JSON.stringify(await ask(a, "GET", `${replication}/keys/v`)).includes("no-such-key"),
      5000,
      "the key to be gone",
    );
    await ask(a, "POST", `${replication}/counters/n/increment`, { by: 2 });
    await ask(b, "POST", `${replication}/counters/n/increment`, { by: 3 });
    await shows(c, `${replication}/counters/n`, { value: 5 });
    await ask(a, "POST", `${replication}/sets/s/add`, { members: ["x"] });
    await ask(b, "PUT", `${replication}/maps/m/fields/f`, "1");
    await shows(c, `${replication}/sets/s/members/x`, { member: true });
    await shows(c, `${replication}/maps/m`, { fields: [{ name: "f", value: "1" }], cursor: null });
  });

  test("refuses by HTTP what would need an order, and says so", async () => {
    const url = `http://127.0.0.1:${nodes[0].ports.http}/v1/keyspaces/${replication}/keys/w`;
    const onlyNew = await fetch(url, { method: "PUT", body: "1", headers: { "if-none-match": "*" } });
    expect(await onlyNew.json()).toMatchObject({ error: { code: "contradiction", definite: true } });
    const once = await fetch(url, { method: "PUT", body: "1", headers: { "idempotency-key": "a-click-1" } });
    expect(await once.json()).toMatchObject({ error: { code: "contradiction", definite: true } });
  });

  test("goes on while a node is dead, and that node has everything when it is back", async () => {
    const [a, b, c] = nodes;
    await c.signal("SIGKILL");
    const client = new Redis(a.ports.resp, "127.0.0.1");
    for (let i = 1; i <= 20; i++) expect(await client.incr(`${replication}:k`)).toBe(i);
    client.disconnect();
    await shows(b, `${replication}/counters/k`, { value: 20 });
    c.start();
    await cluster.untilReady();
    await shows(c, `${replication}/counters/k`, { value: 20 });
  }, 30_000);
});
