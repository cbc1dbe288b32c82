/**
 * A network in virtual time, on which each simulated host has a `Network` of its own. Without faults it keeps what
 * `Transport` promises; with them it does what networks do, and more if asked. Everything that is drawn comes from the
 * one `Random` it is given, and everything happens in an order that only the seed decides.
 */
import { invariant } from "../core/assert.ts";
import type { Millis } from "../core/machine.ts";
import type { Address, Network, Random } from "../core/world.ts";
import { describeListenError, formatAddress } from "./address.ts";
import {
  link,
  NO_NETWORK_FAULTS,
  type DirectedLink,
  type LinkDelay,
  type NetworkFaults,
} from "./network-faults.ts";
import { DEFAULT_TCP_OPTIONS } from "./options.ts";
import type {
  ProcessGate,
  SimulatedConnection,
  SimulatedProcess,
  SimulatedTime,
} from "./simulated-connection.ts";
import {
  SimulatedTransport,
  type NetworkEvent,
  type SimulatedOptions,
  type SimulatedWire,
} from "./simulated-transport.ts";

export interface SimulatedNetworkSetup {
  readonly time: SimulatedTime;
  readonly random: Random;
  readonly options?: Partial<SimulatedOptions>;
  readonly faults?: Partial<NetworkFaults>;
  /** Is told what happens, in order; for diagrams and fingerprints. */
  readonly observe?: (event: NetworkEvent) => void;
}

const ALWAYS_RUNNING: ProcessGate = { paused: false, deliver: (task) => task() };

class HostProcess implements SimulatedProcess {
  readonly host: string;
  readonly gate: ProcessGate;
  alive = true;

  constructor(host: string, gate: ProcessGate) {
    this.host = host;
    // A process that was crashed here gets nothing more, whatever its own gate would say.
    this.gate = {
      get paused() {
        return gate.paused;
      },
      deliver: (task) => {
        gate.deliver(() => {
          if (this.alive) task();
        });
      },
    };
  }
}

/** How often connections are looked at for silence, as often as nodes look. */
const WATCHES_PER_HEARTBEAT = 2;
const FIRST_EPHEMERAL_PORT = 49_152;

export class SimulatedNetwork implements SimulatedWire {
  readonly time: SimulatedTime;
  readonly random: Random;
  readonly options: SimulatedOptions;
  #faults: NetworkFaults;
  readonly #observe: ((event: NetworkEvent) => void) | undefined;
  readonly #processes = new Map<string, HostProcess>();
  readonly #listeners = new Map<string, SimulatedTransport>();
  readonly #connections = new Set<SimulatedConnection>();
  readonly #blocked = new Set<DirectedLink>();
  readonly #delays = new Map<DirectedLink, LinkDelay>();
  #nextPort = FIRST_EPHEMERAL_PORT;
  #watching = false;

  constructor(setup: SimulatedNetworkSetup) {
    this.time = setup.time;
    this.random = setup.random;
    this.options = { ...DEFAULT_TCP_OPTIONS, ...setup.options };
    this.#faults = { ...NO_NETWORK_FAULTS, ...setup.faults };
    this.#observe = setup.observe;
  }

  /**
   * The network as a new process on `host` sees it. Everything reaches the process through `gate`, so a paused one gets
   * it later and a killed one never; whoever kills the process also tells the network (`crashHost`).
   */
  forHost(host: string, gate: ProcessGate = ALWAYS_RUNNING): Network {
    invariant(this.#processes.get(host)?.alive !== true, `a process runs on ${host} already: crash it first`);
    const process = new HostProcess(host, gate);
    this.#processes.set(host, process);
    return {
      listen: (address, handlers, done) => {
        this.time.at(this.time.now(), () => {
          process.gate.deliver(() => {
            const problem = this.#cannotListen(host, address);
            if (problem !== null) {
              done(describeListenError({ code: problem, message: problem }, address));
              return;
            }
            const bound = { host, port: address.port === 0 ? this.#nextPort++ : address.port };
            const transport = new SimulatedTransport(process, bound, handlers, this);
            this.#listeners.set(formatAddress(bound), transport);
            done(null, transport);
          });
        });
      },
    };
  }

  /**
   * The host's process is killed: nothing reaches it any more. What it sent is still under way and arrives; then its peers
   * see their connections close. With `silently` they see nothing, as when a machine loses its power.
   */
  crashHost(host: string, silently = false): void {
    const process = this.#processes.get(host);
    if (process === undefined || !process.alive) return;
    process.alive = false;
    for (const transport of this.#listeners.values()) {
      if (transport.process === process) transport.crash(silently);
    }
  }

  get faults(): NetworkFaults {
    return this.#faults;
  }

  /** Changes some faults from now on. */
  setFaults(faults: Partial<NetworkFaults>): void {
    this.#faults = { ...this.#faults, ...faults };
  }

  /** A delay of its own for one link, or the common one again. */
  setDelay(from: string, to: string, delay: LinkDelay | null): void {
    if (delay === null) this.#delays.delete(link(from, to));
    else this.#delays.set(link(from, to), delay);
  }

  /** Blocks these links besides those that are blocked already. What is under way on them still arrives. */
  block(links: Iterable<DirectedLink>): void {
    for (const each of links) this.#blocked.add(each);
  }

  unblock(links: Iterable<DirectedLink>): void {
    for (const each of links) this.#blocked.delete(each);
    this.#release();
  }

  /** Blocks exactly these links. */
  partition(links: Iterable<DirectedLink>): void {
    this.#blocked.clear();
    this.block(links);
    this.#release();
  }

  /** Unblocks every link. */
  heal(): void {
    this.partition([]);
  }

  get blockedLinks(): readonly DirectedLink[] {
    return [...this.#blocked];
  }

  /** Breaks every connection between two hosts at once, in both directions; they are dialled anew. */
  resetConnections(one: string, other: string): void {
    const [a, b] = [this.#processes.get(one), this.#processes.get(other)];
    if (a === undefined || b === undefined) return;
    for (const connection of this.#connections) {
      const joins = (dialler: SimulatedProcess, acceptor: SimulatedProcess): boolean =>
        connection.belongsTo(dialler, "dialler") && connection.belongsTo(acceptor, "acceptor");
      if (joins(a, b) || joins(b, a)) connection.reset();
    }
  }

  /** Connections that are not over, half-closed ones included; those that ended are forgotten within a heartbeat. */
  get connections(): number {
    return this.#connections.size;
  }

  // SimulatedWire

  isBlocked(from: string, to: string): boolean {
    return this.#blocked.size > 0 && this.#blocked.has(link(from, to));
  }

  latency(from: string, to: string): Millis {
    const { delayMin, delayMax, slowProbability, slowMax } = this.#faults;
    const own = this.#delays.size === 0 ? undefined : this.#delays.get(link(from, to));
    const min = own?.min ?? delayMin;
    const max = own?.max ?? delayMax;
    const usual = min + (max - min) * this.random.next();
    if (slowProbability > 0 && this.random.next() < slowProbability)
      return usual + slowMax * this.random.next();
    return usual;
  }

  silenceLimit(): Millis {
    const { silenceMin, silenceMax } = this.#faults;
    return silenceMin + (silenceMax - silenceMin) * this.random.next();
  }

  listener(address: Address): SimulatedTransport | undefined {
    return this.#listeners.get(formatAddress(address));
  }

  unregister(transport: SimulatedTransport): void {
    this.#listeners.delete(formatAddress(transport.address));
  }

  register(connection: SimulatedConnection): void {
    this.#connections.add(connection);
    this.#watch();
  }

  observe(event: NetworkEvent): void {
    this.#observe?.(event);
  }

  #cannotListen(host: string, address: Address): "EADDRNOTAVAIL" | "EADDRINUSE" | null {
    if (address.host !== host && address.host !== "0.0.0.0") return "EADDRNOTAVAIL";
    return this.#listeners.has(formatAddress({ host, port: address.port })) ? "EADDRINUSE" : null;
  }

  #release(): void {
    for (const connection of this.#connections) connection.release();
  }

  /** One event for all connections, as long as there are any. */
  #watch(): void {
    if (this.#watching) return;
    this.#watching = true;
    this.time.at(this.time.now() + this.options.heartbeatInterval / WATCHES_PER_HEARTBEAT, () => {
      this.#watching = false;
      for (const connection of this.#connections) {
        if (connection.isOver) this.#connections.delete(connection);
        else if (this.#faults.silenceCloses) connection.watch(this.#reaches);
      }
      if (this.#connections.size > 0) this.#watch();
    });
  }

  readonly #reaches = (from: SimulatedProcess, to: SimulatedProcess): boolean =>
    from.alive && !from.gate.paused && !this.isBlocked(from.host, to.host);
}
