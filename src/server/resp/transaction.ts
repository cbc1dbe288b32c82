/** What MULTI queues and WATCH remembers, until EXEC or DISCARD. */
import { binaryString } from "../../core/bytes.ts";
import { Failure, NULL_ARRAY, type Reply } from "../../core/reply.ts";
import type { Args, CommandCall, WatchedKey } from "../../data/contract.ts";
import type { KvorumNode } from "../../node/api.ts";
import type { Access } from "./order.ts";
import type { DataCommand, ImmediateCommand, Session } from "./session.ts";
import { flattened, type RespVersion } from "./writer.ts";

export const EXECABORT = new Failure("EXECABORT Transaction discarded because of previous errors.");
const WATCH_FAILED = new Failure("EXECABORT Transaction discarded because a WATCH before it had failed.");

/** The keys watched since the last EXEC, DISCARD or UNWATCH. Versions arrive after the WATCH was read. */
export class Watches {
  readonly keys: WatchedKey[] = [];
  readonly names = new Set<string>();
  failed = false;
  bytes = 0;
}

const NO_KEY = new Failure("ERR a command without a key cannot be part of a transaction");

/** Not so when the arguments are too malformed to tell a key: what to answer is known without the node then. */
const namesKey = (command: DataCommand, args: Args): boolean => command.spec.keys(args).length > 0;

interface Queued {
  readonly command: DataCommand | ImmediateCommand;
  readonly args: Args;
  /** What it answers, where that is known without the node. */
  answer: Reply | undefined;
}

export class Transaction {
  readonly #queued: Queued[] = [];
  /** A command was refused while queueing: EXEC will not run the others either. */
  failed = false;
  bytes = 0;

  get length(): number {
    return this.#queued.length;
  }

  queue(command: DataCommand | ImmediateCommand, args: Args, bytes: number): void {
    this.#queued.push({ command, args, answer: undefined });
    this.bytes += bytes;
  }

  /**
   * Runs what the door itself answers, when EXEC is read: in the place that it has among the session's commands, though
   * before it is known whether a watched key has changed.
   */
  settle(session: Session): void {
    for (const each of this.#queued) {
      const { command, args } = each;
      if (command.kind !== "data") each.answer = command.run(session, args);
      else if (!namesKey(command, args)) each.answer = command.spec.validate?.(args) ?? NO_KEY;
    }
  }

  /** What `check` says of the first command that it does not let pass. */
  refusal(check: (command: DataCommand | ImmediateCommand, args: Args) => Failure | null): Failure | null {
    for (const { command, args } of this.#queued) {
      const refusal = check(command, args);
      if (refusal !== null) return refusal;
    }
    return null;
  }

  /** All keys it touches or watches, as binary strings. */
  keys(watches: Watches): string[] {
    const keys = [...watches.names];
    for (const { command, args } of this.#queued) {
      if (command.kind !== "data") continue;
      for (const position of command.spec.keys(args)) keys.push(binaryString(args[position]!));
    }
    return keys;
  }

  access(watches: Watches): Access {
    let reads = watches.names.size > 0;
    let writes = watches.names.size > 0;
    for (const { command } of this.#queued) {
      if (command.kind !== "data") continue;
      if (command.spec.access === "read") reads = true;
      else writes = true;
    }
    if (reads && writes) return "exclusive";
    return reads ? "read" : "write";
  }

  /** `probe` reads a key's version; it stands in where only watches have to be checked. */
  run(
    node: KvorumNode,
    version: RespVersion,
    watches: Watches,
    probe: DataCommand,
    done: (reply: Reply) => void,
  ): void {
    if (watches.failed) {
      done(WATCH_FAILED);
      return;
    }
    const calls: CommandCall[] = [];
    for (const { command, args, answer } of this.#queued) {
      if (command.kind === "data" && answer === undefined) calls.push({ spec: command.spec, args });
    }
    const watched = watches.keys[0];
    if (calls.length === 0 && watched !== undefined) calls.push({ spec: probe.spec, args: [watched.key] });
    if (calls.length === 0) {
      done(this.#merge([], version));
      return;
    }
    node.transaction(calls, watches.keys, {}, (reply) => {
      done(Array.isArray(reply) ? this.#merge(reply as readonly Reply[], version) : (reply ?? NULL_ARRAY));
    });
  }

  /** Puts the replies of the shard and those of the door into the order in which the commands were queued. */
  #merge(replies: readonly Reply[], version: RespVersion): Reply {
    let next = 0;
    return this.#queued.map(({ command, answer }) => {
      if (answer !== undefined) return answer;
      const reply = replies[next++]!;
      return command.kind === "data" && command.pairs && version === 2 ? flattened(reply) : reply;
    });
  }
}
