/** Changes of the catalog and transfers of leadership, decided where they have to be: here, or at the leader's node. */
import type { ErrorCode } from "../core/errors.ts";
import { type GroupId, type NodeId, SYSTEM_GROUP } from "../core/ids.ts";
import type { Clock } from "../core/world.ts";
import type { AdminRequest, AdminResult, LeadershipInfo } from "./api.ts";
import { encodeCatalogCommand } from "./catalog/applier.ts";
import type { CatalogCommand, CatalogResult } from "./catalog/commands.ts";
import { encodeAdminFrame } from "./frames.ts";
import type { OrderedReplica } from "./ordered-replica.ts";
import { Request } from "./request.ts";
import type { RoutingTable } from "./routing-table.ts";
import { SeenRequests } from "./seen-requests.ts";

export interface AdministrationHost {
  readonly clock: Clock;
  readonly self: NodeId;
  /** Drawn at the start of this process, below 2^32. */
  readonly epoch: number;
  table(): RoutingTable;
  replica(group: GroupId): OrderedReplica | undefined;
  isUp(node: NodeId): boolean;
  /** Null: this node does not lead the group. */
  leadership(group: GroupId): LeadershipInfo | null;
  /** False: the frame was dropped, and surely not sent. */
  send(to: NodeId, frame: Uint8Array): boolean;
}

/** What travels between nodes. */
type Remote =
  | { readonly type: "change"; readonly command: CatalogCommand }
  | { readonly type: "transfer"; readonly group: GroupId; readonly to: NodeId }
  /** Answered once the node's catalog has the keyspace (or has it no more). */
  | { readonly type: "await-keyspace"; readonly name: string; readonly exists: boolean }
  /** What the node knows of its leaderships among these, as JSON in the detail. */
  | { readonly type: "leaderships"; readonly groups: readonly GroupId[] };

/** What a group's leader decides. */
type Decided = Exclude<Remote, { readonly type: "await-keyspace" | "leaderships" }>;

interface Pending {
  readonly peer: NodeId;
  readonly done: (result: CatalogResult) => void;
}

const TIMEOUT_MS = 5000;
const RETRY_MS = 50;
/** How long the change of a keyspace waits for the nodes that are up to hear of it. */
const NOTICE_MS = 2000;
const NOTICE_POLL_MS = 5;
/** Whoever asks why leaders sit where they sit does not wait for nodes that are stopped. */
const LEADERSHIPS_MS = 1000;

export class Administration {
  readonly #host: AdministrationHost;
  readonly #pending = new Map<number, Pending>();
  readonly #seen = new SeenRequests();
  #nextId = 1;
  #closed = false;

  constructor(host: AdministrationHost) {
    this.#host = host;
  }

  execute(request: AdminRequest, done: (result: AdminResult) => void): void {
    if (request.type === "keyspace-create" || request.type === "keyspace-drop") {
      const [name, exists] =
        request.type === "keyspace-create" ? [request.spec.name, true] : [request.name, false];
      this.change(request, (result) => {
        if (result.ok) this.#untilKnown(name, exists, () => done(result));
        else done(result);
      });
      return;
    }
    if (request.type !== "transfer-leader") {
      this.change(
        request.type === "node-remove" ? { type: "node-remove", name: request.node } : request,
        done,
      );
      return;
    }
    const { catalog } = this.#host.table();
    const to = catalog.nodes.find((node) => node.name === request.to);
    if (to === undefined) {
      done({
        ok: false,
        code: "bad-request",
        message: `There is no node named "${request.to}" (kvorum node list).`,
      });
    } else if (
      request.group !== SYSTEM_GROUP &&
      !catalog.groups.some((group) => group.id === request.group)
    ) {
      done({
        ok: false,
        code: "bad-request",
        message: `There is no group ${request.group} (kvorum status lists them).`,
      });
    } else {
      this.#route(request.group, { type: "transfer", group: request.group, to: to.id }, done);
    }
  }

  /**
   * A node whose catalog lags would take keys of a new keyspace for ones of the default keyspace, and acknowledge writes that
   * nobody finds again: so nobody is told that a keyspace exists before all nodes that are up know it.
   */
  #untilKnown(name: string, exists: boolean, done: () => void): void {
    const { clock, self } = this.#host;
    const peers = this.#host.table().catalog.nodes.filter(({ id }) => id !== self && this.#host.isUp(id));
    let missing = peers.length + 1;
    const timer = clock.setTimer(NOTICE_MS, () => finish());
    const finish = (): void => {
      if (missing < 0) return;
      missing = -1;
      timer.cancel();
      done();
    };
    const know = (): void => {
      if (--missing === 0) finish();
    };
    this.#awaitKeyspace(name, exists, know);
    for (const { id } of peers) if (!this.#ask(id, { type: "await-keyspace", name, exists }, know)) know();
  }

  #awaitKeyspace(name: string, exists: boolean, done: () => void): void {
    const deadline = this.#host.clock.now() + NOTICE_MS;
    const look = (): void => {
      const known = this.#host.table().catalog.keyspaces.some((keyspace) => keyspace.name === name);
      if (known === exists || this.#closed || this.#host.clock.now() >= deadline) done();
      else this.#host.clock.setTimer(NOTICE_POLL_MS, look);
    };
    look();
  }

  /** Those that answer in time; every node that holds one of the groups is asked, and says what it leads. */
  leaderships(groups: readonly GroupId[], done: (leaderships: readonly LeadershipInfo[]) => void): void {
    const { clock, self } = this.#host;
    const found = this.#leaderships(groups);
    const holders = new Set(groups.flatMap((group) => this.#host.table().group(group)?.replicas ?? []));
    let missing = 1;
    const finish = (): void => {
      missing = 0;
      timer.cancel();
      done(found.sort((a, b) => a.group - b.group));
    };
    const timer = clock.setTimer(LEADERSHIPS_MS, finish);
    const settle = (result: CatalogResult | null): void => {
      if (missing === 0) return;
      if (result?.ok === true) found.push(...(JSON.parse(result.detail) as LeadershipInfo[]));
      if (--missing === 0) finish();
    };
    for (const node of holders) {
      if (node === self || !this.#host.isUp(node)) continue;
      missing++;
      if (!this.#ask(node, { type: "leaderships", groups }, settle)) settle(null);
    }
    settle(null);
  }

  #leaderships(groups: readonly GroupId[]): LeadershipInfo[] {
    return groups.flatMap((group) => this.#host.leadership(group) ?? []);
  }

  /** One command of the catalog, through the system group's leader. */
  change(command: CatalogCommand, done: (result: CatalogResult) => void): void {
    this.#route(SYSTEM_GROUP, { type: "change", command }, done);
  }

  /** Finds the group's leader until the deadline. After a request has left, its loss is reported, not repeated. */
  #route(group: GroupId, remote: Decided, done: (result: CatalogResult) => void): void {
    const deadline = this.#host.clock.now() + TIMEOUT_MS;
    const attempt = (): void => {
      if (this.#closed) {
        done(failed("closing", "The node is shutting down."));
        return;
      }
      const replica = this.#host.replica(group);
      if (replica?.isLeader === true) {
        this.#decide(replica, remote, (result) => (isMisplaced(result) ? again() : done(result)));
        return;
      }
      const leader = replica?.leader ?? this.#anyHolder(group, replica);
      if (
        leader === null ||
        !this.#ask(leader, remote, (result) => (isMisplaced(result) ? again() : done(result)))
      )
        again();
    };
    const again = (): void => {
      if (this.#host.clock.now() >= deadline) {
        done(
          failed(
            "no-leader",
            `Group ${group} had no leader for ${TIMEOUT_MS / 1000} s: is a majority of its nodes up?`,
          ),
        );
      } else {
        this.#host.clock.setTimer(RETRY_MS, attempt);
      }
    };
    attempt();
  }

  /** A node without a replica of the group tries its holders in turn. */
  #anyHolder(group: GroupId, replica: OrderedReplica | undefined): NodeId | null {
    if (replica !== undefined) return null;
    const holders =
      this.#host
        .table()
        .group(group)
        ?.replicas.filter((node) => this.#host.isUp(node)) ?? [];
    return holders[this.#nextId % Math.max(1, holders.length)] ?? null;
  }

  #ask(peer: NodeId, remote: Remote, done: (result: CatalogResult) => void): boolean {
    const id = this.#nextId++;
    if (!this.#host.send(peer, encodeAdminFrame("admin", this.#host.epoch, id, remote))) return false;
    const timer = this.#host.clock.setTimer(TIMEOUT_MS, () => {
      this.#pending.delete(id);
      done(failed("timeout", "The leader did not answer in time; the change may have been made."));
    });
    this.#pending.set(id, {
      peer,
      done: (result) => {
        timer.cancel();
        done(result);
      },
    });
    return true;
  }

  #decide(replica: OrderedReplica, remote: Decided, done: (result: CatalogResult) => void): void {
    if (remote.type === "transfer") {
      if (remote.to === this.#host.self) {
        done({ ok: true, detail: "it leads already" });
        return;
      }
      replica.administer({ type: "transfer", to: remote.to }, (outcome) => {
        done(
          outcome.ok
            ? { ok: true, detail: "the leadership has moved" }
            : failed(outcome.error, describeTransfer(outcome.error)),
        );
      });
      return;
    }
    const deadline = this.#host.clock.now() + TIMEOUT_MS;
    const request = new Request(
      { group: SYSTEM_GROUP, operation: NO_OPERATION, write: true, deadline },
      null,
      (reply, failure) => {
        timer.cancel();
        if (failure !== null) done(failed(failure.error, failure.detail || "The change was not confirmed."));
        else done(JSON.parse(new TextDecoder().decode(reply as Uint8Array)) as CatalogResult);
      },
    );
    const timer = this.#host.clock.setTimer(TIMEOUT_MS, () =>
      request.giveUp("timeout", "The change was not confirmed in time."),
    );
    replica.proposeRaw(encodeCatalogCommand(remote.command), request);
  }

  onRequest(from: NodeId, epoch: number, id: number, body: unknown): void {
    if (!this.#seen.isNew(from, epoch, id)) return;
    const answer = (result: CatalogResult): void => {
      this.#host.send(from, encodeAdminFrame("admin-result", epoch, id, result));
    };
    const remote = body as Remote;
    if (remote.type === "await-keyspace") {
      this.#awaitKeyspace(remote.name, remote.exists, () => answer({ ok: true, detail: "" }));
      return;
    }
    if (remote.type === "leaderships") {
      answer({ ok: true, detail: JSON.stringify(this.#leaderships(remote.groups)) });
      return;
    }
    const replica = this.#host.replica(remote.type === "transfer" ? remote.group : SYSTEM_GROUP);
    if (replica?.isLeader === true) this.#decide(replica, remote, answer);
    else answer(failed("not-leader", "This node does not lead the group."));
  }

  onResult(epoch: number, id: number, body: unknown): void {
    if (epoch !== this.#host.epoch) return;
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    pending?.done(body as CatalogResult);
  }

  onPeerDown(peer: NodeId): void {
    for (const [id, pending] of this.#pending) {
      if (pending.peer !== peer) continue;
      this.#pending.delete(id);
      pending.done(failed("unknown", "The leader's node was lost; the change may have been made."));
    }
  }

  close(): void {
    this.#closed = true;
    for (const pending of this.#pending.values())
      pending.done(failed("closing", "The node is shutting down."));
    this.#pending.clear();
  }
}

const NO_OPERATION = { kind: "transaction", calls: [], watched: [] } as const;

const failed = (code: ErrorCode, message: string): CatalogResult => ({ ok: false, code, message });

/** Definite, and another attempt at the right place may succeed. */
const isMisplaced = (result: CatalogResult): boolean =>
  !result.ok && (result.code === "not-leader" || result.code === "overwritten");

const describeTransfer = (code: ErrorCode): string =>
  code === "timeout"
    ? "The other node did not take over in time; the leadership stayed."
    : `The transfer failed: ${code}.`;
