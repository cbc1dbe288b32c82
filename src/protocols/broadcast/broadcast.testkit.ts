/** A group in virtual time, on a network that does what the test says. Messages go through their bytes. */
import { unreachable } from "../../core/assert.ts";
import type { ErrorCode } from "../../core/errors.ts";
import { nodeId, requestId } from "../../core/ids.ts";
import type { NodeId } from "../../core/ids.ts";
import { Broadcast } from "./broadcast.ts";
import type { DeliveryLog, LogEvent } from "./checkers.ts";
import { decodeBroadcastMessage, encodeBroadcastMessage } from "./codec.ts";
import type { BroadcastEffect, BroadcastInput, LossReason, Member, View } from "./messages.ts";
import { DEFAULT_BROADCAST_OPTIONS } from "./options.ts";
import type { BroadcastOptions } from "./options.ts";

export interface Weather {
  /** Probabilities, of each message. */
  readonly lost: number;
  readonly doubled: number;
  /** Milliseconds; each message draws its own, so that they overtake each other. */
  readonly delayMin: number;
  readonly delayMax: number;
}

export const FAIR: Weather = { lost: 0, doubled: 0, delayMin: 1, delayMax: 1 };
export const STORM: Weather = { lost: 0.2, doubled: 0.1, delayMin: 1, delayMax: 80 };

/** mulberry32 */
export function chanceOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Life {
  readonly member: Member;
  readonly isLate: boolean;
  readonly events: LogEvent[];
}

class Process {
  readonly machine: Broadcast;
  /** Null while it is in no view. */
  life: Life | null = null;
  /** Drawn anew whenever the timer is set: an earlier one does not count. */
  timer = 0;
  /** When the last view reaches it that is under way: views come in their order. */
  viewAt = 0;

  constructor(options: BroadcastOptions) {
    this.machine = new Broadcast(options);
  }
}

export type GroupOptions = Pick<BroadcastOptions, "reliability" | "order"> & Partial<BroadcastOptions>;

export class Group {
  weather: Weather = FAIR;
  readonly chance: () => number;
  readonly refused: ErrorCode[] = [];
  readonly losses: { readonly node: number; readonly reason: LossReason; readonly count: number }[] = [];
  view: View = { epoch: 0, members: [] };
  sent = 0;
  readonly #options: GroupOptions;
  readonly #processes = new Map<number, Process>();
  readonly #lives: Life[] = [];
  #islands: readonly (readonly number[])[] = [];
  /** Sorted by time; those of one time in the order in which they came. */
  #agenda: { readonly at: number; readonly run: () => void }[] = [];
  #now = 0;
  #requests = 0;
  #contents = 0;

  /** Starts `count` members, from 1 on, in one view. */
  constructor(count: number, options: GroupOptions, seed = 1) {
    this.#options = options;
    this.chance = chanceOf(seed);
    this.change({ join: Array.from({ length: count }, (_, at) => at + 1) }, FAIR);
    this.run(10);
  }

  /** A new view. Who joins is a process without memory, unless it still runs. It reaches everybody at a time of its own. */
  change(
    { join = [], leave = [] }: { readonly join?: readonly number[]; readonly leave?: readonly number[] },
    weather = this.weather,
  ): void {
    const epoch = this.view.epoch + 1;
    const away = new Set([...join, ...leave]);
    const members = [
      ...this.view.members.filter(({ node }) => !away.has(node)),
      ...join.map((node) => ({ node: nodeId(node), since: epoch })),
    ];
    for (const node of join) {
      if (this.#processes.has(node)) continue;
      this.#processes.set(
        node,
        new Process({ ...DEFAULT_BROADCAST_OPTIONS, ...this.#options, id: nodeId(node) }),
      );
    }
    const view = { epoch, members };
    this.view = view;
    for (const [node, process] of this.#processes) {
      const delay = this.#between(weather.delayMin, weather.delayMax * 3);
      process.viewAt = Math.max(process.viewAt, this.#now + delay);
      this.#later(process.viewAt - this.#now, () => this.#enter(node, process, view));
    }
  }

  /** Its memory is gone, and what it had sent is on its way. */
  crash(node: number): void {
    this.#processes.delete(node);
  }

  isRunning(node: number): boolean {
    return this.#processes.has(node);
  }

  /** Messages between islands are lost. Who is on none is reached by all. */
  partition(...islands: readonly (readonly number[])[]): void {
    this.#islands = islands;
    for (const island of islands)
      for (const node of island)
        for (const other of islands.filter((it) => it !== island).flat())
          if (this.#processes.has(node)) this.step(node, { type: "unreachable", peer: nodeId(other) });
  }

  heal(): void {
    this.#islands = [];
  }

  publish(node: number): void {
    this.#contents += 1;
    const content = `m${this.#contents}`;
    this.step(
      node,
      {
        type: "publish",
        id: requestId((this.#requests += 1)),
        payload: new TextEncoder().encode(content),
      },
      content,
    );
  }

  run(milliseconds: number): void {
    const until = this.#now + milliseconds;
    while (this.#agenda.length > 0 && this.#agenda[0]!.at <= until) {
      const next = this.#agenda.shift()!;
      this.#now = next.at;
      next.run();
    }
    this.#now = until;
  }

  /** Nothing is under way, and nobody has a timer. */
  get isQuiet(): boolean {
    return this.#agenda.length === 0;
  }

  machine(node: number): Broadcast {
    return this.#processes.get(node)!.machine;
  }

  /** Of all memberships that ever were. */
  get logs(): readonly DeliveryLog[] {
    return this.#lives;
  }

  /** Of the processes that run, are in the last view and know it. */
  get correct(): readonly DeliveryLog[] {
    return this.view.members.flatMap(({ node, since }) => {
      const life = this.#processes.get(node)?.life;
      return life !== undefined && life !== null && life.member.since === since ? [life] : [];
    });
  }

  /** What a member has delivered, as `node#number`. */
  delivered(node: number): readonly string[] {
    const events = this.#processes.get(node)?.life?.events ?? [];
    return events.flatMap((it) => (it.type === "delivered" ? `${it.from.node}#${it.number}` : []));
  }

  step(node: number, input: BroadcastInput, content = ""): readonly BroadcastEffect[] {
    const process = this.#processes.get(node)!;
    const effects = process.machine.step(this.#now, input);
    process.machine.check();
    for (const effect of effects) this.#carryOut(nodeId(node), process, effect, content);
    return effects;
  }

  #enter(node: number, process: Process, view: View): void {
    if (this.#processes.get(node) !== process) return;
    const member = view.members.find((it) => it.node === node) ?? null;
    // What the machine says while it enters belongs to the life that ends.
    this.step(node, { type: "members", view });
    const now = process.machine.status() as { readonly epoch: number };
    if (now.epoch !== view.epoch || member?.since === process.life?.member.since) return;
    process.life =
      member === null
        ? null
        : {
            member,
            isLate: view.members.some(({ since }) => since < member.since),
            events: [],
          };
    if (process.life !== null) this.#lives.push(process.life);
  }

  #carryOut(node: NodeId, process: Process, effect: BroadcastEffect, content: string): void {
    const events = process.life?.events;
    switch (effect.type) {
      case "send":
        this.sent += 1;
        this.#send(node, effect.to, encodeBroadcastMessage(effect.message));
        return;
      case "deliver": {
        const { from, number, payload } = effect;
        events?.push({ type: "delivered", from, number, content: new TextDecoder().decode(payload) });
        return;
      }
      case "published":
        events?.push({ type: "published", number: effect.number, content });
        return;
      case "refused":
        this.refused.push(effect.error);
        return;
      case "lost": {
        const { from, first, last, reason } = effect;
        events?.push({ type: "lost", from, first, last });
        this.losses.push({ node, reason, count: last - first + 1 });
        return;
      }
      case "set-timer": {
        const mark = (process.timer += 1);
        this.#later(this.#between(effect.min, effect.max), () => {
          if (this.#processes.get(node) === process && process.timer === mark)
            this.step(node, { type: "timer", timer: effect.timer });
        });
        return;
      }
      default:
        unreachable(effect);
    }
  }

  #send(from: NodeId, to: NodeId, bytes: Uint8Array): void {
    const { lost, doubled, delayMin, delayMax } = this.weather;
    if (this.#isCut(from, to) || this.chance() < lost) return;
    for (let copies = this.chance() < doubled ? 2 : 1; copies > 0; copies--) {
      this.#later(this.#between(delayMin, delayMax), () => {
        if (!this.#processes.has(to) || this.#isCut(from, to)) return;
        this.step(to, { type: "message", from, message: decodeBroadcastMessage(bytes) });
      });
    }
  }

  #isCut(from: number, to: number): boolean {
    const home = this.#islands.find((island) => island.includes(from));
    return home !== undefined && !home.includes(to) && this.#islands.some((island) => island.includes(to));
  }

  #between(min: number, max: number): number {
    return min + (max - min) * this.chance();
  }

  #later(delay: number, run: () => void): void {
    const at = this.#now + delay;
    let place = this.#agenda.length;
    while (place > 0 && this.#agenda[place - 1]!.at > at) place--;
    this.#agenda.splice(place, 0, { at, run });
  }
}
