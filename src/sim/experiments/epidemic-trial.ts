/** Machines of rumor mongering in lockstep, as the paper simulated its sites, and rumors that go round among them. */
import { unreachable } from "../../core/assert.ts";
import { nodeId } from "../../core/ids.ts";
import { DEFAULT_RUMOR_OPTIONS, RumorMonger } from "../../protocols/gossip/index.ts";
import type { RumorId, RumorInput, RumorMessage, RumorOptions } from "../../protocols/gossip/index.ts";
import type { SimulatedRandom } from "../simulated-random.ts";

export interface EpidemicOptions {
  readonly sites: number;
  readonly mode: RumorOptions["mode"];
  readonly stop: RumorOptions["stop"];
  /** So many rumors begin at once, each at a site of its own choice; one contact carries all of them. */
  readonly rumors: number;
}

/** What became of one rumor. */
export interface Epidemic {
  /** Sites that have never heard the rumor when nobody spreads it any more. */
  readonly missed: number;
  /** Copies of the rumor that were sent. */
  readonly sent: number;
  /** Cycles until a site heard it: the mean over those that did, and the last of them. 0 when nobody did. */
  readonly average: number;
  readonly last: number;
}

/** Much longer than any epidemic here: no rumor dies of its age. */
const MAX_ROUNDS = 10_000;
const CYCLE_MS = 100;
const NOTHING = new Uint8Array(0);

interface Flight {
  readonly from: number;
  readonly to: number;
  readonly message: RumorMessage;
}

interface Course {
  heard: number;
  sent: number;
  cycles: number;
  last: number;
}

/** The sites stay from one run to the next: they have quite forgotten, or at least lost interest. */
export class EpidemicSites {
  readonly #options: EpidemicOptions;
  readonly #sites: readonly RumorMonger[];
  readonly #random: SimulatedRandom;
  readonly #chance: () => number;
  readonly #courses = new Map<RumorId, Course>();
  #cycle = 0;
  /** The cycle before the first of this run. */
  #start = 0;
  #begun = 0;
  /** Over all rumors: at how many sites they are infective. */
  #infective = 0;
  /** Whose next round is due, and what is under way in the present cycle. */
  #due: number[] = [];
  #flights: Flight[] = [];

  constructor(options: EpidemicOptions, random: SimulatedRandom) {
    const { sites, mode, stop, rumors } = options;
    this.#options = options;
    this.#random = random;
    this.#chance = () => random.next();
    const peers = Array.from({ length: sites }, (_, at) => nodeId(at));
    const own: Omit<RumorOptions, "id"> = {
      ...DEFAULT_RUMOR_OPTIONS,
      mode,
      stop,
      fanout: 1,
      roundMin: CYCLE_MS,
      roundMax: CYCLE_MS,
      firstRoundMax: CYCLE_MS,
      maxRounds: MAX_ROUNDS,
      maxRemembered: 2 * rumors,
    };
    this.#sites = peers.map((id) => new RumorMonger({ ...own, id }));
    for (const at of peers.keys()) this.#step(at, { type: "peers", peers });
  }

  /** New rumors begin; runs until nobody spreads any of them. */
  run(): readonly Epidemic[] {
    const { sites, rumors } = this.#options;
    this.#start = this.#cycle;
    this.#courses.clear();
    for (let at = 0; at < rumors; at++) {
      const id = `rumor ${this.#begun}`;
      this.#begun += 1;
      this.#courses.set(id, { heard: 0, sent: 0, cycles: 0, last: 0 });
      this.#infective += 1;
      this.#step(this.#random.integer(0, sites - 1), { type: "spread", rumor: { id, payload: NOTHING } });
    }
    while (this.#infective > 0) this.#runCycle();
    return [...this.#courses.values()].map(({ heard, sent, cycles, last }) => ({
      missed: sites - 1 - heard,
      sent,
      average: heard === 0 ? 0 : cycles / heard,
      last,
    }));
  }

  /** All rounds begin at once; then all that is sent arrives, and all answers to it. */
  #runCycle(): void {
    this.#cycle += 1;
    const due = this.#due;
    this.#due = [];
    for (const site of due) this.#step(site, { type: "timer", timer: "round" });
    // What is sent meanwhile is appended, and has its turn in this cycle too.
    for (const { from, to, message } of this.#flights)
      this.#step(to, { type: "message", from: nodeId(from), message });
    this.#flights = [];
  }

  #step(site: number, input: RumorInput): void {
    for (const effect of this.#sites[site]!.step(this.#cycle * CYCLE_MS, input, this.#chance)) {
      switch (effect.type) {
        case "send":
          if (effect.message.type === "rumors")
            for (const { id } of effect.message.rumors) this.#courses.get(id)!.sent += 1;
          this.#flights.push({ from: site, to: effect.to, message: effect.message });
          break;
        case "deliver":
          this.#heard(this.#courses.get(effect.rumor.id)!);
          break;
        case "removed":
          this.#infective -= 1;
          break;
        case "set-timer":
          this.#due.push(site);
          break;
        default:
          unreachable(effect);
      }
    }
  }

  #heard(course: Course): void {
    const delay = this.#cycle - this.#start;
    course.heard += 1;
    course.cycles += delay;
    course.last = delay;
    this.#infective += 1;
  }
}
