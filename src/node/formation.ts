/**
 * How a node gets its identity: by founding a cluster with others, or by joining one. Once written, an identity never
 * changes; a directory without one has never taken part in anything.
 *
 * Founding. All nodes are started with the same `initial` list. The first of the list is the founder: once **every**
 * other has answered that it is empty too, it writes down the cluster's id, everybody's node id and which data directory
 * (instance) each id belongs to; then it hands the ids out. It can do so again after a crash, and never hands one id to
 * two directories. No node founds a cluster while some other cannot be asked, so two clusters cannot arise from one list.
 *
 * Joining. Everybody else asks a member, and the system group decides. A node that lost its directory comes this way too:
 * its old id had voted and acknowledged, so it gets a new one, which takes the old one's place shard by shard.
 */
import type { NodeId } from "../core/ids.ts";
import { nodeId } from "../core/ids.ts";
import type { Address, Clock, Logger, Random, Transport } from "../core/world.ts";
import type { CatalogNode, NodeAddresses } from "./catalog/state.ts";

/** What a data directory knows about itself. Stored as one file. */
export interface Identity {
  readonly name: string;
  /** Drawn at the first start; tells this directory from every other one. */
  readonly instance: string;
  readonly cluster: string | null;
  readonly node: NodeId | null;
  /** The members when the identity was given: how to reach others until the catalog is there. */
  readonly members: readonly CatalogNode[];
  /** The cluster was founded with these members: the system group starts with them. */
  readonly founding: boolean;
}

export interface EstablishedIdentity extends Identity {
  readonly cluster: string;
  readonly node: NodeId;
}

export const isEstablished = (identity: Identity): identity is EstablishedIdentity =>
  identity.cluster !== null && identity.node !== null;

export interface InitialMember {
  readonly name: string;
  readonly peer: Address;
}

export interface FormationOptions {
  readonly name: string;
  readonly addresses: NodeAddresses;
  /** Empty when joining. */
  readonly initial: readonly InitialMember[];
  readonly join: readonly Address[];
}

type Call =
  | { readonly type: "probe" }
  | { readonly type: "members" }
  | { readonly type: "assign"; readonly name: string; readonly instance: string }
  | {
      readonly type: "join";
      readonly name: string;
      readonly instance: string;
      readonly addresses: NodeAddresses;
    };

type ProbeAnswer = {
  readonly name: string;
  readonly instance: string;
  readonly formed: boolean;
  readonly addresses: NodeAddresses;
};

type Membership = {
  readonly ok: true;
  readonly cluster: string;
  readonly node: number;
  readonly members: readonly CatalogNode[];
  readonly founding: boolean;
};

/** The members by the catalog of whoever answers. */
export interface KnownMembers {
  readonly cluster: string;
  /** Of that catalog: the higher, the newer. */
  readonly version: number;
  readonly members: readonly CatalogNode[];
}

type Refused = { readonly ok: false; readonly reason: string };

export type JoinDecision = (
  request: { readonly name: string; readonly instance: string; readonly addresses: NodeAddresses },
  answer: (result: Membership | Refused) => void,
) => void;

const ASK_INTERVAL_MS = 200;
const ASK_TIMEOUT_MS = 2000;
/** The other members are asked to join only when the founder has not answered for this long. */
const FOUNDER_PATIENCE_MS = 5000;

export interface FormationHost {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly transport: Transport;
  /** Writes the identity; durable when done. */
  save(identity: Identity, done: () => void): void;
  waitingFor(reason: string): void;
}

export class Formation {
  readonly #host: FormationHost;
  readonly #options: FormationOptions;
  readonly #done: (identity: EstablishedIdentity) => void;
  #identity: Identity;
  #decideJoin: JoinDecision | null = null;
  #tellMembers: (() => KnownMembers) | null = null;
  #founderSilentSince: number | null = null;
  #closed = false;

  constructor(
    host: FormationHost,
    options: FormationOptions,
    identity: Identity,
    done: (identity: EstablishedIdentity) => void,
  ) {
    this.#host = host;
    this.#options = options;
    this.#identity = identity;
    this.#done = done;
  }

  start(): void {
    const identity = this.#identity;
    if (isEstablished(identity)) this.#host.clock.defer(() => this.#done(identity));
    else this.#attempt();
  }

  close(): void {
    this.#closed = true;
  }

  /** From now on the node can decide about joins (it knows the catalog). */
  set decideJoin(decide: JoinDecision) {
    this.#decideJoin = decide;
  }

  /** From now on the node can tell who the members are. */
  set tellMembers(tell: () => KnownMembers) {
    this.#tellMembers = tell;
  }

  /**
   * Asks everybody at these addresses who the members are. For a node that was away while others came: it takes no
   * connection from nodes it does not know, and if one of those leads, nobody it knows can tell it by the log.
   */
  askMembers(addresses: readonly Address[], heard: (known: KnownMembers) => void): void {
    for (const address of addresses) {
      this.#call<KnownMembers | Refused>(address, { type: "members" }, (answer) => {
        if (answer !== null && "members" in answer && Array.isArray(answer.members)) heard(answer);
      });
    }
  }

  onCall(bytes: Uint8Array, answer: (response: Uint8Array) => void): void {
    const respond = (body: ProbeAnswer | Membership | KnownMembers | Refused): void => answer(encode(body));
    const call = decodeCall(bytes);
    if (call === null) {
      respond({ ok: false, reason: "malformed call" });
      return;
    }
    const identity = this.#identity;
    switch (call.type) {
      case "probe":
        respond({
          name: identity.name,
          instance: identity.instance,
          formed: isEstablished(identity),
          addresses: this.#options.addresses,
        });
        return;
      case "members":
        respond(this.#tellMembers?.() ?? { ok: false, reason: `${identity.name} is not ready itself` });
        return;
      case "assign":
        respond(this.#assign(call.name, call.instance));
        return;
      case "join":
        if (this.#decideJoin === null) respond({ ok: false, reason: `${identity.name} is not ready itself` });
        else this.#decideJoin(call, respond);
        return;
    }
  }

  /** The founder hands out what it wrote down when it founded the cluster: to that directory, and to no other. */
  #assign(name: string, instance: string): Membership | Refused {
    const identity = this.#identity;
    if (!isEstablished(identity)) return { ok: false, reason: "not formed" };
    const member = identity.founding
      ? identity.members.find((candidate) => candidate.name === name && candidate.instance === instance)
      : undefined;
    if (member === undefined) return { ok: false, reason: "must join" };
    return {
      ok: true,
      cluster: identity.cluster,
      node: member.id,
      members: identity.members,
      founding: true,
    };
  }

  // Asking -------------------------------------------------------------------------------------------------------

  #attempt(): void {
    if (this.#closed) return;
    const { initial, join, name } = this.#options;
    const again = (): void => {
      this.#host.clock.setTimer(ASK_INTERVAL_MS, () => this.#attempt());
    };
    const founder = initial[0];
    if (founder === undefined) this.#tryJoin(join, again);
    else if (founder.name === name) this.#tryFound(again);
    else this.#tryAssign(founder, again);
  }

  /** The founder: ask everybody. Somebody belongs to a cluster: join it. All are empty: found it. Else wait. */
  #tryFound(again: () => void): void {
    const others = this.#options.initial.filter((member) => member.name !== this.#options.name);
    const answers = new Map<string, ProbeAnswer>();
    let open = others.length;
    const finish = (): void => {
      const formed = others.filter((member) => answers.get(member.name)?.formed === true);
      const silent = others.filter((member) => !answers.has(member.name));
      if (formed.length > 0) {
        this.#tryJoin(
          formed.map((member) => member.peer),
          again,
        );
      } else if (silent.length > 0) {
        const names = silent.map((member) => `${member.name} (${text(member.peer)})`).join(", ");
        this.#host.waitingFor(`${names} to answer, to found the cluster together`);
        again();
      } else {
        this.#found([...answers.values()]);
      }
    };
    if (open === 0) finish();
    for (const member of others) {
      this.#call<ProbeAnswer>(member.peer, { type: "probe" }, (answer) => {
        if (answer !== null && answer.name === member.name) answers.set(member.name, answer);
        else if (answer !== null) {
          this.#host.logger.warn(
            { expected: member.name, found: answer.name, address: text(member.peer) },
            "another node answers at a member's address: check the initial list",
          );
        }
        open--;
        if (open === 0) finish();
      });
    }
  }

  #found(others: readonly ProbeAnswer[]): void {
    const { initial, name, addresses } = this.#options;
    const members = initial.map((member, i): CatalogNode => {
      const answer =
        member.name === name
          ? { addresses, instance: this.#identity.instance }
          : others.find((candidate) => candidate.name === member.name)!;
      return {
        ...answer.addresses,
        id: nodeId(i + 1),
        name: member.name,
        instance: answer.instance,
        leaving: false,
      };
    });
    const cluster = hex(this.#host.random.bytes(16));
    this.#establish({ ...this.#identity, cluster, node: nodeId(1), members, founding: true });
  }

  #tryAssign(founder: InitialMember, again: () => void): void {
    const { name, instance } = this.#identity;
    this.#call<Membership | Refused>(founder.peer, { type: "assign", name, instance }, (answer) => {
      if (answer?.ok === true) {
        this.#adopt(answer);
        return;
      }
      const now = this.#host.clock.now();
      if (answer === null) this.#founderSilentSince ??= now;
      else this.#founderSilentSince = null;
      const silent =
        this.#founderSilentSince !== null && now - this.#founderSilentSince > FOUNDER_PATIENCE_MS;
      if (answer?.reason === "must join" || silent) {
        const members = this.#options.initial.filter((member) => member.name !== name);
        this.#tryJoin(
          members.map((member) => member.peer),
          again,
        );
      } else {
        this.#host.waitingFor(`${founder.name} (${text(founder.peer)}) to found the cluster`);
        again();
      }
    });
  }

  #tryJoin(targets: readonly Address[], again: () => void): void {
    const [target, ...rest] = targets;
    if (target === undefined) {
      again();
      return;
    }
    const { name, instance } = this.#identity;
    const request: Call = { type: "join", name, instance, addresses: this.#options.addresses };
    this.#call<Membership | Refused>(target, request, (answer) => {
      if (answer?.ok === true) {
        this.#adopt(answer);
        return;
      }
      this.#host.waitingFor(`${text(target)} to let this node join: ${answer?.reason ?? "no answer"}`);
      this.#tryJoin(rest, again);
    });
  }

  #adopt(membership: Membership): void {
    this.#establish({
      ...this.#identity,
      cluster: membership.cluster,
      node: nodeId(membership.node),
      members: membership.members,
      founding: membership.founding,
    });
  }

  #establish(identity: EstablishedIdentity): void {
    if (this.#closed) return;
    this.#host.save(identity, () => {
      if (this.#closed) return;
      this.#identity = identity;
      this.#host.logger.info(
        { cluster: identity.cluster, node: identity.node },
        "this directory has an identity now",
      );
      this.#done(identity);
    });
  }

  #call<T>(to: Address, call: Call, done: (answer: T | null) => void): void {
    this.#host.transport.call(to, encode(call), ASK_TIMEOUT_MS, (error, response) => {
      if (this.#closed) return;
      done(error !== null || response === undefined ? null : (parse(response) as T | null));
    });
  }
}

const text = (address: Address): string => `${address.host}:${address.port}`;
const hex = (bytes: Uint8Array): string =>
  [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const encode = (body: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(body));

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    // Whoever answered does not speak our protocol; that is the same as no answer.
    return null;
  }
}

function decodeCall(bytes: Uint8Array): Call | null {
  const call = parse(bytes) as Partial<Record<string, unknown>> | null;
  if (call === null || typeof call !== "object") return null;
  if (call["type"] === "probe" || call["type"] === "members") return { type: call["type"] };
  const { name, instance, addresses } = call;
  if (typeof name !== "string" || typeof instance !== "string") return null;
  if (call["type"] === "assign") return { type: "assign", name, instance };
  if (call["type"] !== "join" || !isAddresses(addresses)) return null;
  return { type: "join", name, instance, addresses };
}

function isAddresses(value: unknown): value is NodeAddresses {
  const candidate = value as Partial<NodeAddresses> | null | undefined;
  return (
    typeof candidate === "object" &&
    candidate !== null &&
    typeof candidate.resp === "string" &&
    typeof candidate.http === "string" &&
    typeof candidate.peer?.host === "string" &&
    Number.isInteger(candidate.peer?.port) &&
    (candidate.cluster === undefined || typeof candidate.cluster === "string") &&
    (candidate.zone === undefined || typeof candidate.zone === "string")
  );
}
