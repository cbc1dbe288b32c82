/**
 * What every transport does, over sockets or simulated: one acceptance suite for both.
 */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { nodeId, type NodeId } from "../core/ids.ts";
import type { Address, Logger, Transport, TransportHandlers } from "../core/world.ts";

export const CLUSTER = "00112233445566778899aabbccddeeff";
export const OTHER_CLUSTER = "ffeeddccbbaa99887766554433221100";

export interface LogLine {
  readonly level: string;
  readonly fields: object;
  readonly message: string;
}

export class RecordingLog implements Logger {
  readonly lines: LogLine[] = [];
  debug = (fields: object, message: string): void =>
    void this.lines.push({ level: "debug", fields, message });
  info = (fields: object, message: string): void => void this.lines.push({ level: "info", fields, message });
  warn = (fields: object, message: string): void => void this.lines.push({ level: "warn", fields, message });
  error = (fields: object, message: string): void =>
    void this.lines.push({ level: "error", fields, message });

  has(text: string): boolean {
    return this.lines.some((line) => JSON.stringify(line).includes(text));
  }
}

/** Keeps everything it is told. */
export class Recorder implements TransportHandlers {
  readonly events: string[] = [];
  readonly frames: { readonly from: NodeId; readonly frame: Uint8Array }[] = [];
  readonly batches: number[] = [];
  answer: (request: Uint8Array, answer: (response: Uint8Array) => void) => void = () => undefined;

  onFrames(from: NodeId, frames: readonly Uint8Array[]): void {
    this.batches.push(frames.length);
    for (const frame of frames) this.frames.push({ from, frame });
  }
  onUp(peer: NodeId): void {
    this.events.push(`up ${peer}`);
  }
  onDown(peer: NodeId): void {
    this.events.push(`down ${peer}`);
  }
  onCall(request: Uint8Array, answer: (response: Uint8Array) => void): void {
    this.answer(request, answer);
  }

  texts(): string[] {
    return this.frames.map(({ from, frame }) => `${from}:${text(frame)}`);
  }
}

export interface Endpoint {
  readonly transport: Transport;
  readonly address: Address;
  readonly seen: Recorder;
}

/** A world to try a transport in. */
export interface TransportFixture {
  /** A process that listens; `at`: where an earlier one did. */
  listen(at?: Address): Promise<Endpoint>;
  tryListen(at: Address): Promise<Error | null>;
  /** Ends a process as kill -9 does, as far as others can see. */
  kill(endpoint: Endpoint): Promise<void>;
  /** An address at which nothing listens. */
  deadAddress(): Promise<Address>;
  /** Lets time pass until it holds; fails when it does not within seconds. */
  until(condition: () => boolean): Promise<void>;
  pass(milliseconds: number): Promise<void>;
  end(): Promise<void>;
}

export const bytes = (value: string): Uint8Array => new TextEncoder().encode(value);
export const text = (value: Uint8Array): string => new TextDecoder().decode(value);
export const N1 = nodeId(1);
export const N2 = nodeId(2);
export const N3 = nodeId(3);

/** Makes nodes 1, 2, … of one cluster out of the endpoints. */
export function identifyAll(endpoints: readonly Endpoint[]): void {
  const peers = new Map(endpoints.map(({ address }, i) => [nodeId(i + 1), address]));
  endpoints.forEach(({ transport }, i) =>
    transport.identify({ cluster: CLUSTER, node: nodeId(i + 1) }, peers),
  );
}

export function transportAcceptance(name: string, open: () => Promise<TransportFixture>): void {
  describe(`the transport, ${name}`, () => {
    let world: TransportFixture;
    beforeEach(async () => {
      world = await open();
    });
    afterEach(async () => {
      await world.end();
    });

    async function connected(count = 2): Promise<Endpoint[]> {
      const endpoints: Endpoint[] = [];
      for (let i = 0; i < count; i++) endpoints.push(await world.listen());
      identifyAll(endpoints);
      await allUp(endpoints);
      return endpoints;
    }

    async function allUp(endpoints: readonly Endpoint[]): Promise<void> {
      await world.until(() =>
        endpoints.every(({ transport }, i) =>
          endpoints.every((_, other) => other === i || transport.isUp(nodeId(other + 1))),
        ),
      );
    }

    it("connects three nodes, each with each, and tells them once", async () => {
      const nodes = await connected(3);
      expect(nodes[0]!.seen.events.sort()).toEqual(["up 2", "up 3"]);
      expect(nodes[1]!.seen.events.sort()).toEqual(["up 1", "up 3"]);
      expect(nodes[2]!.seen.events.sort()).toEqual(["up 1", "up 2"]);
      expect(nodes[0]!.transport.isUp(N1)).toBe(false);
    });

    it("delivers frames of any size, also none, in order and with their sender", async () => {
      const [one, two, three] = (await connected(3)) as [Endpoint, Endpoint, Endpoint];
      const frames = [0, 1, 100, 40_000, 3, 300_000, 31, 32 * 1024 - 1, 32 * 1024, 0, 5].map((size, i) =>
        new Uint8Array(size).fill(i + 1),
      );
      for (const frame of frames) expect(one.transport.send(N3, frame)).toBe(true);
      expect(two.transport.send(N3, bytes("from two"))).toBe(true);
      one.transport.flush();
      two.transport.flush();
      await world.until(() => three.seen.frames.length === frames.length + 1);
      const fromOne = three.seen.frames.filter(({ from }) => from === N1).map(({ frame }) => frame);
      expect(fromOne.map((frame) => frame.length)).toEqual(frames.map((frame) => frame.length));
      expect(fromOne.every((frame, i) => frame.every((byte) => byte === i + 1))).toBe(true);
      expect(three.seen.texts()).toContain("2:from two");
      expect(two.seen.frames).toEqual([]);
    });

    it("sends nothing before flush, and everything of a turn together", async () => {
      const [one, two] = (await connected()) as [Endpoint, Endpoint];
      for (let i = 0; i < 10; i++) one.transport.send(N2, bytes(`${i}`));
      await world.pass(30);
      expect(two.seen.frames).toEqual([]);
      one.transport.flush();
      await world.until(() => two.seen.frames.length === 10);
      expect(two.seen.batches).toEqual([10]);
      one.transport.flush();
      await world.pass(30);
      expect(two.seen.frames).toHaveLength(10);
    });

    it("keeps ten thousand frames in order, over many turns in both directions", async () => {
      const [one, two] = (await connected()) as [Endpoint, Endpoint];
      for (let i = 0; i < 10_000; i++) {
        one.transport.send(N2, bytes(`a${i}`));
        two.transport.send(N1, bytes(`b${i}`));
        if (i % 7 === 0) one.transport.flush();
        if (i % 500 === 0) await world.pass(1);
      }
      one.transport.flush();
      two.transport.flush();
      await world.until(() => one.seen.frames.length === 10_000 && two.seen.frames.length === 10_000);
      expect(two.seen.texts()).toEqual(Array.from({ length: 10_000 }, (_, i) => `1:a${i}`));
      expect(one.seen.texts()).toEqual(Array.from({ length: 10_000 }, (_, i) => `2:b${i}`));
    });

    it("hands out frames that stay as they are and whose slices are copies", async () => {
      const [one, two] = (await connected()) as [Endpoint, Endpoint];
      one.transport.send(N2, bytes("kept"));
      one.transport.flush();
      await world.until(() => two.seen.frames.length === 1);
      for (let i = 0; i < 200; i++) {
        one.transport.send(N2, new Uint8Array(1000).fill(i));
        one.transport.flush();
      }
      await world.until(() => two.seen.frames.length === 201);
      const kept = two.seen.frames[0]!.frame;
      expect(text(kept)).toBe("kept");
      kept.slice().fill(0);
      expect(text(kept)).toBe("kept");
    });

    it("drops frames for nodes that are not connected, and says so", async () => {
      const [one] = (await connected()) as [Endpoint, Endpoint];
      expect(one.transport.send(N3, bytes("nobody"))).toBe(false);
      expect(one.transport.send(N1, bytes("myself"))).toBe(false);
      one.transport.flush();
    });

    it("notices that a peer was killed, once, and connects again when it is back", async () => {
      const [one, two] = (await connected()) as [Endpoint, Endpoint];
      await world.kill(two);
      await world.until(() => !one.transport.isUp(N2));
      expect(one.transport.send(N2, bytes("lost"))).toBe(false);
      await world.pass(100);
      expect(one.seen.events).toEqual(["up 2", "down 2"]);

      const again = await world.listen(two.address);
      const peers = new Map([
        [N1, one.address],
        [N2, two.address],
      ]);
      again.transport.identify({ cluster: CLUSTER, node: N2 }, peers);
      await allUp([one, again]);
      expect(one.seen.events).toEqual(["up 2", "down 2", "up 2"]);
      one.transport.send(N2, bytes("welcome back"));
      one.transport.flush();
      await world.until(() => again.seen.frames.length === 1);
      expect(again.seen.texts()).toEqual(["1:welcome back"]);
      expect(two.seen.frames).toEqual([]);
    });

    it("delivers what was sent before a peer closed in an orderly way", async () => {
      const [one, two] = (await connected()) as [Endpoint, Endpoint];
      two.transport.send(N1, bytes("last words"));
      await new Promise<void>((resolve, reject) => {
        let closed = false;
        two.transport.close(() => {
          closed = true;
          resolve();
        });
        world.until(() => closed).catch(reject);
      });
      // On another connection than the one whose end is reported as down, so either may come first.
      await world.until(() => one.seen.events.length === 2 && one.seen.frames.length === 1);
      expect(one.seen.texts()).toEqual(["2:last words"]);
      expect(one.seen.events).toEqual(["up 2", "down 2"]);
      expect(two.transport.send(N1, bytes("too late"))).toBe(false);
      await world.pass(50);
      expect(two.seen.events).toEqual(["up 1"]);
    });

    it("connects when the other side learns of this node later", async () => {
      const [one, two] = [await world.listen(), await world.listen()];
      const both = new Map([
        [N1, one.address],
        [N2, two.address],
      ]);
      one.transport.identify({ cluster: CLUSTER, node: N1 }, both);
      two.transport.identify({ cluster: CLUSTER, node: N2 }, new Map([[N2, two.address]]));
      await world.pass(100);
      expect(one.transport.isUp(N2)).toBe(false);
      two.transport.setPeers(both);
      await allUp([one, two]);
    });

    it("connects when the other side gets its identity later", async () => {
      const [one, two] = [await world.listen(), await world.listen()];
      const both = new Map([
        [N1, one.address],
        [N2, two.address],
      ]);
      one.transport.identify({ cluster: CLUSTER, node: N1 }, both);
      await world.pass(100);
      expect(one.seen.events).toEqual([]);
      two.transport.identify({ cluster: CLUSTER, node: N2 }, both);
      await allUp([one, two]);
    });

    it("never connects nodes of different clusters", async () => {
      const [one, two] = [await world.listen(), await world.listen()];
      const both = new Map([
        [N1, one.address],
        [N2, two.address],
      ]);
      one.transport.identify({ cluster: CLUSTER, node: N1 }, both);
      two.transport.identify({ cluster: OTHER_CLUSTER, node: N2 }, both);
      await world.pass(300);
      expect([...one.seen.events, ...two.seen.events]).toEqual([]);
    });

    it("never takes one node for another", async () => {
      const [one, two] = [await world.listen(), await world.listen()];
      const wrong = new Map([
        [N1, one.address],
        [N3, two.address],
      ]);
      one.transport.identify({ cluster: CLUSTER, node: N1 }, wrong);
      two.transport.identify({ cluster: CLUSTER, node: N2 }, new Map([[N1, one.address]]));
      await world.pass(300);
      expect([...one.seen.events, ...two.seen.events]).toEqual([]);
    });

    it("closes connections to nodes that are no longer listed, on both sides", async () => {
      const [one, two, three] = (await connected(3)) as [Endpoint, Endpoint, Endpoint];
      one.transport.setPeers(
        new Map([
          [N1, one.address],
          [N3, three.address],
        ]),
      );
      expect(one.transport.isUp(N2)).toBe(false);
      await world.until(() => !two.transport.isUp(N1) && one.seen.events.includes("down 2"));
      await world.pass(100);
      expect(one.seen.events.slice(2)).toEqual(["down 2"]);
      expect(two.transport.isUp(N1)).toBe(false);
      expect(two.transport.isUp(N3)).toBe(true);
      expect(one.transport.isUp(N3)).toBe(true);
    });

    it("says nothing about a peer that was left out when it is closed in the same turn", async () => {
      const [one, two] = (await connected()) as [Endpoint, Endpoint];
      one.transport.setPeers(new Map([[N1, one.address]]));
      let closed = false;
      one.transport.close(() => (closed = true));
      await world.until(() => closed && !two.transport.isUp(N1));
      await world.pass(30);
      expect(one.seen.events).toEqual(["up 2"]);
    });

    it("takes no frame of a node that is no longer listed, though it was under way", async () => {
      const [one, two] = (await connected()) as [Endpoint, Endpoint];
      one.transport.send(N2, bytes("too late"));
      one.transport.flush();
      two.transport.setPeers(new Map([[N2, two.address]]));
      await world.until(() => !one.transport.isUp(N2));
      await world.pass(30);
      expect(two.seen.frames).toEqual([]);
    });

    it("follows a peer to another address", async () => {
      const [one, two] = (await connected()) as [Endpoint, Endpoint];
      await world.kill(two);
      const moved = await world.listen();
      const peers = new Map([
        [N1, one.address],
        [N2, moved.address],
      ]);
      moved.transport.identify({ cluster: CLUSTER, node: N2 }, peers);
      one.transport.setPeers(peers);
      await allUp([one, moved]);
      one.transport.send(N2, bytes("new home"));
      one.transport.flush();
      await world.until(() => moved.seen.frames.length === 1);
      expect(moved.seen.texts()).toEqual(["1:new home"]);
    });

    it("answers calls without anybody having an identity, at once or later, and once", async () => {
      const [one, two] = [await world.listen(), await world.listen()];
      two.seen.answer = (request, answer) => {
        answer(bytes(`answer to ${text(request)}`));
        answer(bytes("again"));
      };
      const answers: string[] = [];
      let returned = false;
      one.transport.call(two.address, bytes("one"), 1000, (error, response) => {
        expect(returned).toBe(true);
        answers.push(error === null ? text(response!) : error.message);
      });
      returned = true;
      await world.until(() => answers.length === 1);

      let later: ((response: Uint8Array) => void) | null = null;
      two.seen.answer = (_request, answer) => {
        later = answer;
      };
      one.transport.call(two.address, bytes("two"), 1000, (error, response) => {
        answers.push(error === null ? text(response!) : error.message);
      });
      await world.until(() => later !== null);
      await world.pass(30);
      expect(answers).toHaveLength(1);
      later!(new Uint8Array(0));
      await world.until(() => answers.length === 2);
      await world.pass(30);
      expect(answers).toEqual(["answer to one", ""]);
    });

    it("fails a call to an address at which nothing listens, and one that is not answered in time, once each", async () => {
      const one = await world.listen();
      const silent = await world.listen();
      const dead = await world.deadAddress();
      const errors: string[] = [];
      const note = (error: Error | null): void => void errors.push(error?.message ?? "answered");
      one.transport.call(dead, bytes("?"), 5000, note);
      await world.until(() => errors.length === 1);
      expect(errors[0]).toContain("nothing listens");
      one.transport.call(silent.address, bytes("?"), 40, note);
      await world.until(() => errors.length === 2);
      expect(errors[1]).toContain("did not answer within 40 ms");
      await world.pass(50);
      expect(errors).toHaveLength(2);
    });

    it("says who holds an address that cannot be had", async () => {
      const one = await world.listen();
      const error = await world.tryListen(one.address);
      expect(error?.message).toContain(`cannot listen for peers on ${one.address.host}:${one.address.port}`);
      expect(error?.message).toContain("in use");
    });

    it("ends pending calls when it is closed, and calls nobody afterwards", async () => {
      const [one, two] = (await connected()) as [Endpoint, Endpoint];
      const errors: string[] = [];
      const note = (error: Error | null): void => void errors.push(error?.message ?? "answered");
      one.transport.call(two.address, bytes("?"), 5000, note);
      let closed = false;
      one.transport.close(() => (closed = true));
      expect(closed).toBe(false);
      one.transport.call(two.address, bytes("?"), 5000, note);
      await world.until(() => closed && errors.length === 2);
      expect(errors.every((error) => error.includes("closed"))).toBe(true);
      expect(one.seen.events).toEqual(["up 2"]);
      expect(one.transport.isUp(N2)).toBe(false);
      await world.until(() => two.seen.events.includes("down 1"));
      expect(two.seen.events).toEqual(["up 1", "down 1"]);
    });
  });
}
