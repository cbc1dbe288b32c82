/**
 * Group broadcast. SPEC.md has the rules, the guarantees and the tests that hold them.
 *
 *   publish ──▶ numbered ──▶ sent to all ─┐
 *                                         ├──▶ held back ──(its turn, by the order)──▶ deliver ──(by all)──▶ forgotten
 *   items ──▶ new? ──▶ passed on to all ──┘         │
 *             (passed on: reliable only)            └──(best effort: patience)──▶ lost, told
 *
 * A message goes to all others before it is delivered here: if one correct member delivers it, all do (eager reliable broadcast).
 * What the network loses is found by comparing what members have (`status`), and repaired by whoever has it.
 */
import { invariant, unreachable } from "../../core/assert.ts";
import type { NodeId } from "../../core/ids.ts";
import type { Millis, PlainData } from "../../core/machine.ts";
import { describe, waitingFor } from "./held-back.ts";
import type { HeldBack } from "./held-back.ts";
import type {
  BroadcastEffect,
  BroadcastInput,
  BroadcastMessage,
  Item,
  Lane,
  LossReason,
  Member,
  Position,
  Receipt,
  View,
} from "./messages.ts";
import { checkBroadcastOptions } from "./options.ts";
import type { BroadcastOptions } from "./options.ts";
import { sameMember, Sequence, sequenceKey } from "./sequence.ts";
import type { Kept } from "./sequence.ts";
import { settle } from "./settlement.ts";

/** What another member has said of itself. */
interface Peer {
  readonly member: Member;
  /** Its view, and the number of its status, when it last said what it has. */
  epoch: number;
  sequence: number;
  joined: boolean;
  receipts: ReadonlyMap<string, Receipt>;
  /** What it had said before this round. */
  earlier: ReadonlyMap<string, Receipt>;
  unreachable: boolean;
}

type Status = BroadcastMessage & { readonly type: "status" };
type Publish = BroadcastInput & { readonly type: "publish" };
type DataItem = Item & { readonly lane: "data" };

const NO_RECEIPTS: ReadonlyMap<string, Receipt> = new Map();

/** One member. Keeps nothing on disk: a process that starts anew is another member, and needs a view that says so. */
export class Broadcast {
  readonly #options: BroadcastOptions;
  readonly #isReliable: boolean;
  readonly #sequences = new Map<string, Sequence>();
  #peers = new Map<NodeId, Peer>();
  #view: View | null = null;
  /** The present view's members, the one that was there first before the others: the first is the sequencer. */
  #members: readonly Member[] = [];
  #self: Member | null = null;
  #joined = false;
  /** The view since which the present sequencer is one. */
  #reignSince = 0;
  #statuses = 0;
  #now: Millis = 0;
  #started = false;
  #armed = false;
  #effects: BroadcastEffect[] = [];

  constructor(options: BroadcastOptions) {
    checkBroadcastOptions(options);
    this.#options = options;
    this.#isReliable = options.reliability === "reliable";
  }

  /** Synchronous, total, deterministic. Throws only `InvariantError`. */
  step(now: Millis, input: BroadcastInput): readonly BroadcastEffect[] {
    invariant(now >= this.#now || !this.#started, `time goes back from ${this.#now} to ${now}`);
    this.#now = now;
    this.#started = true;
    this.#take(input);
    if (this.#self !== null) {
      this.#tryToJoin();
      this.#advance();
      if (this.#isReliable) {
        this.#settle();
        this.#forget();
      } else while (this.#keptCount() > this.#options.maxHeldBack) this.#release(this.#oldest()!);
      this.#arm();
    }
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /** It is in the view, and delivers and publishes (R9). */
  get joined(): boolean {
    return this.#self !== null && this.#joined;
  }

  /** The hold-back queue: what came and is not delivered yet, and what each waits for. */
  heldBack(): readonly HeldBack[] {
    const held: HeldBack[] = [];
    for (const sequence of this.#lane("data")) {
      for (const { item, at } of sequence.kept.values()) {
        if (item.lane === "order" || item.number <= sequence.delivered || this.#options.order === "none")
          continue;
        const { origin, number } = item;
        held.push({
          origin,
          number,
          milliseconds: this.#now - at,
          waitsFor: waitingFor(item, sequence, {
            order: this.#options.order,
            find: (position) => this.#find(position, "data"),
            sequencer: this.#members[0] ?? null,
            reign: this.#reign(),
            isSettled: !this.#unsettled(),
          }),
        });
      }
    }
    return held.sort((a, b) => a.origin.node - b.origin.node || a.number - b.number);
  }

  status(): PlainData {
    const { reliability, order } = this.#options;
    const own = this.#own("data");
    return {
      reliability,
      order,
      epoch: this.#view?.epoch ?? null,
      members: this.#members.map(({ node, since }) => ({ node, since })),
      sequencer: order === "total" ? (this.#members[0]?.node ?? null) : null,
      joined: this.#joined,
      published: own?.have ?? 0,
      unstable: own === undefined || !this.#isReliable ? 0 : own.have - own.stable,
      delivered: Object.fromEntries(
        this.#lane("data").map(({ origin, delivered }) => [`n${origin.node}`, delivered]),
      ),
      kept: [...this.#sequences.values()].reduce((sum, { kept }) => sum + kept.size, 0),
      unsettled: this.#unsettled(),
      heldBack: this.heldBack().map(describe),
    };
  }

  check(): void {
    const { maxUnstable, maxHeldBack, maxRemembered } = this.#options;
    let kept = 0;
    for (const [key, it] of this.#sequences) {
      kept += it.kept.size;
      invariant(it.delivered <= it.have, `${key}: ${it.delivered} are delivered, ${it.have} are here`);
      invariant(it.stable <= it.delivered, `${key}: ${it.stable} are stable, ${it.delivered} delivered`);
      invariant(it.end === null || it.have <= it.end, `${key}: ${it.have} are here behind the end ${it.end}`);
      if (this.#isReliable) {
        invariant(it.kept.size <= maxUnstable, `${key}: ${it.kept.size} are kept`);
        for (let number = it.stable + 1; number <= it.have; number++)
          invariant(
            it.kept.has(number) || it.holes.has(number),
            `${key}: ${number} is forgotten before all have it`,
          );
      } else invariant(it.beyond.size <= maxRemembered, `${key}: ${it.beyond.size} are remembered`);
    }
    invariant(this.#isReliable || kept <= maxHeldBack, `${kept} are held back`);
    invariant(this.#self === null || this.#armed || !this.#isOpen(), "no round will come");
  }

  #take(input: BroadcastInput): void {
    switch (input.type) {
      case "start":
        return;
      case "members":
        this.#install(input.view);
        return;
      case "publish":
        this.#publish(input);
        return;
      case "message":
        this.#onMessage(input.from, input.message);
        return;
      case "timer":
        this.#armed = false;
        if (this.#self === null) return;
        if (this.#isReliable) this.#compare();
        else this.#expire();
        return;
      case "unreachable": {
        const peer = this.#peers.get(input.peer);
        if (peer !== undefined) peer.unreachable = true;
        return;
      }
      default:
        unreachable(input);
    }
  }

  // Views

  #install(view: View): void {
    if (this.#view !== null && view.epoch <= this.#view.epoch) return;
    const self = view.members.find(({ node }) => node === this.#options.id) ?? null;
    if (this.#self !== null && (self === null || !sameMember(self, this.#self))) this.#leave();
    const sequencer = this.#members[0];
    this.#view = view;
    this.#self = self;
    this.#members = [...view.members].sort((a, b) => a.since - b.since || a.node - b.node);
    if (self === null) return;
    const first = this.#members[0]!;
    if (sequencer === undefined || !sameMember(sequencer, first)) this.#reignSince = view.epoch;
    this.#joined ||=
      !this.#isReliable ||
      this.#options.order === "none" ||
      this.#members.every(({ since }) => self.since <= since);
    this.#peers = new Map(
      this.#members
        .filter((member) => member.node !== self.node)
        .map((member) => [member.node, this.#continued(member) ?? newPeer(member)]),
    );
    for (const [key, sequence] of this.#sequences) {
      sequence.departed = !this.#members.some((member) => sameMember(member, sequence.origin));
      if (!sequence.departed || (this.#isReliable && this.#joined && sequence.start !== null)) continue;
      this.#sequences.delete(key);
      if (sequence.lane === "data") this.#lose(sequence, sequence.delivered + 1, sequence.last, "departed");
    }
    const lanes: readonly Lane[] = this.#options.order === "total" ? ["data", "order"] : ["data"];
    for (const member of this.#members) {
      // Who was here before it takes part from its first message on; who came later has to be told how far it is.
      const start = self.since <= member.since ? 0 : null;
      for (const lane of lanes) {
        const key = sequenceKey(member, lane);
        if (this.#sequences.has(key)) continue;
        this.#sequences.set(key, new Sequence(member, lane, start));
      }
    }
  }

  #continued(member: Member): Peer | undefined {
    const peer = this.#peers.get(member.node);
    return peer !== undefined && sameMember(peer.member, member) ? peer : undefined;
  }

  /** This node was out of the group, or is: what it has is from another life. */
  #leave(): void {
    for (const sequence of this.#lane("data"))
      this.#lose(sequence, sequence.delivered + 1, sequence.last, "excluded");
    this.#sequences.clear();
    this.#joined = false;
    this.#peers.clear();
    this.#members = [];
    this.#armed = false;
  }

  // Publishing

  #publish({ id, payload }: Publish): void {
    const own = this.#own("data");
    const { maxPayloadBytes, maxUnstable } = this.#options;
    if (own === undefined || !this.#joined) this.#effects.push({ type: "refused", id, error: "unreachable" });
    else if (payload.length > maxPayloadBytes)
      this.#effects.push({ type: "refused", id, error: "too-large" });
    else if (this.#isReliable && own.have - own.stable >= maxUnstable)
      this.#effects.push({ type: "refused", id, error: "overloaded" });
    else {
      const item = { lane: "data" as const, ...this.#head(own), after: this.#causes(own), payload };
      this.#effects.push({ type: "published", id, number: item.number });
      this.#originate(own, item);
    }
  }

  #head(own: Sequence): Omit<DataItem, "lane" | "after" | "payload"> {
    return {
      origin: own.origin,
      number: own.have + 1,
      epoch: this.#view!.epoch,
      stable: own.stable,
    };
  }

  #causes(own: Sequence): readonly Position[] {
    const { order } = this.#options;
    if (order !== "causal" && !(order === "total" && this.#isReliable)) return [];
    return this.#lane("data")
      .filter((it) => it !== own && it.delivered > 0)
      .map(({ origin, delivered }) => ({ ...origin, number: delivered }));
  }

  #originate(own: Sequence, item: Item): void {
    this.#sendItems([...this.#peers.values()], item);
    this.#keep(own, item);
  }

  #sendItems(to: readonly Peer[], item: Item): void {
    for (const { member, unreachable: isCutOff } of to) {
      // A reliable one gets it by repair; for the other this is the only chance.
      if (isCutOff && this.#isReliable) continue;
      this.#effects.push({ type: "send", to: member.node, message: this.#items([item]) });
    }
  }

  #items(items: readonly Item[]): BroadcastMessage {
    return { type: "items", epoch: this.#view!.epoch, since: this.#self!.since, items };
  }

  // Receiving

  #onMessage(from: NodeId, message: BroadcastMessage): void {
    const peer = this.#peers.get(from);
    // Only members are believed: what others still say of one that has left could come too late for the settlement.
    if (this.#self === null || peer === undefined || peer.member.since !== message.since) return;
    peer.unreachable = false;
    switch (message.type) {
      case "items":
        for (const item of message.items) this.#receive(peer, item);
        return;
      case "status":
        if (this.#isReliable) this.#onStatus(peer, message);
        return;
      default:
        unreachable(message);
    }
  }

  #receive(from: Peer, item: Item): void {
    const sequence = this.#find(item.origin, item.lane);
    if (sequence === undefined || sameMember(item.origin, this.#self!)) return;
    if (sequence.start === null) {
      if (this.#isReliable) return;
      sequence.begin(item.number - 1);
    }
    if (this.#isReliable) {
      sequence.stable = Math.max(sequence.stable, Math.min(item.stable, sequence.delivered));
      if (sequence.end !== null || item.number > sequence.stable + this.#options.maxUnstable) return;
    }
    if (sequence.has(item.number)) return;
    if (this.#isReliable) this.#passOn(from, item);
    this.#keep(sequence, item);
  }

  /** To all others, before it is delivered here. */
  #passOn(from: Peer, item: Item): void {
    const others = [...this.#peers.values()].filter(
      (peer) => peer !== from && !sameMember(peer.member, item.origin),
    );
    this.#sendItems(others, item);
  }

  #keep(sequence: Sequence, item: Item): void {
    sequence.take(item, this.#now);
    if (this.#options.order === "none") {
      if (item.lane === "data") this.#tell(item);
      sequence.delivered = sequence.have;
      if (!this.#isReliable) sequence.kept.delete(item.number);
    }
    if (this.#isReliable) return;
    while (sequence.beyond.size > this.#options.maxRemembered) {
      const first = Math.min(...sequence.beyond);
      if (this.#options.order === "none") this.#lose(sequence, sequence.have + 1, first - 1, "gap");
      sequence.giveUp(first);
      if (this.#options.order === "none") sequence.delivered = sequence.have;
    }
  }

  // Orders

  /** Delivers all whose turn it is. */
  #advance(): void {
    if (!this.#joined) return;
    switch (this.#options.order) {
      case "none":
        return;
      case "fifo":
      case "causal":
        while (this.#deliverNext());
        return;
      case "total":
        while (this.#follow() || this.#place());
        return;
      default:
        unreachable(this.#options.order);
    }
  }

  #deliverNext(): boolean {
    let isMoved = false;
    for (const sequence of this.#lane("data")) {
      for (;;) {
        const next = sequence.kept.get(sequence.delivered + 1)?.item;
        if (next === undefined || next.lane !== "data" || !this.#isCaused(next, deliveredOf)) break;
        this.#deliver(sequence, next);
        isMoved = true;
      }
    }
    return isMoved;
  }

  /** Everything that its origin had delivered before it is delivered here, by `upTo`. */
  #isCaused(item: DataItem, upTo: (sequence: Sequence) => number): boolean {
    return item.after.every((cause) => {
      const before = this.#find(cause, "data");
      if (before === undefined) return this.#isPast(cause);
      if (before.start !== null) return upTo(before) >= cause.number;
      if (this.#isReliable) return false;
      before.begin(cause.number);
      return true;
    });
  }

  /** Of a member that this one does not know: it has left and is settled, or this one never took part. The other ones are yet to come. */
  #isPast({ since }: Member): boolean {
    return since <= this.#view!.epoch;
  }

  #deliver(sequence: Sequence, item: DataItem): void {
    this.#tell(item);
    sequence.delivered = item.number;
    if (!this.#isReliable) {
      sequence.giveUp(item.number);
      sequence.kept.delete(item.number);
    }
  }

  #tell({ origin, number, payload }: DataItem): void {
    this.#effects.push({ type: "deliver", from: origin, number, payload });
  }

  /** The order lane that is followed now: that of the first sequencer whose places are not all followed. */
  #reign(): Sequence | undefined {
    return this.#lane("order")
      .sort((a, b) => a.origin.since - b.origin.since || a.origin.node - b.origin.node)
      .find((it) => it.end === null || it.delivered < it.end);
  }

  /** The sequencer numbers what can be delivered, and follows its own numbers like everybody else. */
  #place(): boolean {
    const own = this.#own("order");
    if (own === undefined || this.#reign() !== own || this.#unsettled()) return false;
    if (this.#isReliable && own.have - own.stable >= this.#options.maxUnstable) return false;
    const placed = new Map<Sequence, number>();
    const upTo = (sequence: Sequence) => placed.get(sequence) ?? sequence.delivered;
    const places: Position[] = [];
    let isMoved = true;
    while (isMoved) {
      isMoved = false;
      for (const sequence of this.#lane("data")) {
        for (let next = this.#nextPlace(sequence, upTo); next !== null;) {
          places.push({ ...next.origin, number: next.number });
          placed.set(sequence, next.number);
          isMoved = true;
          next = this.#nextPlace(sequence, upTo);
        }
      }
    }
    if (places.length === 0) return false;
    this.#originate(own, { lane: "order", ...this.#head(own), places });
    return true;
  }

  #nextPlace(sequence: Sequence, upTo: (sequence: Sequence) => number): DataItem | null {
    let number = upTo(sequence) + 1;
    if (!this.#isReliable) {
      const later = [...sequence.kept.keys()].filter(
        (one) => one >= number && sequence.kept.get(one)!.item.epoch >= this.#reignSince,
      );
      number = Math.min(...later);
    }
    const item = sequence.kept.get(number)?.item;
    return item !== undefined && item.lane === "data" && this.#isCaused(item, upTo) ? item : null;
  }

  /** Delivers by the numbers of the sequencer. */
  #follow(): boolean {
    const reign = this.#reign();
    if (reign === undefined) return false;
    let isMoved = false;
    for (;;) {
      const item = reign.kept.get(reign.delivered + 1)?.item;
      if (item === undefined || item.lane !== "order") return isMoved;
      for (; reign.followed < item.places.length; reign.followed++) {
        if (!this.#followOne(item.places[reign.followed]!)) return isMoved;
        isMoved = true;
      }
      reign.followed = 0;
      reign.delivered += 1;
      isMoved = true;
      if (!this.#isReliable) {
        reign.giveUp(reign.delivered);
        reign.kept.delete(item.number);
      }
    }
  }

  /** False: it has to be waited for. */
  #followOne(place: Position): boolean {
    const sequence = this.#find(place, "data");
    if (sequence === undefined) return this.#isPast(place);
    if (sequence.start === null) sequence.begin(place.number - 1);
    if (place.number <= sequence.delivered) return true;
    const item = sequence.kept.get(place.number)?.item;
    if (item !== undefined && item.lane === "data") {
      if (!this.#isReliable) this.#lose(sequence, sequence.delivered + 1, place.number - 1, "unordered");
      this.#deliver(sequence, item);
      return true;
    }
    return this.#isReliable
      ? sequence.end !== null && place.number > sequence.end
      : sequence.has(place.number);
  }

  // Best effort: what does not come in time

  #expire(): void {
    for (;;) {
      const oldest = this.#oldest();
      if (oldest === null || this.#now - oldest.kept.at < this.#options.patience) return;
      this.#release(oldest);
    }
  }

  #oldest(): { readonly sequence: Sequence; readonly kept: Kept } | null {
    let oldest: { readonly sequence: Sequence; readonly kept: Kept } | null = null;
    for (const sequence of this.#sequences.values())
      for (const kept of sequence.kept.values())
        if (oldest === null || kept.at < oldest.kept.at) oldest = { sequence, kept };
    return oldest;
  }

  #keptCount(): number {
    let count = 0;
    for (const { kept } of this.#sequences.values()) count += kept.size;
    return count;
  }

  /** Gives up what this one waits for, and with it what does not come; afterwards it is not kept any more. */
  #release({ sequence, kept: { item } }: { readonly sequence: Sequence; readonly kept: Kept }): void {
    if (this.#options.order === "total") this.#releasePlaced(sequence, item);
    else
      while (sequence.kept.has(item.number)) {
        this.#giveUpOneCause(sequence, item);
        this.#advance();
      }
    this.#advance();
  }

  /** Goes back along what is here to a message that waits only for what is not here. */
  #giveUpOneCause(sequence: Sequence, item: Item): void {
    let at = { sequence, item };
    const seen = new Set<Item>();
    for (;;) {
      const first = at.sequence.firstHeld()!.item;
      seen.add(first);
      at = { sequence: at.sequence, item: first };
      const causes = first.lane === "data" ? first.after : [];
      const cause = causes.find((it) => (this.#find(it, "data")?.delivered ?? it.number) < it.number);
      const before = cause === undefined ? undefined : this.#find(cause, "data");
      if (cause === undefined || before === undefined) {
        this.#lose(at.sequence, at.sequence.delivered + 1, first.number - 1, "gap");
        return;
      }
      const held = before.firstHeld()?.item;
      if (held === undefined || held.number > cause.number || seen.has(held)) {
        this.#lose(before, before.delivered + 1, cause.number, "gap");
        return;
      }
      at = { sequence: before, item: held };
    }
  }

  #releasePlaced(sequence: Sequence, item: Item): void {
    if (sequence.lane === "data") {
      this.#lose(sequence, sequence.delivered + 1, item.number, "unordered");
      return;
    }
    const first = sequence.firstHeld()!.item;
    if (sequence !== this.#reign()) {
      // Somebody numbers who is no sequencer in this view, or not yet.
      this.#passOver(sequence, first.number);
    } else if (first.number > sequence.delivered + 1) {
      // Numbers that were lost; what they were for will not be placed.
      this.#passOver(sequence, first.number - 1);
    } else if (first.lane === "order") {
      const place = first.places[sequence.followed]!;
      const missing = this.#find(place, "data");
      if (missing !== undefined) this.#lose(missing, missing.delivered + 1, place.number, "gap");
    }
  }

  /** Told once, as one range; what is delivered later is behind it. */
  #lose(sequence: Sequence, first: number, last: number, reason: LossReason): void {
    if (first > last) return;
    this.#effects.push({ type: "lost", from: sequence.origin, first, last, reason });
    this.#passOver(sequence, last);
  }

  #passOver(sequence: Sequence, last: number): void {
    sequence.delivered = Math.max(sequence.delivered, last);
    sequence.giveUp(last);
    for (const number of sequence.kept.keys()) if (number <= last) sequence.kept.delete(number);
  }

  // Reliable: who has what

  #compare(): void {
    for (const peer of this.#peers.values()) {
      peer.earlier = peer.receipts;
      this.#sendStatus(peer, true);
    }
  }

  #sendStatus(to: Peer, asks: boolean): void {
    const receipts = [...this.#sequences.values()]
      .filter(({ start }) => start !== null)
      .map((it) => it.receipt());
    const { epoch } = this.#view!;
    const { since } = this.#self!;
    this.#statuses += 1;
    this.#effects.push({
      type: "send",
      to: to.member.node,
      message: {
        type: "status",
        epoch,
        since,
        sequence: this.#statuses,
        asks,
        joined: this.#joined,
        receipts,
      },
    });
  }

  #onStatus(peer: Peer, { epoch, sequence, asks, joined, receipts }: Status): void {
    if (sequence <= peer.sequence) return;
    peer.epoch = epoch;
    peer.sequence = sequence;
    peer.joined = joined;
    peer.receipts = new Map(receipts.map((it) => [sequenceKey(it.origin, it.lane), it]));
    if (epoch >= this.#self!.since && this.#options.order === "none") this.#hear(peer);
    if (asks) this.#sendStatus(peer, false);
    this.#repair(peer);
  }

  /** Without an order: takes part in what the peer publishes from here on, if it does not yet. */
  #hear(peer: Peer): void {
    for (const receipt of peer.receipts.values()) {
      if (!sameMember(receipt.origin, peer.member)) continue;
      const sequence = this.#find(receipt.origin, receipt.lane);
      if (sequence !== undefined && sequence.start === null) sequence.begin(receipt.have);
    }
  }

  /**
   * Who came when others were there takes part from where all of them are, so that nothing can be lost that comes before what it delivers. It
   * delivers nothing before all have taken its view and none has anything open of members that have left; until then it moves along,
   * and holds nobody up.
   */
  #tryToJoin(): void {
    if (this.#joined) return;
    const peers = [...this.#peers.values()];
    const others = peers.filter(({ joined }) => joined);
    if (others.length === 0 || peers.some((peer) => peer.epoch < this.#self!.since)) return;
    for (const [key, sequence] of this.#sequences) {
      const from = Math.min(...others.map(({ receipts }) => receipts.get(key)?.delivered ?? -1));
      if (from >= 0) sequence.begin(from);
    }
    const { epoch } = this.#view!;
    this.#joined =
      peers.every(
        (peer) => peer.epoch === epoch && [...peer.receipts.keys()].every((key) => this.#sequences.has(key)),
      ) && [...this.#sequences.values()].every(({ start }) => start !== null);
  }

  /** What the peer lacks. Of what others published, only when they do not seem to do it themselves. */
  #repair(peer: Peer): void {
    const items: Item[] = [];
    let bytes = 0;
    for (const [key, sequence] of this.#sequences) {
      const receipt = peer.receipts.get(key);
      const earlier = peer.earlier.get(key);
      if (receipt === undefined) continue;
      const isStuck = earlier?.have === receipt.have && earlier.beyond.length === receipt.beyond.length;
      if (!isStuck && !sequence.departed && !sameMember(sequence.origin, this.#self!)) continue;
      const has = new Set(receipt.beyond);
      for (const number of [...sequence.kept.keys()].sort((a, b) => a - b)) {
        if (number <= receipt.have || has.has(number)) continue;
        const { item } = sequence.kept.get(number)!;
        bytes += item.lane === "data" ? item.payload.length : 16 * item.places.length;
        if (items.length > 0 && bytes > this.#options.maxRepairBytes) break;
        items.push(item);
      }
    }
    if (items.length > 0)
      this.#effects.push({ type: "send", to: peer.member.node, message: this.#items(items) });
  }

  /** Agrees with the others on where the messages of departed members end. */
  #settle(): void {
    const { epoch } = this.#view!;
    const peers = [...this.#peers.values()];
    if (peers.some((peer) => peer.epoch !== epoch)) return;
    const receiptsOf = (sequence: Sequence) =>
      peers.flatMap(({ receipts }) => receipts.get(sequenceKey(sequence.origin, sequence.lane)) ?? []);
    const departed = [...this.#sequences.values()].filter((it) => it.departed && it.end === null);
    const settlement =
      departed.length === 0
        ? null
        : settle(departed, receiptsOf, this.#options.order !== "none", (position) =>
            this.#find(position, "data"),
          );
    if (settlement !== null) {
      for (const [sequence, end] of settlement.ends) {
        const { last } = sequence;
        sequence.seal(end);
        if (sequence.lane === "data" && end < last)
          this.#effects.push({
            type: "lost",
            from: sequence.origin,
            first: end + 1,
            last,
            reason: "departed",
          });
        for (const hole of settlement.holes.get(sequence) ?? []) {
          sequence.holes.add(hole);
          if (sequence.lane === "data")
            this.#effects.push({
              type: "lost",
              from: sequence.origin,
              first: hole,
              last: hole,
              reason: "departed",
            });
        }
        if (this.#options.order === "none") sequence.delivered = end;
      }
      this.#advance();
    }
    for (const [key, sequence] of this.#sequences) {
      const { end } = sequence;
      if (end === null || sequence.delivered < end) continue;
      if (receiptsOf(sequence).every(({ delivered }) => delivered >= end)) this.#sequences.delete(key);
    }
  }

  /** What all members have delivered nobody will need. */
  #forget(): void {
    const { epoch } = this.#view!;
    for (const [key, sequence] of this.#sequences) {
      let stable = sequence.delivered;
      for (const peer of this.#peers.values()) {
        const receipt = peer.receipts.get(key);
        // Of one who has left, a member of the present view takes part or never will.
        if (receipt === undefined && sequence.departed && peer.epoch === epoch) continue;
        stable = Math.min(stable, receipt?.delivered ?? 0);
      }
      sequence.stable = Math.max(sequence.stable, stable);
      for (const number of sequence.kept.keys()) if (number <= sequence.stable) sequence.kept.delete(number);
    }
  }

  #isOpen(): boolean {
    if (!this.#joined) return true;
    for (const { start, kept, beyond, departed } of this.#sequences.values()) {
      if (kept.size > 0) return true;
      if (this.#isReliable && (start === null || beyond.size > 0 || departed)) return true;
    }
    return false;
  }

  #arm(): void {
    if (this.#armed || !this.#isOpen()) return;
    this.#armed = true;
    const { roundMin, roundMax } = this.#options;
    this.#effects.push({ type: "set-timer", timer: "round", min: roundMin, max: roundMax });
  }

  #unsettled(): boolean {
    for (const { departed, end } of this.#sequences.values()) if (departed && end === null) return true;
    return false;
  }

  #own(lane: Lane): Sequence | undefined {
    return this.#self === null ? undefined : this.#find(this.#self, lane);
  }

  #find(origin: Member, lane: Lane): Sequence | undefined {
    return this.#sequences.get(sequenceKey(origin, lane));
  }

  #lane(lane: Lane): Sequence[] {
    return [...this.#sequences.values()].filter((it) => it.lane === lane);
  }
}

const deliveredOf = ({ delivered }: Sequence): number => delivered;

const newPeer = (member: Member): Peer => ({
  member,
  epoch: -1,
  sequence: -1,
  joined: false,
  receipts: NO_RECEIPTS,
  earlier: NO_RECEIPTS,
  unreachable: false,
});
