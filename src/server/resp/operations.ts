/** Commands under way: what each does when its turn in the order of its connection has come. */
import { binaryString } from "../../core/bytes.ts";
import { Failure, OK, type Reply } from "../../core/reply.ts";
import type { Args, CommandSpec } from "../../data/contract.ts";
import type { CallOptions } from "../../node/api.ts";
import { type Access, Operation } from "./order.ts";
import type { DataCommand, OrderedCommand, ServerContext, Session } from "./session.ts";
import { callOptionsFor } from "./session/call-options.ts";
import type { Slot } from "./slots.ts";
import type { Transaction, Watches } from "./transaction.ts";
import { flattened, type RespVersion } from "./writer.ts";

/** The connection, as its operations see it. */
export interface OperationClient extends Session {
  readonly server: OperationServer;
  /** An operation whose turn in the order has come. */
  launch(operation: Running): void;
  /** The reply of an operation; later ones of the same operation are ignored. */
  answer(operation: Running, reply: Reply): void;
}

interface OperationServer extends ServerContext {
  /** Reads a key's version. */
  readonly probe: DataCommand;
}

const NO_ARGS: Args = [];

export abstract class Running extends Operation implements Slot {
  readonly connection: OperationClient;
  readonly version: RespVersion;
  readonly silent: boolean;
  bytes: number;
  answered = false;
  reply: Reply = null;

  constructor(connection: OperationClient, bytes: number) {
    super();
    this.connection = connection;
    this.version = connection.version;
    this.silent = connection.replyMode !== "on";
    this.bytes = bytes;
  }

  protected abstract execute(): void;

  start(): void {
    this.connection.launch(this);
  }

  run(): void {
    try {
      this.execute();
    } catch (error) {
      this.connection.server.log.error({ error: String(error) }, "a command failed inside Kvorum");
      this.connection.answer(this, new Failure("ERR internal error; the node's log has the details"));
    }
  }
}

export class DataOperation extends Running {
  readonly access: Access;
  readonly #spec: CommandSpec;
  #args: Args;
  readonly #pairs: boolean;
  readonly #container: boolean;
  readonly #options: CallOptions;

  constructor(
    connection: OperationClient,
    { spec, pairs, container }: DataCommand,
    args: Args,
    bytes: number,
  ) {
    super(connection, bytes);
    this.access = spec.access;
    this.#spec = spec;
    this.#args = args;
    this.#pairs = pairs;
    this.#container = container;
    this.#options = callOptionsFor(connection, { spec, args });
  }

  keys(): string[] {
    const args = this.#args;
    return this.#spec.keys(args).map((position) => binaryString(args[position]!));
  }

  protected execute(): void {
    const call = { spec: this.#spec, args: this.#args };
    const { node } = this.connection.server;
    const done = (reply: Reply): void => {
      this.#args = NO_ARGS;
      this.connection.answer(this, this.#pairs && this.version === 2 ? flattened(reply) : reply);
    };
    const anywhere = this.#container && call.spec.keys(call.args).length === 0 ? node.shards()[0] : undefined;
    if (anywhere === undefined) node.execute(call, this.#options, done);
    else node.executeOn(anywhere.group, call, this.#options, done);
  }
}

export class OrderedOperation extends Running {
  readonly access: Access;
  readonly #command: OrderedCommand;
  readonly #args: Args;

  constructor(connection: OperationClient, command: OrderedCommand, args: Args, bytes: number) {
    super(connection, bytes);
    this.access = command.key === undefined ? "barrier" : "read";
    this.#command = command;
    this.#args = args;
  }

  keys(): string[] {
    const { key } = this.#command;
    return key === undefined ? [] : [binaryString(this.#args[key]!)];
  }

  protected execute(): void {
    this.#command.run(this.connection, this.#args, (reply) => this.connection.answer(this, reply));
  }
}

export class WatchOperation extends Running {
  readonly access = "read";
  readonly #watches: Watches;
  readonly #args: Args;

  constructor(connection: OperationClient, watches: Watches, args: Args, bytes: number) {
    super(connection, bytes);
    this.#watches = watches;
    this.#args = args;
  }

  keys(): string[] {
    return this.#args.map(binaryString);
  }

  protected execute(): void {
    const { node, probe } = this.connection.server;
    let missing = this.#args.length;
    let failure: Reply = OK;
    for (const key of this.#args) {
      node.execute({ spec: probe.spec, args: [key] }, {}, (reply) => {
        if (typeof reply === "number") this.#watches.keys.push({ key, version: reply });
        else {
          this.#watches.failed = true;
          failure = reply;
        }
        if (--missing === 0) this.connection.answer(this, failure);
      });
    }
    if (this.#args.length === 0) this.connection.answer(this, OK);
  }
}

export class ExecOperation extends Running {
  readonly access: Access;
  readonly #transaction: Transaction;
  readonly #watches: Watches;

  constructor(connection: OperationClient, transaction: Transaction, watches: Watches) {
    super(connection, transaction.bytes);
    this.access = transaction.access(watches);
    this.#transaction = transaction;
    this.#watches = watches;
  }

  keys(): string[] {
    return this.#transaction.keys(this.#watches);
  }

  protected execute(): void {
    const { connection } = this;
    const { node, probe } = connection.server;
    this.#transaction.run(node, this.version, this.#watches, probe, (reply) =>
      connection.answer(this, reply),
    );
  }
}
