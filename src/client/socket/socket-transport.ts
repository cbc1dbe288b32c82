/**
 * Brings the client's requests to the nodes of a cluster over sockets: one connection a node, opened when the first request
 * for it comes. Who the nodes are it learns from the first that answers.
 */
import { ERRORS, type ErrorCode, KvorumError } from "../../core/errors.ts";
import type { GroupId, NodeId } from "../../core/ids.ts";
import { Failure } from "../../core/reply.ts";
import type { AdminResult, WatchHandle, WatchListener, WatchOptions } from "../../node/api.ts";
import { toForwarded } from "../operations.ts";
import type { WireTopology } from "../../wire/messages.ts";
import type {
  ClientRequest,
  ClientTransport,
  KeyspaceDefinition,
  ReplyListener,
  TransportListener,
} from "../transport.ts";
import { Link, type LinkError, type LinkOptions } from "./link.ts";

export interface SocketAddress {
  readonly host: string;
  readonly port: number;
}

export interface SocketOptions extends LinkOptions {
  /** Nodes to begin with; one that answers is enough. */
  readonly seeds: readonly SocketAddress[];
  /** Where a node is to be reached whose RESP address is this one: for port forwarding and proxies. */
  readonly route?: (address: SocketAddress) => SocketAddress;
  /** Milliseconds between two rounds of asking everybody, while nobody answers. */
  readonly retryInterval: number;
}

/** What waits for a connection. */
interface Waiting {
  start(link: Link): void;
  fail(error: LinkError): void;
}

interface Place {
  address: SocketAddress | null;
  link: Link | null;
  /** Requests made before the link was attached. */
  waiting: Waiting[];
}

export class SocketTransport implements ClientTransport {
  readonly #options: SocketOptions;
  readonly #places = new Map<NodeId, Place>();
  #listener: TransportListener | null = null;
  /** Connections of which it is not known yet to which node they lead. */
  readonly #unnamed = new Set<Link>();
  #asking = false;
  #round: NodeJS.Timeout | null = null;
  #closed = false;
  /** Why nobody could be reached last. */
  lastError: LinkError | null = null;

  constructor(options: SocketOptions) {
    this.#options = options;
  }

  listen(listener: TransportListener): void {
    this.#listener = listener;
    this.refresh();
  }

  refresh(): void {
    if (this.#asking || this.#closed) return;
    this.#asking = true;
    const open = [...this.#places.values()].flatMap(({ link }) => (link?.attached === true ? [link] : []));
    // Each in turn would be tidier, but one that has fallen silent must not be asked alone.
    if (open.length > 0) for (const link of open) link.askTopology();
    else this.#askSeeds();
  }

  send(node: NodeId, request: ClientRequest, done: ReplyListener): void {
    this.#at(node, {
      start: (link) => link.request(toForwarded(request), done),
      fail: ({ code, detail }) => done(failureOf(code, detail), null, null),
    });
  }

  watch(node: NodeId, group: GroupId, options: WatchOptions, listener: WatchListener): WatchHandle {
    let handle: WatchHandle | null = null;
    let closed = false;
    let paused = false;
    this.#at(node, {
      start: (link) => {
        if (closed) return;
        handle = link.watch(group, options, listener);
        if (paused) handle.pause();
      },
      fail: ({ code, detail }) => {
        if (!closed) listener.onEnd(code, detail, options.from ?? null);
      },
    });
    return {
      pause: () => {
        paused = true;
        handle?.pause();
      },
      resume: () => {
        paused = false;
        handle?.resume();
      },
      close: () => {
        closed = true;
        handle?.close();
      },
    };
  }

  #at(node: NodeId, waiting: Waiting): void {
    const place = this.#places.get(node);
    if (place === undefined || place.address === null || this.#closed) {
      const detail = this.#closed ? "the client is closed" : `node ${node} is not known`;
      process.nextTick(() => waiting.fail({ code: "unreachable", detail }));
    } else if (place.link?.attached === true) waiting.start(place.link);
    else {
      place.waiting.push(waiting);
      place.link ??= this.#open(place.address, node);
    }
  }

  createKeyspace(definition: KeyspaceDefinition, done: (result: AdminResult) => void): void {
    const place = [...this.#places.values()].find(({ link }) => link?.attached === true);
    if (place === undefined) {
      process.nextTick(() => done({ ok: false, code: "unreachable", message: "No node is connected." }));
    } else place.link!.admin({ type: "keyspace-create", spec: definition }, done);
  }

  close(): void {
    this.#closed = true;
    if (this.#round !== null) clearTimeout(this.#round);
    for (const link of this.#unnamed) link.close();
    for (const { link } of this.#places.values()) link?.close();
  }

  // Who is there

  #askSeeds(): void {
    const known = [...this.#places.values()].flatMap(({ address }) => (address === null ? [] : [address]));
    const all = new Map([...this.#options.seeds, ...known].map((a) => [`${a.host}:${a.port}`, a]));
    for (const address of all.values()) this.#open(address, null);
  }

  /** While nobody answers, everybody is asked again. */
  #askAgain(): void {
    if (this.#closed || this.#round !== null) return;
    this.#round = setTimeout(() => {
      this.#round = null;
      this.#asking = false;
      this.refresh();
    }, this.#options.retryInterval);
  }

  #open(address: SocketAddress, node: NodeId | null): Link {
    const { host, port } = this.#options.route?.(address) ?? address;
    let named = node;
    const link: Link = new Link(host, port, this.#options, {
      onAttached: () => {
        if (named === null) link.askTopology();
        else this.#flush(named, link);
      },
      onTopology: (topology) => {
        if (named === null && this.#unnamed.delete(link)) {
          named = topology.self;
          if (!this.#adopt(named, link)) {
            link.close();
            if (named === null) return;
          }
        }
        this.#onTopology(topology);
      },
      onClose: (error) => {
        this.#unnamed.delete(link);
        this.#onClosed(named, link, error);
      },
    });
    if (node === null) this.#unnamed.add(link);
    return link;
  }

  /** False: it is not needed, as there is another one to that node. */
  #adopt(node: NodeId | null, link: Link): boolean {
    if (node === null) return false;
    const place = this.#place(node);
    if (place.link !== null) return false;
    place.link = link;
    this.#flush(node, link);
    return true;
  }

  #place(node: NodeId): Place {
    let place = this.#places.get(node);
    if (place === undefined) {
      place = { address: null, link: null, waiting: [] };
      this.#places.set(node, place);
    }
    return place;
  }

  #flush(node: NodeId, link: Link): void {
    const place = this.#place(node);
    const { waiting } = place;
    place.waiting = [];
    for (const { start } of waiting) start(link);
  }

  #onTopology({ nodes, keyspaces }: WireTopology): void {
    this.#asking = false;
    if (this.#closed) return;
    for (const { id, resp } of nodes) this.#place(id).address = resp === "" ? null : addressOf(resp);
    for (const [id, place] of this.#places) {
      if (nodes.some((node) => node.id === id)) continue;
      place.address = null;
      if (place.link === null) this.#places.delete(id);
    }
    this.#listener!.onTopology({ nodes: nodes.map(({ id }) => id), keyspaces });
  }

  #onClosed(node: NodeId | null, link: Link, error: LinkError): void {
    const place = node === null ? undefined : this.#places.get(node);
    const wasInUse = place?.link === link;
    if (wasInUse) {
      place.link = null;
      const { waiting } = place;
      place.waiting = [];
      for (const { fail } of waiting) fail(error);
    }
    if (this.#closed) return;
    this.lastError = error;
    if (error.code !== "unreachable") this.#listener!.onRefused(new KvorumError(error.code, error.detail));
    if (wasInUse) this.#listener!.onDown(node!);
    if (this.#unnamed.size === 0 && ![...this.#places.values()].some((other) => other.link !== null)) {
      this.#askAgain();
    }
  }
}

const failureOf = (code: ErrorCode, detail: string): Failure =>
  new Failure(`${code.toUpperCase()} ${ERRORS[code].sentence} ${detail}`, code);

/** `host:port`, an IPv6 host in brackets. */
function addressOf(text: string): SocketAddress {
  const colon = text.lastIndexOf(":");
  return { host: text.slice(0, colon).replace(/^\[|\]$/g, ""), port: Number(text.slice(colon + 1)) };
}
