/**
 * What a front end's or a node's connections go through, with two ways to fail. An answer is lost: the request arrives and is carried
 * out, the answer is thrown away and the connection is cut. Or a node is cut off: nothing passes until it is joined again. For whoever
 * is connected that looks like any broken connection.
 */
import { connect as connectTo, createServer, type Server, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { HOST } from "../web/site.ts";

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** For so many nodes; what is beyond is reached directly. */
const DOORS = 16;

/** A listener that passes on to one node. */
class Door {
  readonly port: number;
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  readonly #isLost: () => boolean;
  #target: Address | null = null;
  #isShut = false;

  private constructor(server: Server, isLost: () => boolean) {
    this.#server = server;
    this.#isLost = isLost;
    this.port = (server.address() as AddressInfo).port;
    server.on("connection", (inner) => this.#pass(inner));
  }

  /** `isLost` is asked about every answer. */
  static async open(isLost: () => boolean): Promise<Door> {
    const server = createServer({ noDelay: true });
    await new Promise<void>((done, failed) => {
      server.once("error", failed);
      server.listen(0, HOST, done);
    });
    return new Door(server, isLost);
  }

  leadTo(target: Address): void {
    this.#target = target;
  }

  /** Shut, it lets nobody in, and throws out whoever is half-way through. */
  shut(isShut: boolean): void {
    this.#isShut = isShut;
    if (isShut) for (const socket of this.#open) socket.destroy();
  }

  #pass(inner: Socket): void {
    if (this.#isShut || this.#target === null) {
      inner.destroy();
      return;
    }
    const outer = connectTo({ ...this.#target, noDelay: true });
    this.#open.add(inner);
    const end = (): void => {
      this.#open.delete(inner);
      inner.destroy();
      outer.destroy();
    };
    for (const socket of [inner, outer]) socket.on("error", end).on("close", end);
    inner.pipe(outer);
    outer.on("data", (answer) => {
      if (this.#isLost()) return end();
      if (!inner.write(answer)) outer.pause();
    });
    inner.on("drain", () => outer.resume());
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#open) socket.destroy();
  }
}

export class Link {
  readonly #doors: Door[] = [];
  readonly #byTarget = new Map<string, { readonly target: Address; readonly door: Door }>();
  readonly #isCut: (target: Address) => boolean;
  #losing = false;

  private constructor(isCut: (target: Address) => boolean) {
    this.#isCut = isCut;
  }

  /** `isCut`: whether a node cannot be reached at present. */
  static async open(isCut: (target: Address) => boolean = () => false): Promise<Link> {
    const link = new Link(isCut);
    const isLost = (): boolean => {
      const lost = link.#losing;
      link.#losing = false;
      return lost;
    };
    for (let i = 0; i < DOORS; i++) link.#doors.push(await Door.open(isLost));
    return link;
  }

  /** For `connect` and `createNode`: every node is reached through a door of its own. */
  readonly route = (target: Address): Address => {
    const name = `${target.host}:${target.port}`;
    const door = this.#byTarget.get(name)?.door ?? this.#doors[this.#byTarget.size];
    if (door === undefined) return target;
    door.leadTo(target);
    door.shut(this.#isCut(target));
    this.#byTarget.set(name, { target, door });
    return { host: HOST, port: door.port };
  };

  /** The next answer from any node is lost, with everything else that was on its way there. */
  loseNextAnswer(): void {
    this.#losing = true;
  }

  /** What is cut off has changed. */
  update(): void {
    for (const { target, door } of this.#byTarget.values()) door.shut(this.#isCut(target));
  }

  close(): void {
    for (const door of this.#doors) door.close();
  }
}
