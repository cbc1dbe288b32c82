/**
 * SWIM (Das, Gupta, Motivala, "SWIM: Scalable Weakly-consistent Infection-style Process Group Membership Protocol", 2002)
 * with Lifeguard (Dadgar, Phillips, Currey, "Lifeguard: Local Health Awareness for More Accurate Failure Detection", 2017).
 * What is held about another member:
 *
 *            nobody reaches it           nobody refutes it in time
 *   ┌───────┐ ──────────────▶ ┌─────────┐ ──────────────▶ ┌──────┐  forgetAfter
 *   │ alive │                 │ suspect │                 │ dead │ ────────────▶ forgotten
 *   └───────┘ ◀────────────── └─────────┘                 └──────┘
 *     │   ▲   higher incarnation                             │
 *     │   └──────────────────────────────────────────────────┘ higher incarnation
 *     └──▶ left (its own word; forgotten like the dead, and a higher incarnation brings it back)
 *
 * Beyond the papers, since members here come back: dead members and seeds are tried again now and then, which heals partitions, and
 * lists are compared with a random member's by a digest, which repairs news that was missed.
 */
import { invariant, unreachable } from "../core/assert.ts";
import type { NodeId } from "../core/ids.ts";
import type { Millis, PlainData } from "../core/machine.ts";
import type { Address, Random } from "../core/world.ts";
import { envelopeBytes, recordBytes } from "./codec.ts";
import { LocalHealth } from "./local-health.ts";
import type {
  MemberRecord,
  MessageBody,
  SwimCounts,
  SwimEffect,
  SwimEvent,
  SwimInput,
  SwimMessage,
  SwimTimer,
} from "./messages.ts";
import { News } from "./news.ts";
import { checkOptions } from "./options.ts";
import type { SwimOptions } from "./options.ts";
import { digestOf, isActive, MAX_INCARNATION, supersedes } from "./record.ts";
import { Rounds } from "./rounds.ts";
import { confirmationsWanted, suspicionTimeout } from "./suspicion.ts";
import type { Suspicion } from "./suspicion.ts";

/** A helper says that it has no answer yet after this share of the direct timeout, as Lifeguard does. */
const NACK_AFTER = 0.8;

/** The probe of this period. */
interface Probe {
  readonly sequence: number;
  readonly target: NodeId;
  /** As it was held then: a higher one by the end is a sign of life. */
  readonly incarnation: number;
  answered: boolean;
  nacksWanted: number;
  readonly nacks: Set<NodeId>;
}

/** A probe carried out for another member. */
interface Relay {
  readonly origin: MemberRecord;
  readonly sequence: number;
  nacked: boolean;
}

/**
 * One member. Every crash becomes known to all members in contact (completeness), sooner or later; that somebody alive is held
 * dead happens, is rare, and passes once messages flow again. Memory and messages are bounded by the options.
 *
 * Total and deterministic; throws only `InvariantError`. `random` decides whom to probe and ask.
 */
export class Swim {
  readonly #options: SwimOptions;
  readonly #random: Pick<Random, "next">;
  readonly #rounds: Rounds;
  readonly #news = new News();
  readonly #health: LocalHealth;
  readonly #members = new Map<NodeId, MemberRecord>();
  /** Since when the dead and the left are, the longest first. */
  readonly #gone = new Map<NodeId, Millis>();
  readonly #suspicions = new Map<NodeId, Suspicion>();
  readonly #relays = new Map<number, Relay>();
  readonly #seeds: readonly Address[];
  readonly #counts = { probes: 0, indirectProbes: 0, relayedProbes: 0 };
  #roster: ReadonlyMap<NodeId, Address> | null = null;
  #self: MemberRecord;
  #sequence: number;
  #probe: Probe | null = null;
  /** Where the list that is being fetched goes on. */
  #pullAfter: number | null = null;
  #joined: boolean;
  #seedsAsked = 0;
  #periods = 0;
  #refused = 0;
  #started = false;
  #now: Millis = 0;
  #effects: SwimEffect[] = [];

  constructor(options: SwimOptions, random: Pick<Random, "next">) {
    checkOptions(options);
    const { id, address, incarnation } = options;
    this.#options = options;
    this.#random = random;
    this.#rounds = new Rounds(random);
    this.#health = new LocalHealth(options.localHealthMax);
    this.#self = { id, address, incarnation, status: "alive", by: null };
    this.#seeds = options.seeds.filter((seed) => !isSame(seed, address));
    this.#joined = this.#seeds.length === 0;
    this.#sequence = Math.floor(random.next() * 2 ** 32);
    for (const record of options.known) {
      if (record.id === id || !isActive(record) || this.#isFull()) continue;
      this.#hold({ ...record, status: "alive", by: null });
    }
  }

  step(now: Millis, input: SwimInput): readonly SwimEffect[] {
    invariant(now >= this.#now || !this.#started, `time goes back from ${this.#now} to ${now}`);
    this.#now = now;
    if (!this.#started) this.#start();
    this.#take(input);
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /** The list, this member first: whoever is remembered, the dead and the left included. */
  members(): readonly MemberRecord[] {
    return [this.#self, ...this.#members.values()];
  }

  /** What is held about a member; undefined: nothing. */
  member(id: NodeId): MemberRecord | undefined {
    return id === this.#self.id ? this.#self : this.#members.get(id);
  }

  /** Its own; to be kept for the next life, which begins above it. */
  get incarnation(): number {
    return this.#self.incarnation;
  }

  /** Lifeguard's local health: 0 is well, `localHealthMax` is ill. */
  get localHealth(): number {
    return this.#health.score;
  }

  /** How many take part, as far as is known, this member included. */
  get size(): number {
    return this.#rounds.size + 1;
  }

  get counts(): SwimCounts {
    return this.#counts;
  }

  status(): PlainData {
    const { id, incarnation, status } = this.#self;
    return {
      id,
      incarnation,
      status,
      joined: this.#joined,
      active: this.size,
      suspected: this.#suspicions.size,
      gone: this.#gone.size,
      refused: this.#refused,
      news: this.#news.size,
      localHealth: this.#health.score,
    };
  }

  check(): void {
    const { maxMembers, maxRelays, localHealthMax } = this.#options;
    let suspected = 0;
    for (const [id, record] of this.#members) {
      invariant(record.id === id && id !== this.#self.id, "every member is held under its id");
      invariant(
        (record.status === "suspect") === this.#suspicions.has(id),
        "whoever is suspected has a term",
      );
      invariant(isActive(record) !== this.#gone.has(id), "every member is either active or gone");
      if (record.status === "suspect") suspected++;
    }
    invariant(suspected === this.#suspicions.size, "only members are suspected");
    invariant(this.#rounds.size + this.#gone.size === this.#members.size, "every active member is probed");
    invariant(this.#members.size < maxMembers, "more members than are allowed");
    invariant(this.#news.size <= this.#members.size + 1, "at most one piece of news about each member");
    invariant(this.#relays.size <= maxRelays, "more relays than are allowed");
    invariant(this.#health.score >= 0 && this.#health.score <= localHealthMax, "local health out of range");
  }

  #follow(roster: ReadonlyMap<NodeId, Address>): void {
    this.#roster = roster;
    for (const id of this.#members.keys()) {
      if (!roster.has(id)) this.#forget(id);
    }
    for (const [id, address] of roster) {
      if (id === this.#self.id || this.#members.has(id) || !this.#makeRoom()) continue;
      // The least that can be said of it, which its own word and everybody else's replaces.
      const member = { id, address, incarnation: 0, status: "alive", by: null } as const;
      this.#hold(member);
      this.#event({ kind: "changed", member, before: null });
    }
  }

  #start(): void {
    this.#started = true;
    const { period } = this.#options;
    this.#news.add(this.#self);
    // Members that start together do not probe together.
    this.#setTimer("period", 0, period);
    this.#sync();
  }

  #take(input: SwimInput): void {
    switch (input.type) {
      case "start":
        return;
      case "message":
        this.#onMessage(input.message);
        return;
      case "timer":
        if (this.#self.status !== "left") this.#onTimer(input.timer);
        return;
      case "roster":
        this.#follow(input.roster);
        return;
      case "leave":
        if (this.#self.status !== "left") this.#leave();
        return;
      default:
        unreachable(input);
    }
  }

  // Probing

  #onTimer(timer: SwimTimer): void {
    switch (timer) {
      case "period":
        this.#onPeriod();
        return;
      case "direct":
        this.#askHelpers();
        return;
      case "sync":
        this.#sync();
        return;
      default: {
        const [kind, number] = timer.split(":");
        if (kind === "suspect") this.#onSuspicionOver(Number(number) as NodeId);
        else this.#onRelayTimer(Number(number));
      }
    }
  }

  #onPeriod(): void {
    const { period, directTimeout, forgetAfter, reconnectPeriods } = this.#options;
    this.#endProbe();
    for (const [id, since] of this.#gone) {
      // Whoever is on the roster is somebody's business, however long it is gone.
      if (this.#roster !== null || this.#now - since < forgetAfter) break;
      this.#forget(id);
    }
    if (++this.#periods % reconnectPeriods === 0) this.#reconnect();
    const { multiplier } = this.#health;
    const target = this.#rounds.next();
    if (target !== null) {
      const { address, incarnation } = this.#members.get(target)!;
      const sequence = ++this.#sequence;
      this.#counts.probes++;
      this.#probe = { sequence, target, incarnation, answered: false, nacksWanted: 0, nacks: new Set() };
      this.#send(address, target, { type: "ping", sequence, target });
      this.#setTimer("direct", directTimeout * multiplier);
    }
    this.#setTimer("period", period * multiplier);
  }

  #endProbe(): void {
    const probe = this.#probe;
    this.#probe = null;
    if (probe === null) return;
    if (probe.answered) {
      this.#health.change(-1);
      return;
    }
    // As memberlist does: helpers that say "no answer yet" prove this member well, so that only missing ones count.
    this.#health.change(probe.nacksWanted > 0 ? probe.nacksWanted - probe.nacks.size : 1);
    const held = this.#members.get(probe.target);
    if (held === undefined || !isActive(held) || held.incarnation > probe.incarnation) return;
    this.#hear({ ...held, status: "suspect", by: this.#self.id });
  }

  #askHelpers(): void {
    const probe = this.#probe;
    if (probe === null || probe.answered) return;
    const target = this.#members.get(probe.target);
    if (target === undefined) return;
    const helpers = this.#rounds.some(this.#options.helpers, probe.target);
    const { sequence } = probe;
    if (helpers.length > 0) this.#counts.indirectProbes++;
    for (const helper of helpers) {
      const body = { type: "ping-request", sequence, target: target.id, address: target.address } as const;
      this.#send(this.#members.get(helper)!.address, helper, body);
    }
    if (this.#options.localHealthMax > 0) probe.nacksWanted = helpers.length;
  }

  #onRelayTimer(sequence: number): void {
    const relay = this.#relays.get(sequence);
    if (relay === undefined) return;
    if (relay.nacked || this.#options.localHealthMax === 0) {
      this.#relays.delete(sequence);
      return;
    }
    relay.nacked = true;
    this.#send(relay.origin.address, relay.origin.id, { type: "nack", sequence: relay.sequence });
    this.#setTimer(`relay:${sequence}`, this.#options.period);
  }

  /** Somebody held dead, or a seed that is not known to be alive: on the other side of a partition, perhaps. */
  #reconnect(): void {
    const dead = [...this.#gone.keys()].filter((id) => this.#members.get(id)!.status === "dead");
    const seeds = this.#seeds.filter((seed) => !this.#isActiveAddress(seed));
    const choice = this.#below(dead.length + seeds.length);
    const id = dead[choice];
    if (id !== undefined) {
      const { address } = this.#members.get(id)!;
      this.#send(address, id, { type: "ping", sequence: ++this.#sequence, target: id });
      return;
    }
    const seed = seeds[choice - dead.length];
    if (seed !== undefined) this.#askForList(seed, null);
  }

  #isActiveAddress(address: Address): boolean {
    for (const member of this.#members.values()) {
      if (isActive(member) && isSame(member.address, address)) return true;
    }
    return false;
  }

  // Messages

  #onMessage(message: SwimMessage): void {
    const { from } = message;
    const before = from === null ? undefined : this.#members.get(from.id)?.status;
    if (from !== null && from.id !== this.#self.id) this.#hear(from);
    for (const record of message.updates) this.#hear(record);
    if (message.type === "list-request") {
      this.#onListRequest(message);
      return;
    }
    if (from === null || from.id === this.#self.id) return;
    if (before === "dead" && from.status === "alive" && this.#members.get(from.id)?.status === "alive") {
      // It was on the other side of a partition: it may know others that were.
      this.#askForList(from.address, from.id);
    }
    switch (message.type) {
      case "ping":
        // Pings to a member that had this address before are not for this one to answer.
        if (message.target !== this.#self.id) return;
        this.#send(from.address, from.id, { type: "ack", sequence: message.sequence });
        return;
      case "ping-request":
        this.#onPingRequest(from, message);
        return;
      case "ack":
        this.#onAck(message.sequence);
        return;
      case "nack":
        if (this.#probe?.sequence === message.sequence) this.#probe.nacks.add(from.id);
        return;
      case "gossip":
        return;
      case "list":
        this.#onList(from, message);
        return;
      default:
        unreachable(message);
    }
  }

  #onPingRequest(origin: MemberRecord, request: SwimMessage & { readonly type: "ping-request" }): void {
    if (this.#self.status === "left" || this.#relays.size >= this.#options.maxRelays) return;
    const { directTimeout, period, localHealthMax } = this.#options;
    const sequence = ++this.#sequence;
    this.#counts.relayedProbes++;
    this.#relays.set(sequence, { origin, sequence: request.sequence, nacked: false });
    this.#send(request.address, request.target, { type: "ping", sequence, target: request.target });
    this.#setTimer(`relay:${sequence}`, localHealthMax > 0 ? directTimeout * NACK_AFTER : period);
  }

  #onAck(sequence: number): void {
    const probe = this.#probe;
    if (probe?.sequence === sequence) {
      if (!probe.answered) this.#effects.push({ type: "cancel-timer", timer: "direct" });
      probe.answered = true;
      return;
    }
    const relay = this.#relays.get(sequence);
    if (relay === undefined) return;
    this.#relays.delete(sequence);
    this.#effects.push({ type: "cancel-timer", timer: `relay:${sequence}` });
    this.#send(relay.origin.address, relay.origin.id, { type: "ack", sequence: relay.sequence });
  }

  // The list

  /** While this member has not joined: asks a seed, the next one each time. Then compares lists with somebody. */
  #sync(): void {
    const { period, syncInterval } = this.#options;
    if (this.#joined) {
      const [partner] = this.#rounds.some(1, null);
      if (partner !== undefined) this.#askForList(this.#members.get(partner)!.address, partner);
    } else {
      this.#askForList(this.#seeds[this.#seedsAsked++ % this.#seeds.length]!, null);
    }
    this.#setTimer("sync", this.#joined ? syncInterval : period);
  }

  #askForList(to: Address, id: NodeId | null): void {
    this.#pullAfter = 0;
    const digest = this.#joined ? digestOf(this.members()) : null;
    this.#send(to, id, { type: "list-request", after: 0, digest, replyTo: this.#self.address });
  }

  #onListRequest(request: SwimMessage & { readonly type: "list-request" }): void {
    const { after, digest, replyTo } = request;
    const id = request.from?.id ?? null;
    const records: MemberRecord[] = [];
    let next = 0;
    if (digest === null || digest !== digestOf(this.members())) {
      const following = this.members().filter((record) => record.id > after);
      following.sort((a, b) => a.id - b.id);
      let room = this.#room(id, null);
      for (const record of following) {
        room -= recordBytes(record);
        if (room < 0) break;
        records.push(record);
      }
      if (records.length < following.length) next = records.at(-1)!.id;
    }
    this.#send(replyTo, id, { type: "list", after, next, records });
  }

  #onList(from: MemberRecord, { after, next, records }: SwimMessage & { readonly type: "list" }): void {
    for (const record of records) this.#hear(record);
    if (this.#self.status === "left") return;
    if (!this.#joined) {
      this.#joined = true;
      this.#event({ kind: "joined" });
      this.#setTimer("sync", this.#options.syncInterval);
    }
    // Pages that come twice, or from somebody who was asked before, do not ask for more.
    if (after !== this.#pullAfter) return;
    this.#pullAfter = next === 0 ? null : next;
    if (next === 0) return;
    const body = { type: "list-request", after: next, digest: null, replyTo: this.#self.address } as const;
    this.#send(from.address, from.id, body);
  }

  // What is said about members

  #hear(news: MemberRecord): void {
    if (news.incarnation >= MAX_INCARNATION) return;
    if (news.id === this.#self.id) {
      this.#hearAboutSelf(news);
      return;
    }
    if (this.#roster?.has(news.id) === false) return;
    const held = this.#members.get(news.id);
    if (held === undefined) {
      // Whoever was forgotten, or never known, needs no obituary.
      if (!isActive(news) || !this.#makeRoom()) return;
    } else if (!supersedes(news, held)) {
      this.#confirm(news, held);
      return;
    }
    this.#hold(news);
    this.#news.add(news);
    this.#event({ kind: "changed", member: news, before: held?.status ?? null });
  }

  /** Lifeguard: another member's suspicion of the same incarnation makes it more likely, up to a number of them. */
  #confirm(news: MemberRecord, held: MemberRecord): void {
    if (news.status !== "suspect" || held.status !== "suspect" || news.by === null) return;
    if (news.incarnation !== held.incarnation) return;
    const suspicion = this.#suspicions.get(news.id)!;
    const { suspectors, since } = suspicion;
    if (suspectors.has(news.by) || suspectors.size > confirmationsWanted(this.#options, this.size)) return;
    suspectors.add(news.by);
    this.#news.add(news);
    const timeout = suspicionTimeout(this.#options, this.size, suspectors.size - 1);
    this.#setTimer(`suspect:${news.id}`, Math.max(0, since + timeout - this.#now));
  }

  #onSuspicionOver(id: NodeId): void {
    const held = this.#members.get(id);
    if (held?.status === "suspect") this.#hear({ ...held, status: "dead", by: null });
  }

  /** Replaces what is held, and keeps rounds, suspicions and the gone in step with it. */
  #hold(record: MemberRecord): void {
    const { id } = record;
    const held = this.#members.get(id);
    this.#members.set(id, record);
    if (this.#suspicions.delete(id)) this.#effects.push({ type: "cancel-timer", timer: `suspect:${id}` });
    this.#gone.delete(id);
    if (!isActive(record)) this.#gone.set(id, this.#now);
    const wasActive = held !== undefined && isActive(held);
    if (isActive(record) && !wasActive) this.#rounds.add(id);
    if (!isActive(record) && wasActive) this.#rounds.remove(id);
    if (record.status === "suspect") {
      this.#suspicions.set(id, { since: this.#now, suspectors: new Set([record.by ?? id]) });
      this.#setTimer(`suspect:${id}`, suspicionTimeout(this.#options, this.size, 0));
    }
  }

  /** What others hold of an earlier life, or wrongly of this one, is answered under a higher incarnation. */
  #hearAboutSelf(news: MemberRecord): void {
    const self = this.#self;
    if (self.status === "left") {
      if (news.incarnation <= self.incarnation) return;
      this.#self = { ...self, incarnation: news.incarnation };
      this.#news.add(this.#self);
      return;
    }
    const isOwnWord = news.status === "alive" && isSame(news.address, self.address);
    if (news.incarnation < self.incarnation || (isOwnWord && news.incarnation === self.incarnation)) return;
    this.#self = { ...self, incarnation: news.incarnation + 1 };
    this.#news.add(this.#self);
    if (news.status === "suspect") this.#health.change(1);
    this.#event({ kind: "refuted", incarnation: this.#self.incarnation });
  }

  #leave(): void {
    this.#self = { ...this.#self, status: "left" };
    this.#news.add(this.#self);
    const limit = this.#retransmissions();
    for (const id of this.#rounds.some(limit, null)) {
      this.#send(this.#members.get(id)!.address, id, { type: "gossip" });
    }
    for (const timer of ["period", "direct", "sync"] as const) {
      this.#effects.push({ type: "cancel-timer", timer });
    }
    for (const sequence of this.#relays.keys()) {
      this.#effects.push({ type: "cancel-timer", timer: `relay:${sequence}` });
    }
    this.#relays.clear();
    this.#probe = null;
    this.#event({ kind: "left" });
  }

  #isFull(): boolean {
    return this.#members.size + 1 >= this.#options.maxMembers;
  }

  /** Those who are gone the longest make room for those who come. */
  #makeRoom(): boolean {
    if (!this.#isFull()) return true;
    const [oldest] = this.#gone.keys();
    if (oldest === undefined) {
      this.#refused++;
      return false;
    }
    this.#forget(oldest);
    return true;
  }

  #forget(id: NodeId): void {
    if (this.#suspicions.delete(id)) this.#effects.push({ type: "cancel-timer", timer: `suspect:${id}` });
    this.#rounds.remove(id);
    this.#gone.delete(id);
    this.#members.delete(id);
    this.#news.drop(id);
    this.#event({ kind: "forgotten", id });
  }

  // Effects

  /** Every message carries news; whoever is doubted is told so first, which lets it refute (Lifeguard's buddy system). */
  #send(to: Address, id: NodeId | null, body: MessageBody): void {
    const updates: MemberRecord[] = [];
    const doubted = this.#doubted(id);
    if (doubted !== null) updates.push(doubted);
    // The page of a list fills its message.
    if (body.type !== "list") {
      const address = "address" in body ? body.address : "replyTo" in body ? body.replyTo : null;
      const room = this.#room(id, address);
      updates.push(...this.#news.take(room, this.#retransmissions(), id, recordBytes));
    }
    this.#effects.push({ type: "send", to, id, message: { ...body, from: this.#self, updates } });
  }

  #doubted(id: NodeId | null): MemberRecord | null {
    const held = id === null ? undefined : this.#members.get(id);
    if (held === undefined || held.status === "alive") return null;
    return held.status === "suspect" && !this.#options.buddy ? null : held;
  }

  /** What a message to that member can carry besides what it must. */
  #room(to: NodeId | null, address: Address | null): number {
    const doubted = this.#doubted(to);
    const taken = envelopeBytes(this.#self, address) + (doubted === null ? 0 : recordBytes(doubted));
    return this.#options.maxMessageBytes - taken;
  }

  #retransmissions(): number {
    return Math.ceil(this.#options.retransmission * Math.log(this.size + 1));
  }

  #setTimer(timer: SwimTimer, min: Millis, max: Millis = min): void {
    this.#effects.push({ type: "set-timer", timer, min, max });
  }

  #event(event: SwimEvent): void {
    this.#effects.push({ type: "event", event });
  }

  #below(limit: number): number {
    return Math.floor(this.#random.next() * limit);
  }
}

function isSame(a: Address, b: Address): boolean {
  return a.host === b.host && a.port === b.port;
}
