/** Sites on a network that loses, doubles and reorders as the test says, in rounds of their own. */
import { unreachable } from "../../core/assert.ts";
import { nodeId } from "../../core/ids.ts";
import type { RemovalReason, RumorEffect, RumorId, RumorInput, RumorMessage } from "./messages.ts";
import { DEFAULT_RUMOR_OPTIONS } from "./options.ts";
import type { RumorOptions } from "./options.ts";
import { RumorMonger } from "./rumor.ts";

export interface Weather {
  /** Probabilities, of each message. What stays is delivered in a later round. */
  readonly lost: number;
  readonly doubled: number;
  readonly late: number;
}

export const FAIR: Weather = { lost: 0, doubled: 0, late: 0 };

interface Flight {
  readonly from: number;
  readonly to: number;
  readonly message: RumorMessage;
}

export class Village {
  readonly sites: readonly RumorMonger[];
  readonly #chance: () => number;
  readonly delivered: { readonly site: number; readonly id: RumorId }[] = [];
  readonly removed: { readonly site: number; readonly id: RumorId; readonly reason: RemovalReason }[] = [];
  readonly sent: Flight[] = [];
  #due = new Set<number>();
  #flights: Flight[] = [];
  #now = 0;

  constructor(count: number, options: Partial<RumorOptions>, chance: () => number) {
    this.#chance = chance;
    const peers = Array.from({ length: count }, (_, at) => nodeId(at));
    this.sites = peers.map((id) => new RumorMonger({ ...DEFAULT_RUMOR_OPTIONS, ...options, id }));
    for (const at of peers.keys()) this.step(at, { type: "peers", peers });
  }

  spread(site: number, id: RumorId): void {
    this.step(site, { type: "spread", rumor: { id, payload: new TextEncoder().encode(`about ${id}`) } });
  }

  /** All sites whose timer is set begin a round; then messages go to and fro until none is under way but late ones. */
  round(weather: Weather = FAIR): void {
    this.#now += 100;
    const due = this.#due;
    this.#due = new Set();
    const late: Flight[] = [];
    for (const site of due) this.step(site, { type: "timer", timer: "round" });
    for (let flight = this.#flights.shift(); flight !== undefined; flight = this.#flights.shift()) {
      if (this.#chance() < weather.lost) continue;
      if (this.#chance() < weather.late) {
        late.push(flight);
        continue;
      }
      this.#arrive(flight);
      if (this.#chance() < weather.doubled) this.#arrive(flight);
    }
    this.#flights = late;
  }

  /** True once nobody spreads anything and nothing is under way that could be heard. */
  get isQuiet(): boolean {
    return (
      this.sites.every(({ infectiveCount }) => infectiveCount === 0) &&
      this.#flights.every(({ message }) => message.type !== "rumors" || message.rumors.length === 0)
    );
  }

  step(site: number, input: RumorInput): readonly RumorEffect[] {
    const machine = this.sites[site]!;
    const effects = machine.step(this.#now, input, this.#chance);
    machine.check();
    for (const effect of effects) this.#run(site, effect);
    return effects;
  }

  #arrive({ from, to, message }: Flight): void {
    this.step(to, { type: "message", from: nodeId(from), message });
  }

  #run(site: number, effect: RumorEffect): void {
    switch (effect.type) {
      case "send": {
        const flight = { from: site, to: effect.to, message: effect.message };
        this.#flights.push(flight);
        this.sent.push(flight);
        return;
      }
      case "deliver":
        this.delivered.push({ site, id: effect.rumor.id });
        return;
      case "removed":
        this.removed.push({ site, id: effect.id, reason: effect.reason });
        return;
      case "set-timer":
        this.#due.add(site);
        return;
      default:
        unreachable(effect);
    }
  }
}
