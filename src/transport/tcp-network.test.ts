/** What only real sockets do: strangers at the port, slow and frozen peers, full queues, handles left behind. */
import type { Socket } from "node:net";
import { crc32 } from "node:zlib";
import { afterEach, describe, expect, it } from "vitest";
import { nodeId } from "../core/ids.ts";
import { encodeCall, encodeHello, encodeWelcome, type Hello } from "./handshake.ts";
import type { TcpOptions } from "./options.ts";
import { encodeFirstPacket, encodePacket, KIND } from "./packet.ts";
import { plainTcp } from "./sockets.ts";
import { TcpWorld, type Stranger, type TcpEndpoint } from "./tcp.testkit.ts";
import { bytes, CLUSTER, identifyAll, N1, N2, OTHER_CLUSTER, text } from "./transport.testkit.ts";

const FAST: Partial<TcpOptions> = { heartbeatInterval: 50, backoffMax: 50, closeTimeout: 200 };

let world: TcpWorld;
afterEach(() => world.end());

async function pair(options: Partial<TcpOptions> = {}): Promise<[TcpEndpoint, TcpEndpoint]> {
  world = new TcpWorld({ ...FAST, ...options });
  const nodes: [TcpEndpoint, TcpEndpoint] = [await world.listen(), await world.listen()];
  identifyAll(nodes);
  await world.until(() => nodes[0].transport.isUp(N2) && nodes[1].transport.isUp(N1));
  return nodes;
}

/** A node of the cluster that knows a node 2, which is not there. */
async function lonely(options: Partial<TcpOptions> = {}): Promise<TcpEndpoint> {
  world = new TcpWorld({ ...FAST, ...options });
  const node = await world.listen();
  const peers = new Map([
    [N1, node.address],
    [N2, await world.deadAddress()],
  ]);
  node.transport.identify({ cluster: CLUSTER, node: N1 }, peers);
  return node;
}

const hello = (changes: Partial<Hello> = {}): Uint8Array =>
  encodeFirstPacket(
    KIND.hello,
    encodeHello({
      versions: { min: 1, max: 1 },
      cluster: CLUSTER,
      node: N2,
      target: N1,
      incarnation: "stranger",
      heartbeatInterval: 50,
      ...changes,
    }),
  );

/** The header of a packet that claims `length` bytes. */
function claim(kind: number, length: number): Uint8Array {
  const header = Buffer.from(encodePacket(kind, new Uint8Array(0)));
  header.writeUInt32BE(length, 4);
  return header;
}

function answered(stranger: Stranger): string {
  return stranger.received.toString("latin1");
}

describe("strangers at the port", () => {
  it.each([
    ["an HTTP request", Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "does not speak"],
    ["a RESP command", Buffer.from("*1\r\n$4\r\nPING\r\n"), "does not speak"],
    ["one wrong byte", Buffer.from("K!"), "does not speak"],
    [
      "a length of 4 GiB",
      Buffer.concat([Buffer.from("KVRM"), claim(KIND.hello, 0xffff_ffff)]),
      "over the limit of 4096",
    ],
    [
      "a call of 4 GiB",
      Buffer.concat([Buffer.from("KVRM"), claim(KIND.call, 0xffff_ffff)]),
      "over the limit of 1048582",
    ],
    ["frames before hello", encodeFirstPacket(KIND.frames, new Uint8Array(8)), "no place here"],
    ["an unknown kind", encodeFirstPacket(99, new Uint8Array(0)), "no place here"],
    ["a hello that is cut off", encodeFirstPacket(KIND.hello, Uint8Array.of(1, 1, 90)), "need 90 bytes"],
    ["a call that is cut off", encodeFirstPacket(KIND.call, Uint8Array.of(1)), "a call is cut off"],
  ])("are sent away when they bring %s, with a line in the log", async (_what, garbage, reason) => {
    const [one, two] = await pair();
    const stranger = await world.stranger(one.address);
    stranger.socket.write(garbage);
    await world.until(() => stranger.closed);
    expect(stranger.received).toHaveLength(0);
    expect(world.log.has(reason)).toBe(true);
    expect(world.log.has("127.0.0.1:")).toBe(true);
    one.transport.send(N2, bytes("still fine"));
    one.transport.flush();
    await world.until(() => two.seen.frames.length === 1);
  });

  it("are sent away when a bit of their packet is flipped", async () => {
    const node = await lonely();
    const stranger = await world.stranger(node.address);
    const flipped = hello();
    flipped[20]! ^= 4;
    stranger.socket.write(flipped);
    await world.until(() => stranger.closed);
    expect(world.log.has("checksum")).toBe(true);
  });

  it("are told why they are refused, when they speak our protocol", async () => {
    const node = await lonely();
    const cases: [Partial<Hello>, string][] = [
      [{ cluster: OTHER_CLUSTER }, "wrong-cluster"],
      [{ target: nodeId(7) }, "wrong-node"],
      [{ node: nodeId(9) }, "unknown-node"],
      [{ node: N1 }, "unknown-node"],
      [{ versions: { min: 2, max: 5 } }, "version"],
    ];
    for (const [changes, refusal] of cases) {
      const stranger = await world.stranger(node.address);
      stranger.socket.write(hello(changes));
      await world.until(() => stranger.closed);
      expect(answered(stranger)).toContain(refusal);
    }
    expect(node.seen.events).toEqual([]);
    expect(world.log.has("it belongs to another cluster")).toBe(true);
    expect(world.log.has("it looks for another node at this address")).toBe(true);
    expect(world.log.has("it is no member of this cluster")).toBe(true);
    expect(world.log.has("none of this node's protocol versions")).toBe(true);
  });

  it("fill one line of the log, not thousands", async () => {
    const node = await lonely();
    for (let i = 0; i < 30; i++) {
      const stranger = await world.stranger(node.address);
      stranger.socket.write("garbage");
      await world.until(() => stranger.closed);
    }
    expect(world.log.lines.filter((line) => line.message.includes("does not speak"))).toHaveLength(1);
  });

  it("cannot stay without saying who they are, however slowly they talk", async () => {
    const node = await lonely({ handshakeTimeout: 100 });
    const mute = await world.stranger(node.address);
    const slow = await world.stranger(node.address);
    const first = hello();
    for (let i = 0; i < first.length && !slow.closed; i++) {
      slow.socket.write(first.subarray(i, i + 1));
      await world.pass(10);
    }
    await world.until(() => mute.closed && slow.closed);
    expect(world.log.has("did not say who it is within 100 ms")).toBe(true);
  });

  it("cannot take more than their share of connections, and leave it for peers when they go", async () => {
    const node = await lonely({ maxAnonymous: 3 });
    const strangers = [];
    for (let i = 0; i < 3; i++) strangers.push(await world.stranger(node.address));
    const tooMany = await world.stranger(node.address);
    await world.until(() => tooMany.closed);
    expect(strangers.some(({ closed }) => closed)).toBe(false);
    expect(world.log.has("too many")).toBe(true);
    strangers[0]!.socket.destroy();
    await world.pass(30);
    // A peer, once it is known, no longer counts.
    for (let i = 0; i < 3; i++) {
      const peer = await world.stranger(node.address);
      peer.socket.write(hello());
      await world.until(() => peer.received.length > 0);
      expect(peer.closed).toBe(false);
    }
  });

  it("cannot make a welcomed connection carry what does not belong there", async () => {
    const node = await lonely();
    for (const [packet, reason] of [
      [hello().subarray(4), "kind 1 has no place here"],
      [claim(KIND.frames, 0xffff_ffff), "over the limit"],
      [encodePacket(KIND.frames, Uint8Array.of(0, 0, 0, 9, 1)), "a frame is longer than its packet"],
      [encodePacket(KIND.frames, Uint8Array.of(0, 0)), "a frame's length is cut off"],
    ] as const) {
      const peer = await world.stranger(node.address);
      peer.socket.write(hello());
      await world.until(() => peer.received.length > 0);
      peer.socket.write(packet);
      await world.until(() => peer.closed);
      expect(world.log.has(reason)).toBe(true);
    }
    expect(node.seen.frames).toEqual([]);
  });

  it("are heard up to the packet that is malformed", async () => {
    const node = await lonely();
    const peer = await world.stranger(node.address);
    const good = encodePacket(KIND.frames, Uint8Array.of(0, 0, 0, 2, 104, 105));
    const bad = Buffer.from(good);
    bad[14]! ^= 1;
    peer.socket.write(Buffer.concat([hello(), good, bad, good]));
    await world.until(() => peer.closed);
    expect(node.seen.texts()).toEqual(["2:hi"]);
  });
});

describe("the address of a peer", () => {
  async function dialsStranger(onSocket: (socket: Socket) => void): Promise<TcpEndpoint> {
    world = new TcpWorld(FAST);
    const address = await world.strangeServer(onSocket);
    const node = await world.listen();
    node.transport.identify({ cluster: CLUSTER, node: N1 }, new Map([[N2, address]]));
    return node;
  }

  it("may belong to another service: this node says so and goes on trying", async () => {
    let attempts = 0;
    const node = await dialsStranger((socket) => {
      attempts++;
      socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    await world.until(() => attempts > 4 && world.log.has("does not speak"));
    expect(node.transport.isUp(N2)).toBe(false);
    expect(node.seen.events).toEqual([]);
  });

  it("may answer as a node that was not asked for", async () => {
    const welcome = encodeWelcome({
      version: 1,
      cluster: CLUSTER,
      node: nodeId(5),
      incarnation: "",
      heartbeatInterval: 50,
    });
    const node = await dialsStranger((socket) => socket.write(encodeFirstPacket(KIND.welcome, welcome)));
    await world.until(() => world.log.has("a node that was not asked for"));
    expect(node.seen.events).toEqual([]);
  });

  it("may choose a version that was not offered", async () => {
    const welcome = encodeWelcome({
      version: 9,
      cluster: CLUSTER,
      node: N2,
      incarnation: "",
      heartbeatInterval: 50,
    });
    const node = await dialsStranger((socket) => socket.write(encodeFirstPacket(KIND.welcome, welcome)));
    await world.until(() => world.log.has("version 9"));
    expect(node.seen.events).toEqual([]);
  });

  it("may accept and never answer: the attempt ends and is repeated", async () => {
    let attempts = 0;
    world = new TcpWorld({ ...FAST, connectTimeout: 50 });
    const address = await world.strangeServer(() => attempts++);
    const node = await world.listen();
    node.transport.identify({ cluster: CLUSTER, node: N1 }, new Map([[N2, address]]));
    await world.until(() => attempts > 2 && world.log.has("did not answer within 50 ms"));
    expect(node.transport.isUp(N2)).toBe(false);
  });

  it("is told to its operator when the peer refuses", async () => {
    world = new TcpWorld(FAST);
    const [one, two] = [await world.listen(), await world.listen()];
    one.transport.identify({ cluster: CLUSTER, node: N1 }, new Map([[N2, two.address]]));
    two.transport.identify({ cluster: OTHER_CLUSTER, node: N2 }, new Map([[N1, one.address]]));
    await world.until(() =>
      world.log.has("it refuses this node: it belongs to another cluster: check the address"),
    );
    // One line for each side and direction, however often it is tried.
    await world.pass(300);
    expect(world.log.lines.filter((line) => line.message.includes("trying on"))).toHaveLength(2);
  });
});

describe("nodes that start one after the other", () => {
  it("write no warnings about it", async () => {
    world = new TcpWorld({ ...FAST, backoffMax: 1000 });
    const one = await world.listen();
    const address = await world.deadAddress();
    const peers = new Map([
      [N1, one.address],
      [N2, address],
    ]);
    one.transport.identify({ cluster: CLUSTER, node: N1 }, peers);
    await world.pass(200);
    const two = await world.listen(address);
    two.transport.identify({ cluster: CLUSTER, node: N2 }, peers);
    await world.until(() => one.transport.isUp(N2) && two.transport.isUp(N1));
    expect(world.log.lines.filter(({ level }) => level !== "info")).toEqual([]);
  });
});

describe("a peer that falls silent", () => {
  /** A peer that shakes hands with node 1 in both directions and then does nothing, though its sockets stay open. */
  async function frozenPeer(
    options: Partial<TcpOptions> = {},
  ): Promise<{ node: TcpEndpoint; incoming: Stranger }> {
    world = new TcpWorld({ ...FAST, ...options });
    const welcome = encodeWelcome({
      version: 1,
      cluster: CLUSTER,
      node: N2,
      incarnation: "stranger",
      heartbeatInterval: 50,
    });
    let served = 0;
    const address = await world.strangeServer((socket) => {
      socket.pause();
      if (served++ === 0) socket.write(encodeFirstPacket(KIND.welcome, welcome));
    });
    const node = await world.listen();
    node.transport.identify({ cluster: CLUSTER, node: N1 }, new Map([[N2, address]]));
    await world.until(() => node.transport.isUp(N2));
    const incoming = await world.stranger(node.address);
    incoming.socket.write(hello());
    return { node, incoming };
  }

  it("is noticed after four heartbeats, on both connections, and reported once", async () => {
    const { node, incoming } = await frozenPeer();
    const since = performance.now();
    await world.until(() => !node.transport.isUp(N2) && incoming.closed);
    const took = performance.now() - since;
    expect(took).toBeGreaterThan(140);
    expect(took).toBeLessThan(1000);
    expect(world.log.has("nothing was heard for")).toBe(true);
    expect(node.seen.events).toEqual(["up 2", "down 2"]);
  });

  it("gets pings as long as it is taken for alive", async () => {
    const { incoming } = await frozenPeer();
    await world.until(() => incoming.closed);
    const ping = Buffer.from(encodePacket(KIND.ping, new Uint8Array(0)));
    expect(incoming.received.indexOf(ping)).toBeGreaterThan(0);
  });

  it("does not make memory grow: its queue fills and further frames are dropped", async () => {
    const limit = 4 * 1024 * 1024;
    const { node } = await frozenPeer({ maxQueueBytes: limit, heartbeatInterval: 2000 });
    const frame = new Uint8Array(100_000);
    let accepted = 0;
    for (let i = 0; i < 1000; i++) {
      if (node.transport.send(N2, frame)) accepted++;
      node.transport.flush();
    }
    // What the kernel takes into its own buffers comes on top; it is a few megabytes at most.
    expect(accepted * frame.length).toBeGreaterThan(limit - 2 * frame.length);
    expect(accepted * frame.length).toBeLessThan(limit + 16 * 1024 * 1024);
    expect(node.transport.send(N2, bytes("full"))).toBe(true);
    expect(node.transport.send(N2, frame)).toBe(false);
  });

  it("is a neighbour that idles, as long as its heartbeats come", async () => {
    const [one, two] = await pair();
    await world.pass(700);
    expect([...one.seen.events, ...two.seen.events]).toEqual(["up 2", "up 1"]);
  });

  it("is not blamed for a stall of this node's own event loop", async () => {
    const [one, two] = await pair();
    const end = performance.now() + 400;
    while (performance.now() < end);
    await world.pass(150);
    expect([...one.seen.events, ...two.seen.events]).toEqual(["up 2", "up 1"]);
  });
});

describe("back-pressure", () => {
  it("bounds what waits before a flush, and an empty queue takes any one frame", async () => {
    const [one, two] = await pair({ maxQueueBytes: 10_000 });
    expect(one.transport.send(N2, new Uint8Array(50_000))).toBe(true);
    expect(one.transport.send(N2, bytes("no"))).toBe(false);
    one.transport.flush();
    await world.until(() => two.seen.frames.length === 1);
    let accepted = 0;
    while (one.transport.send(N2, new Uint8Array(100))) accepted++;
    expect(accepted).toBeGreaterThan(90);
    expect(accepted).toBeLessThan(101);
    one.transport.flush();
    await world.until(() => two.seen.frames.length === 1 + accepted);
  });

  it("keeps every byte right when the kernel takes less than it is given", async () => {
    const [one, two] = await pair();
    const checks: number[] = [];
    let sent = 0;
    for (let turn = 0; turn < 60; turn++) {
      // Enough small frames a turn that the socket's buffers overflow and our own buffer is lent to it.
      for (let i = 0; i < 40; i++) {
        const frame = new Uint8Array(1000 + ((turn * 40 + i) % 30_000)).fill(turn * 40 + i);
        if (!one.transport.send(N2, frame)) throw new Error("the queue is not meant to fill");
        checks.push(crc32(frame));
        sent++;
      }
      if (turn % 10 === 5) {
        const large = new Uint8Array(400_000).fill(turn);
        one.transport.send(N2, large);
        checks.push(crc32(large));
        sent++;
      }
      one.transport.flush();
    }
    await world.until(() => two.seen.frames.length === sent);
    expect(two.seen.frames.map(({ frame }) => crc32(frame))).toEqual(checks);
  });

  it("refuses to queue a frame that no peer would take", async () => {
    const [one] = await pair({ maxFrameBytes: 200_000 });
    expect(() => one.transport.send(N2, new Uint8Array(200_001))).toThrow("over the limit");
    expect(one.transport.send(N2, new Uint8Array(200_000))).toBe(true);
  });

  it("carries a frame of the largest size", async () => {
    const [one, two] = await pair({ heartbeatInterval: 1000 });
    const frame = new Uint8Array(64 * 1024 * 1024);
    frame[frame.length - 1] = 7;
    one.transport.send(N2, frame);
    one.transport.flush();
    await world.until(() => two.seen.frames.length === 1);
    expect(two.seen.frames[0]!.frame).toHaveLength(frame.length);
    expect(two.seen.frames[0]!.frame.at(-1)).toBe(7);
    expect(two.seen.events).toEqual(["up 1"]);
  });
});

describe("a pair of nodes", () => {
  it("fails together: when only the peer's connection breaks, this node hears of it and dials anew", async () => {
    world = new TcpWorld(FAST);
    const sockets: Socket[] = [];
    const one = await world.listen();
    const two = await world.listen(
      undefined,
      {},
      {
        ...plainTcp,
        connect: (to) => {
          const socket = plainTcp.connect(to);
          sockets.push(socket);
          return socket;
        },
      },
    );
    identifyAll([one, two]);
    await world.until(() => one.transport.isUp(N2) && two.transport.isUp(N1));
    await world.pass(100);
    sockets.at(-1)!.destroy();
    await world.until(() => one.seen.events.length >= 3 && two.seen.events.length >= 3);
    await world.pass(300);
    // Once each: the two losses do not answer each other for ever.
    expect(one.seen.events).toEqual(["up 2", "down 2", "up 2"]);
    expect(two.seen.events).toEqual(["up 1", "down 1", "up 1"]);
  });

  it("does not fail for a loss that came before its own connection had proved itself", async () => {
    world = new TcpWorld({ ...FAST, heartbeatInterval: 5000 });
    const welcome = encodeWelcome({
      version: 1,
      cluster: CLUSTER,
      node: N2,
      incarnation: "stranger",
      heartbeatInterval: 5000,
    });
    const address = await world.strangeServer((socket) =>
      socket.write(encodeFirstPacket(KIND.welcome, welcome)),
    );
    const node = await world.listen();
    node.transport.identify({ cluster: CLUSTER, node: N1 }, new Map([[N2, address]]));
    await world.until(() => node.transport.isUp(N2));
    const incoming = await world.stranger(node.address);
    incoming.socket.write(hello());
    await world.until(() => incoming.received.length > 0);
    incoming.socket.destroy();
    await world.pass(150);
    expect(node.seen.events).toEqual(["up 2"]);
  });

  it("learns that a peer was restarted although its old connection looks well", async () => {
    world = new TcpWorld({ ...FAST, heartbeatInterval: 5000 });
    const welcome = encodeWelcome({
      version: 1,
      cluster: CLUSTER,
      node: N2,
      incarnation: "first life",
      heartbeatInterval: 5000,
    });
    const address = await world.strangeServer((socket) =>
      socket.write(encodeFirstPacket(KIND.welcome, welcome)),
    );
    const node = await world.listen();
    node.transport.identify({ cluster: CLUSTER, node: N1 }, new Map([[N2, address]]));
    await world.until(() => node.transport.isUp(N2));
    const same = await world.stranger(node.address);
    same.socket.write(hello({ incarnation: "first life" }));
    await world.until(() => same.received.length > 0);
    expect(node.seen.events).toEqual(["up 2"]);
    const reborn = await world.stranger(node.address);
    reborn.socket.write(hello({ incarnation: "second life" }));
    await world.until(() => node.seen.events.length === 3);
    expect(node.seen.events).toEqual(["up 2", "down 2", "up 2"]);
    // The connection of the former life is closed, the new one is not.
    await world.until(() => same.closed);
    expect(reborn.closed).toBe(false);
  });

  it("is back within milliseconds after a restart, however long this node would wait before its next attempt", async () => {
    const [one, two] = await pair({ backoffMin: 20_000, backoffMax: 30_000 });
    await world.kill(two);
    await world.until(() => !one.transport.isUp(N2));
    const again = await world.listen(two.address);
    again.transport.identify({ cluster: CLUSTER, node: N2 }, new Map([[N1, one.address]]));
    await world.until(() => one.transport.isUp(N2) && again.transport.isUp(N1));
    expect(one.seen.events).toEqual(["up 2", "down 2", "up 2"]);
  });
});

describe("calls", () => {
  it("are refused between versions that have nothing in common", async () => {
    world = new TcpWorld(FAST);
    const server = await world.listen();
    const client = await world.listen(undefined, { versions: { min: 7, max: 9 } });
    const message = await new Promise<string>((resolve) => {
      client.transport.call(server.address, bytes("?"), 1000, (error) =>
        resolve(error?.message ?? "answered"),
      );
    });
    expect(message).toContain("it speaks other protocol versions than this node");
  });

  it("fail cleanly when what answers is no node", async () => {
    world = new TcpWorld(FAST);
    const client = await world.listen();
    const address = await world.strangeServer((socket) => socket.end("-ERR unknown command\r\n"));
    const message = await new Promise<string>((resolve) => {
      client.transport.call(address, bytes("?"), 1000, (error) => resolve(error?.message ?? "answered"));
    });
    expect(message).toContain("does not speak Kvorum's protocol");
  });

  it("carry up to a mebibyte in each direction, and no more", async () => {
    world = new TcpWorld(FAST);
    const [client, server] = [await world.listen(), await world.listen()];
    server.seen.answer = (request, answer) => answer(request);
    const largest = new Uint8Array(1024 * 1024).fill(3);
    const ask = (request: Uint8Array): Promise<string> =>
      new Promise((resolve) => {
        client.transport.call(server.address, request, 2000, (error, response) =>
          resolve(error?.message ?? `${response!.length}`),
        );
      });
    expect(await ask(largest)).toBe(`${largest.length}`);
    expect(() =>
      client.transport.call(server.address, new Uint8Array(largest.length + 1), 1, () => undefined),
    ).toThrow("over the limit");
    server.seen.answer = (_request, answer) => answer(new Uint8Array(largest.length + 1));
    expect(await ask(bytes("?"))).toContain("closed");
    expect(world.log.has("over the limit of 1048576")).toBe(true);
  });

  it("do not keep a connection that nobody answers longer than the caller waits", async () => {
    world = new TcpWorld(FAST);
    const [client, server] = [await world.listen(), await world.listen(undefined, { maxAnonymous: 1 })];
    const ask = (): Promise<string> =>
      new Promise((resolve) => {
        client.transport.call(server.address, bytes("?"), 60, (error, response) =>
          resolve(error?.message ?? text(response!)),
        );
      });
    expect(await ask()).toContain("did not answer");
    await world.pass(60);
    server.seen.answer = (_request, answer) => answer(bytes("yes"));
    expect(await ask()).toBe("yes");
  });
});

describe("a caller", () => {
  it("that does not hang up is hung up on when its own patience is over", async () => {
    const node = await lonely();
    const caller = await world.stranger(node.address);
    const call = encodeCall({ versions: { min: 1, max: 1 }, timeout: 60, request: bytes("?") });
    caller.socket.write(encodeFirstPacket(KIND.call, call));
    await world.until(() => caller.closed);
    expect(caller.received).toHaveLength(0);
  });

  it("that asks a second time on one connection is hung up on", async () => {
    const node = await lonely();
    const caller = await world.stranger(node.address);
    const call = encodeCall({ versions: { min: 1, max: 1 }, timeout: 5000, request: bytes("?") });
    caller.socket.write(encodeFirstPacket(KIND.call, call));
    caller.socket.write(encodePacket(KIND.call, call));
    await world.until(() => caller.closed);
    expect(world.log.has("kind 6 has no place here")).toBe(true);
  });
});

describe("closing", () => {
  it("leaves no handle behind, whatever was going on", async () => {
    const before = process.getActiveResourcesInfo();
    const [one, two] = await pair();
    const third = await world.stranger(one.address);
    third.socket.pause();
    one.transport.setPeers(
      new Map([
        [N2, two.address],
        [nodeId(3), await world.deadAddress()],
      ]),
    );
    one.transport.call(two.address, bytes("never answered"), 60_000, () => undefined);
    for (let i = 0; i < 100; i++) one.transport.send(N2, new Uint8Array(200_000));
    await Promise.all([world.kill(one), world.kill(two)]);
    third.socket.destroy();
    await world.pass(30);
    const count = (resources: string[]): number =>
      resources.filter((name) => /TCP|Timeout|Immediate|Connect/.test(name)).length;
    expect(count(process.getActiveResourcesInfo())).toBeLessThanOrEqual(count(before));
  });

  it("does not wait for a peer that takes nothing", async () => {
    world = new TcpWorld({ ...FAST, heartbeatInterval: 5000 });
    const welcome = encodeWelcome({
      version: 1,
      cluster: CLUSTER,
      node: N2,
      incarnation: "",
      heartbeatInterval: 5000,
    });
    const address = await world.strangeServer((socket) => {
      socket.pause();
      socket.write(encodeFirstPacket(KIND.welcome, welcome));
    });
    const node = await world.listen();
    node.transport.identify({ cluster: CLUSTER, node: N1 }, new Map([[N2, address]]));
    await world.until(() => node.transport.isUp(N2));
    node.transport.send(N2, new Uint8Array(30_000_000));
    const since = performance.now();
    await world.kill(node);
    expect(performance.now() - since).toBeLessThan(1000);
  });

  it("of one connection does not wait for ever either, when the other side takes nothing", async () => {
    world = new TcpWorld({ ...FAST, heartbeatInterval: 5000 });
    const welcome = encodeWelcome({
      version: 1,
      cluster: CLUSTER,
      node: N2,
      incarnation: "",
      heartbeatInterval: 5000,
    });
    const address = await world.strangeServer((socket) => {
      socket.pause();
      socket.write(encodeFirstPacket(KIND.welcome, welcome));
    });
    const node = await world.listen();
    node.transport.identify({ cluster: CLUSTER, node: N1 }, new Map([[N2, address]]));
    await world.until(() => node.transport.isUp(N2));
    node.transport.send(N2, new Uint8Array(30_000_000));
    node.transport.flush();
    const sockets = (): number =>
      process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length;
    const before = sockets();
    node.transport.setPeers(new Map());
    await world.until(() => sockets() < before);
    expect(sockets()).toBe(before - 1);
  });

  it("can be asked for twice", async () => {
    const [one] = await pair();
    await Promise.all([world.kill(one), world.kill(one)]);
    await world.kill(one);
    expect(one.transport.isUp(N2)).toBe(false);
  });
});

describe("listening", () => {
  it("fails with the reason and what to do about it", async () => {
    world = new TcpWorld(FAST);
    const foreign = await world.tryListen({ host: "192.0.2.1", port: 0 });
    expect(foreign?.message).toContain("this machine has no such address (EADDRNOTAVAIL)");
  });
});
