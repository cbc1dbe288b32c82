/**
 * The typed client's way to simulated nodes: connections that take time, lose requests and replies, repeat requests, break,
 * and end with the process that they lead to. Keeps what `ClientTransport` promises, and no more.
 */
import { ERRORS, type ErrorCode } from "../../core/errors.ts";
import type { GroupId, NodeId } from "../../core/ids.ts";
import type { Millis } from "../../core/machine.ts";
import { Failure, type Reply } from "../../core/reply.ts";
import { toForwarded } from "../../client/operations.ts";
import type {
  ClientRequest,
  ClientTransport,
  KeyspaceDefinition,
  ReplyListener,
  TransportListener,
} from "../../client/transport.ts";
import type { AdminResult, WatchHandle, WatchListener, WatchOptions } from "../../node/api.ts";
import { nextToAsk, runClientRequest } from "../../node/client-request.ts";
import type { Node } from "../../node/node.ts";
import type { SimulatedClock } from "../simulated-clock.ts";
import type { SimulatedCluster } from "../simulated-cluster.ts";
import type { SimulatedRandom } from "../simulated-random.ts";
import { commandCall } from "../workloads/workload.ts";
import { type ClientNetworkFaults, NO_CLIENT_FAULTS } from "./client-network.ts";

/** How soon somebody else is asked for the topology. */
const ASK_AGAIN_MS = 150;
/** How often a connection is looked at: whether the process at its other end still lives. */
const WATCH_MS = 50;
/** A machine without power says nothing: it takes until so much later that its connections are given up. */
const LONGEST_SILENCE_MS = 3_000;

interface Pending {
  readonly request: ClientRequest;
  readonly done: ReplyListener;
  /** Copies that are at the node, unanswered. */
  atNode: number;
  /** A copy was answered with something else than a definite error. */
  mayBeDone: boolean;
  /** Definitely, by every copy that has arrived: no other one may arrive any more. */
  refused: boolean;
  answered: boolean;
}

interface Connection {
  readonly node: NodeId;
  readonly name: string;
  state: "opening" | "open" | "closed";
  /** The process at the other end. */
  clock: SimulatedClock | null;
  readonly pending: Set<Pending>;
}

export class SimulatedClientTransport implements ClientTransport {
  readonly #cluster: SimulatedCluster;
  readonly #random: SimulatedRandom;
  #faults: ClientNetworkFaults;
  #listener: TransportListener | null = null;
  readonly #names = new Map<NodeId, string>();
  readonly #connections = new Map<NodeId, Connection>();
  readonly #unreachableUntil = new Map<string, Millis>();
  #asking = false;
  #closed = false;

  constructor(cluster: SimulatedCluster, random: SimulatedRandom, faults: ClientNetworkFaults) {
    this.#cluster = cluster;
    this.#random = random;
    this.#faults = faults;
  }

  /** The network is a good one from now on. */
  heal(): void {
    this.#faults = NO_CLIENT_FAULTS;
    this.#unreachableUntil.clear();
  }

  listen(listener: TransportListener): void {
    this.#listener = listener;
    this.refresh();
  }

  refresh(): void {
    if (this.#asking || this.#closed) return;
    this.#asking = true;
    this.#askSomebody();
  }

  send(node: NodeId, request: ClientRequest, done: ReplyListener): void {
    const name = this.#names.get(node);
    if (name === undefined || this.#closed) {
      this.#later(0, () => done(failureOf("unreachable"), null, null));
      return;
    }
    const connection = this.#connections.get(node) ?? this.#connect(node, name);
    const pending = { request, done, atNode: 0, mayBeDone: false, refused: false, answered: false };
    connection.pending.add(pending);
    if (connection.state === "open") this.#transmit(connection, pending);
  }

  createKeyspace(_definition: KeyspaceDefinition, done: (result: AdminResult) => void): void {
    const message = "The simulator creates its keyspaces itself.";
    this.#later(0, () => done({ ok: false, code: "forbidden", message }));
  }

  /** Watches are tried by `watchers.ts`, at the nodes themselves. */
  watch(_node: NodeId, _group: GroupId, _options: WatchOptions, listener: WatchListener): WatchHandle {
    let closed = false;
    this.#later(0, () => {
      if (!closed) listener.onEnd("unreachable", "The simulated client does not watch.", null);
    });
    return { pause: () => undefined, resume: () => undefined, close: () => void (closed = true) };
  }

  close(): void {
    this.#closed = true;
    for (const connection of this.#connections.values()) this.#break(connection);
  }

  // Who is there

  #askSomebody(): void {
    if (!this.#asking || this.#closed) return;
    const { name } = this.#random.pick(this.#cluster.hosts);
    this.#later(this.#delay(), () => {
      const { node, clock } = this.#hostOf(name) ?? {};
      if (node === null || node === undefined || clock === null || clock === undefined) return;
      if (!this.#isReachable(name)) return;
      clock.deliver(() => {
        if (!node.ready) return;
        const { nodes } = node.status();
        const keyspaces = node.keyspaces();
        this.#later(this.#delay(), () => {
          if (this.#closed) return;
          this.#asking = false;
          for (const { id, name } of nodes) this.#names.set(id, name);
          this.#listener!.onTopology({ nodes: nodes.map(({ id }) => id), keyspaces });
        });
      });
    });
    this.#later(ASK_AGAIN_MS, () => this.#askSomebody());
  }

  // Connections

  #connect(node: NodeId, name: string): Connection {
    const connection: Connection = { node, name, state: "opening", clock: null, pending: new Set() };
    this.#connections.set(node, connection);
    this.#later(this.#delay(), () => {
      if (connection.state === "closed") return;
      const clock = this.#hostOf(name)?.clock ?? null;
      if (clock === null || !this.#isReachable(name)) {
        this.#break(connection);
        return;
      }
      connection.state = "open";
      connection.clock = clock;
      for (const pending of connection.pending) this.#transmit(connection, pending);
      this.#watch(connection);
    });
    return connection;
  }

  #watch(connection: Connection): void {
    this.#later(WATCH_MS, () => {
      if (connection.state === "closed") return;
      if (this.#hostOf(connection.name)?.clock === connection.clock) this.#watch(connection);
      else {
        const silence = this.#random.chance(0.5) ? 0 : this.#random.between(0, LONGEST_SILENCE_MS);
        this.#later(silence, () => this.#break(connection));
      }
    });
  }

  /** Everything that has left on it may have been done. */
  #break(connection: Connection): void {
    if (connection.state === "closed") return;
    const code = connection.state === "opening" ? "unreachable" : "unknown";
    connection.state = "closed";
    if (this.#connections.get(connection.node) === connection) this.#connections.delete(connection.node);
    const { pending } = connection;
    for (const each of pending) {
      each.answered = true;
      this.#later(0, () => each.done(failureOf(code), null, null));
    }
    pending.clear();
    if (!this.#closed) this.#later(0, () => this.#listener!.onDown(connection.node));
  }

  #isReachable(name: string): boolean {
    return this.#cluster.scheduler.now() >= (this.#unreachableUntil.get(name) ?? 0);
  }

  // Requests and replies

  #transmit(connection: Connection, pending: Pending): void {
    const { request } = pending;
    const random = this.#random;
    const { dropRequest, repeatRequest, longDelay, cut, outage } = this.#faults;
    if (random.chance(cut)) {
      this.#later(random.between(0, 10), () => {
        const until = this.#cluster.scheduler.now() + random.between(0, outage);
        this.#unreachableUntil.set(connection.name, until);
        this.#break(connection);
      });
    }
    const delay = this.#delay();
    if (!random.chance(dropRequest)) this.#later(delay, () => this.#arrive(connection, pending));
    const mayRepeat = !request.write || request.envelope !== null;
    if (random.chance(repeatRequest) && mayRepeat)
      this.#later(delay + random.between(0, longDelay), () => this.#arrive(connection, pending));
  }

  #arrive(connection: Connection, pending: Pending): void {
    if (pending.refused) return;
    // Of what was under way when the connection was cut, the node may have got a part.
    if (connection.state === "closed" && this.#random.chance(0.5)) return;
    const { node, clock } = this.#hostOf(connection.name) ?? {};
    if (!node || !clock || clock !== connection.clock) return;
    pending.atNode++;
    clock.deliver(() =>
      submitTo(node, pending.request, (reply, leader, seen) => {
        if (clock.killed) return;
        pending.atNode--;
        this.#answer(connection, pending, reply, leader, seen);
      }),
    );
  }

  /** A definite error is told only when it holds for every copy of the request. */
  #answer(connection: Connection, pending: Pending, ...answer: Parameters<ReplyListener>): void {
    if (!isDefiniteFailure(answer[0])) pending.mayBeDone = true;
    else if (pending.mayBeDone || pending.atNode > 0) return;
    else pending.refused = true;
    if (this.#random.chance(this.#faults.dropReply)) {
      const { envelope } = pending.request;
      if (this.#random.chance(this.#faults.endSession) && envelope?.kind === "session")
        this.#endSession(connection, pending.request, envelope.token);
      return;
    }
    this.#later(this.#delay(), () => {
      if (connection.state === "closed" || pending.answered) return;
      pending.answered = true;
      connection.pending.delete(pending);
      pending.done(...answer);
    });
  }

  #endSession({ name }: Connection, { group }: ClientRequest, token: number): void {
    this.#later(this.#random.between(0, 100), () => {
      const { node, clock } = this.#hostOf(name) ?? {};
      const call = commandCall(".session-close", String(token));
      if (node && clock) clock.deliver(() => node.executeOn(group, call, {}, () => undefined));
    });
  }

  #hostOf(name: string): SimulatedCluster["hosts"][number] | undefined {
    return this.#cluster.hosts.find((host) => host.name === name);
  }

  #delay(): Millis {
    const { slow, longDelay } = this.#faults;
    return this.#random.chance(slow) ? this.#random.between(0, longDelay) : this.#random.between(0.2, 3);
  }

  #later(delay: Millis, task: () => void): void {
    this.#cluster.scheduler.after(delay, task);
  }
}

const failureOf = (code: ErrorCode): Failure =>
  new Failure(`${code.toUpperCase()} ${ERRORS[code].sentence}`, code);

const isDefiniteFailure = (reply: Reply): boolean =>
  reply instanceof Failure && reply.code !== null && ERRORS[reply.code].definite;

function submitTo(node: Node, request: ClientRequest, done: ReplyListener): void {
  runClientRequest(node, toForwarded(request), (reply, seen) =>
    done(reply, nextToAsk(node, request.group), seen),
  );
}
