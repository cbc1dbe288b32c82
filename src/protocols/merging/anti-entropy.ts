/**
 * Anti-entropy (Demers et al. 1987, section 1.3) by Merkle trees, driven by the side that asks; SPEC.md says why adopting is sound.
 *
 * ```
 *   asks (one session at a time)        answers (keeps nothing)
 *     | compare, its root ------------------> |   equal: `same`, with what it knows
 *     | <-- families, what it knows ----------|   else the root's children
 *     | ask, the nodes that differ ---------> |
 *     | <-- families ------------------------ |   … level by level, until leaves differ
 *     | fetch, these leaves ----------------> |
 *     | <-- leaves, what it has in them ----- |   durable and applied here, before anything else
 *     | push, what is here in them ---------> |   (push-pull) if it still differs
 *     | <-- pushed -------------------------- |
 *     :
 *     adopts what the other knew at the start
 * ```
 */
import { unreachable } from "../../core/assert.ts";
import type { Hash64 } from "../../core/hash64.ts";
import type { NodeId, ReplicaId } from "../../core/ids.ts";
import type { Millis, PlainData } from "../../core/machine.ts";
import type { LastExchange, MergingCounts } from "../../core/merging.ts";
import { familiesOf, MerkleWalk, ROOT } from "../../core/merkle-comparison.ts";
import { drawSession } from "./messages.ts";
import type { AntiEntropyMessage } from "./messages.ts";
import type { AntiEntropyOptions } from "./options.ts";
import type { Host } from "./replica.ts";

type AntiEntropyTimer = "exchange" | "patience";

/** Leaves in one message: while they are looked up and joined, nothing else is done to the shard. */
const MAX_LEAVES = 128;
/** Questions of others that wait for the state at a time; more are not answered. */
const MAX_ANSWERING = 16;
/** A new replica serves nothing until its first exchange: it begins soon, then waits twice as long each time. */
const EAGER_INTERVAL: Millis = 50;

interface Session {
  readonly id: number;
  readonly peer: NodeId;
  /** Whose answers these are; null before the first. */
  source: ReplicaId | null;
  /** What the other knew then. */
  context: Uint8Array | null;
  isSourceReady: boolean;
  readonly walk: MerkleWalk;
  /** Leaves that differ and wait to be exchanged, with their hashes at the other side. */
  readonly differing: Map<number, Hash64>;
  /** Asked for and not yet answered. */
  readonly fetching: Set<number>;
  /** To be given to the other. */
  readonly giving: number[];
  /** Sent, not yet answered. */
  isPushing: boolean;
  /** A merge was refused: what the other knows must not be adopted. */
  isBroken: boolean;
}

export class AntiEntropy {
  readonly #host: Host<AntiEntropyMessage, AntiEntropyTimer>;
  readonly #options: AntiEntropyOptions;
  #session: Session | null = null;
  #interval: Millis;
  #eagerInterval: Millis = EAGER_INTERVAL;
  #isArmed = false;
  #writtenAt: Millis = Number.NEGATIVE_INFINITY;
  #endedAt: Millis = Number.NEGATIVE_INFINITY;
  #answering = 0;
  #counts = { exchanges: 0, same: 0, completed: 0, givenUp: 0, adopted: 0, otherShape: 0 };
  #received = { leaves: 0, bytes: 0 };
  readonly #last = new Map<NodeId, LastExchange>();

  constructor(host: Host<AntiEntropyMessage, AntiEntropyTimer>, options: AntiEntropyOptions) {
    this.#host = host;
    this.#options = options;
    this.#interval = options.interval;
  }

  get counts(): Pick<
    MergingCounts,
    "exchangesDone" | "exchangesFailed" | "leavesReceived" | "leafBytesReceived"
  > {
    const { same, completed, givenUp } = this.#counts;
    const { leaves, bytes } = this.#received;
    return {
      exchangesDone: same + completed,
      exchangesFailed: givenUp,
      leavesReceived: leaves,
      leafBytesReceived: bytes,
    };
  }

  get last(): ReadonlyMap<NodeId, LastExchange> {
    return this.#last;
  }

  /** The members have changed, or this is the start. */
  onMembers(): void {
    const host = this.#host;
    for (const peer of this.#last.keys()) if (!host.holders.includes(peer)) this.#last.delete(peer);
    if (this.#session !== null && !this.#isPeer(this.#session.peer)) this.#giveUp();
    if (host.isHolder && host.holders.length > 1) this.#arm();
    else if (this.#isArmed) {
      this.#isArmed = false;
      host.cancelTimer("exchange");
    }
  }

  onUnreachable(peer: NodeId): void {
    if (this.#session?.peer === peer) this.#giveUp();
  }

  /** Something was written or merged: the others may lack it. */
  onWritten(): void {
    this.#writtenAt = this.#host.now;
    if (this.#interval === this.#options.interval) return;
    this.#interval = this.#options.interval;
    if (!this.#isArmed) return;
    this.#isArmed = false;
    this.#arm();
  }

  onTimer(timer: AntiEntropyTimer): void {
    if (timer === "patience") {
      if (this.#session !== null) this.#giveUp();
      return;
    }
    this.#isArmed = false;
    if (this.#session !== null) return;
    if (!this.#isHot()) this.#begin();
    if (this.#session === null) this.#arm();
  }

  onMessage(from: NodeId, message: AntiEntropyMessage): void {
    switch (message.type) {
      case "compare":
        this.#onCompare(from, message);
        return;
      case "ask":
        this.#onAsk(from, message.session, message.parents);
        return;
      case "fetch":
        this.#onFetch(from, message.session, message.leaves);
        return;
      case "push":
        this.#onPush(from, message.session, message.delta);
        return;
      case "same":
      case "families":
      case "leaves":
      case "pushed":
        this.#onReply(from, message);
        return;
      default:
        unreachable(message);
    }
  }

  status(): PlainData {
    return {
      mode: this.#options.antiEntropy,
      with: this.#session?.peer ?? null,
      interval: this.#interval,
      ...this.#counts,
    };
  }

  // ---- the side that answers

  #onCompare(from: NodeId, message: AntiEntropyMessage & { readonly type: "compare" }): void {
    const { tree } = this.#host.summary;
    const { fanout, depth, seed } = message.shape;
    if (fanout !== tree.shape.fanout || depth !== tree.shape.depth || seed !== tree.shape.seed) {
      this.#counts.otherShape++;
      return;
    }
    const { replica: source, isReady: ready } = this.#host;
    const { session, root } = message;
    const context = this.#host.summary.context();
    if (tree.has(ROOT, root.high, root.low))
      this.#host.send(from, { type: "same", session, source, ready, root, context });
    else
      this.#host.send(from, {
        type: "families",
        session,
        source,
        ready,
        context,
        families: familiesOf(tree, [ROOT]),
      });
  }

  #onAsk(from: NodeId, session: number, parents: readonly number[]): void {
    const { tree } = this.#host.summary;
    if (parents.length === 0 || parents.some((parent) => parent >= tree.firstLeaf)) return;
    const { replica: source, isReady: ready } = this.#host;
    const families = familiesOf(tree, parents.slice(0, this.#options.maxFamilies));
    this.#host.send(from, { type: "families", session, source, ready, context: null, families });
  }

  #onFetch(from: NodeId, session: number, leaves: readonly number[]): void {
    const { tree } = this.#host.summary;
    const wanted = leaves.slice(0, MAX_LEAVES);
    if (wanted.length === 0 || wanted.some((leaf) => leaf >= tree.leaves)) return;
    if (this.#answering >= MAX_ANSWERING) return;
    this.#answering++;
    const { maxMessageBytes: maxBytes } = this.#options;
    this.#host.query({ type: "leaves", leaves: wanted, maxBytes }, (answer) => {
      this.#answering--;
      if (answer.type !== "leaves") return;
      this.#host.send(from, {
        type: "leaves",
        session,
        source: this.#host.replica,
        leaves: answer.leaves,
        delta: answer.delta,
      });
    });
  }

  #onPush(from: NodeId, session: number, delta: Uint8Array): void {
    if (this.#host.isFull) return;
    this.#received.bytes += delta.length;
    this.#host.append({ type: "merge", delta }, (_, taken) =>
      this.#host.send(from, { type: "pushed", session, source: this.#host.replica, taken }),
    );
  }

  // ---- the side that asks

  #begin(): void {
    const host = this.#host;
    const peers = host.holders.filter((peer) => this.#isPeer(peer));
    if (!host.isHolder || peers.length === 0 || host.isFull) return;
    const peer = peers[Math.floor(host.chance() * peers.length)]!;
    const { tree } = host.summary;
    this.#session = {
      id: drawSession(host.chance),
      peer,
      source: null,
      context: null,
      isSourceReady: false,
      walk: new MerkleWalk(tree, this.#options.maxFamilies),
      differing: new Map(),
      fetching: new Set(),
      giving: [],
      isPushing: false,
      isBroken: false,
    };
    this.#counts.exchanges++;
    host.send(peer, { type: "compare", session: this.#session.id, shape: tree.shape, root: tree.root });
    this.#wait();
  }

  #isPeer(peer: NodeId): boolean {
    return peer !== this.#host.id && this.#host.holders.includes(peer) && this.#host.isReachable(peer);
  }

  #onReply(
    from: NodeId,
    message: AntiEntropyMessage & { readonly type: "same" | "families" | "leaves" | "pushed" },
  ): void {
    const session = this.#session;
    if (session === null || session.peer !== from || session.id !== message.session) return;
    if (session.source !== null && session.source !== message.source) {
      this.#giveUp();
      return;
    }
    switch (message.type) {
      case "same":
        if (session.source === null) this.#onSame(message);
        return;
      case "families":
        this.#onFamilies(session, message);
        return;
      case "leaves":
        this.#onLeaves(session, message.leaves, message.delta);
        return;
      case "pushed":
        if (!session.isPushing) return;
        session.isPushing = false;
        this.#advance(session);
        return;
      default:
        unreachable(message);
    }
  }

  #onSame(message: AntiEntropyMessage & { readonly type: "same" }): void {
    const { tree } = this.#host.summary;
    // Writes may have come in the meantime: the answer is about another tree then.
    const isSame = tree.has(ROOT, message.root.high, message.root.low);
    if (isSame) {
      this.#counts.same++;
      this.#last.set(this.#session!.peer, { at: this.#host.now, same: true });
      this.#adopt(message.context);
      if (message.ready) this.#host.becomeReady();
      this.#interval = Math.min(2 * this.#interval, this.#options.maxInterval);
    }
    this.#end();
  }

  #onFamilies(session: Session, message: AntiEntropyMessage & { readonly type: "families" }): void {
    if (session.source === null) {
      if (message.context === null) return;
      session.source = message.source;
      session.context = message.context;
      session.isSourceReady = message.ready;
    }
    const wasAsking = session.walk.isAsking;
    for (const { leaf, theirs } of session.walk.take(message.families)) session.differing.set(leaf, theirs);
    if (wasAsking && !session.walk.isAsking) this.#advance(session);
  }

  /** One thing at a time: what differs is exchanged before more is asked for, so that little has to be remembered. */
  #advance(session: Session): void {
    if (session !== this.#session) return;
    this.#wait();
    const { peer, id, walk, differing, fetching, giving } = session;
    if (giving.length > 0) {
      this.#give(session);
      return;
    }
    if (differing.size > 0) {
      const leaves = [...differing.keys()].slice(0, MAX_LEAVES);
      if (this.#options.antiEntropy === "push") {
        giving.push(...leaves);
        for (const leaf of leaves) differing.delete(leaf);
        this.#give(session);
        return;
      }
      for (const leaf of leaves) fetching.add(leaf);
      this.#host.send(peer, { type: "fetch", session: id, leaves });
      return;
    }
    const parents = walk.ask();
    if (parents.length > 0) this.#host.send(peer, { type: "ask", session: id, parents });
    else this.#complete(session);
  }

  #onLeaves(session: Session, leaves: readonly number[], delta: Uint8Array): void {
    const taken = leaves.filter((leaf) => session.fetching.has(leaf));
    if (taken.length === 0) return;
    session.fetching.clear();
    this.#received.leaves += taken.length;
    this.#received.bytes += delta.length;
    this.#host.append({ type: "merge", delta }, (_, isTaken) => {
      if (session !== this.#session) return;
      if (!isTaken) session.isBroken = true;
      const { tree } = this.#host.summary;
      for (const leaf of taken) {
        const theirs = session.differing.get(leaf)!;
        session.differing.delete(leaf);
        const isEqual = tree.has(tree.firstLeaf + leaf, theirs.high, theirs.low);
        if (this.#options.antiEntropy === "push-pull" && !isEqual) session.giving.push(leaf);
      }
      this.#advance(session);
    });
  }

  #give(session: Session): void {
    const { maxMessageBytes: maxBytes } = this.#options;
    this.#host.query({ type: "leaves", leaves: [...session.giving], maxBytes }, (answer) => {
      if (session !== this.#session || answer.type !== "leaves") return;
      const given = new Set(answer.leaves);
      session.giving.splice(0, session.giving.length, ...session.giving.filter((leaf) => !given.has(leaf)));
      session.isPushing = true;
      this.#host.send(session.peer, { type: "push", session: session.id, delta: answer.delta });
      this.#wait();
    });
  }

  /** Whatever differed has been taken from the other; whatever did not was equal at a moment after it said what it knows. */
  #complete(session: Session): void {
    this.#interval = this.#options.interval;
    if (session.isBroken) this.#counts.givenUp++;
    else {
      this.#counts.completed++;
      this.#last.set(session.peer, { at: this.#host.now, same: false });
    }
    if (this.#options.antiEntropy !== "push" && !session.isBroken) {
      this.#adopt(session.context!);
      if (session.isSourceReady) this.#host.becomeReady();
    }
    this.#end();
  }

  #adopt(context: Uint8Array): void {
    if (this.#host.summary.covers(context)) return;
    this.#counts.adopted++;
    this.#host.append({ type: "adopt", context }, () => {});
  }

  #giveUp(): void {
    this.#counts.givenUp++;
    this.#interval = this.#options.interval;
    this.#end();
  }

  /** What differs now is what is on its way: to fetch it as well would cost more than the writes themselves. */
  #isHot(): boolean {
    const { now, isReady } = this.#host;
    const { calm, postponed } = this.#options;
    return isReady && now - this.#writtenAt < calm && now - this.#endedAt < postponed;
  }

  #end(): void {
    this.#session = null;
    this.#endedAt = this.#host.now;
    this.#host.cancelTimer("patience");
    this.#arm();
  }

  #wait(): void {
    this.#host.setTimer("patience", this.#options.patience, this.#options.patience);
  }

  #arm(): void {
    if (this.#isArmed || this.#session !== null) return;
    if (!this.#host.isHolder || this.#host.holders.length < 2) return;
    this.#isArmed = true;
    let interval = this.#interval;
    if (!this.#host.isReady) {
      interval = Math.min(this.#eagerInterval, interval);
      this.#eagerInterval *= 2;
    }
    this.#host.setTimer("exchange", 0.75 * interval, 1.25 * interval);
  }
}
