/**
 * A TCP proxy before one node that treats its connections badly: it holds bytes up, swallows replies, and cuts connections in
 * the middle of a frame. TCP's own promises it keeps: what arrives is a beginning of what was sent.
 */
import { connect, createServer, type Server, type Socket } from "node:net";
import type { SimulatedRandom } from "../../src/sim/simulated-random.ts";

/** How many of these a proxy has done. */
interface Blows {
  cuts: number;
  swallowed: number;
}

/** Milliseconds. */
const SHORTEST_LIFE = 30;
const LONGEST_LIFE = 800;
const LONGEST_SILENCE = 400;
const LONGEST_DELAY = 30;
/** Of the chunks. */
const DELAYED = 0.1;
/** Of the connections: the others are cut without a warning. */
const SWALLOWING = 0.4;

export class RoughProxy {
  readonly blows: Blows = { cuts: 0, swallowed: 0 };
  readonly #target: number;
  readonly #random: SimulatedRandom;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(target: number, random: SimulatedRandom) {
    this.#target = target;
    this.#random = random;
    this.#server = createServer((client) => this.#accept(client));
  }

  /** Before this port of the loopback, on a free one. */
  static async start(target: number, random: SimulatedRandom): Promise<RoughProxy> {
    const proxy = new RoughProxy(target, random);
    await new Promise<void>((listening) => void proxy.#server.listen(0, "127.0.0.1", listening));
    return proxy;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("the proxy does not listen");
    return address.port;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((done) => void this.#server.close(() => done()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #accept(client: Socket): void {
    const node = connect(this.#target, "127.0.0.1");
    const both = [client, node];
    const end = (): void => {
      clearTimeout(dying);
      for (const socket of both) {
        socket.destroy();
        this.#sockets.delete(socket);
      }
    };
    for (const socket of both) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      // A broken connection is what this is about; "close" follows.
      socket.on("error", () => undefined);
      socket.on("close", end);
    }
    const requests = new Direction(client, node, this.#random);
    const replies = new Direction(node, client, this.#random);
    const life = this.#random.between(SHORTEST_LIFE, LONGEST_LIFE);
    const dying = setTimeout(() => {
      this.blows.cuts++;
      if (this.#random.chance(SWALLOWING)) {
        // The node works on for a while, and the client does not hear of it.
        this.blows.swallowed++;
        replies.swallow();
        setTimeout(end, this.#random.between(0, LONGEST_SILENCE));
      } else this.#random.pick([requests, replies]).cutAtNextChunk(end);
    }, life);
  }
}

/** Bytes in one direction, in order. */
class Direction {
  readonly #to: Socket;
  readonly #random: SimulatedRandom;
  #queue: Promise<void> = Promise.resolve();
  #swallows = false;
  #cut: (() => void) | null = null;

  constructor(from: Socket, to: Socket, random: SimulatedRandom) {
    this.#to = to;
    this.#random = random;
    from.on("data", (chunk: Buffer) => {
      this.#queue = this.#queue.then(() => this.#pass(chunk));
    });
  }

  swallow(): void {
    this.#swallows = true;
  }

  cutAtNextChunk(cut: () => void): void {
    this.#cut = cut;
  }

  async #pass(chunk: Buffer): Promise<void> {
    if (this.#random.chance(DELAYED)) {
      const delay = this.#random.between(0, LONGEST_DELAY);
      await new Promise<void>((over) => void setTimeout(over, delay));
    }
    if (this.#swallows || this.#to.destroyed) return;
    const cut = this.#cut;
    if (cut === null) {
      if (!this.#to.write(chunk)) await new Promise<void>((over) => this.#whenWritable(over));
      return;
    }
    this.#swallows = true;
    const part = chunk.subarray(0, this.#random.integer(0, chunk.length - 1));
    this.#to.write(part, cut);
  }

  #whenWritable(over: () => void): void {
    this.#to.once("drain", over);
    this.#to.once("close", over);
  }
}
