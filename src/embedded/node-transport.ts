/** The client's way to a node in the same process: no socket. What the node does not hold itself, it forwards. */
import type { GroupId, NodeId } from "../core/ids.ts";
import type { Clock } from "../core/world.ts";
import { toForwarded } from "../client/operations.ts";
import type {
  ClientRequest,
  ClientTransport,
  KeyspaceDefinition,
  ReplyListener,
  TransportListener,
} from "../client/transport.ts";
import type { AdminResult, KvorumNode, WatchHandle, WatchListener, WatchOptions } from "../node/api.ts";
import { runClientRequest } from "../node/client-request.ts";

export class NodeTransport implements ClientTransport {
  readonly #node: KvorumNode;
  readonly #clock: Pick<Clock, "defer">;
  #listener: TransportListener | null = null;
  #asked = false;
  #closed = false;

  constructor(node: KvorumNode, clock: Pick<Clock, "defer">) {
    this.#node = node;
    this.#clock = clock;
  }

  listen(listener: TransportListener): void {
    this.#listener = listener;
    this.refresh();
  }

  /** Answered once the node is ready. */
  refresh(): void {
    if (this.#asked) return;
    this.#asked = true;
    this.#node.whenReady(() => this.#clock.defer(() => this.#tell()));
  }

  #tell(): void {
    this.#asked = false;
    const { id } = this.#node.status();
    if (this.#closed || id === null) return;
    this.#listener!.onTopology({ nodes: [id], keyspaces: this.#node.keyspaces() });
  }

  /** Whatever node is named: it is asked here, and forwarded from here. */
  send(_node: NodeId, request: ClientRequest, done: ReplyListener): void {
    const { group } = request;
    let returned = false;
    runClientRequest(this.#node, toForwarded(request), (reply, seen) => {
      const answer = (): void => done(reply, this.#node.leaderOf(group), seen);
      if (returned) answer();
      else this.#clock.defer(answer);
    });
    returned = true;
  }

  createKeyspace(definition: KeyspaceDefinition, done: (result: AdminResult) => void): void {
    this.#node.admin({ type: "keyspace-create", spec: definition }, done);
  }

  watch(_node: NodeId, group: GroupId, options: WatchOptions, listener: WatchListener): WatchHandle {
    return this.#node.watch(group, options, listener);
  }

  close(): void {
    this.#closed = true;
  }
}
