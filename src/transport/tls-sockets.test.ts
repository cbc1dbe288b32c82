/** Who gets into the conversation of nodes, and who does not. */
import { connect as connectTls, type ConnectionOptions, DEFAULT_CIPHERS } from "node:tls";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { identityOf, TestAuthority } from "../cli/certs/certs.testkit.ts";
import { nodeId } from "../core/ids.ts";
import { encodeCall } from "./handshake.ts";
import { encodeFirstPacket, KIND } from "./packet.ts";
import { type TcpEndpoint, TcpWorld } from "./tcp.testkit.ts";
import { type TlsMaterial, tlsSockets } from "./tls-sockets.ts";

let authority: TestAuthority;
let other: TestAuthority;
let world: TcpWorld;
let node: TcpEndpoint;

beforeAll(() => {
  authority = new TestAuthority();
  other = new TestAuthority();
});

beforeEach(async () => {
  world = new TcpWorld();
  node = await listen(authority.node());
  node.seen.answer = (_request, answer) => answer(Buffer.from("a node"));
});

afterEach(() => world.end());

const listen = (material: TlsMaterial): Promise<TcpEndpoint> =>
  world.listen(undefined, {}, tlsSockets(identityOf(material), world.log));

/** What comes of a question to the node: its answer, or why there is none. */
function ask(from: TcpEndpoint, to: TcpEndpoint = node): Promise<string> {
  return new Promise((resolve) => {
    from.transport.call(to.address, Buffer.from("who are you?"), 3000, (error, answer) =>
      resolve(error === null ? Buffer.from(answer!).toString() : error.message),
    );
  });
}

/** Bytes that somebody with these options gets to see before the connection ends. */
function intrude(options: ConnectionOptions): Promise<number> {
  return new Promise((resolve) => {
    const socket = connectTls({ ...node.address, rejectUnauthorized: false, ...options });
    let bytes = 0;
    socket.on("data", (chunk: Buffer) => (bytes += chunk.length));
    socket.on("error", () => socket.destroy());
    socket.on("secureConnect", () => socket.write(QUESTION));
    socket.on("close", () => resolve(bytes));
  });
}

/** As a node would ask. */
const QUESTION = encodeFirstPacket(
  KIND.call,
  encodeCall({ versions: { min: 1, max: 1 }, timeout: 3000, request: Buffer.from("who are you?") }),
);

test("nodes of one authority talk, large frames included", async () => {
  const peer = await listen(authority.node());
  const cluster = "00112233445566778899aabbccddeeff";
  const peers = new Map([
    [nodeId(1), node.address],
    [nodeId(2), peer.address],
  ]);
  node.transport.identify({ cluster, node: nodeId(1) }, peers);
  peer.transport.identify({ cluster, node: nodeId(2) }, peers);
  await world.until(() => node.transport.isUp(nodeId(2)) && peer.transport.isUp(nodeId(1)));
  const frame = new Uint8Array(3_000_000).fill(7);
  expect(peer.transport.send(nodeId(1), frame)).toBe(true);
  peer.transport.flush();
  await world.until(() => node.seen.frames.length === 1);
  expect(Buffer.compare(node.seen.frames[0]!.frame, frame)).toBe(0);
});

test("a question is answered", async () => {
  expect(await ask(await listen(authority.node()))).toBe("a node");
});

test("nobody else does: plain text, no certificate, another authority's, a client's", async () => {
  const plain = await world.listen();
  expect(await ask(plain)).toMatch(/reset|closed|EPROTO/);
  expect(await ask(node, plain), "nor does a node speak to a plain port").toMatch(
    /wrong version|EPROTO|closed|malformed|reset/i,
  );
  expect(await ask(await listen(other.node()))).toMatch(/self.signed|unable to (verify|get)|certificate/);

  expect(await intrude(authority.node()), "this is how it would be let in").toBeGreaterThan(0);
  expect(await intrude({})).toBe(0);
  expect(await intrude(other.node())).toBe(0);
  expect(await intrude({ ...authority.issue(["localhost"]) })).toBe(0);
  expect(
    world.log.lines.filter(({ message }) => message.startsWith("refused a connection of peers")).length,
  ).toBeGreaterThanOrEqual(4);
});

test("a node does not take a client's certificate for that of a node", async () => {
  const impostor = await listen(authority.issue(["localhost", "127.0.0.1"]));
  expect(await ask(node, impostor)).toMatch(/node\.kvorum.*altnames|altnames/);
});

test("no version of TLS before 1.2", async () => {
  const weak = {
    maxVersion: "TLSv1.1",
    minVersion: "TLSv1",
    ciphers: `${DEFAULT_CIPHERS}:@SECLEVEL=0`,
  } as const;
  expect(await intrude({ ...authority.node(), ...weak })).toBe(0);
  expect(
    world.log.lines.some(({ fields }) =>
      /version|protocol/i.test((fields as { reason?: string }).reason ?? ""),
    ),
  ).toBe(true);
});
