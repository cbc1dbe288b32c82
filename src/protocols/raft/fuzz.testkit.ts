/**
 * One seed, one history: a cluster of hosts in virtual time, on a network that loses, doubles, delays and reorders, with
 * disks that forget, processes that crash, pause and come back, clocks that drift, and clients that write, read and change
 * the membership. Every step is checked against `Invariants`; at the end the faults stop and the group must be alive.
 */
import { InvariantError } from "../../core/assert.ts";
import type { NodeId, RequestId, WriteId } from "../../core/ids.ts";
import { nodeId, requestId } from "../../core/ids.ts";
import type { Committed, LogIndex, Millis, SnapshotChunk, SnapshotId } from "../../core/machine.ts";
import { ERRORS } from "../../core/errors.ts";
import { raftCodec } from "./codec.ts";
import { configuration } from "./configuration.ts";
import { bytes, founding, testOptions, TestHost } from "./host.testkit.ts";
import type { HostEvents } from "./host.testkit.ts";
import { Invariants } from "./invariants.testkit.ts";
import type {
  RaftEffect,
  RaftInput,
  RaftOutcome,
  RaftRecord,
  RaftTimer,
  RaftVocabulary,
} from "./messages.ts";
import { Agenda } from "./agenda.testkit.ts";
import { mixOf, seededRandom } from "./fuzz-mix.testkit.ts";
import type { FuzzMix } from "./fuzz-mix.testkit.ts";

interface Node {
  readonly host: TestHost;
  readonly offset: Millis;
  readonly rate: number;
  /** Counts lives: an event of an earlier one is void. */
  life: number;
  pausedUntil: Millis;
  readonly timers: Map<RaftTimer, number>;
  timerSerial: number;
  syncUntil: Millis;
  /** Who cannot send to it at the moment. */
  blocked: Set<NodeId>;
}

interface PendingRead {
  readonly node: NodeId;
  readonly life: number;
  /** What was committed anywhere when the read was asked. */
  readonly floor: LogIndex;
}

export interface FuzzReport {
  readonly seed: number;
  readonly steps: number;
  readonly committed: number;
  readonly leaders: number;
  readonly reads: number;
  readonly leaseReads: number;
  readonly installs: number;
  readonly changes: number;
  readonly transfers: number;
  readonly hash: number;
}

export class FuzzCluster implements HostEvents {
  readonly seed: number;
  readonly mix: FuzzMix;
  readonly nodes = new Map<NodeId, Node>();
  readonly invariants: Invariants;
  /** The last events, for a failure's message. */
  readonly trace: string[] = [];
  readonly #random: () => number;
  readonly #agenda = new Agenda();
  #now: Millis = 0;
  #healed = false;
  #nextRequest = 1;
  readonly #writes = new Map<RequestId, { readonly line: string; open: boolean }>();
  /** Lines that were refused for good. */
  readonly #refused = new Set<string>();
  readonly #done = new Set<string>();
  readonly #reads = new Map<RequestId, PendingRead>();
  readonly #admin = new Map<
    RequestId,
    { readonly node: NodeId; readonly life: number; readonly what: string }
  >();
  #counts = { steps: 0, leaders: 0, reads: 0, leaseReads: 0, installs: 0, changes: 0, transfers: 0 };
  #hash = 0;

  constructor(seed: number, mix: FuzzMix = mixOf(seed)) {
    this.seed = seed;
    this.mix = mix;
    this.#random = seededRandom(seed);
    this.invariants = new Invariants((host) => this.#clock(host.id));
    const founders = Array.from({ length: mix.founders }, (_, at) => nodeId(at + 1));
    for (let i = 1; i <= mix.nodes; i++) {
      const id = nodeId(i);
      const records = i <= mix.founders ? founding(configuration(founders)) : [];
      const host = new TestHost(
        testOptions(id, mix.options),
        records,
        this,
        2 + Math.floor(this.#random() * 8),
      );
      this.nodes.set(id, {
        host,
        offset: this.#random() * 1000,
        rate: 1 + (this.#random() * 2 - 1) * mix.drift,
        life: 0,
        pausedUntil: 0,
        timers: new Map(),
        timerSerial: 0,
        syncUntil: 0,
        blocked: new Set(),
      });
      this.invariants.added(host);
    }
  }

  run(): FuzzReport {
    try {
      for (const node of this.nodes.values()) node.host.start(this.#clock(node.host.id));
      this.#scheduleFaults();
      this.#runUntil(this.mix.duration);
      this.#heal();
      this.#runUntil(this.mix.duration + 5000);
      this.#checkLiveness();
    } catch (error) {
      const tail = this.trace.slice(-60).join("\n");
      throw new InvariantError(`seed ${this.seed} at ${this.#now.toFixed(2)} ms: ${String(error)}\n${tail}`);
    }
    return { seed: this.seed, committed: this.invariants.committedIndex, hash: this.#hash, ...this.#counts };
  }

  // ---- time and chance

  #clock(id: NodeId): Millis {
    const node = this.nodes.get(id)!;
    return node.offset + this.#now * node.rate;
  }

  #runUntil(end: Millis): void {
    for (;;) {
      const event = this.#agenda.take();
      if (event === undefined) return;
      if (event.at > end) {
        this.#agenda.add(event.at, event.run);
        this.#now = end;
        return;
      }
      this.#now = event.at;
      event.run();
    }
  }

  #in(delay: Millis, run: () => void): void {
    this.#agenda.add(this.#now + delay, run);
  }

  /** In this life of the node, and not while it is paused. */
  #onNode(node: Node, delay: Millis, run: () => void): void {
    const { life } = node;
    const attempt = (): void => {
      if (node.life !== life) return;
      if (this.#now < node.pausedUntil) this.#agenda.add(node.pausedUntil, attempt);
      else run();
    };
    this.#in(delay, attempt);
  }

  #every(mean: Millis, run: () => void): void {
    if (mean <= 0) return;
    const again = (): void => {
      if (this.#healed) return;
      run();
      this.#in(mean * (0.2 + 1.6 * this.#random()), again);
    };
    this.#in(mean * this.#random(), again);
  }

  #pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.#random() * items.length)]!;
  }

  #anyNode(): Node {
    return this.#pick([...this.nodes.values()]);
  }

  #log(line: string): void {
    this.trace.push(`${this.#now.toFixed(2)} ${line}`);
    if (this.trace.length > 400) this.trace.splice(0, 200);
    for (let i = 0; i < line.length; i++) this.#hash = (Math.imul(this.#hash, 31) + line.charCodeAt(i)) >>> 0;
  }

  // ---- faults and clients

  #scheduleFaults(): void {
    const { mix } = this;
    this.#every(mix.crashEvery, () => this.#crash(this.#target(0.4)));
    this.#every(mix.partitionEvery, () => this.#partition());
    this.#every(mix.pauseEvery, () => {
      const node = this.#anyNode();
      node.pausedUntil = this.#now + this.#random() * 700;
      this.#log(`pause ${node.host.id}`);
    });
    this.#every(mix.changeEvery, () => this.#change());
    this.#every(mix.transferEvery, () => this.#transfer());
    this.#every(mix.compactEvery, () => this.#compact(this.#anyNode()));
    this.#every(mix.writeEvery, () => this.#write());
    this.#every(mix.readEvery, () => this.#read());
  }

  #crash(node: Node): void {
    if (!node.host.alive) return;
    const writes = node.host.unsyncedWrites.length;
    node.host.crash(Math.floor(this.#random() * (writes + 1)));
    this.invariants.crashed(node.host);
    node.life++;
    node.timers.clear();
    node.pausedUntil = 0;
    this.#log(`crash ${node.host.id}`);
    for (const other of this.nodes.values()) {
      if (this.#random() < 0.7)
        this.#onNode(other, 0.1, () => this.#step(other, { type: "unreachable", peer: node.host.id }));
    }
    const { life } = node;
    this.#in(this.#random() * (this.#random() < 0.5 ? 50 : 800), () => {
      if (node.life === life) this.#restart(node);
    });
  }

  #restart(node: Node): void {
    if (node.host.alive) return;
    node.life++;
    node.syncUntil = 0;
    this.#log(`restart ${node.host.id}`);
    node.host.start(this.#clock(node.host.id));
  }

  /** Some nodes do not hear some others for a while: a split in two, in one direction only, or single links. */
  #partition(): void {
    const all = [...this.nodes.values()];
    const kind = this.#pick(["split", "split", "one way", "links"]);
    const leader = this.#random() < 0.4 ? this.#leader() : undefined;
    const cut = all.filter((node) => (leader === undefined ? this.#random() < 0.4 : node === leader));
    for (const to of all) {
      const blocked = all.filter((from) => {
        if (kind === "links") return from !== to && this.#random() < 0.35;
        return cut.includes(from) !== cut.includes(to) && (kind === "split" || cut.includes(to));
      });
      to.blocked = new Set(blocked.map((from) => from.host.id));
      for (const from of blocked) {
        if (this.#random() < 0.3)
          this.#onNode(to, 1, () => this.#step(to, { type: "unreachable", peer: from.host.id }));
      }
    }
    this.#log(`partition: ${kind}, ${cut.map((node) => node.host.id).join(",")}`);
    this.#in(this.#random() * 900, () => {
      for (const node of all) node.blocked.clear();
    });
  }

  #leader(): Node | undefined {
    let best: Node | undefined;
    for (const node of this.nodes.values()) {
      if (node.host.raft?.role !== "leader") continue;
      if (best === undefined || node.host.raft.term > best.host.raft!.term) best = node;
    }
    return best;
  }

  #target(leaderChance = 0.8): Node {
    const leader = this.#random() < leaderChance ? this.#leader() : undefined;
    return leader ?? this.#anyNode();
  }

  #step(node: Node, input: RaftInput, now = this.#clock(node.host.id)): void {
    node.host.step(now, input);
  }

  #request(): RequestId {
    return requestId(this.#nextRequest++);
  }

  #write(): void {
    const node = this.#target();
    if (!node.host.alive) return;
    const id = this.#request();
    const line = `w${id}${"x".repeat(Math.floor(this.#random() * 40))}`;
    this.#writes.set(id, { line, open: true });
    this.#onNode(node, 0, () => this.#step(node, { type: "propose", id, command: bytes(line) }));
  }

  #read(): void {
    const node = this.#random() < 0.5 ? this.#anyNode() : this.#target();
    if (!node.host.alive) return;
    const id = this.#request();
    // A host may have looked at its clock before it was paused, and take the read after it.
    const looked = this.#clock(node.host.id);
    const stale = this.#random() < 0.3;
    const { life } = node;
    this.#onNode(node, this.#random() * 2, () => {
      this.#reads.set(id, { node: node.host.id, life, floor: this.invariants.committedIndex });
      const lease = this.#random() < 0.7;
      const late = stale && lease && looked >= this.#lastStep(node);
      this.#step(node, { type: "read", id, lease }, late ? looked : undefined);
    });
  }

  readonly #lastSteps = new Map<NodeId, Millis>();

  #lastStep(node: Node): Millis {
    return this.#lastSteps.get(node.host.id) ?? Number.POSITIVE_INFINITY;
  }

  #change(): void {
    const node = this.#target();
    if (!node.host.alive) return;
    const ids = [...this.nodes.keys()];
    const voters = ids.filter(() => this.#random() < 0.55);
    const learners = ids.filter((id) => !voters.includes(id) && this.#random() < 0.4);
    if (voters.length === 0) voters.push(this.#pick(ids));
    const id = this.#request();
    this.#admin.set(id, { node: node.host.id, life: node.life, what: "change" });
    const kept = learners.filter((learner) => !voters.includes(learner));
    this.#log(`change at ${node.host.id}: ${voters.join(",")} learners ${kept.join(",")}`);
    this.#step(node, { type: "admin", id, request: { type: "change", voters, learners: kept } });
  }

  #transfer(): void {
    const node = this.#leader();
    if (node === undefined) return;
    const to = this.#pick([...this.nodes.keys()]);
    const id = this.#request();
    this.#admin.set(id, { node: node.host.id, life: node.life, what: "transfer" });
    this.#log(`transfer at ${node.host.id} to ${to}`);
    this.#step(node, { type: "admin", id, request: { type: "transfer", to } });
  }

  #compact(node: Node): void {
    if (!node.host.alive || this.#now < node.pausedUntil) return;
    const keep = Math.floor(this.#random() * 12);
    node.host.compact(this.#clock(node.host.id), Math.max(0, node.host.state.length - keep));
    if (this.#random() < 0.3) node.host.checkpoint();
  }

  // ---- what hosts ask for

  stepped(host: TestHost, input: RaftInput, effects: readonly RaftEffect[]): void {
    this.#counts.steps++;
    this.#lastSteps.set(host.id, this.#clock(host.id));
    if (this.#counts.steps > 400_000) throw new InvariantError("livelock: too many steps");
    const what = input.type === "message" ? `${input.message.type} from ${input.from}` : input.type;
    this.#log(`${host.id} ${what}${effects.length > 0 ? ` -> ${effects.map(brief).join(", ")}` : ""}`);
    this.invariants.stepped(host, input, effects);
  }

  send(host: TestHost, to: NodeId, frame: Uint8Array): void {
    if (!this.nodes.has(to)) throw new InvariantError(`message to ${to}, who does not exist`);
    this.invariants.sent(host, to, raftCodec.decodeMessage(frame));
    const { drop, duplicate } = this.mix;
    if (!this.#healed && this.#random() < drop) return;
    this.#transmit(host.id, to, frame);
    if (!this.#healed && this.#random() < duplicate) this.#transmit(host.id, to, frame);
  }

  #transmit(from: NodeId, to: NodeId, frame: Uint8Array): void {
    const slow = !this.#healed && this.#random() < 0.03 ? 10 : 1;
    const node = this.nodes.get(to)!;
    this.#in(0.1 + this.#random() * (this.#healed ? 5 : this.mix.maxDelay) * slow, () => {
      if (node.blocked.has(from) || !node.host.alive) return;
      // A frame that came while the process was paused is read when it goes on.
      this.#onNode(node, 0, () => node.host.receive(this.#clock(to), from, frame));
    });
  }

  setTimer(host: TestHost, timer: RaftTimer, min: Millis, max: Millis): void {
    const node = this.nodes.get(host.id)!;
    const serial = ++node.timerSerial;
    node.timers.set(timer, serial);
    this.#onNode(node, (min + this.#random() * (max - min)) / node.rate, () => {
      if (node.timers.get(timer) === serial) this.#step(node, { type: "timer", timer });
    });
  }

  cancelTimer(host: TestHost, timer: RaftTimer): void {
    this.nodes.get(host.id)!.timers.delete(timer);
  }

  write(host: TestHost, id: WriteId): void {
    const node = this.nodes.get(host.id)!;
    const delay = 0.1 + this.#random() * (this.#healed ? 2 : this.mix.maxSync);
    node.syncUntil = Math.max(node.syncUntil, this.#now + delay);
    if (!this.#healed && this.#random() < this.mix.crashOnWrite) {
      this.#onNode(node, delay * this.#random(), () => this.#crash(node));
    }
    this.#onNode(node, node.syncUntil - this.#now, () => {
      if (host.unsyncedWrites.includes(id)) host.sync(this.#clock(host.id), id);
    });
  }

  durable(host: TestHost, records: readonly RaftRecord[]): void {
    this.invariants.durable(host, records);
  }

  load(host: TestHost, peer: NodeId, snapshot: SnapshotId | null, cursor: Uint8Array): void {
    const node = this.nodes.get(host.id)!;
    this.#onNode(node, this.#random() * (this.#healed ? 1 : 10), () =>
      host.finishLoad(this.#clock(host.id), peer, snapshot, cursor),
    );
  }

  store(host: TestHost, snapshot: SnapshotId, chunk: SnapshotChunk): void {
    const node = this.nodes.get(host.id)!;
    this.#onNode(node, this.#random() * (this.#healed ? 1 : 20), () => {
      if (chunk.next === null) this.#counts.installs++;
      host.finishStore(this.#clock(host.id), snapshot, chunk);
    });
  }

  applied(host: TestHost, entry: Committed<RaftVocabulary>, line: string): void {
    this.invariants.applied(host, entry);
    if (entry.kind !== "command") return;
    if (this.#refused.has(line)) throw new InvariantError(`${line} was refused for good, and is applied`);
    this.#done.add(line);
    if (entry.request === null) return;
    const write = this.#writes.get(entry.request);
    if (write === undefined || write.line !== line)
      throw new InvariantError(`the result of ${line} goes elsewhere`);
    if (!write.open) throw new InvariantError(`${line} is answered twice`);
    write.open = false;
  }

  replied(_host: TestHost, id: RequestId, outcome: RaftOutcome): void {
    const write = this.#writes.get(id);
    const read = this.#reads.get(id);
    const admin = this.#admin.get(id);
    if (write !== undefined) {
      if (!write.open) throw new InvariantError(`${write.line} is answered twice`);
      write.open = false;
      if (outcome.ok) throw new InvariantError("a write is answered without being applied");
      if (!ERRORS[outcome.error].definite) return;
      if (this.#done.has(write.line))
        throw new InvariantError(`${write.line} was applied, and is refused for good`);
      this.#refused.add(write.line);
    } else if (read !== undefined) {
      if (outcome.ok) throw new InvariantError("a read is answered without an index");
      this.#reads.delete(id);
    } else if (admin !== undefined) {
      this.#admin.delete(id);
      if (outcome.ok && admin.what === "change") this.#counts.changes++;
      if (outcome.ok && admin.what === "transfer") this.#counts.transfers++;
      if (outcome.ok && outcome.configuration !== undefined && outcome.configuration.outgoing.length > 0) {
        throw new InvariantError("a change is answered while it is joint");
      }
    } else {
      throw new InvariantError(`request ${id} is answered twice`);
    }
  }

  readReady(host: TestHost, ids: readonly RequestId[], index: LogIndex, validUntil: Millis | null): void {
    if (validUntil !== null) this.invariants.promised(host, validUntil);
    for (const id of ids) {
      const read = this.#reads.get(id);
      if (read === undefined || read.node !== host.id)
        throw new InvariantError(`read ${id} is answered twice`);
      this.#reads.delete(id);
      // The host looks at its clock again after it has served the read by lease.
      if (validUntil !== null && this.#clock(host.id) >= validUntil) continue;
      if (index < read.floor) {
        throw new InvariantError(
          `stale read ${id}: index ${index}, but ${read.floor} was committed when it was asked`,
        );
      }
      this.#counts.reads++;
      if (validUntil !== null) this.#counts.leaseReads++;
    }
  }

  leader(host: TestHost, leader: NodeId | null): void {
    if (leader === host.id) this.#counts.leaders++;
  }

  // ---- the end

  #heal(): void {
    this.#healed = true;
    this.#log("heal");
    for (const node of this.nodes.values()) {
      node.blocked.clear();
      node.pausedUntil = 0;
      if (!node.host.alive) this.#restart(node);
    }
    this.#in(4000, () => {
      const leader = this.#leader();
      if (leader === undefined) throw new InvariantError("liveness: no leader 4 s after the faults ended");
      const id = this.#request();
      this.#writes.set(id, { line: "the end", open: true });
      this.#step(leader, { type: "propose", id, command: bytes("the end") });
    });
  }

  #checkLiveness(): void {
    const leader = this.#leader();
    if (leader === undefined || !this.#done.has("the end"))
      throw new InvariantError("liveness: no progress after healing");
    const { voters, outgoing, learners } = leader.host.raft!.configuration;
    if (outgoing.length > 0) throw new InvariantError("liveness: the configuration stays joint");
    for (const id of [...voters, ...learners]) {
      const { host } = this.nodes.get(id)!;
      if (host.raft!.leader !== leader.host.id)
        throw new InvariantError(`liveness: ${id} does not follow ${leader.host.id}`);
      if (host.state.length !== leader.host.state.length)
        throw new InvariantError(`liveness: ${id} lags behind`);
    }
    for (const [id, read] of this.#reads) {
      const node = this.nodes.get(read.node)!;
      if (node.life === read.life && voters.includes(read.node))
        throw new InvariantError(`read ${id} was never answered`);
    }
    for (const [id, admin] of this.#admin) {
      const node = this.nodes.get(admin.node)!;
      if (node.life === admin.life && voters.includes(admin.node)) {
        throw new InvariantError(`${admin.what} ${id} was never answered`);
      }
    }
  }
}

function brief(effect: RaftEffect): string {
  const after = "after" in effect ? `@${effect.after}` : "";
  if (effect.type === "send") return `${effect.message.type} to ${effect.to}${after}`;
  if (effect.type === "persist") return `persist@${effect.id}`;
  return effect.type;
}
