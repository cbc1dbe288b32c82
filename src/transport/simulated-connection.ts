import type { Millis } from "../core/machine.ts";
import type { NetworkFaults } from "./network-faults.ts";

/** Virtual time, as the simulated network needs it; the simulator's `Scheduler` is one. */
export interface SimulatedTime {
  now(): Millis;
  at(time: Millis, task: () => void): { cancel(): void };
}

/** Through which everything reaches a simulated process; `SimulatedClock` is one. */
export interface ProcessGate {
  readonly paused: boolean;
  /** Runs the task as that process: now, when it resumes, or never. */
  deliver(task: () => void): void;
}

/** A process on a host. A host that restarts has a new one. */
export interface SimulatedProcess {
  readonly host: string;
  readonly gate: ProcessGate;
  readonly alive: boolean;
}

/** The state of the network between hosts. */
export interface Wire {
  readonly time: SimulatedTime;
  readonly faults: NetworkFaults;
  isBlocked(from: string, to: string): boolean;
  /** Draws how long the way takes now. */
  latency(from: string, to: string): Millis;
}

/** One direction of a connection: what is put in comes out later, in order, or not at all. */
export class Pipe {
  readonly #wire: Wire;
  readonly #from: string;
  readonly #to: string;
  #lastArrival: Millis = 0;
  #stalled: { readonly bytes: number; readonly arrive: () => void }[] = [];
  #stalledBytes = 0;
  #cut = false;

  constructor(wire: Wire, from: string, to: string) {
    this.#wire = wire;
    this.#from = from;
    this.#to = to;
  }

  /** Bytes that wait for a blocked link to come back. */
  get stalledBytes(): number {
    return this.#stalledBytes;
  }

  /** False: lost at once. */
  put(bytes: number, arrive: () => void): boolean {
    if (this.#cut) return false;
    if (!this.#wire.isBlocked(this.#from, this.#to)) {
      this.#depart(arrive);
      return true;
    }
    if (this.#wire.faults.blocked === "lose") return false;
    this.#stalled.push({ bytes, arrive });
    this.#stalledBytes += bytes;
    return true;
  }

  /** Comes out `late` after its turn, overtaken by what is put in meanwhile. */
  putLate(late: Millis, arrive: () => void): boolean {
    if (this.#cut || this.#wire.isBlocked(this.#from, this.#to)) return false;
    const { time } = this.#wire;
    time.at(time.now() + this.#wire.latency(this.#from, this.#to) + late, () => {
      if (!this.#cut) arrive();
    });
    return true;
  }

  /** The state of the link has changed: what waited for it goes on its way if it is open. */
  release(): void {
    if (this.#stalled.length === 0 || this.#wire.isBlocked(this.#from, this.#to)) return;
    const stalled = this.#stalled;
    this.#stalled = [];
    this.#stalledBytes = 0;
    for (const { arrive } of stalled) this.#depart(arrive);
  }

  /** Nothing comes out any more, not even what is under way. */
  cut(): void {
    this.#cut = true;
    this.#stalled = [];
    this.#stalledBytes = 0;
  }

  #depart(arrive: () => void): void {
    const { time } = this.#wire;
    this.#lastArrival = Math.max(this.#lastArrival, time.now() + this.#wire.latency(this.#from, this.#to));
    time.at(this.#lastArrival, () => {
      if (!this.#cut) arrive();
    });
  }
}

export type Side = "dialler" | "acceptor";

export interface EndOwner {
  readonly process: SimulatedProcess;
  /** Once, when the connection ends without this side having closed it. */
  connectionLost(connection: SimulatedConnection, side: Side, reason: string): void;
}

class End {
  readonly owner: EndOwner;
  state: "opening" | "open" | "closed" = "opening";
  lastHeard: Millis = 0;
  silenceLimit: Millis = Infinity;

  constructor(owner: EndOwner) {
    this.owner = owner;
  }
}

/** A connection as TCP makes it: frames go from the dialler to the acceptor, either end can close, and neither need notice. */
export class SimulatedConnection {
  readonly forward: Pipe;
  readonly backward: Pipe;
  readonly #time: SimulatedTime;
  readonly #dialler: End;
  #acceptor: End | null = null;

  constructor(wire: Wire, dialler: EndOwner, toHost: string) {
    this.#time = wire.time;
    this.#dialler = new End(dialler);
    this.forward = new Pipe(wire, dialler.process.host, toHost);
    this.backward = new Pipe(wire, toHost, dialler.process.host);
  }

  /** Both ends are closed, or were never opened: nothing will come of it any more. */
  get isOver(): boolean {
    return this.#dialler.state === "closed" && (this.#acceptor === null || this.#acceptor.state === "closed");
  }

  isOpen(side: Side): boolean {
    return this.#end(side)?.state === "open";
  }

  belongsTo(process: SimulatedProcess, side: Side): boolean {
    return this.#end(side)?.owner.process === process;
  }

  /** The acceptor has said yes. False: the dialler has given up meanwhile. */
  accept(acceptor: EndOwner, silenceLimit: Millis): boolean {
    if (this.#dialler.state === "closed") return false;
    this.#acceptor = new End(acceptor);
    this.#opened(this.#acceptor, silenceLimit);
    return true;
  }

  /** The dialler has heard so. */
  established(silenceLimit: Millis): void {
    this.#opened(this.#dialler, silenceLimit);
  }

  /** One side closes. The other one hears of it after everything that was sent before, unless this side died silently. */
  close(side: Side, silently = false): void {
    const end = this.#end(side);
    if (end === null || end.state === "closed") return;
    end.state = "closed";
    if (this.#acceptor === null) this.forward.cut();
    if (silently) return;
    const pipe = side === "dialler" ? this.forward : this.backward;
    pipe.put(0, () =>
      this.#lose(side === "dialler" ? "acceptor" : "dialler", "the other side closed the connection"),
    );
  }

  /** The connection breaks: what is under way is lost, and both sides hear of it. */
  reset(): void {
    this.forward.cut();
    this.backward.cut();
    this.#lose("dialler", "the connection was reset");
    this.#lose("acceptor", "the connection was reset");
  }

  release(): void {
    this.forward.release();
    this.backward.release();
  }

  /** Gives up the ends that have heard nothing for too long. `reaches`: whether a heartbeat gets from one host to the other. */
  watch(reaches: (from: SimulatedProcess, to: SimulatedProcess) => boolean): void {
    if (this.#acceptor === null) return;
    this.#watchEnd("acceptor", this.#acceptor, this.#dialler, reaches);
    this.#watchEnd("dialler", this.#dialler, this.#acceptor, reaches);
  }

  #watchEnd(
    side: Side,
    end: End,
    other: End,
    reaches: (from: SimulatedProcess, to: SimulatedProcess) => boolean,
  ): void {
    if (end.state !== "open") return;
    const now = this.#time.now();
    const heard = other.state !== "closed" && reaches(other.owner.process, end.owner.process);
    // A process that is stopped does not count the time in which it could not listen.
    if (heard || end.owner.process.gate.paused) end.lastHeard = now;
    if (now - end.lastHeard <= end.silenceLimit) return;
    this.close(side);
    end.owner.connectionLost(this, side, `nothing was heard for ${Math.round(now - end.lastHeard)} ms`);
  }

  #opened(end: End, silenceLimit: Millis): void {
    end.state = "open";
    end.lastHeard = this.#time.now();
    end.silenceLimit = silenceLimit;
  }

  #lose(side: Side, reason: string): void {
    const end = this.#end(side);
    end?.owner.process.gate.deliver(() => {
      if (end.state === "closed") return;
      end.state = "closed";
      end.owner.connectionLost(this, side, reason);
    });
  }

  #end(side: Side): End | null {
    return side === "dialler" ? this.#dialler : this.#acceptor;
  }
}
