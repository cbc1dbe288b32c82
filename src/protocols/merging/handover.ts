/**
 * A replica that is no holder (it stands in for one, or was one) gives all that it has to every holder, page by page, and retires. Nothing is forgotten
 * before it was acknowledged as durable: a page that is not is sent again, a handover that breaks off begins anew.
 */
import { unreachable } from "../../core/assert.ts";
import type { NodeId, ReplicaId } from "../../core/ids.ts";
import type { LogIndex, Millis, PlainData } from "../../core/machine.ts";
import { drawSession } from "./messages.ts";
import type { HandoverMessage } from "./messages.ts";
import type { HandoverOptions } from "./options.ts";
import type { Host } from "./replica.ts";

/** So many times a page is sent before the next holder has its turn. */
const ATTEMPTS = 3;
/** A holder that has taken everything, and lacks what came since, waits longer each time: twice, up to so many times. */
const MAX_BACKOFF = 64;

interface Giving {
  readonly id: number;
  readonly to: NodeId;
  /** This replica's own log ended here when it began. */
  readonly upTo: LogIndex;
  readonly last: { readonly context: Uint8Array; readonly ready: boolean };
  /** Who takes it; null until the first page is acknowledged. */
  receiver: ReplicaId | null;
  number: number;
  /** The page that waits to be acknowledged; null while it is read. */
  page: (HandoverMessage & { readonly type: "handover" }) | null;
  next: string | null;
  attempts: number;
}

interface Given {
  upTo: LogIndex;
  times: number;
  notBefore: Millis;
}

export interface HandoverSettings extends HandoverOptions {
  readonly maxMessageBytes: number;
}

export class Handover {
  readonly #host: Host<HandoverMessage, "handover">;
  readonly #options: HandoverSettings;
  readonly #retire: () => boolean;
  #giving: Giving | null = null;
  readonly #given = new Map<NodeId, Given>();
  readonly #unreachableSince = new Map<NodeId, Millis>();
  #isArmed = false;
  #turn = 0;
  #done = 0;

  constructor(host: Host<HandoverMessage, "handover">, options: HandoverSettings, retire: () => boolean) {
    this.#host = host;
    this.#options = options;
    this.#retire = retire;
  }

  /** How often a holder has been given everything. */
  get done(): number {
    return this.#done;
  }

  onMembers(): void {
    const { holders, isHolder } = this.#host;
    for (const holder of this.#given.keys()) if (!holders.includes(holder)) this.#given.delete(holder);
    if (isHolder || (this.#giving !== null && !holders.includes(this.#giving.to))) this.#giving = null;
    if (!isHolder) this.#arm(this.#options.handoverInterval);
    else if (this.#isArmed) {
      this.#isArmed = false;
      this.#host.cancelTimer("handover");
    }
  }

  onReachable(peer: NodeId, reachable: boolean): void {
    if (reachable) this.#unreachableSince.delete(peer);
    else if (!this.#unreachableSince.has(peer)) this.#unreachableSince.set(peer, this.#host.now);
    if (!reachable && this.#giving?.to === peer) this.#breakOff();
  }

  onTimer(): void {
    this.#isArmed = false;
    if (this.#host.isHolder) return;
    const giving = this.#giving;
    if (giving === null) {
      this.#beginNext();
      return;
    }
    if (giving.page !== null) {
      giving.attempts++;
      if (giving.attempts >= ATTEMPTS) {
        this.#breakOff();
        return;
      }
      this.#host.send(giving.to, giving.page);
    }
    this.#arm(this.#options.handoverPatience);
  }

  onMessage(from: NodeId, message: HandoverMessage): void {
    switch (message.type) {
      case "handover":
        this.#onPage(from, message);
        return;
      case "taken":
        this.#onTaken(from, message);
        return;
      default:
        unreachable(message);
    }
  }

  status(): PlainData {
    const given = [...this.#given].map(([holder, { upTo }]) => ({ holder, upTo }));
    return { to: this.#giving?.to ?? null, page: this.#giving?.number ?? null, given };
  }

  // ---- who takes

  #onPage(from: NodeId, message: HandoverMessage & { readonly type: "handover" }): void {
    const host = this.#host;
    const { session, number, to, delta, last } = message;
    // The pages before were taken by another life of this node's replica: this one lacks them.
    const isOurs = to === null ? number === 0 : to === host.replica;
    if (!host.isHolder || !isOurs || host.isFull) return;
    const answer = (taken: boolean): void =>
      host.send(from, { type: "taken", session, number, source: host.replica, taken });
    host.append({ type: "merge", delta }, (_, taken) => {
      if (!taken || last === null) {
        answer(taken);
        return;
      }
      if (last.ready) host.becomeReady();
      if (host.summary.covers(last.context)) answer(true);
      else host.append({ type: "adopt", context: last.context }, () => answer(true));
    });
  }

  // ---- who gives

  #beginNext(): void {
    const host = this.#host;
    if (this.#isDone() && this.#retire()) return;
    const open = host.holders.filter((holder) => this.#isOpen(holder));
    if (open.length === 0) {
      this.#arm(this.#options.handoverInterval);
      return;
    }
    const to = open[this.#turn++ % open.length]!;
    const { isReady: ready, appliedIndex: upTo } = host;
    const last = { context: host.summary.context(), ready };
    this.#giving = {
      id: drawSession(host.chance),
      to,
      upTo,
      last,
      receiver: null,
      number: 0,
      page: null,
      next: "",
      attempts: 0,
    };
    this.#readPage(this.#giving);
  }

  /** Can be given something now. */
  #isOpen(holder: NodeId): boolean {
    const given = this.#given.get(holder);
    if (!this.#host.isReachable(holder)) return false;
    return given === undefined || (given.upTo < this.#host.lastIndex && given.notBefore <= this.#host.now);
  }

  /** Nothing waits to be applied, and every holder has all, but for those that are away for too long. */
  #isDone(): boolean {
    const { lastIndex, appliedIndex, holders, now } = this.#host;
    if (appliedIndex < lastIndex) return false;
    if (lastIndex === 0) return true;
    const hasAll = (holder: NodeId): boolean => (this.#given.get(holder)?.upTo ?? -1) >= lastIndex;
    const isAway = (holder: NodeId): boolean =>
      now - (this.#unreachableSince.get(holder) ?? now) >= this.#options.hintTtl;
    return holders.some(hasAll) && holders.every((holder) => hasAll(holder) || isAway(holder));
  }

  #readPage(giving: Giving): void {
    giving.page = null;
    giving.attempts = 0;
    const { maxMessageBytes: maxBytes } = this.#options;
    this.#host.query({ type: "page", from: giving.next!, maxBytes }, (answer) => {
      if (giving !== this.#giving || answer.type !== "page") return;
      giving.next = answer.next;
      giving.page = {
        type: "handover",
        session: giving.id,
        number: giving.number,
        to: giving.receiver,
        delta: answer.delta,
        last: answer.next === null ? giving.last : null,
      };
      this.#host.send(giving.to, giving.page);
      this.#arm(this.#options.handoverPatience);
    });
  }

  #onTaken(from: NodeId, message: HandoverMessage & { readonly type: "taken" }): void {
    const giving = this.#giving;
    if (giving === null || giving.to !== from || giving.id !== message.session) return;
    if (giving.page === null || giving.number !== message.number) return;
    if (!message.taken || (giving.receiver !== null && giving.receiver !== message.source)) {
      this.#breakOff();
      return;
    }
    giving.receiver = message.source;
    if (giving.next !== null) {
      giving.number++;
      this.#readPage(giving);
      return;
    }
    const times = (this.#given.get(from)?.times ?? 0) + 1;
    const pause = this.#options.handoverInterval * Math.min(2 ** times, MAX_BACKOFF);
    this.#given.set(from, { upTo: giving.upTo, times, notBefore: this.#host.now + pause });
    this.#giving = null;
    this.#done++;
    this.#isArmed = false;
    this.#beginNext();
  }

  #breakOff(): void {
    this.#giving = null;
    this.#arm(this.#options.handoverInterval);
  }

  #arm(delay: Millis): void {
    this.#isArmed = true;
    this.#host.setTimer("handover", delay, 1.25 * delay);
  }
}
