/**
 * One client.
 *
 *   socket -> parser -> command -> slot ............ in the order of the requests
 *                          |         ^
 *                          v         | reply
 *                        order -> node, or answered here
 *   socket <- writer <- slots that are answered, from the front, one write a turn
 *
 * Reading pauses while too much is unanswered or unsent, and goes on when half of that is gone. A client over a hard limit
 * is disconnected.
 */
import type { Socket } from "node:net";
import { binaryString } from "../../core/bytes.ts";
import { Failure, OK, QUEUED, type Reply } from "../../core/reply.ts";
import type { Args } from "../../data/contract.ts";
import type { Consistency } from "../../node/api.ts";
import type { Access as Rights } from "../security/access.ts";
import type { Principal } from "../security/security.ts";
import { refusalOf } from "./authorise.ts";
import { redirection } from "./cluster/redirect.ts";
import type { CommandTable } from "./command-table.ts";
import { unknownCommand, wrongArity } from "./failures.ts";
import {
  DataOperation,
  ExecOperation,
  type OperationClient,
  OrderedOperation,
  type Running,
  WatchOperation,
} from "./operations.ts";
import { CommandOrder } from "./order.ts";
import { type ParserLimits, ProtocolError, RequestParser } from "./parser.ts";
import type {
  Command,
  DataCommand,
  ImmediateCommand,
  LoginCommand,
  ReplyMode,
  ServerContext,
  SubscriptionCommand,
} from "./session.ts";
import { notForSubscribers, Subscriber } from "./subscriber.ts";
import { subcommandOf } from "./session/subcommands.ts";
import { Answer, LaterSlot, type Slot } from "./slots.ts";
import { EXECABORT, Transaction, Watches } from "./transaction.ts";
import { Window } from "./window.ts";
import type { AttachedPeer } from "../wire/attached-client.ts";
import { type Output, Pushes, type ReplyWriter, type RespVersion, replyBytes } from "./writer.ts";

/** What a connection needs from its server beyond what commands may see. */
export interface ConnectionHost extends ServerContext {
  readonly commands: CommandTable;
  /** Reads a key's version. */
  readonly probe: DataCommand;
  /** Shared by all connections: whoever writes takes what it wrote before anybody else writes. */
  readonly writer: ReplyWriter;
  /** Asks for one `flush` at the end of this turn. */
  scheduleFlush(connection: Connection): void;
  /** The buffers of all clients together are over their limit. */
  relieve(): void;
  closed(connection: Connection): void;
  /** `closed` was called before. The socket is somebody else's now. */
  attach(socket: Socket, peer: AttachedPeer): void;
}

/** The limits of clients that have not logged in, as in Redis: enough for that. */
const STRANGERS_BULK_BYTES = 16 * 1024;
const STRANGERS_COMMAND_BYTES = 64 * 1024;

/** As many bytes are handed to the socket at once, and as many may wait in it before the next are written. */
const WRITE_BYTES = 512 * 1024;

const NO_ARGS: Args = [];

const NOT_IN_MULTI = new Failure("ERR Command not allowed inside a transaction");

/** UNWATCH as part of a transaction: EXEC has checked the watches by then, and forgets them anyway. */
const UNWATCH_WITHIN: ImmediateCommand = {
  kind: "immediate",
  name: "unwatch",
  arity: 1,
  flags: [],
  group: "transactions",
  since: "2.2.0",
  summary: "",
  multi: "queue",
  run: () => OK,
};

/** What was sent behind a login that is not decided yet. */
interface Held {
  readonly command: Command | Failure;
  readonly args: Args;
  readonly bytes: number;
}

export class Connection implements OperationClient {
  readonly id: number;
  readonly server: ConnectionHost;
  readonly peer: string;
  readonly local: string;
  readonly address: string;
  readonly connectedAt = Date.now();
  lastActiveAt = this.connectedAt;
  name = "";
  libraryName = "";
  libraryVersion = "";
  version: RespVersion = 2;
  consistency: Consistency = "linearizable";
  quorum: { readonly r: number; readonly w: number } | null = null;
  replyMode: ReplyMode = "on";
  cluster: string | null;
  principal: Principal | null = null;

  readonly subscriber: Subscriber;

  readonly #socket: Socket;
  readonly #parser: RequestParser;
  readonly #order = new CommandOrder();
  readonly #window: Window;
  #lastCommand: Command | null = null;

  /** Replies owed, oldest at `#head`. */
  #slots: Slot[] = [];
  #head = 0;
  #inputBytes = 0;
  #replyBytes = 0;
  /** What the server's sum holds of this connection. */
  #reportedBytes = 0;

  #flushScheduled = false;
  #paused = false;
  /** Null while no login is under way. */
  #held: Held[] | null = null;
  /** The client has not logged in, as of what was read last, and has to. */
  #stranger = true;
  /** Later commands are ignored. */
  #quitting = false;
  /** Nothing more is read as RESP; the socket is handed over once all replies are sent. */
  #attaching = false;
  /** Nothing more will be read; the socket closes once all replies are sent. */
  #ending = false;
  #closed = false;

  #transaction: Transaction | null = null;
  #watches = new Watches();

  constructor(id: number, socket: Socket, server: ConnectionHost) {
    this.id = id;
    this.server = server;
    this.cluster = server.door.keyspace;
    this.#socket = socket;
    this.address = socket.remoteAddress ?? "?";
    this.peer = `${socket.remoteAddress ?? "?"}:${socket.remotePort ?? 0}`;
    this.local = `${socket.localAddress ?? "?"}:${socket.localPort ?? 0}`;
    this.#parser = new RequestParser(this.#limits(), this);
    this.subscriber = new Subscriber(server.node.channels, {
      push: (message) => this.#hear(message),
      kill: (reason) => this.kill(reason),
    });
    this.#window = new Window(server.options.maxPipelinedBytes, () => this.outputBytes);
    socket.on("data", (chunk) => this.#onData(chunk));
    socket.on("drain", () => this.#onDrain());
    socket.on("end", () => this.#onEnd());
    socket.on("error", (error) => {
      server.log.debug({ client: this.peer, error: error.message }, "a client's connection broke");
    });
    socket.on("close", () => this.#onClose());
  }

  get lastCommand(): string {
    return this.#lastCommand?.name ?? "NULL";
  }

  /** Nothing is owed to the client, and it waits for nothing. */
  get idle(): boolean {
    return this.#slots.length === this.#head && this.subscriber.count === 0;
  }

  get access(): Rights | null {
    return this.server.security.access(this.principal, this.address);
  }

  get queued(): number {
    return this.#transaction?.length ?? -1;
  }

  get watching(): number {
    return this.#watches.names.size;
  }

  get inputBytes(): number {
    return this.#inputBytes + this.#parser.buffered;
  }

  get outputBytes(): number {
    return this.#replyBytes + this.#socket.writableLength;
  }

  reset(): void {
    this.subscriber.clear();
    this.#transaction = null;
    this.#watches = new Watches();
    this.name = "";
    this.version = 2;
    this.consistency = "linearizable";
    this.quorum = null;
    this.replyMode = "on";
    this.cluster = this.server.door.keyspace;
    this.principal = null;
  }

  closeAfterReply(): void {
    this.#ending = true;
    this.#quitting = true;
    this.#parser.stop();
    this.#scheduleFlush();
  }

  attach(): void {
    this.subscriber.clear();
    this.#attaching = true;
    this.closeAfterReply();
  }

  kill(reason: string): void {
    if (this.#closed) return;
    this.server.log.warn({ client: this.peer, name: this.name, reason }, "disconnected a client");
    this.#socket.destroy();
    this.#onClose();
  }

  onCommand(source: Uint8Array, nameStart: number, nameEnd: number, args: Uint8Array[], bytes: number): void {
    const { server } = this;
    server.stats.commands++;
    const command = server.commands.find(source, nameStart, nameEnd);
    if (command === undefined) {
      this.#take(unknownCommand(source.subarray(nameStart, nameEnd), args), args, bytes);
      return;
    }
    const subcommand = subcommandOf(command, args);
    if (subcommand === null) this.#take(command, args, bytes);
    else this.#take(subcommand, args.slice(1), bytes);
  }

  onOversized(reason: string): void {
    this.server.stats.commands++;
    this.#take(new Failure(`ERR ${reason}`), NO_ARGS, 0);
  }

  #take(command: Command | Failure, args: Args, bytes: number): void {
    if (this.#held === null) {
      this.#dispatch(command, args, bytes);
      return;
    }
    this.#held.push({ command, args, bytes });
    this.#inputBytes += bytes;
  }

  /** `command` as a failure: why it is none. */
  #dispatch(command: Command | Failure, args: Args, bytes: number): void {
    this.#advanceReplyMode();
    if (command instanceof Failure) {
      this.#refuse(command);
      return;
    }
    const { arity } = command;
    if (arity >= 0 ? args.length + 1 !== arity : args.length + 1 < -arity) {
      this.#refuse(wrongArity(command.name));
      return;
    }
    const refusal = this.#forbidden(command, args);
    if (refusal !== null) {
      this.#refuse(refusal);
      return;
    }
    if (this.version === 2 && this.subscriber.count > 0) {
      const notNow = notForSubscribers(command);
      if (notNow !== null) {
        this.#refuse(notNow);
        return;
      }
    }
    this.#lastCommand = command;
    const moved = redirection(this, command, args, this.#transaction !== null);
    if (moved !== null) {
      this.#refuse(moved);
      return;
    }
    if (this.#transaction !== null && this.#queue(this.#transaction, command, args, bytes)) return;
    switch (command.kind) {
      case "data":
        this.#submit(new DataOperation(this, command, args, bytes));
        return;
      case "immediate":
        this.#push(command.run(this, args));
        return;
      case "ordered":
        this.#submit(new OrderedOperation(this, command, args, bytes));
        return;
      case "login":
      case "subscription":
        this.#runAlone(command, args, bytes);
        return;
      case "transaction":
        this.#transactional(command.name, args, bytes);
    }
  }

  #forbidden(command: Command, args: Args): Failure | null {
    const { access } = this;
    const refusal = refusalOf(command, args, access, this.server.node);
    const user = access?.user ?? null;
    if (refusal !== null && user !== null) {
      this.server.security.audit.refused(user, this.address, "resp", command.name);
    }
    return refusal;
  }

  /**
   * Nothing behind a login is looked at before it is decided: it may be meant for the user who logs in. Nor behind a subscription: what may
   * come next depends on it.
   */
  #runAlone(command: LoginCommand | SubscriptionCommand, args: Args, bytes: number): void {
    let slot: LaterSlot | null = null;
    let atOnce: Output | undefined;
    command.run(this, args, (reply: Output) => {
      if (slot === null) atOnce = reply;
      else this.#answerLater(slot, reply);
    });
    if (atOnce !== undefined) {
      this.#push(atOnce);
      return;
    }
    slot = new LaterSlot(this.version, this.replyMode !== "on" && command.kind === "login", bytes);
    this.#slots.push(slot);
    this.#inputBytes += bytes;
    this.#held = [];
    this.#stranger = false;
  }

  #answerLater(slot: LaterSlot, reply: Output): void {
    if (this.#closed) return;
    if (reply instanceof Failure) this.server.stats.errors++;
    this.#inputBytes -= slot.bytes;
    slot.answered = true;
    slot.reply = reply;
    slot.version = this.version;
    slot.bytes = replyBytes(reply);
    this.#replyBytes += slot.bytes;
    if (this.#slots[this.#head] === slot) this.#scheduleFlush();
    const held = this.#held ?? [];
    this.#held = null;
    this.#guarded(() => {
      for (const { command, args, bytes } of held) {
        this.#inputBytes -= bytes;
        if (!this.#quitting) this.#take(command, args, bytes);
      }
    });
    this.#settle();
  }

  #limits(): ParserLimits {
    const { options } = this.server;
    const isStranger = (): boolean => this.#stranger;
    return {
      get maxBulkBytes() {
        return isStranger() ? Math.min(options.maxBulkBytes, STRANGERS_BULK_BYTES) : options.maxBulkBytes;
      },
      get maxCommandBytes() {
        return isStranger()
          ? Math.min(options.maxCommandBytes, STRANGERS_COMMAND_BYTES)
          : options.maxCommandBytes;
      },
    };
  }

  /** An operation whose turn in the order has come. */
  launch(operation: Running): void {
    this.#window.launch(operation);
  }

  /** The reply of an operation; later ones of the same operation are ignored. */
  answer(operation: Running, reply: Reply): void {
    if (operation.answered) return;
    operation.answered = true;
    operation.reply = reply;
    if (reply instanceof Failure) this.server.stats.errors++;
    this.#inputBytes -= operation.bytes;
    operation.bytes = replyBytes(reply);
    this.#replyBytes += operation.bytes;
    this.#order.finished(operation);
    this.#window.answered(operation.bytes);
    if (this.#closed) return;
    if (this.#replyBytes > this.server.options.maxOutputBytes) this.#overflow();
    else if (this.#slots[this.#head] === operation) this.#scheduleFlush();
  }

  /** Sends what is answered, from the front. */
  flush(): void {
    this.#flushScheduled = false;
    if (this.#closed) return;
    const { writer, stats } = this.server;
    const slots = this.#slots;
    while (this.#socket.writableLength < WRITE_BYTES) {
      let slot = slots[this.#head];
      if (slot === undefined || !slot.answered) break;
      do {
        this.#head++;
        this.#replyBytes -= slot.bytes;
        if (!slot.silent) writer.write(slot.reply, slot.version);
        slot = slots[this.#head];
      } while (slot !== undefined && slot.answered && writer.length < WRITE_BYTES);
      stats.bytesOut += writer.length;
      this.#write(writer.take());
    }
    this.#compact();
    this.#window.drain();
    if (this.#ending && this.#slots.length === 0 && this.#held === null) {
      if (this.#attaching) this.#handOver();
      else this.#socket.destroySoon();
    }
    this.#settle();
  }

  #handOver(): void {
    const { address, peer, principal, server } = this;
    const socket = this.#socket;
    for (const event of ["data", "drain", "end", "error", "close"]) socket.removeAllListeners(event);
    this.#onClose();
    server.attach(socket, { peer, address, access: () => server.security.access(principal, address) });
    socket.resume();
  }

  #write(pieces: readonly Uint8Array[]): void {
    const socket = this.#socket;
    if (pieces.length === 0) return;
    if (pieces.length === 1) {
      socket.write(pieces[0]!);
      return;
    }
    socket.cork();
    for (const piece of pieces) socket.write(piece);
    socket.uncork();
  }

  /** Forgets the slots that were sent, in amortised constant time. */
  #compact(): void {
    if (this.#head === this.#slots.length) {
      if (this.#head > 0) this.#slots = [];
      this.#head = 0;
    } else if (this.#head > 256 && this.#head * 2 > this.#slots.length) {
      this.#slots = this.#slots.slice(this.#head);
      this.#head = 0;
    }
  }

  #onData(chunk: Uint8Array): void {
    if (this.#ending || this.#closed) return;
    this.lastActiveAt = Date.now();
    this.server.stats.bytesIn += chunk.length;
    this.#stranger = this.#held === null && this.access === null;
    this.#guarded(() => this.#parser.feed(chunk));
    this.#settle();
  }

  /** What goes wrong with the requests of one client is the end of that client only. */
  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof ProtocolError)) {
        this.server.log.error({ client: this.peer, error: String(error) }, "a request broke the RESP door");
        this.kill("a defect of Kvorum");
        return;
      }
      this.server.stats.protocolErrors++;
      this.server.log.warn({ client: this.peer, reason: error.message }, "disconnected a client");
      this.replyMode = "on";
      this.#push(new Failure(`ERR ${error.message}`));
      this.closeAfterReply();
    }
  }

  #onDrain(): void {
    // Also without a reply that is ready: what was sent makes room for commands that wait.
    this.flush();
  }

  /** The client has sent its last command, and may still wait for replies. */
  #onEnd(): void {
    this.#ending = true;
    this.#scheduleFlush();
  }

  #onClose(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.subscriber.close();
    this.#parser.stop();
    this.#order.stop();
    this.#window.stop();
    this.#held = null;
    this.#slots = [];
    this.#head = 0;
    this.server.stats.bufferedBytes -= this.#reportedBytes;
    this.#reportedBytes = 0;
    this.server.closed(this);
  }

  /** Holds the client to its limits, after anything that changed its buffers. */
  #settle(): void {
    if (this.#closed) return;
    const { options, stats } = this.server;
    const unsent = this.outputBytes;
    const buffered = this.inputBytes + unsent + (this.#transaction?.bytes ?? 0) + this.#watches.bytes;
    stats.bufferedBytes += buffered - this.#reportedBytes;
    this.#reportedBytes = buffered;
    if (unsent > options.maxOutputBytes) {
      this.#overflow();
      return;
    }
    const commands = this.#slots.length - this.#head;
    const bytes = this.#inputBytes + unsent;
    const held = this.#held !== null;
    if (!this.#paused) {
      if (held || commands > options.maxPipelinedCommands || bytes > options.maxPipelinedBytes) {
        this.#paused = true;
        this.#socket.pause();
      }
    } else if (
      !held &&
      commands * 2 <= options.maxPipelinedCommands &&
      bytes * 2 <= options.maxPipelinedBytes
    ) {
      this.#paused = false;
      this.#socket.resume();
    }
    if (stats.bufferedBytes > options.maxBufferedBytes) this.server.relieve();
  }

  #overflow(): void {
    this.server.stats.slowClientsClosed++;
    this.kill(
      `${this.outputBytes} bytes of replies wait for it (limit ${this.server.options.maxOutputBytes})`,
    );
  }

  #scheduleFlush(): void {
    if (this.#flushScheduled || this.#closed) return;
    this.#flushScheduled = true;
    this.server.scheduleFlush(this);
  }

  #advanceReplyMode(): void {
    if (this.replyMode === "skip-next") this.replyMode = "skip";
    else if (this.replyMode === "skip") this.replyMode = "on";
  }

  #submit(operation: Running): void {
    this.#slots.push(operation);
    this.#inputBytes += operation.bytes;
    this.#order.submit(operation);
  }

  /** A reply that is known already. */
  #push(reply: Output): void {
    if (reply instanceof Failure) this.server.stats.errors++;
    const bytes = replyBytes(reply);
    this.#replyBytes += bytes;
    const silent = this.replyMode !== "on" && !(reply instanceof Pushes);
    this.#slots.push(new Answer(reply, this.version, silent, bytes));
    if (this.#slots.length - this.#head === 1) this.#scheduleFlush();
  }

  /** What it listens to comes behind the replies that are owed. */
  #hear(message: Pushes): void {
    if (this.#closed) return;
    this.#push(message);
    const limit = this.server.options.maxSubscriberBytes;
    const unsent = this.outputBytes;
    if (unsent <= limit) {
      this.#settle();
      return;
    }
    this.server.stats.slowSubscribersClosed++;
    this.kill(`${unsent} bytes of messages wait for it (limit maxSubscriberBytes, ${limit})`);
  }

  /** A command that was not even begun; a transaction that it belongs to will not be either. */
  #refuse(failure: Failure): void {
    if (this.#transaction !== null) this.#transaction.failed = true;
    this.#push(failure);
  }

  /** Between MULTI and EXEC. False: the command is to be run now. */
  #queue(transaction: Transaction, command: Command, args: Args, bytes: number): boolean {
    switch (command.kind) {
      case "transaction":
        return false;
      case "ordered":
        this.#refuse(
          new Failure(`ERR ${command.name.toUpperCase()} cannot be part of a transaction in Kvorum`),
        );
        return true;
      case "login":
      case "subscription":
        this.#refuse(NOT_IN_MULTI);
        return true;
      case "immediate":
        if (command.multi === "now") return false;
        if (command.multi === "refuse") {
          this.#refuse(NOT_IN_MULTI);
          return true;
        }
        return this.#enqueue(transaction, command, args, bytes);
      case "data": {
        // A subcommand that does not exist, or is called wrongly, is refused like a command.
        const refusal = command.container ? (command.spec.validate?.(args) ?? null) : null;
        if (refusal === null) return this.#enqueue(transaction, command, args, bytes);
        this.#refuse(refusal);
        return true;
      }
    }
  }

  #enqueue(
    transaction: Transaction,
    command: DataCommand | ImmediateCommand,
    args: Args,
    bytes: number,
  ): true {
    const limit = this.server.options.maxCommandBytes;
    if (transaction.bytes + bytes > limit) {
      this.#refuse(new Failure(`ERR the transaction is over the limit of ${limit} bytes`));
    } else {
      // A transaction that is lost already is not worth its memory.
      if (!transaction.failed) transaction.queue(command, args, bytes);
      this.#push(QUEUED);
    }
    return true;
  }

  #transactional(name: string, args: Args, bytes: number): void {
    const transaction = this.#transaction;
    switch (name) {
      case "multi":
        if (transaction !== null) {
          this.#push(new Failure("ERR MULTI calls can not be nested"));
          return;
        }
        this.#transaction = new Transaction();
        this.#push(OK);
        return;
      case "discard":
        if (transaction === null) {
          this.#push(new Failure("ERR DISCARD without MULTI"));
          return;
        }
        this.#transaction = null;
        this.#watches = new Watches();
        this.#push(OK);
        return;
      case "exec":
        this.#exec(transaction);
        return;
      case "watch":
        this.#watch(transaction, args, bytes);
        return;
      case "unwatch":
        if (transaction === null) {
          this.#watches = new Watches();
          this.#push(OK);
        } else this.#enqueue(transaction, UNWATCH_WITHIN, args, bytes);
    }
  }

  #exec(transaction: Transaction | null): void {
    if (transaction === null) {
      this.#push(new Failure("ERR EXEC without MULTI"));
      return;
    }
    const watches = this.#watches;
    this.#transaction = null;
    this.#watches = new Watches();
    if (transaction.failed) {
      this.#push(EXECABORT);
      return;
    }
    // Its user's roles may have changed since, and so may the leader.
    const refusal = transaction.refusal(
      (command, args) => this.#forbidden(command, args) ?? redirection(this, command, args, true),
    );
    if (refusal !== null) {
      this.#push(refusal);
      return;
    }
    const operation = new ExecOperation(this, transaction, watches);
    transaction.settle(this);
    this.#submit(operation);
  }

  #watch(transaction: Transaction | null, args: Args, bytes: number): void {
    if (transaction !== null) {
      this.#push(new Failure("ERR WATCH inside MULTI is not allowed"));
      return;
    }
    const watches = this.#watches;
    const limit = this.server.options.maxCommandBytes;
    if (watches.bytes + bytes > limit) {
      watches.failed = true;
      this.#push(new Failure(`ERR the watched keys are over the limit of ${limit} bytes`));
      return;
    }
    const fresh = args.filter((key) => {
      const name = binaryString(key);
      if (watches.names.has(name)) return false;
      watches.names.add(name);
      return true;
    });
    watches.bytes += bytes;
    this.#submit(new WatchOperation(this, watches, fresh, bytes));
  }
}
