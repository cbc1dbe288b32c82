/**
 * A typed client behind a connection that began as a RESP one (`KVORUM ATTACH`). Its requests are answered as they are done,
 * in any order: one shard without a leader holds up nobody else.
 *
 * Reading pauses while too much is unanswered or unsent, and goes on when half of that is gone.
 */
import type { Socket } from "node:net";
import { CodecError } from "../../core/bytes.ts";
import type { Failure } from "../../core/reply.ts";
import type { Logger } from "../../core/world.ts";
import type { AdminResult, KvorumNode } from "../../node/api.ts";
import { nextToAsk } from "../../node/client-request.ts";
import { failureReply } from "../../node/failures.ts";
import type { ForwardedRequest } from "../../node/frames.ts";
import {
  type ClientMessage,
  decodeClientMessage,
  encodeNodeMessage,
  type NodeMessage,
} from "../../wire/messages.ts";
import { FrameStream, type FrameStreamOwner, MAX_FRAME_BYTES } from "../../wire/stream.ts";
import { parseAdminRequest } from "../http/admin-schema.ts";
import type { Access } from "../security/access.ts";
import { administer } from "../security/administer.ts";
import type { Security } from "../security/security.ts";
import { runCall } from "./call.ts";
import { topologyOf } from "./topology.ts";
import { AttachedWatches } from "./watching.ts";

export interface AttachedHost {
  readonly node: KvorumNode;
  readonly log: Logger;
  readonly security: Security;
  readonly limits: {
    /** Unanswered requests of one client, at which reading from it pauses. */
    readonly maxPipelinedCommands: number;
    /** Bytes of unanswered requests and unsent replies, at which reading from it pauses. */
    readonly maxPipelinedBytes: number;
    /** A client with more unsent bytes than this is disconnected. */
    readonly maxOutputBytes: number;
  };
  readonly stats: { commands: number; protocolErrors: number; slowClientsClosed: number };
  detached(client: AttachedClient): void;
}

export interface AttachedPeer {
  /** host:port, and the host alone. */
  readonly peer: string;
  readonly address: string;
  /** What it may do now; null: its login is no longer valid. */
  access(): Access | null;
}

export class AttachedClient implements FrameStreamOwner {
  readonly #host: AttachedHost;
  readonly #who: AttachedPeer;
  readonly #stream: FrameStream;
  readonly #watches: AttachedWatches;
  #requests = 0;
  #requestBytes = 0;
  #paused = false;
  #ending = false;

  constructor(host: AttachedHost, who: AttachedPeer, socket: Socket) {
    this.#host = host;
    this.#who = who;
    this.#stream = new FrameStream(socket, this);
    this.#watches = new AttachedWatches({
      node: host.node,
      send: (message) => {
        this.#send(message);
        this.#settle();
      },
      mayRead: (keyspace) => who.access()?.in(keyspace, "read") === true,
    });
  }

  /** Takes no more requests, answers what is under way, then closes. */
  close(): void {
    this.#ending = true;
    this.#watches.endAll("closing");
    this.#closeWhenDone();
  }

  kill(): void {
    this.#stream.destroy();
  }

  onFrame(frame: Uint8Array): void {
    if (this.#ending) return;
    this.#host.stats.commands++;
    let message: ClientMessage;
    try {
      message = decodeClientMessage(frame);
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      this.onProblem(error.message);
      this.#stream.destroy();
      return;
    }
    switch (message.type) {
      case "request":
        this.#request(message.request, frame.length);
        break;
      case "topology":
        this.#tellTopology();
        break;
      case "admin":
        this.#administer(message.id, message.request);
        break;
      case "watch":
        this.#watches.open(message);
        break;
      case "watch-more":
        this.#watches.more(message.number);
        break;
      case "unwatch":
        this.#watches.close(message.number);
        break;
    }
    this.#settle();
  }

  onDrain(): void {
    this.#settle();
    this.#closeWhenDone();
  }

  onClose(): void {
    this.#watches.closeAll();
    this.#host.detached(this);
  }

  onProblem(problem: string): void {
    this.#host.stats.protocolErrors++;
    this.#host.log.warn({ client: this.#who.peer, reason: problem }, "disconnected a client");
  }

  #request(request: ForwardedRequest, bytes: number): void {
    this.#begin(bytes);
    const { group, id } = request;
    runCall(this.#host.node, this.#who.access(), request, (reply, told) => {
      const seen = told ?? 0;
      this.#finish(bytes);
      const leader = nextToAsk(this.#host.node, group);
      const answer = encodeNodeMessage({ type: "reply", id, reply, seen, leader });
      if (answer.length <= MAX_FRAME_BYTES) this.#stream.send(answer);
      else this.#send({ type: "reply", id, reply: tooLong(request, answer.length), seen, leader });
      this.#settle();
      this.#closeWhenDone();
    });
  }

  /** Once the node is ready: what a node that starts does not know yet would be taken for not existing. */
  #tellTopology(): void {
    const { node } = this.#host;
    node.whenReady(() => {
      if (this.#who.access() === null) {
        this.onProblem("its login is no longer valid");
        this.#stream.destroy();
      } else this.#send({ type: "topology", topology: topologyOf(node) });
    });
  }

  #administer(id: number, body: unknown): void {
    const answer = (result: AdminResult): void => this.#send({ type: "admin-result", id, result });
    const request = parseAdminRequest(body);
    if ("problem" in request) {
      answer({ ok: false, code: "bad-request", message: request.problem });
      return;
    }
    this.#begin(0);
    const finish = (result: AdminResult): void => {
      this.#finish(0);
      answer(result);
      this.#settle();
      this.#closeWhenDone();
    };
    const { node, security, log } = this.#host;
    const askedBy = { access: this.#who.access(), address: this.#who.address, door: "resp" } as const;
    administer(node, security, askedBy, request).then(finish, (error: unknown) => {
      log.error({ error }, "an administrative request failed inside Kvorum");
      finish({ ok: false, code: "internal", message: "The node's log says why." });
    });
  }

  #begin(bytes: number): void {
    this.#requests++;
    this.#requestBytes += bytes;
  }

  #finish(bytes: number): void {
    this.#requests--;
    this.#requestBytes -= bytes;
  }

  #send(message: NodeMessage): void {
    this.#stream.send(encodeNodeMessage(message));
  }

  #closeWhenDone(): void {
    if (this.#ending && this.#requests === 0) this.#stream.close();
  }

  #settle(): void {
    const { maxOutputBytes, maxPipelinedBytes, maxPipelinedCommands } = this.#host.limits;
    const unsent = this.#stream.unsentBytes;
    if (unsent > maxOutputBytes) {
      this.#host.stats.slowClientsClosed++;
      this.onProblem(`${unsent} bytes of replies wait for it (limit ${maxOutputBytes})`);
      this.#stream.destroy();
      return;
    }
    const bytes = this.#requestBytes + unsent;
    if (!this.#paused) {
      if (this.#requests > maxPipelinedCommands || bytes > maxPipelinedBytes) {
        this.#paused = true;
        this.#stream.pause();
      }
    } else if (this.#requests * 2 <= maxPipelinedCommands && bytes * 2 <= maxPipelinedBytes) {
      this.#paused = false;
      this.#stream.resume();
    }
  }
}

/** A reply that no frame can hold; what was done stays done. */
const tooLong = ({ write }: ForwardedRequest, bytes: number): Failure =>
  failureReply(
    write ? "reply-forgotten" : "too-large",
    `The reply has ${bytes} bytes, over ${MAX_FRAME_BYTES}.`,
  );
