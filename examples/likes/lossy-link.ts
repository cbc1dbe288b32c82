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
  readonly #armed = new Set<Socket>();
  #target: Address | null = null;

  private constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on("connection", (inner) => this.#pass(inner));
  }

  static async open(): Promise<Door> {
    const server = createServer({ noDelay: true });
    await new Promise<void>((done, failed) => {
      server.once("error", failed);
      server.listen(0, HOST, done);
    });
    return new Door(server);
  }

  leadTo(target: Address): void {
    this.#target = target;
  }

  loseNextAnswer(): void {
    for (const inner of this.#open) this.#armed.add(inner);
  }

  #pass(inner: Socket): void {
    const outer = connectTo({ ...this.#target!, noDelay: true });
    this.#open.add(inner);
    const end = (): void => {
      this.#open.delete(inner);
      this.#armed.delete(inner);
      inner.destroy();
      outer.destroy();
    };
    for (const socket of [inner, outer]) socket.on("error", end).on("close", end);
    inner.pipe(outer);
    outer.on("data", (answer) => {
      if (this.#armed.has(inner)) return end();
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
  readonly #doors: readonly Door[];
  readonly #byTarget = new Map<string, Door>();

  private constructor(doors: readonly Door[]) {
    this.#doors = doors;
  }

  static async open(): Promise<LossyLink> {
    return new LossyLink(await Promise.all(Array.from({ length: DOORS }, () => Door.open())));
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

  /** The next answer on each open connection is lost, and the connection with it. */
  loseNextAnswer(): void {
    for (const door of this.#byTarget.values()) door.loseNextAnswer();
  }

  close(): void {
    for (const door of this.#doors) door.close();
  }
}
