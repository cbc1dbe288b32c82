/** A cluster in virtual time: `src/node` unchanged on simulated machines. Everything follows from the seed. */
import type { Logger } from "../core/world.ts";
import type { MembershipOptions, NodeLimits, PlacementOptions, RaftTimings } from "../node/options.ts";
import type { DiskFaults } from "../storage/disk/disk-faults.ts";
import type { NetworkFaults } from "../transport/network-faults.ts";
import type { TcpOptions } from "../transport/options.ts";
import { SimulatedNetwork } from "../transport/simulated-network.ts";
import type { ReplicaEvent } from "../node/options.ts";
import { formatVerdict } from "./checkers/verdict.ts";
import { ConsensusObserver } from "./consensus-observer.ts";
import { Scheduler } from "./scheduler.ts";
import { SimulatedHost, peerAddress } from "./simulated-host.ts";
import { SimulatedRandom } from "./simulated-random.ts";
import { Timeline } from "./timeline.ts";

export interface ClusterOptions {
  readonly seed: number;
  readonly nodes: number;
  readonly network?: Partial<NetworkFaults>;
  readonly disk?: Partial<DiskFaults>;
  readonly limits?: Partial<NodeLimits>;
  readonly raft?: Partial<RaftTimings>;
  readonly membership?: Partial<MembershipOptions>;
  readonly placement?: Partial<PlacementOptions>;
  readonly tcp?: Partial<TcpOptions>;
  /** Of the keyspace `default`. */
  readonly defaultShards?: number;
  readonly requestTimeout?: number;
  /** Is given every line the nodes log. */
  readonly log?: (level: string, fields: object, message: string) => void;
}

export class SimulatedCluster {
  readonly scheduler = new Scheduler();
  readonly random: SimulatedRandom;
  readonly network: SimulatedNetwork;
  /** The machines that are there, running or not. */
  readonly hosts: SimulatedHost[] = [];
  readonly retired: SimulatedHost[] = [];
  readonly #options: ClusterOptions;
  readonly timeline = new Timeline(400);
  readonly #consensus = new ConsensusObserver();
  /** Machines that are about to be started. */
  #starting = 0;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.random = new SimulatedRandom(options.seed);
    this.network = new SimulatedNetwork({
      time: this.scheduler,
      random: this.random.fork("network"),
      ...(options.network === undefined ? {} : { faults: options.network }),
      ...(options.tcp === undefined ? {} : { options: options.tcp }),
    });
    const names = Array.from({ length: options.nodes }, (_, i) => `n${i + 1}`);
    for (const name of names) {
      this.#add(
        name,
        names.map((member) => ({ name: member, peer: peerAddress(member) })),
        [],
      );
    }
  }

  /** Starts every machine, each within the first 50 ms. */
  start(): void {
    for (const host of this.hosts) {
      this.#starting++;
      this.scheduler.after(this.random.next() * 50, () => {
        this.#starting--;
        host.start();
      });
    }
  }

  /** A machine that will join through one of `through` when started: all, unless said otherwise. No other has ever had its name. */
  addHost(
    name = `n${this.hosts.length + this.retired.length + 1}`,
    through: readonly string[] = this.hosts.map((host) => host.name),
  ): SimulatedHost {
    return this.#add(name, [], through.map(peerAddress));
  }

  /** Switches a machine off for good. */
  retire(host: SimulatedHost): void {
    host.crash();
    this.hosts.splice(this.hosts.indexOf(host), 1);
    this.retired.push(host);
  }

  host(name: string): SimulatedHost {
    const found = this.hosts.find((host) => host.name === name);
    if (found === undefined) throw new Error(`there is no host ${name}`);
    return found;
  }

  /** What the replicas do goes to the checkers of consensus. */
  #observe(host: string, event: ReplicaEvent): void {
    const time = this.scheduler.now();
    if (event.type === "leader") this.#noteLeader(host, event.group, event.term, time);
    this.#consensus.observe(event, time);
  }

  /** What is wrong with the consensus so far, in sentences. */
  violations(): string[] {
    return this.#consensus.refusals().map(formatVerdict);
  }

  /** Runs until every running node serves. False: not within `limit` milliseconds. */
  untilReady(limit: number): boolean {
    return this.scheduler.runUntil(
      () => this.#starting === 0 && this.hosts.every((host) => !host.isUp || host.node?.ready === true),
      this.scheduler.now() + limit,
    );
  }

  /** A leader reports itself again once it can serve. */
  #noteLeader(host: string, group: number, term: number, time: number): void {
    const text = `leads group ${group} in term ${term}`;
    const isKnown = this.timeline.events.some((event) => event.host === host && event.text === text);
    if (!isKnown) this.timeline.note({ time, host, text });
  }

  #loggerOf(host: string): Logger {
    const line =
      (level: keyof Logger): Logger[keyof Logger] =>
      (fields, message) => {
        this.scheduler.trace(message);
        this.#options.log?.(level, fields, message);
        if (level !== "debug") this.timeline.note({ time: this.scheduler.now(), host, text: message });
      };
    return { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") };
  }

  #add(
    name: string,
    initial: readonly { name: string; peer: ReturnType<typeof peerAddress> }[],
    join: readonly ReturnType<typeof peerAddress>[],
  ): SimulatedHost {
    const host = new SimulatedHost(
      this.scheduler,
      this.random.fork(name),
      this.network,
      this.#loggerOf(name),
      {
        name,
        initial,
        join,
        disk: this.#options.disk ?? {},
        limits: this.#options.limits ?? {},
        raft: this.#options.raft ?? {},
        membership: this.#options.membership ?? {},
        placement: this.#options.placement ?? {},
        defaultShards: this.#options.defaultShards ?? null,
        requestTimeout: this.#options.requestTimeout ?? 2000,
        observe: (event) => this.#observe(name, event),
      },
    );
    this.hosts.push(host);
    return host;
  }
}
