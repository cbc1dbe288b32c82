/**
 * Merging machines on nodes in virtual time: a network that loses, doubles, delays and reorders, disks that forget what was not synced, crashes,
 * partitions, changes of the members, replicas that come to be with the first message. One seed, one history.
 */
import { InvariantError } from "../../core/assert.ts";
import type { NodeId, RequestId, WriteId } from "../../core/ids.ts";
import { nodeId, replicaOf, requestId } from "../../core/ids.ts";
import type { Millis } from "../../core/machine.ts";
import type {
  MergingEffect,
  MergingEntry,
  MergingInput,
  MergingOutcome,
  QueryId,
  StateQuery,
} from "../../core/merging.ts";
import { Agenda } from "../raft/agenda.testkit.ts";
import { seededChance } from "./chance.ts";
import type { Chance } from "./chance.ts";
import type { MergingCodec } from "./codec.ts";
import { MergingHost } from "./host.testkit.ts";
import type { HostEvents, Make } from "./host.testkit.ts";
import type { MergingRecord } from "./records.ts";
import { bytes, text } from "./toy.testkit.ts";
import type { Dot } from "./toy.testkit.ts";

export interface Weather {
  readonly drop: number;
  readonly duplicate: number;
  readonly maxDelay: Millis;
  readonly maxSync: Millis;
  readonly maxApply: Millis;
  /** Of single deltas, at one replica. */
  readonly refused: number;
  /** The transport notices that a peer is cut off or down, and that it is back. */
  readonly notices: number;
}

export const FAIR: Weather = {
  drop: 0,
  duplicate: 0,
  maxDelay: 2,
  maxSync: 1,
  maxApply: 0.2,
  refused: 0,
  notices: 1,
};

export const ROUGH: Weather = {
  drop: 0.05,
  duplicate: 0.05,
  maxDelay: 30,
  maxSync: 15,
  maxApply: 3,
  refused: 0.03,
  notices: 0.7,
};

interface Site<M, T extends string> {
  readonly id: NodeId;
  host: MergingHost<M, T> | null;
  /** Replicas that this node has had. */
  lives: number;
  /** Counts processes and replicas: an event of an earlier one is void. */
  process: number;
  readonly timers: Map<T, number>;
  timerSerial: number;
  syncUntil: Millis;
  applyUntil: Millis;
  readonly cutFrom: Set<NodeId>;
}

export interface WriteDone {
  readonly node: NodeId;
  readonly element: string;
  readonly verb: "add" | "remove";
  readonly w: number;
  outcome: MergingOutcome | null;
  /** The dot that it made, once applied at its coordinator. */
  dot: Dot | null;
  applied: boolean;
}

export interface ReadDone {
  readonly node: NodeId;
  readonly element: string;
  /** What has to be seen: held or known by then. */
  readonly floor: readonly Dot[];
  outcome: MergingOutcome | "ready" | null;
  /** Of these, what was neither known where it was served nor removed by anybody. */
  missed: readonly Dot[];
}

export class Cluster<M extends { readonly type: string }, T extends string> implements HostEvents<M, T> {
  readonly sites = new Map<NodeId, Site<M, T>>();
  readonly writes = new Map<RequestId, WriteDone>();
  readonly reads = new Map<RequestId, ReadDone>();
  /** Dots that some replica that removed them has applied the removal of; they must not be held by all again at the end. */
  readonly removed = new Set<Dot>();
  readonly sent: { readonly from: NodeId; readonly to: NodeId; readonly message: M; readonly at: Millis }[] =
    [];
  readonly trace: string[] = [];
  readonly chance: Chance;
  members: { holders: readonly NodeId[]; fallbacks: readonly NodeId[] };
  weather: Weather;
  steps = 0;
  retirements = 0;
  now: Millis = 0;
  readonly #agenda = new Agenda();
  readonly #make: Make<M, T>;
  readonly #codec: MergingCodec<M>;
  #nextRequest = 1;

  constructor(
    seed: number,
    members: { readonly holders: readonly number[]; readonly fallbacks?: readonly number[] },
    make: Make<M, T>,
    codec: MergingCodec<M>,
    weather: Weather = FAIR,
  ) {
    this.chance = seededChance(seed);
    this.#make = make;
    this.#codec = codec;
    this.weather = weather;
    this.members = {
      holders: members.holders.map(nodeId),
      fallbacks: (members.fallbacks ?? []).map(nodeId),
    };
    for (const id of [...this.members.holders, ...this.members.fallbacks]) this.#addSite(id);
    for (const id of this.members.holders) this.create(id, true);
  }

  // ---- nodes

  #addSite(id: NodeId): void {
    this.sites.set(id, {
      id,
      host: null,
      lives: 0,
      process: 0,
      timers: new Map(),
      timerSerial: 0,
      syncUntil: 0,
      applyUntil: 0,
      cutFrom: new Set(),
    });
  }

  site(id: number): Site<M, T> {
    return this.sites.get(nodeId(id))!;
  }

  host(id: number): MergingHost<M, T> {
    const { host } = this.site(id);
    if (host === null) throw new Error(`node ${id} has no replica`);
    return host;
  }

  create(id: NodeId, founder: boolean): void {
    const site = this.sites.get(id)!;
    const replica = replicaOf(id, ++site.lives);
    const refuses = (delta: Uint8Array): boolean => {
      let sum = Number(replica) | 0;
      for (const byte of delta) sum = Math.imul(sum ^ byte, 0x0100_0193);
      return (sum >>> 0) / 2 ** 32 < this.weather.refused;
    };
    site.host = new MergingHost(id, replica, founder, this.members, this.#make, this.#codec, this, refuses);
    this.start(site);
  }

  start(site: Site<M, T>): void {
    site.process++;
    site.timers.clear();
    site.syncUntil = 0;
    site.applyUntil = 0;
    this.#log(`start ${site.id}`);
    site.host!.start(this.now, Math.floor(this.chance() * 2 ** 32));
    for (const peer of site.cutFrom) this.#notice(site, peer, false);
    for (const other of this.sites.values()) if (other.id !== site.id) this.#notice(other, site.id, true);
  }

  crash(id: number): void {
    const site = this.site(id);
    if (site.host === null || !site.host.alive) return;
    site.process++;
    site.host.crash(Math.floor(this.chance() * (site.host.writesUnderWay + 1)));
    this.#log(`crash ${id}`);
    for (const other of this.sites.values()) if (other !== site) this.#notice(other, site.id, false);
  }

  restart(id: number): void {
    const site = this.site(id);
    if (site.host !== null && !site.host.alive) this.start(site);
  }

  /** The node's directory is lost, or the replica was given away: what is there next is another replica. */
  destroy(id: number): void {
    const site = this.site(id);
    site.process++;
    site.host = null;
  }

  cut(one: number, ...others: readonly number[]): void {
    for (const other of others) {
      for (const [a, b] of [
        [one, other],
        [other, one],
      ] as const) {
        this.site(a).cutFrom.add(nodeId(b));
        this.#notice(this.site(a), nodeId(b), false);
      }
    }
  }

  mend(): void {
    for (const site of this.sites.values()) {
      for (const peer of site.cutFrom) this.#notice(site, peer, true);
      site.cutFrom.clear();
    }
  }

  /** Every node hears of it, some later than others. New holders come to be, empty. */
  change(holders: readonly number[], fallbacks: readonly number[] = []): void {
    this.members = { holders: holders.map(nodeId), fallbacks: fallbacks.map(nodeId) };
    const { members } = this;
    this.#log(`members ${holders.join(",")} / ${fallbacks.join(",")}`);
    for (const id of [...members.holders, ...members.fallbacks]) if (!this.sites.has(id)) this.#addSite(id);
    for (const site of this.sites.values()) {
      this.at(this.chance() * this.weather.maxDelay, () => {
        if (members !== this.members) return;
        const isHolder = members.holders.includes(site.id);
        if (site.host === null && isHolder) this.create(site.id, false);
        if (site.host === null) return;
        site.host.members = members;
        site.host.step(this.now, { type: "members", members });
      });
    }
  }

  // ---- clients

  write(id: number, verb: "add" | "remove", element: string, w = 1): RequestId {
    const site = this.site(id);
    const request = requestId(this.#nextRequest++);
    this.writes.set(request, { node: site.id, element, verb, w, outcome: null, dot: null, applied: false });
    if (site.host === null) this.create(site.id, false);
    site.host!.step(this.now, { type: "propose", id: request, command: bytes(`${verb} ${element}`), w });
    return request;
  }

  /** Must see all writes of the element that were acknowledged when it began. */
  read(id: number, element: string, r = 1): RequestId {
    const request = requestId(this.#nextRequest++);
    const floor = [...this.writes.values()]
      .filter((write) => write.element === element && write.outcome?.ok === true && write.dot !== null)
      .map((write) => write.dot!);
    const { host } = this.site(id);
    this.reads.set(request, { node: nodeId(id), element, floor, outcome: null, missed: [] });
    if (host !== null && host.alive)
      host.step(this.now, {
        type: "read",
        id: request,
        r,
        reading: bytes(element),
        digest: host.state.digest(element),
      });
    return request;
  }

  outcome(request: RequestId): MergingOutcome | null {
    return this.writes.get(request)!.outcome;
  }

  // ---- time

  at(delay: Millis, run: () => void): void {
    this.#agenda.add(this.now + delay, run);
  }

  /** In this process of the node. */
  #on(site: Site<M, T>, delay: Millis, run: () => void): void {
    const { process } = site;
    this.at(delay, () => {
      if (site.process === process && site.host !== null && site.host.alive) run();
    });
  }

  run(duration: Millis): void {
    const end = this.now + duration;
    for (;;) {
      const event = this.#agenda.take();
      if (event === undefined) break;
      if (event.at > end) {
        this.#agenda.add(event.at, event.run);
        break;
      }
      this.now = event.at;
      event.run();
    }
    this.now = end;
  }

  #log(line: string): void {
    this.trace.push(`${this.now.toFixed(2)} ${line}`);
    if (this.trace.length > 400) this.trace.splice(0, 200);
  }

  #notice(site: Site<M, T>, peer: NodeId, reachable: boolean): void {
    if (!reachable && this.chance() >= this.weather.notices) return;
    this.#on(site, this.chance() * 2, () => {
      if (reachable && site.cutFrom.has(peer)) return;
      site.host!.step(this.now, { type: reachable ? "reachable" : "unreachable", peer });
    });
  }

  // ---- what hosts ask for

  stepped(
    host: MergingHost<M, T>,
    input: MergingInput<M, T>,
    effects: readonly MergingEffect<M, MergingRecord, T>[],
  ): void {
    if (++this.steps > 1_000_000) throw new InvariantError("livelock: too many steps");
    const what =
      input.type === "message"
        ? `${input.message.type} from ${input.from}`
        : input.type === "timer"
          ? input.timer
          : input.type;
    const then = effects.map((effect) =>
      effect.type === "send" ? `${effect.message.type} to ${effect.to}` : effect.type,
    );
    this.#log(`${host.id} ${what}${then.length > 0 ? ` -> ${then.join(", ")}` : ""}`);
  }

  send(host: MergingHost<M, T>, to: NodeId, frame: Uint8Array): void {
    if (to === host.id) throw new InvariantError(`${to} sends to itself`);
    this.sent.push({ from: host.id, to, message: this.#codec.decodeMessage(frame), at: this.now });
    const copies = this.chance() < this.weather.duplicate ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      if (this.chance() < this.weather.drop) continue;
      const slow = this.weather.maxDelay > 5 && this.chance() < 0.03 ? 20 : 1;
      this.at(0.1 + this.chance() * this.weather.maxDelay * slow, () => this.#deliver(host.id, to, frame));
    }
  }

  #deliver(from: NodeId, to: NodeId, frame: Uint8Array): void {
    const site = this.sites.get(to);
    if (site === undefined || site.cutFrom.has(from)) return;
    if (site.host === null) {
      if (!this.members.fallbacks.includes(to)) return;
      this.create(to, false);
    }
    site.host!.receive(this.now, from, frame);
  }

  setTimer(host: MergingHost<M, T>, timer: T, min: Millis, max: Millis): void {
    const site = this.sites.get(host.id)!;
    const serial = ++site.timerSerial;
    site.timers.set(timer, serial);
    this.#on(site, Math.max(1, min + this.chance() * (max - min)), () => {
      if (site.timers.get(timer) !== serial) return;
      site.timers.delete(timer);
      host.step(this.now, { type: "timer", timer });
    });
  }

  cancelTimer(host: MergingHost<M, T>, timer: T): void {
    this.sites.get(host.id)!.timers.delete(timer);
  }

  persist(host: MergingHost<M, T>, id: WriteId): void {
    const site = this.sites.get(host.id)!;
    site.syncUntil = Math.max(site.syncUntil, this.now + this.chance() * this.weather.maxSync);
    this.#on(site, site.syncUntil - this.now, () => host.sync(this.now, id));
  }

  applying(host: MergingHost<M, T>): void {
    const site = this.sites.get(host.id)!;
    site.applyUntil = Math.max(site.applyUntil, this.now + this.chance() * this.weather.maxApply);
    this.#on(site, site.applyUntil - this.now, () => host.applyNext(this.now));
  }

  query(host: MergingHost<M, T>, id: QueryId, query: StateQuery): void {
    const site = this.sites.get(host.id)!;
    this.#on(site, this.chance() * this.weather.maxApply, () => host.answer(this.now, id, query));
  }

  applied(_host: MergingHost<M, T>, entry: MergingEntry, delta: Uint8Array | null): void {
    if (entry.type !== "command" || delta === null) return;
    const { elements, context } = JSON.parse(text(delta)) as {
      elements: [string, Dot[]][];
      context: Dot[];
    };
    const made = elements[0]![1][0] ?? null;
    for (const dot of context) if (dot !== made) this.removed.add(dot);
    const write = entry.request === null ? undefined : this.writes.get(entry.request);
    if (write === undefined) return;
    write.applied = true;
    write.dot = made;
  }

  replied(_host: MergingHost<M, T>, id: RequestId, outcome: MergingOutcome): void {
    const request = this.writes.get(id) ?? this.reads.get(id)!;
    if (request.outcome !== null) throw new InvariantError(`request ${id} is answered twice`);
    request.outcome = outcome;
    const write = this.writes.get(id);
    if (outcome.ok && write !== undefined) this.#checkQuorum(write);
  }

  /** What is acknowledged survives a crash of all nodes at this moment, at W of them. */
  #checkQuorum({ dot, w }: WriteDone): void {
    if (dot === null) return;
    const having = [...this.sites.values()].filter(({ host }) => host?.lasting.has(dot) === true);
    if (having.length < w)
      throw new InvariantError(`${dot} is acknowledged and durable at ${having.length} of ${w} nodes`);
  }

  readReady(host: MergingHost<M, T>, id: RequestId): void {
    const read = this.reads.get(id)!;
    if (read.outcome !== null) throw new InvariantError(`read ${id} is answered twice`);
    read.outcome = "ready";
    read.missed = read.floor.filter((dot) => !host.state.known.has(dot) && !this.removed.has(dot));
  }

  retired(host: MergingHost<M, T>): void {
    this.retirements++;
    this.#log(`retired ${host.id}`);
    this.destroy(host.id);
  }

  // ---- what has to hold in the end

  /** Null when all holders have the same content and the same knowledge. */
  difference(): string | null {
    const hosts = this.members.holders.map((id) => this.sites.get(id)!.host);
    const [first, ...others] = hosts;
    for (const other of others) {
      if (first === null || first === undefined || other === null) return "a holder has no replica";
      if (first.state.content !== other.state.content)
        return `${first.id} holds\n${first.state.content}\n${other.id} holds\n${other.state.content}`;
      const missing = [...first.state.known].filter((dot) => !other.state.known.has(dot));
      const surplus = [...other.state.known].filter((dot) => !first.state.known.has(dot));
      if (missing.length + surplus.length > 0)
        return `${other.id} does not know ${missing.join(" ")}, ${first.id} does not know ${surplus.join(" ")}`;
    }
    return null;
  }

  /** Acknowledged additions that no holder knows, removed ones that a holder holds, and holders that are not ready. */
  losses(): readonly string[] {
    const lines: string[] = [];
    for (const id of this.members.holders) {
      const host = this.sites.get(id)!.host!;
      for (const write of this.writes.values()) {
        if (write.outcome?.ok !== true || write.dot === null) continue;
        if (!host.state.known.has(write.dot)) lines.push(`${id} never had ${write.element} ${write.dot}`);
        else if (!host.state.holds(write.dot) && !this.removed.has(write.dot))
          lines.push(`${id} has lost ${write.element} ${write.dot}`);
      }
      for (const dot of this.removed) if (host.state.holds(dot)) lines.push(`${id} holds ${dot} again`);
      if (!host.machine!.isReady) lines.push(`${id} is not ready`);
    }
    return lines;
  }
}
