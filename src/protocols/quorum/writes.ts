/**
 * The writes that this node coordinates, from the moment that they are part of its own state until every holder, or a fallback for it, has them.
 *
 * ```
 *   holder:   sent ──▶ stored                    counts
 *               ├────▶ silent, cut off ──▶ hint to a fallback ──▶ stored, counts for itself
 *               └────▶ refused: anti-entropy brings it
 * ```
 */
import { invariant } from "../../core/assert.ts";
import type { NodeId, RequestId } from "../../core/ids.ts";
import type { Millis } from "../../core/machine.ts";
import type { MergingOutcome } from "../../core/merging.ts";
import type { Host } from "../merging/replica.ts";
import type { CallId, QuorumMessage, QuorumTimer } from "./messages.ts";
import type { QuorumOptions } from "./options.ts";
import type { RoundTrips } from "./round-trips.ts";

/** What a write weighs beyond its delta; an estimate on the safe side. */
const WRITE_OVERHEAD_BYTES = 256;

interface Copy {
  /** The holder itself, or who stands in for it. */
  to: NodeId;
  sentAt: Millis;
  readonly firstSentAt: Millis;
}

interface Write {
  readonly id: CallId;
  /** Null once it is answered. */
  request: RequestId | null;
  readonly w: number;
  readonly delta: Uint8Array;
  /** One for all holders: it is encoded once. */
  readonly message: QuorumMessage;
  readonly since: Millis;
  /** The replicas that have it, this one included if it counts. Each counts once, however often it answers. */
  readonly stored: Set<NodeId>;
  /** Who was asked to stand in: a second hint of this write goes to somebody else. */
  readonly used: Set<NodeId>;
  /** By the holder that is to have it: the last message for it. */
  readonly store: Map<NodeId, Copy>;
  readonly hint: Map<NodeId, Copy>;
  readonly refused: Set<NodeId>;
}

export interface WritesHost extends Host<QuorumMessage, QuorumTimer> {
  readonly fallbacks: readonly NodeId[];
}

export class PendingWrites {
  readonly #host: WritesHost;
  readonly #options: QuorumOptions;
  readonly #reply: (request: RequestId, outcome: MergingOutcome) => void;
  readonly #roundTrips: RoundTrips;
  readonly #writes = new Map<CallId, Write>();
  #bytes = 0;
  #counts = { hints: 0, timeouts: 0, sentAgain: 0 };

  constructor(
    host: WritesHost,
    options: QuorumOptions,
    roundTrips: RoundTrips,
    reply: (request: RequestId, outcome: MergingOutcome) => void,
  ) {
    this.#host = host;
    this.#options = options;
    this.#roundTrips = roundTrips;
    this.#reply = reply;
  }

  get size(): number {
    return this.#writes.size;
  }

  get timeouts(): number {
    return this.#counts.timeouts;
  }

  get isFull(): boolean {
    return this.#bytes >= this.#options.maxPendingBytes;
  }

  /** How many replicas could take a write now, this one included. A fallback counts as one. */
  reachable(): number {
    const host = this.#host;
    const others = host.holders.filter((peer) => peer !== host.id && host.isReachable(peer));
    return others.length + (this.#countsItself ? 1 : 0) + this.#standIns(new Set()).length;
  }

  get #countsItself(): boolean {
    return this.#host.isHolder || this.#options.sloppy;
  }

  /** The write is durable here and part of the state. */
  begin(id: CallId, request: RequestId, w: number, delta: Uint8Array): void {
    const { now, id: self, holders } = this.#host;
    const write: Write = {
      id,
      request,
      w,
      delta,
      message: { type: "store", id, delta },
      since: now,
      stored: new Set(this.#countsItself ? [self] : []),
      used: new Set(),
      store: new Map(),
      hint: new Map(),
      refused: new Set(),
    };
    this.#writes.set(id, write);
    this.#bytes += delta.length + WRITE_OVERHEAD_BYTES;
    for (const holder of holders) if (holder !== self) this.#look(write, holder);
    this.#settle(write);
  }

  onStored(from: NodeId, id: CallId): void {
    const write = this.#writes.get(id);
    if (write === undefined || !(write.store.has(from) || write.used.has(from))) return;
    const sent = write.store.get(from);
    if (sent !== undefined && !write.stored.has(from))
      this.#roundTrips.onStored(from, this.#host.now - sent.firstSentAt);
    write.stored.add(from);
    this.#settle(write);
  }

  onRefused(from: NodeId, id: CallId): void {
    const write = this.#writes.get(id);
    if (write === undefined || write.stored.has(from)) return;
    if (write.store.has(from)) write.refused.add(from);
    for (const [holder, copy] of write.hint)
      if (copy.to === from) {
        write.hint.delete(holder);
        this.#look(write, holder);
      }
    this.#settle(write);
  }

  /** Sends again what was not answered, finds fallbacks, and gives up what has taken too long. */
  sweep(): void {
    const { now, holders, id: self } = this.#host;
    for (const write of this.#writes.values()) {
      if (now - write.since >= this.#options.writeTimeout) {
        this.#forget(write);
        continue;
      }
      for (const holder of holders) if (holder !== self) this.#look(write, holder);
      this.#settle(write);
    }
  }

  status(): { readonly [key: string]: number } {
    return { pending: this.#writes.size, bytes: this.#bytes, ...this.#counts };
  }

  check(): void {
    let bytes = 0;
    for (const write of this.#writes.values()) {
      bytes += write.delta.length + WRITE_OVERHEAD_BYTES;
      invariant(
        write.request === null || write.stored.size < write.w,
        `write ${write.id} has its quorum and is not answered`,
      );
      const helpers = [...write.hint.values()].map(({ to }) => to);
      invariant(new Set(helpers).size === helpers.length, `write ${write.id}: one fallback for two holders`);
    }
    invariant(bytes === this.#bytes, `pending writes weigh ${bytes}, not ${this.#bytes}`);
  }

  /** The holder has it, or somebody keeps it for the holder, or the holder has refused it. */
  #isCaredFor(write: Write, holder: NodeId): boolean {
    if (write.stored.has(holder) || write.refused.has(holder)) return true;
    const hint = write.hint.get(holder);
    return hint !== undefined && write.stored.has(hint.to);
  }

  #look(write: Write, holder: NodeId): void {
    if (this.#isCaredFor(write, holder)) return;
    const { now } = this.#host;
    const { hintAfter, sloppy } = this.#options;
    const { id, delta } = write;
    const isReachable = this.#host.isReachable(holder);
    const before = write.store.get(holder);
    if (isReachable && this.#isDue(before)) {
      write.store.set(holder, { to: holder, sentAt: now, firstSentAt: before?.firstSentAt ?? now });
      this.#host.send(holder, write.message);
    }
    if (!sloppy || (isReachable && now - write.since < hintAfter)) return;
    const hint = write.hint.get(holder);
    if (hint !== undefined && !this.#isDue(hint)) return;
    const to =
      hint !== undefined && this.#host.isReachable(hint.to) ? hint.to : this.#standIns(write.used)[0];
    if (to === undefined) return;
    if (hint === undefined) this.#counts.hints++;
    write.used.add(to);
    write.hint.set(holder, { to, sentAt: now, firstSentAt: hint?.firstSentAt ?? now });
    this.#host.send(to, { type: "hint", id, for: holder, delta });
  }

  #isDue(copy: Copy | undefined): boolean {
    if (copy === undefined) return true;
    if (this.#host.now - copy.sentAt < this.#options.hintAfter) return false;
    this.#counts.sentAgain++;
    return true;
  }

  #standIns(used: ReadonlySet<NodeId>): readonly NodeId[] {
    if (!this.#options.sloppy) return [];
    const { id, fallbacks } = this.#host;
    return fallbacks.filter((peer) => peer !== id && !used.has(peer) && this.#host.isReachable(peer));
  }

  #settle(write: Write): void {
    if (write.request !== null && write.stored.size >= write.w) {
      this.#reply(write.request, { ok: true });
      write.request = null;
    }
    const { holders, id } = this.#host;
    const isDone = holders.every((holder) => holder === id || this.#isCaredFor(write, holder));
    if (isDone && write.request === null) this.#forget(write);
  }

  /** Anti-entropy brings it to whom it has not reached. */
  #forget(write: Write): void {
    this.#writes.delete(write.id);
    this.#bytes -= write.delta.length + WRITE_OVERHEAD_BYTES;
    if (write.request === null) return;
    this.#counts.timeouts++;
    this.#reply(write.request, { ok: false, error: "timeout" });
  }
}
