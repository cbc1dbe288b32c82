/**
 * Rumor mongering (Demers et al., "Epidemic Algorithms for Replicated Database Maintenance", PODC 1987, section 1.4).
 * SPEC.md has the rules, the invariants and the tests that hold them.
 *
 *                    told of it, or `spread`                   lost interest, too old, crowded out
 *   ┌─────────────┐ ─────────────────────────▶ ┌───────────┐ ─────────────────────────────────────▶ ┌─────────┐
 *   │ susceptible │                            │ infective │                                        │ removed │
 *   └─────────────┘ ◀──────────────┐           └───────────┘                                        └─────────┘
 *                                  └──────────── forgotten: the memory is bounded ───────────────────────┘
 *
 * The states are of one rumor at one site; a site has many rumors at a time, and one contact carries all that are hot.
 */
import { invariant, unreachable } from "../../core/assert.ts";
import type { NodeId } from "../../core/ids.ts";
import type { Millis, PlainData } from "../../core/machine.ts";
import { infective, losesInterest, told, weight } from "./infective.ts";
import type { Infective } from "./infective.ts";
import type {
  Chance,
  RemovalReason,
  Rumor,
  RumorEffect,
  RumorId,
  RumorInput,
  RumorMessage,
  ToldRumor,
} from "./messages.ts";
import { checkRumorOptions } from "./options.ts";
import type { RumorOptions } from "./options.ts";
import { Remembered } from "./remembered.ts";
import { sampleBelow } from "./sampling.ts";

export type RumorState = "susceptible" | "infective" | "removed";

/**
 * One site. Spreads rumors fast and cheaply, and **without a guarantee**: a site can be missed (the residue), by chance, by loss,
 * or because it was away. Anti-entropy finds those. Guaranteed is that every rumor ends: nobody spreads it for ever.
 *
 * Keeps nothing on disk: after a restart it knows no rumor, and may be told of old ones again.
 */
export class RumorMonger {
  readonly #options: RumorOptions;
  readonly #infective = new Map<RumorId, Infective>();
  readonly #removed: Remembered;
  #peers: readonly NodeId[] = [];
  /** Where this site itself stands in the list, or behind its end. */
  #self = 0;
  #now: Millis = 0;
  #started = false;
  #armed = false;
  /** Nothing was infective when the present round began. */
  #idle = true;
  #effects: RumorEffect[] = [];

  constructor(options: RumorOptions) {
    checkRumorOptions(options);
    this.#options = options;
    this.#removed = new Remembered(options.maxRemembered);
  }

  /** Synchronous, total, deterministic: the same inputs and draws give the same effects. */
  step(now: Millis, input: RumorInput, chance: Chance): readonly RumorEffect[] {
    invariant(now >= this.#now || !this.#started, `time goes back from ${this.#now} to ${now}`);
    this.#now = now;
    this.#started = true;
    this.#take(input, chance);
    this.#arm();
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /** What this site knows of a rumor. One that it has forgotten is susceptible again. */
  stateOf(id: RumorId): RumorState {
    if (this.#infective.has(id)) return "infective";
    return this.#removed.has(id) ? "removed" : "susceptible";
  }

  get infectiveCount(): number {
    return this.#infective.size;
  }

  get rememberedCount(): number {
    return this.#removed.size;
  }

  status(): PlainData {
    const { mode, stop, fanout } = this.#options;
    return {
      mode,
      stop: `${stop.by} ${stop.k}, ${stop.feedback ? "feedback" : "blind"}`,
      fanout,
      peers: this.#others(),
      infective: this.#infective.size,
      remembered: this.#removed.size,
    };
  }

  check(): void {
    const { maxInfective, maxRemembered, maxRounds, stop } = this.#options;
    invariant(this.#infective.size <= maxInfective, `${this.#infective.size} rumors are infective`);
    invariant(this.#removed.size <= maxRemembered, `${this.#removed.size} rumors are remembered`);
    invariant(this.#armed || this.#infective.size === 0, "no round will come for the infective rumors");
    for (const [id, { age, wasted }] of this.#infective) {
      invariant(!this.#removed.has(id), `rumor ${id} is infective and removed`);
      invariant(age < maxRounds, `rumor ${id} is spread at the age of ${age} rounds`);
      invariant(wasted < stop.k || stop.by === "coin", `rumor ${id} is spread after ${wasted} wasted rounds`);
    }
  }

  #take(input: RumorInput, chance: Chance): void {
    switch (input.type) {
      case "start":
        return;
      case "peers":
        this.#peers = input.peers;
        this.#self = input.peers.indexOf(this.#options.id);
        if (this.#self === -1) this.#self = input.peers.length;
        return;
      case "spread":
        if (this.stateOf(input.rumor.id) === "susceptible") this.#infect(input.rumor, 0, null);
        return;
      case "timer":
        this.#armed = false;
        this.#beginRound(chance);
        return;
      case "message":
        this.#onMessage(input.from, input.message);
        return;
      default:
        unreachable(input);
    }
  }

  /** Who only pushes has nothing to do while nothing is hot. */
  #arm(): void {
    if (this.#armed) return;
    if (this.#options.mode === "push" && this.#infective.size === 0) {
      this.#idle = true;
      return;
    }
    this.#armed = true;
    const { roundMin, roundMax, firstRoundMax } = this.#options;
    const isFirst = this.#idle && firstRoundMax < roundMin;
    this.#idle = this.#infective.size === 0;
    const [min, max] = isFirst ? [0, firstRoundMax] : [roundMin, roundMax];
    this.#effects.push({ type: "set-timer", timer: "round", min, max });
  }

  /** Judges the round that ends, then makes the contacts of the new one. */
  #beginRound(chance: Chance): void {
    const { stop, maxRounds, mode, fanout } = this.#options;
    for (const it of this.#infective.values()) {
      it.fresh = false;
      it.age += 1;
      if (this.#isKnownToAll(it) || losesInterest(it, stop, chance)) this.#remove(it.rumor.id, "stopped");
      else if (it.age >= maxRounds) this.#remove(it.rumor.id, "aged");
    }
    const asks = mode !== "push";
    const others = this.#others();
    if (others === 0 || (!asks && this.#infective.size === 0)) return;
    const rumors = mode === "pull" ? [] : this.#tell(NOTHING);
    const message: RumorMessage = { type: "rumors", rumors, asks };
    for (const drawn of sampleBelow(others, fanout, chance)) {
      const to = this.#peers[drawn < this.#self ? drawn : drawn + 1]!;
      this.#effects.push({ type: "send", to, message });
    }
  }

  /** How many other sites there are. */
  #others(): number {
    return this.#peers.length - (this.#self < this.#peers.length ? 1 : 0);
  }

  #onMessage(from: NodeId, message: RumorMessage): void {
    switch (message.type) {
      case "rumors":
        this.#onRumors(from, message.rumors, message.asks);
        return;
      case "feedback":
        for (const id of message.needed) this.#judge(from, id, true);
        for (const id of message.unneeded) this.#judge(from, id, false);
        return;
      default:
        unreachable(message);
    }
  }

  #judge(from: NodeId, id: RumorId, useful: boolean): void {
    // The stop rule's word for a blind site is said when it tells; feedback from a site with another rule is no news.
    const it = this.#options.stop.feedback ? this.#infective.get(id) : undefined;
    if (it === undefined) return;
    it.hearers?.add(from);
    if (useful) it.useful = true;
    else it.vain = true;
  }

  #onRumors(from: NodeId, rumors: readonly ToldRumor[], asks: boolean): void {
    const needed: RumorId[] = [];
    const unneeded: RumorId[] = [];
    for (const rumor of rumors) (this.#hear(from, rumor) ? needed : unneeded).push(rumor.id);
    if (this.#options.stop.feedback && rumors.length > 0)
      this.#effects.push({ type: "send", to: from, message: { type: "feedback", needed, unneeded } });
    if (!asks) return;
    const known = new Set(unneeded);
    // In push-pull both have met somebody who knew it already; it need not be told back.
    for (const id of unneeded) {
      const it = this.#infective.get(id);
      if (it !== undefined) it.vain = true;
    }
    const answer = this.#tell(known);
    if (answer.length > 0)
      this.#effects.push({
        type: "send",
        to: from,
        message: { type: "rumors", rumors: answer, asks: false },
      });
  }

  /** True: this site did not know it when the round began. */
  #hear(from: NodeId, { id, payload, age }: ToldRumor): boolean {
    const it = this.#infective.get(id);
    if (it !== undefined) {
      it.hearers?.add(from);
      return it.fresh;
    }
    if (this.#removed.has(id)) {
      this.#removed.add(id);
      return false;
    }
    const rumor = { id, payload };
    this.#effects.push({ type: "deliver", from, rumor });
    // Its next round would be one too many: it is known here, and not passed on.
    if (age + 1 >= this.#options.maxRounds) this.#removed.add(id);
    else this.#infect(rumor, age, from);
    return true;
  }

  /** `from`: who told it; null: it began here. */
  #infect(rumor: Rumor, age: number, from: NodeId | null): void {
    if (this.#infective.size >= this.#options.maxInfective) this.#makeRoom();
    const it = infective(rumor, age, this.#options.countHearers);
    if (from !== null) it.hearers?.add(from);
    this.#infective.set(rumor.id, it);
  }

  #isKnownToAll({ hearers }: Infective): boolean {
    const others = this.#others();
    if (hearers === null || others === 0 || hearers.size < others) return false;
    return this.#peers.every((peer, at) => at === this.#self || hearers.has(peer));
  }

  /** The oldest is known to the most. */
  #makeRoom(): void {
    let oldest: Infective | null = null;
    for (const it of this.#infective.values()) if (oldest === null || it.age > oldest.age) oldest = it;
    if (oldest !== null) this.#remove(oldest.rumor.id, "crowded-out");
  }

  #remove(id: RumorId, reason: RemovalReason): void {
    this.#infective.delete(id);
    this.#removed.add(id);
    this.#effects.push({ type: "removed", id, reason });
  }

  /** What was hot when the round began, as much as fits; what does not fit comes first the next time. */
  #tell(known: ReadonlySet<RumorId>): readonly ToldRumor[] {
    const { stop, maxMessageBytes } = this.#options;
    const chosen: Infective[] = [];
    let bytes = 0;
    let isFull = false;
    for (const it of this.#infective.values()) {
      if (it.fresh || known.has(it.rumor.id)) continue;
      bytes += weight(it);
      isFull = chosen.length > 0 && bytes > maxMessageBytes;
      if (isFull) break;
      chosen.push(it);
    }
    for (const it of chosen) {
      if (!stop.feedback) it.vain = true;
      if (!isFull) continue;
      this.#infective.delete(it.rumor.id);
      this.#infective.set(it.rumor.id, it);
    }
    return chosen.map(told);
  }
}

const NOTHING: ReadonlySet<RumorId> = new Set();
