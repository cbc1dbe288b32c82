/**
 * Brings the client's requests to the nodes of a cluster over sockets: one connection a node, opened when the first request
 * for it comes. Who the nodes are it learns from the first that answers.
 */
import { invariant } from "../../core/assert.ts";
import { ERRORS, type ErrorCode, KvorumError } from "../../core/errors.ts";
import type { NodeId } from "../../core/ids.ts";
import { Failure } from "../../core/reply.ts";
import { findCommand } from "../../data/commands.ts";
import type { CommandCall } from "../../data/contract.ts";
import type { Operation } from "../../data/batch.ts";
import type { AdminResult } from "../../node/api.ts";
import type { ForwardedRequest } from "../../node/frames.ts";
import type { WireTopology } from "../../wire/messages.ts";
import type {
  ClientCommand,
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

interface Waiting {
  readonly request: ClientRequest;
  readonly done: ReplyListener;
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
    const place = this.#places.get(node);
    if (place === undefined || place.address === null || this.#closed) {
      process.nextTick(() => done(failureOf("unreachable", `node ${node} is not known`), null, null));
      return;
    }
    if (place.link?.attached === true) place.link.request(forwarded(request), done);
    else {
      place.waiting.push({ request, done });
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
    for (const { request, done } of waiting) link.request(forwarded(request), done);
  }

  #onTopology({ nodes, keyspaces }: WireTopology): void {
    this.#asking = false;
    if (this.#closed) return;
    for (const { id, resp } of nodes) this.#place(id).address = addressOf(resp);
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
      for (const { done } of waiting) done(failureOf(error.code, error.detail), null, null);
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

function forwarded(request: ClientRequest): Omit<ForwardedRequest, "id"> {
  const { group, write, consistency, atLeast, timeout } = request;
  return { group, write, consistency, atLeast, timeout, operation: operationOf(request) };
}

function operationOf({ operation, envelope }: ClientRequest): Operation {
  const wrapped = envelope === null ? {} : { envelope };
  if (operation.kind === "command") return { kind: "command", ...callOf(operation), ...wrapped };
  const { watched, calls } = operation;
  return { kind: "transaction", watched, calls: calls.map(callOf), ...wrapped };
}

function callOf({ name, args }: ClientCommand): CommandCall {
  const spec = findCommand(name);
  invariant(spec !== undefined, `src/data has a command ${name}`);
  return { spec, args };
}

/** `host:port`, an IPv6 host in brackets. */
function addressOf(text: string): SocketAddress {
  const colon = text.lastIndexOf(":");
  return { host: text.slice(0, colon).replace(/^\[|\]$/g, ""), port: Number(text.slice(colon + 1)) };
}
