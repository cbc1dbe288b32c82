import type { Address, Network } from "../core/world.ts";
import { Scheduler } from "../sim/scheduler.ts";
import { SimulatedClock } from "../sim/simulated-clock.ts";
import { SimulatedRandom } from "../sim/simulated-random.ts";
import { SimulatedNetwork, type SimulatedNetworkSetup } from "./simulated-network.ts";
import type { NetworkEvent } from "./simulated-transport.ts";
import { Recorder, type Endpoint, type TransportFixture } from "./transport.testkit.ts";

export interface SimulatedEndpoint extends Endpoint {
  readonly clock: SimulatedClock;
  readonly host: string;
}

/** Hosts a, b, c, … in virtual time. */
export class SimulatedWorld implements TransportFixture {
  readonly scheduler = new Scheduler();
  readonly network: SimulatedNetwork;
  readonly events: NetworkEvent[] = [];
  readonly #networks = new Map<string, Network>();
  #hosts = 0;

  constructor(setup: Partial<SimulatedNetworkSetup> & { readonly seed?: number } = {}) {
    this.network = new SimulatedNetwork({
      time: this.scheduler,
      random: new SimulatedRandom(setup.seed ?? 1),
      observe: (event) => this.events.push(event),
      ...setup,
    });
  }

  listen(at: Address = this.#freshAddress()): Promise<SimulatedEndpoint> {
    return Promise.resolve(this.start(at));
  }

  start(at: Address = this.#freshAddress()): SimulatedEndpoint {
    const clock = new SimulatedClock(this.scheduler);
    const seen = new Recorder();
    const network = this.network.forHost(at.host, clock);
    this.#networks.set(at.host, network);
    let endpoint: SimulatedEndpoint | undefined;
    network.listen(at, seen, (error, transport) => {
      if (transport === undefined) throw error!;
      endpoint = { transport, address: at, seen, clock, host: at.host };
    });
    this.run(0);
    return endpoint!;
  }

  /** The process on that host tries to listen there as well. */
  tryListen(at: Address): Promise<Error | null> {
    return new Promise((resolve) => {
      this.#networks.get(at.host)!.listen(at, new Recorder(), (error) => resolve(error));
      this.run(0);
    });
  }

  kill(endpoint: Endpoint): Promise<void> {
    const { clock, host } = endpoint as SimulatedEndpoint;
    clock.kill();
    this.network.crashHost(host);
    return Promise.resolve();
  }

  deadAddress(): Promise<Address> {
    return Promise.resolve({ host: "z", port: 1 });
  }

  until(condition: () => boolean): Promise<void> {
    if (this.scheduler.runUntil(condition, this.scheduler.now() + 60_000)) return Promise.resolve();
    return Promise.reject(new Error(`never: ${condition.toString()}`));
  }

  pass(milliseconds: number): Promise<void> {
    this.run(milliseconds);
    return Promise.resolve();
  }

  run(milliseconds: number): void {
    this.scheduler.run(this.scheduler.now() + milliseconds);
  }

  end(): Promise<void> {
    return Promise.resolve();
  }

  #freshAddress(): Address {
    return { host: String.fromCharCode(97 + this.#hosts++), port: 7412 };
  }
}
