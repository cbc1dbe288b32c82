/**
 * One trial of the election experiment (Ongaro and Ousterhout 2014, section 9.3; Ongaro's thesis, section 9.4): a leader
 * crashes after a heartbeat that reached everybody at the same moment, and the group is without a leader until it has
 * elected another one.
 */
import { invariant } from "../../core/assert.ts";
import { nodeId, requestId } from "../../core/ids.ts";
import type { NodeId } from "../../core/ids.ts";
import type { LogIndex, Millis } from "../../core/machine.ts";
import { configuration } from "../../protocols/raft/configuration.ts";
import type { RaftInput, RaftMessage } from "../../protocols/raft/messages.ts";
import { DEFAULT_RAFT_OPTIONS } from "../../protocols/raft/options.ts";
import { bootstrap, recover } from "../../protocols/raft/recovery.ts";
import { Scheduler } from "../scheduler.ts";
import type { SimulatedRandom } from "../simulated-random.ts";
import { RaftHost } from "./raft-host.ts";
import type { HostWorld } from "./raft-host.ts";

/** Drawn uniformly between the two. */
export interface Span {
  readonly min: Millis;
  readonly max: Millis;
}

export interface ElectionOptions {
  readonly servers: number;
  /** Servers that are down, the crashed leader included. */
  readonly failed: number;
  /** Election timeouts are drawn from here. Heartbeats go out every half of the minimum. */
  readonly timeout: Span;
  /** One way, for each message. */
  readonly latency: Span;
  /** One sync of the disk. */
  readonly disk: Span;
  /** Every follower's log has another length: those that lack what is committed cannot be elected. */
  readonly logsDiffer: boolean;
  /**
   * `in-interval`: at a random moment of the heartbeat interval, as the paper's servers did. `at-heartbeat`: the very moment
   * in which the last heartbeat arrives, as in the thesis' simulator.
   */
  readonly crash: "in-interval" | "at-heartbeat";
  /** Our addition to the paper's Raft (thesis, 9.6). */
  readonly preVote: boolean;
  /** Another one: a leader without contact to a quorum steps down (thesis, 6.2). */
  readonly checkQuorum: boolean;
  /** A candidate asks for votes while it writes its own (thesis, 9.3). Our Raft asks afterwards. */
  readonly overlapsOwnVote: boolean;
  /**
   * The host rounds shorter delays up. Above a microsecond it blurs narrow ranges of timeouts; below, a rounding error could
   * become an endless loop.
   */
  readonly shortestTimer: Millis;
  /** A trial without a leader for so long is given up, and counts as lasting so long. */
  readonly limit: Millis;
}

export interface ElectionTrial {
  /** From the crash until a candidate has the votes of a majority. */
  readonly elected: Millis;
  /** From the crash until all others have received that leader's first message. */
  readonly followed: Millis;
  /** Terms that were begun; one more than the votes that were split. */
  readonly terms: number;
}

const FIRST_LEADER = nodeId(1);
/** What happens before the crash takes far less, or something is wrong. */
const PREPARATION_LIMIT_MS = 60_000;

export function runElectionTrial(options: ElectionOptions, random: SimulatedRandom): ElectionTrial {
  return new Trial(options, random).run();
}

class Trial implements HostWorld {
  readonly scheduler = new Scheduler();
  readonly random: SimulatedRandom;
  readonly overlapsOwnVote: boolean;
  readonly shortestTimer: Millis;
  readonly #options: ElectionOptions;
  readonly #hosts = new Map<NodeId, RaftHost>();
  /** In random order. */
  readonly #followers: readonly NodeId[];
  /** Appends beyond these lengths do not reach these followers. */
  readonly #lengths = new Map<NodeId, LogIndex>();
  /** When the old leader's last heartbeat arrives, once it is known. */
  #lastHeartbeatAt: Millis | null = null;
  /** From that heartbeat on messages and syncs take their time; the preparation takes none. */
  #measuring = false;
  #leader: { readonly id: NodeId; readonly term: number; readonly since: Millis } | null = null;
  readonly #unaware = new Set<NodeId>();

  constructor(options: ElectionOptions, random: SimulatedRandom) {
    this.#options = options;
    this.random = random;
    this.overlapsOwnVote = options.overlapsOwnVote;
    this.shortestTimer = options.shortestTimer;
    const ids = Array.from({ length: options.servers }, (_, at) => nodeId(at + 1));
    const founding = bootstrap(configuration(ids));
    const raftOptions = {
      ...DEFAULT_RAFT_OPTIONS,
      electionTimeoutMin: options.timeout.min,
      electionTimeoutMax: options.timeout.max,
      heartbeatInterval: options.timeout.min / 2,
      preVote: options.preVote,
      checkQuorum: options.checkQuorum,
    };
    for (const id of ids) {
      this.#hosts.set(id, new RaftHost({ ...raftOptions, id }, recover(founding), this));
    }
    this.#followers = random.shuffle(ids.filter((id) => id !== FIRST_LEADER));
  }

  run(): ElectionTrial {
    const { scheduler } = this;
    this.#electFirstLeader();
    if (this.#options.logsDiffer) this.#letLogsDiffer();
    const firstTerm = this.#host(FIRST_LEADER).raft.term;
    const crash = this.#crashLeader();
    scheduler.runUntil(() => this.#leader !== null && this.#unaware.size === 0, crash + this.#options.limit);
    const end = scheduler.now();
    const terms = Math.max(...this.#followers.map((id) => this.#host(id).raft.term)) - firstTerm;
    return { elected: (this.#leader?.since ?? end) - crash, followed: end - crash, terms };
  }

  #host(id: NodeId): RaftHost {
    return this.#hosts.get(id)!;
  }

  /** The others start with its first message: nobody contests its election. */
  #electFirstLeader(): void {
    const leader = this.#host(FIRST_LEADER);
    leader.step({ type: "start" });
    this.#prepare("a first leader", () => leader.raft.isReady && isReplicated(leader));
  }

  /** Each entry reaches one follower less. What a majority has is committed, and who lacks it cannot be elected. */
  #letLogsDiffer(): void {
    const leader = this.#host(FIRST_LEADER);
    this.#followers.forEach((id, at) => this.#lengths.set(id, leader.raft.lastIndex + at));
    for (let entry = 1; entry < this.#followers.length; entry++) {
      leader.step({ type: "propose", id: requestId(entry), command: Uint8Array.of(entry) });
    }
    this.#prepare("logs of different lengths", () =>
      this.#followers.every((id) => this.#host(id).raft.lastIndex === this.#lengths.get(id)),
    );
  }

  #prepare(what: string, condition: () => boolean): void {
    const { scheduler } = this;
    const done = scheduler.runUntil(condition, scheduler.now() + PREPARATION_LIMIT_MS);
    invariant(done, `the trial never got ${what}`);
    scheduler.run(scheduler.now());
  }

  /** Its last heartbeat arrives everywhere at the same moment, in which all election timers start anew. */
  #crashLeader(): Millis {
    const { scheduler, random } = this;
    const { crash, timeout, latency, failed } = this.#options;
    for (const id of random.shuffle(this.#followers).slice(0, failed - 1)) this.#host(id).crash();
    const sent = scheduler.now();
    const leader = this.#host(FIRST_LEADER);
    const arrives = sent + random.between(latency.min, latency.max);
    this.#lastHeartbeatAt = arrives;
    leader.step({ type: "timer", timer: "heartbeat" });
    leader.crash();
    this.#measuring = true;
    return crash === "at-heartbeat" ? arrives : sent + random.between(0, timeout.min / 2);
  }

  syncDelay(): Millis {
    const { min, max } = this.#options.disk;
    return this.#measuring ? this.random.between(min, max) : 0;
  }

  send(from: NodeId, to: NodeId, message: RaftMessage): void {
    const length = this.#lengths.get(to) ?? Number.POSITIVE_INFINITY;
    if (from === FIRST_LEADER && message.type === "append") {
      if (message.prevIndex + message.entries.length > length) return;
    }
    const { scheduler, random } = this;
    const { min, max } = this.#options.latency;
    const arrives = this.#measuring
      ? scheduler.now() + random.between(min, max)
      : (this.#lastHeartbeatAt ?? scheduler.now());
    const host = this.#host(to);
    scheduler.at(arrives, () => host.step({ type: "message", from, message }));
  }

  stepped(host: RaftHost, input: RaftInput): void {
    if (!this.#measuring) return;
    const { id, raft } = host;
    if (raft.role === "leader" && raft.term > (this.#leader?.term ?? 0)) {
      this.#leader = { id, term: raft.term, since: this.scheduler.now() };
      this.#unaware.clear();
      for (const other of this.#hosts.values())
        if (other.alive && other !== host) this.#unaware.add(other.id);
    } else if (input.type === "message" && raft.leader === this.#leader?.id) {
      this.#unaware.delete(id);
    }
  }
}

function isReplicated(leader: RaftHost): boolean {
  return [...leader.raft.peersLag().values()].every((lag) => lag === 0);
}
