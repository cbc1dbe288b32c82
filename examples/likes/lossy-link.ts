/**
 * The network between a front end and the cluster, with a switch that loses answers: the request arrives and is carried out, the
 * answer is thrown away and the connection is cut. For the client that looks like any broken connection.
 */
import { connect as connectTo, createServer, type Server, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { HOST } from "../web/site.ts";

interface Address {
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

  #pass(inner: Socket): void {
    const outer = connectTo({ ...this.#target!, noDelay: true });
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

export class LossyLink {
  readonly #doors: Door[] = [];
  readonly #byTarget = new Map<string, Door>();
  #losing = false;

  static async open(): Promise<LossyLink> {
    const link = new LossyLink();
    const isLost = (): boolean => {
      const lost = link.#losing;
      link.#losing = false;
      return lost;
    };
    for (let i = 0; i < DOORS; i++) link.#doors.push(await Door.open(isLost));
    return link;
  }

  /** For `connect`: every node is reached through a door of its own. */
  readonly route = (address: Address): Address => {
    const name = `${address.host}:${address.port}`;
    const door = this.#byTarget.get(name) ?? this.#doors[this.#byTarget.size];
    if (door === undefined) return address;
    door.leadTo(address);
    this.#byTarget.set(name, door);
    return { host: HOST, port: door.port };
  };

  /** The next answer from any node is lost, with everything else that was on its way there. */
  loseNextAnswer(): void {
    this.#losing = true;
  }

  close(): void {
    for (const door of this.#doors) door.close();
  }
}
