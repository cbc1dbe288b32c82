/**
 * The reads that this node coordinates: R replicas are asked whether they have the same; what they have besides is merged here before the read is served,
 * and given to those that lack it (read repair).
 */
import { invariant } from "../../core/assert.ts";
import type { NodeId, RequestId } from "../../core/ids.ts";
import type { LogIndex, Millis } from "../../core/machine.ts";
import type { MergingOutcome } from "../../core/merging.ts";
import type { Hash64 } from "../../core/hash64.ts";
import type { Host } from "../merging/replica.ts";
import type { CallId, QuorumMessage, QuorumTimer } from "./messages.ts";
import type { QuorumOptions } from "./options.ts";
import type { RoundTrips } from "./round-trips.ts";

interface Question {
  sentAt: Millis;
  readonly firstSentAt: Millis;
}

interface Read {
  readonly id: CallId;
  readonly request: RequestId;
  readonly reading: Uint8Array;
  readonly digest: Hash64;
  readonly since: Millis;
  /** How many others have to answer. */
  readonly needed: number;
  readonly asked: Map<NodeId, Question>;
  readonly answers: Map<NodeId, Uint8Array | null>;
  /** Deciding: merges wait to be applied. Done: only repairs are left. */
  phase: "asking" | "deciding" | "done";
  /** Something was found that was missing here. */
  hasMerged: boolean;
}

export class PendingReads {
  readonly #host: Host<QuorumMessage, QuorumTimer>;
  readonly #options: QuorumOptions;
  readonly #roundTrips: RoundTrips;
  readonly #ready: (request: RequestId, index: LogIndex) => void;
  readonly #reply: (request: RequestId, outcome: MergingOutcome) => void;
  readonly #reads = new Map<CallId, Read>();
  #counts = { merged: 0, repairs: 0, timeouts: 0 };

  constructor(
    host: Host<QuorumMessage, QuorumTimer>,
    options: QuorumOptions,
    roundTrips: RoundTrips,
    ready: (request: RequestId, index: LogIndex) => void,
    reply: (request: RequestId, outcome: MergingOutcome) => void,
  ) {
    this.#host = host;
    this.#options = options;
    this.#roundTrips = roundTrips;
    this.#ready = ready;
    this.#reply = reply;
  }

  get size(): number {
    return this.#reads.size;
  }

  /** Replicas that were sent what was missing there. */
  get repairs(): number {
    return this.#counts.repairs;
  }

  begin(id: CallId, request: RequestId, r: number, reading: Uint8Array, digest: Hash64): void {
    const host = this.#host;
    // Who does not hold the shard, or has not had all of it yet, cannot answer for it.
    const needed = host.isHolder && host.isReady ? r - 1 : r;
    if (needed <= 0) {
      this.#ready(request, host.appliedIndex);
      return;
    }
    const others = this.#reachable();
    if (others.length < needed || this.#reads.size >= this.#options.maxPendingReads || host.isFull) {
      const error = others.length < needed ? "no-quorum" : "overloaded";
      this.#reply(request, { ok: false, error });
      return;
    }
    const read: Read = {
      id,
      request,
      reading,
      digest,
      since: host.now,
      needed,
      asked: new Map(),
      answers: new Map(),
      phase: "asking",
      hasMerged: false,
    };
    this.#reads.set(id, read);
    for (const peer of others) this.#ask(read, peer);
  }

  onExamined(from: NodeId, id: CallId, delta: Uint8Array | null): void {
    const read = this.#reads.get(id);
    const asked = read?.asked.get(from);
    if (read === undefined || asked === undefined || read.answers.has(from)) return;
    this.#roundTrips.onExamined(from, this.#host.now - asked.firstSentAt);
    read.answers.set(from, delta);
    if (read.phase !== "asking") this.#onLate(read, from, delta);
    else if (read.answers.size >= read.needed) this.#decide(read);
    this.#forgetIfDone(read);
  }

  sweep(): void {
    const { now } = this.#host;
    for (const read of this.#reads.values()) {
      if (now - read.since >= this.#options.readTimeout) {
        // What waits to be merged here ends by itself.
        if (read.phase === "deciding") continue;
        if (read.phase === "asking") this.#fail(read, "timeout");
        else this.#reads.delete(read.id);
        continue;
      }
      if (read.phase !== "asking") continue;
      const reachable = this.#reachable();
      const hopeful = reachable.filter((peer) => !read.answers.has(peer));
      if (read.answers.size + hopeful.length < read.needed) this.#fail(read, "no-quorum");
      else for (const peer of hopeful) this.#ask(read, peer);
    }
  }

  status(): { readonly [key: string]: number } {
    return { pending: this.#reads.size, ...this.#counts };
  }

  check(): void {
    invariant(this.#reads.size <= this.#options.maxPendingReads, `${this.#reads.size} reads are under way`);
    for (const read of this.#reads.values())
      invariant(
        read.phase === "asking" ? read.answers.size < read.needed : read.answers.size >= read.needed,
        `read ${read.id} is ${read.phase} with ${read.answers.size} of ${read.needed} answers`,
      );
  }

  #reachable(): readonly NodeId[] {
    const { id, holders } = this.#host;
    return holders.filter((peer) => peer !== id && this.#host.isReachable(peer));
  }

  #ask(read: Read, peer: NodeId): void {
    const { now } = this.#host;
    const before = read.asked.get(peer);
    if (before !== undefined && now - before.sentAt < this.#options.hintAfter) return;
    read.asked.set(peer, { sentAt: now, firstSentAt: before?.firstSentAt ?? now });
    const { id, reading, digest } = read;
    this.#host.send(peer, { type: "examine", id, reading, digest });
  }

  #decide(read: Read): void {
    const deltas = [...read.answers.values()].filter((delta) => delta !== null);
    if (deltas.length === 0) {
      read.phase = "done";
      this.#ready(read.request, this.#host.appliedIndex);
      return;
    }
    read.phase = "deciding";
    read.hasMerged = true;
    this.#counts.merged++;
    let left = deltas.length;
    let isTaken = true;
    for (const delta of deltas) {
      const index = this.#host.append({ type: "merge", delta }, (_, taken) => {
        isTaken &&= taken;
        if (--left > 0) return;
        if (!isTaken) {
          this.#fail(read, "overloaded");
          return;
        }
        read.phase = "done";
        this.#ready(read.request, index);
        this.#repair(read, [...read.answers.keys()]);
        this.#forgetIfDone(read);
      });
    }
  }

  /** The read does not wait for it. */
  #onLate(read: Read, from: NodeId, delta: Uint8Array | null): void {
    if (delta === null) {
      if (read.hasMerged && read.phase === "done") this.#repair(read, [from]);
      return;
    }
    if (read.phase === "deciding" || this.#host.isFull) return;
    this.#host.append({ type: "merge", delta }, () => this.#repair(read, [from]));
  }

  /** Whoever was compared with what was here before lacks what was found since, unless it was found there. */
  #repair(read: Read, peers: readonly NodeId[]): void {
    this.#host.query({ type: "reading", reading: read.reading, digest: null }, (answer) => {
      if (answer.type !== "reading" || answer.delta === null) return;
      this.#counts.repairs += peers.length;
      for (const peer of peers) this.#host.send(peer, { type: "repair", delta: answer.delta });
    });
  }

  #forgetIfDone(read: Read): void {
    if (read.phase === "done" && read.answers.size === read.asked.size) this.#reads.delete(read.id);
  }

  #fail(read: Read, error: "timeout" | "no-quorum" | "overloaded"): void {
    this.#reads.delete(read.id);
    if (error === "timeout") this.#counts.timeouts++;
    this.#reply(read.request, { ok: false, error });
  }
}
