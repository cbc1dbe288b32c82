/**
 * Runs a transcript: a text file of commands (lines that start with "> ") and, below each, everything the machines did in
 * answer. Running it again must give the same text; UPDATE_TRANSCRIPTS=1 rewrites it, for a person to read the difference.
 *
 *   > nodes 1 2 3 [prevote=off] [lease=off]     a new group of these founders; nothing is delivered or synced by itself
 *                                               [bytes=40]: at most so many of entries in one append
 *   > node 4                                    a replica that has not been told its group
 *   > logs 1=1,1,2 2=1,1 term=3                 like `nodes`, with entries of these terms in their logs
 *   > advance 100                               time passes; timers fire only on command
 *   > campaign 1                                the election timeout of 1 is over, after as much silence as it takes
 *   > beat 1                                    the heartbeat timer of 1
 *   > timer 1 transfer                          any timer
 *   > sync [1 2]                                writes become durable
 *   > deliver [1>2 3>1] / drop [1>2] / double [1>2]   messages that are under way at this moment; 1>2:1 only the first
 *   > load 1 / store 2                          the host answers one request about a snapshot
 *   > stabilize                                 sync, deliver, load and store until nothing is left
 *   > propose 1 x / read 1 [lease] / change 1 voters 1 2 [learners 3] / transfer 1 to 2
 *   > compact 1 5 / crash 1 / restart 1 / unreachable 1 2 / partition 1 | 2 3 / heal
 *   > status [1 2] / log [1 2]
 */
import { invariant } from "../../core/assert.ts";
import type { NodeId, RequestId, WriteId } from "../../core/ids.ts";
import { nodeId, requestId } from "../../core/ids.ts";
import type { Committed, LogIndex, Millis, SnapshotChunk, SnapshotId } from "../../core/machine.ts";
import { raftCodec } from "./codec.ts";
import { configuration, describeConfiguration } from "./configuration.ts";
import { describeEffect, describeInput, describeMessage, entryWord } from "./describe.testkit.ts";
import { founding, testOptions, bytes, TestHost } from "./host.testkit.ts";
import type { HostEvents } from "./host.testkit.ts";
import { Invariants } from "./invariants.testkit.ts";
import type { Entry, RaftEffect, RaftInput, RaftOutcome, RaftRecord, RaftTimer } from "./messages.ts";
import type { RaftVocabulary } from "./messages.ts";
import type { RaftOptions } from "./options.ts";

interface Flight {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly frame: Uint8Array;
}

export function runTranscript(source: string): string {
  const runner = new TranscriptRunner();
  const out: string[] = [];
  for (const line of source.split("\n")) {
    if (line.startsWith("> ")) out.push(line, ...runner.run(line.slice(2)));
    else if (line === "" || line.startsWith("#")) out.push(line);
  }
  return out.join("\n");
}

class TranscriptRunner implements HostEvents {
  readonly #hosts = new Map<NodeId, TestHost>();
  readonly #invariants = new Invariants(() => this.#now);
  #flights: Flight[] = [];
  #loads: { host: TestHost; peer: NodeId; snapshot: SnapshotId | null; cursor: Uint8Array }[] = [];
  #stores: { host: TestHost; snapshot: SnapshotId; chunk: SnapshotChunk }[] = [];
  readonly #timers = new Map<string, Millis>();
  #groups: NodeId[][] = [];
  #now: Millis = 0;
  #requests = 0;
  #out: string[] = [];

  run(command: string): readonly string[] {
    this.#out = [];
    this.#execute(command.trim().split(/\s+/));
    return this.#out;
  }

  #execute(words: readonly string[]): void {
    const [verb, ...args] = words;
    const host = (): TestHost => this.#host(args[0]);
    switch (verb) {
      case "nodes":
        this.#create(args, (ids) => founding(configuration(ids)));
        return;
      case "node":
        this.#create(args, () => []);
        return;
      case "logs":
        this.#createWithLogs(args);
        return;
      case "advance":
        this.#now += Number(args[0]);
        return;
      case "campaign":
        this.#campaign(host());
        return;
      case "beat":
        this.#fire(host(), "heartbeat");
        return;
      case "timer":
        this.#fire(host(), args[1] as RaftTimer);
        return;
      case "sync":
        for (const one of this.#hostsOf(args)) this.#sync(one);
        return;
      case "deliver":
        for (const flight of this.#take(args)) this.#deliver(flight);
        return;
      case "drop":
        this.#take(args);
        return;
      case "double":
        for (const flight of this.#take(args)) this.#flights.push(flight, flight);
        return;
      case "load":
        this.#load(host());
        return;
      case "store":
        this.#store(host());
        return;
      case "stabilize":
        this.#stabilize();
        return;
      case "propose":
        this.#step(host(), { type: "propose", id: this.#request(), command: bytes(args.slice(1).join(" ")) });
        return;
      case "read":
        this.#step(host(), { type: "read", id: this.#request(), lease: args[1] === "lease" });
        return;
      case "change":
        this.#change(host(), args.slice(1));
        return;
      case "transfer": {
        const to = nodeId(Number(args[2]));
        this.#step(host(), { type: "admin", id: this.#request(), request: { type: "transfer", to } });
        return;
      }
      case "compact":
        host().compact(this.#now, Number(args[1]));
        return;
      case "crash":
        this.#crash(host());
        return;
      case "restart":
        host().start(this.#now);
        return;
      case "unreachable":
        this.#step(host(), { type: "unreachable", peer: nodeId(Number(args[1])) });
        return;
      case "partition":
        this.#groups = args
          .join(" ")
          .split("|")
          .map((group) =>
            group
              .trim()
              .split(" ")
              .map((id) => nodeId(Number(id))),
          );
        return;
      case "heal":
        this.#groups = [];
        return;
      case "status":
        for (const one of this.#hostsOf(args)) this.#status(one);
        return;
      case "log":
        for (const one of this.#hostsOf(args)) this.#log(one);
        return;
      default:
        throw new Error(`no such command: ${words.join(" ")}`);
    }
  }

  // ---- the cast

  #create(args: readonly string[], records: (ids: readonly NodeId[]) => readonly RaftRecord[]): void {
    const ids = args.filter((arg) => !arg.includes("=")).map((id) => nodeId(Number(id)));
    for (const id of ids) this.#add(id, records(ids), parseOptions(args)).start(this.#now);
  }

  #createWithLogs(args: readonly string[]): void {
    const logs = args.filter((arg) => /^\d/.test(arg));
    const term = Number(args.find((arg) => arg.startsWith("term="))?.slice(5));
    const ids = logs.map((log) => nodeId(Number(log.split("=")[0])));
    for (const log of logs) {
      const [id, terms] = log.split("=");
      const entries = (terms ?? "")
        .split(",")
        .filter((word) => word !== "")
        .map(
          (word, at): Entry => ({ kind: "command", term: Number(word), command: bytes(`${at + 1}/${word}`) }),
        );
      const host = this.#add(
        nodeId(Number(id)),
        [
          ...founding(configuration(ids)),
          { type: "hard-state", term, vote: null, life: 0 },
          { type: "entries", start: 1, entries },
        ],
        parseOptions(args),
      );
      host.start(this.#now);
    }
  }

  #add(id: NodeId, records: readonly RaftRecord[], options: Partial<RaftOptions>): TestHost {
    const host = new TestHost(testOptions(id, options), records, this, 2);
    this.#hosts.set(id, host);
    this.#invariants.added(host);
    return host;
  }

  #host(id: string | undefined): TestHost {
    const host = this.#hosts.get(nodeId(Number(id)));
    if (host === undefined) throw new Error(`no node ${id}`);
    return host;
  }

  #hostsOf(ids: readonly string[]): readonly TestHost[] {
    return ids.length === 0 ? [...this.#hosts.values()] : ids.map((id) => this.#host(id));
  }

  #request(): RequestId {
    return requestId(++this.#requests);
  }

  // ---- what happens

  #step(host: TestHost, input: RaftInput): void {
    host.step(this.#now, input);
  }

  #fire(host: TestHost, timer: RaftTimer): void {
    const key = `${host.id} ${timer}`;
    const due = this.#timers.get(key);
    if (due === undefined) {
      this.#say(`${host.id} has no ${timer} timer`);
      return;
    }
    this.#timers.delete(key);
    this.#now = Math.max(this.#now, due);
    this.#step(host, { type: "timer", timer });
  }

  /** Fires the election timer until it is more than a re-armed guard. */
  #campaign(host: TestHost): void {
    for (let tries = 0; tries < 4; tries++) {
      const before = this.#flights.length + host.unsyncedWrites.length;
      this.#fire(host, "election");
      if (this.#flights.length + host.unsyncedWrites.length > before) return;
    }
  }

  #sync(host: TestHost): void {
    const last = host.unsyncedWrites[host.unsyncedWrites.length - 1];
    if (last !== undefined) host.sync(this.#now, last);
  }

  #take(links: readonly string[]): readonly Flight[] {
    if (links.length === 0) return this.#flights.splice(0);
    const left = new Map<string, number>();
    for (const link of links) {
      const [pair, count] = link.split(":");
      left.set(pair!, count === undefined ? Number.POSITIVE_INFINITY : Number(count));
    }
    const taken: Flight[] = [];
    const rest: Flight[] = [];
    for (const flight of this.#flights) {
      const pair = `${flight.from}>${flight.to}`;
      const count = left.get(pair) ?? 0;
      left.set(pair, count - 1);
      (count > 0 ? taken : rest).push(flight);
    }
    this.#flights = rest;
    return taken;
  }

  #deliver(flight: Flight): void {
    const host = this.#hosts.get(flight.to);
    if (host?.alive !== true || !this.#connected(flight)) {
      this.#say(
        `${flight.from}>${flight.to} lost: ${describeMessage(raftCodec.decodeMessage(flight.frame))}`,
      );
      return;
    }
    host.receive(this.#now, flight.from, flight.frame);
  }

  #connected({ from, to }: Flight): boolean {
    return (
      this.#groups.length === 0 || this.#groups.some((group) => group.includes(from) && group.includes(to))
    );
  }

  #load(host: TestHost): void {
    const at = this.#loads.findIndex((load) => load.host === host);
    const [load] = at < 0 ? [] : this.#loads.splice(at, 1);
    if (load === undefined) this.#say(`${host.id} loads nothing`);
    else host.finishLoad(this.#now, load.peer, load.snapshot, load.cursor);
  }

  #store(host: TestHost): void {
    const at = this.#stores.findIndex((store) => store.host === host);
    const [store] = at < 0 ? [] : this.#stores.splice(at, 1);
    if (store === undefined) this.#say(`${host.id} stores nothing`);
    else host.finishStore(this.#now, store.snapshot, store.chunk);
  }

  #stabilize(): void {
    for (let rounds = 0; rounds < 200; rounds++) {
      const writing = [...this.#hosts.values()].filter((host) => host.unsyncedWrites.length > 0);
      if (writing.length + this.#flights.length + this.#loads.length + this.#stores.length === 0) return;
      for (const host of writing) this.#sync(host);
      for (const flight of this.#take([])) this.#deliver(flight);
      const loads = this.#loads.map(({ host }) => host);
      for (const host of loads) this.#load(host);
      const stores = this.#stores.map(({ host }) => host);
      for (const host of stores) this.#store(host);
    }
    throw new Error("does not stabilize");
  }

  #change(host: TestHost, args: readonly string[]): void {
    const at = args.indexOf("learners");
    const ids = (words: readonly string[]): NodeId[] => words.map((id) => nodeId(Number(id)));
    const voters = ids(args.slice(1, at < 0 ? undefined : at));
    const learners = at < 0 ? [] : ids(args.slice(at + 1));
    this.#step(host, { type: "admin", id: this.#request(), request: { type: "change", voters, learners } });
  }

  #crash(host: TestHost): void {
    host.crash();
    this.#invariants.crashed(host);
    for (const key of this.#timers.keys()) if (key.startsWith(`${host.id} `)) this.#timers.delete(key);
    this.#loads = this.#loads.filter((load) => load.host !== host);
    this.#stores = this.#stores.filter((store) => store.host !== host);
  }

  // ---- what is said about it

  #say(line: string): void {
    this.#out.push(`  ${line}`);
  }

  #status(host: TestHost): void {
    const { raft } = host;
    if (raft === null) {
      this.#say(`${host.id} is down`);
      return;
    }
    const commit = `commit ${raft.commitIndex} of (${raft.logStart}, ${raft.lastIndex}]`;
    this.#say(
      `${host.id} ${raft.role}${raft.isReady ? " ready" : ""} term ${raft.term} leader ${raft.leader ?? "-"} ${commit}` +
        ` config ${describeConfiguration(raft.configuration)}`,
    );
  }

  #log(host: TestHost): void {
    const [, start, log] = host.raft?.checkpoint() ?? [];
    invariant(start?.type === "log-start", "a running node has a log");
    const entries = log?.type === "entries" ? log.entries : [];
    const words = entries.map((entry) => `${entry.term}:${entryWord(entry)}`);
    this.#say(`${host.id} after ${start.index}/${start.term}: ${words.join(" ")}`);
  }

  stepped(host: TestHost, input: RaftInput, effects: readonly RaftEffect[]): void {
    if (effects.length > 0 || input.type !== "persisted") this.#say(`${host.id} ${describeInput(input)}`);
    for (const effect of effects) this.#out.push(`      ${describeEffect(effect)}`);
    this.#invariants.stepped(host, input, effects);
  }

  send(host: TestHost, to: NodeId, frame: Uint8Array): void {
    this.#invariants.sent(host, to, raftCodec.decodeMessage(frame));
    this.#flights.push({ from: host.id, to, frame });
  }

  setTimer(host: TestHost, timer: RaftTimer, min: Millis): void {
    this.#timers.set(`${host.id} ${timer}`, this.#now + min);
  }

  cancelTimer(host: TestHost, timer: RaftTimer): void {
    this.#timers.delete(`${host.id} ${timer}`);
  }

  write(_host: TestHost, _id: WriteId): void {}

  durable(host: TestHost, records: readonly RaftRecord[]): void {
    this.#invariants.durable(host, records);
  }

  load(host: TestHost, peer: NodeId, snapshot: SnapshotId | null, cursor: Uint8Array): void {
    this.#loads.push({ host, peer, snapshot, cursor });
  }

  store(host: TestHost, snapshot: SnapshotId, chunk: SnapshotChunk): void {
    this.#stores.push({ host, snapshot, chunk });
  }

  applied(host: TestHost, entry: Committed<RaftVocabulary>): void {
    this.#invariants.applied(host, entry);
  }

  replied(_host: TestHost, _id: RequestId, _outcome: RaftOutcome): void {}

  readReady(host: TestHost, _ids: readonly RequestId[], _index: LogIndex, validUntil: Millis | null): void {
    if (validUntil !== null) this.#invariants.promised(host, validUntil);
  }

  leader(_host: TestHost, _leader: NodeId | null, _epoch: number): void {}
}

function parseOptions(args: readonly string[]): Partial<RaftOptions> {
  const bytes = args.find((arg) => arg.startsWith("bytes="));
  return {
    ...(bytes === undefined ? {} : { maxMessageBytes: Number(bytes.slice(6)) }),
    ...(args.includes("prevote=off") ? { preVote: false } : {}),
    ...(args.includes("lease=off") ? { lease: false } : {}),
    ...(args.includes("quorum-check=off") ? { checkQuorum: false } : {}),
  };
}
