/** What a command that is answered by the door itself sees: the client's session, and the server around it. */
import type { Reply } from "../../core/reply.ts";
import type { Logger } from "../../core/world.ts";
import type { Args, CommandSpec } from "../../data/contract.ts";
import type { Consistency, KvorumNode } from "../../node/api.ts";
import type { Role } from "../../node/catalog/users.ts";
import type { Access } from "../security/access.ts";
import type { Principal, Security } from "../security/security.ts";
import type { CursorTable } from "./cursors.ts";
import type { RespOptions, RespStats } from "./options.ts";
import type { Subscriber } from "./subscriber.ts";
import type { Output, RespVersion } from "./writer.ts";

/** Whether replies are sent: `skip-next` once CLIENT REPLY SKIP was read, `skip` for the command behind it. */
export type ReplyMode = "on" | "off" | "skip-next" | "skip";

/** One client, as session commands see it. */
export interface Session {
  /** Never reused while the server lives. */
  readonly id: number;
  readonly server: ServerContext;
  /** host:port of the client, and of our end. */
  readonly peer: string;
  readonly local: string;
  /** The client's address without the port. */
  readonly address: string;
  /** What the client may do now; null: it has to log in first. */
  readonly access: Access | null;
  /** Wall-clock milliseconds since 1970. */
  readonly connectedAt: number;
  readonly lastActiveAt: number;
  readonly lastCommand: string;
  /** Commands queued by MULTI; -1 outside of a transaction. */
  readonly queued: number;
  readonly watching: number;
  /** What it listens to. */
  readonly subscriber: Subscriber;
  /** Bytes of requests that are not answered yet, and of replies that are not sent yet. */
  readonly inputBytes: number;
  readonly outputBytes: number;

  name: string;
  libraryName: string;
  libraryVersion: string;
  version: RespVersion;
  consistency: Consistency;
  /** For calls in quorum keyspaces; null: what the keyspace says. */
  quorum: { readonly r: number; readonly w: number } | null;
  replyMode: ReplyMode;
  /** The keyspace whose slot map the client goes by, so that it wants to be redirected; null: a plain client, which never is. */
  cluster: string | null;
  /** Who has logged in. */
  principal: Principal | null;

  /** Forgets everything the client has set up: login, transaction, watches, name, protocol, consistency, quorum, redirects (RESET). */
  reset(): void;
  /** Sends what is owed, this command's reply included, and disconnects. Later commands are ignored. */
  closeAfterReply(): void;
  /** Disconnects at once. */
  kill(reason: string): void;
  /** Sends what is owed, this command's reply included; from then on the connection speaks as `src/wire` says. */
  attach(): void;
}

/** What kind of port clients have come by. */
export interface Door {
  /** Of a port for cluster-aware clients: the keyspace that their slot map describes, unless they choose another. Null: a plain port. */
  readonly keyspace: string | null;
  readonly encrypted: boolean;
}

export interface ServerContext {
  readonly node: KvorumNode;
  readonly door: Door;
  readonly log: Logger;
  readonly options: RespOptions;
  readonly stats: RespStats;
  readonly clients: ReadonlyMap<number, Session>;
  readonly cursors: CursorTable;
  readonly commands: CommandCatalog;
  readonly security: Security;
  /** Wall-clock milliseconds since 1970. */
  readonly startedAt: number;
  readonly port: number;
  /** Commands a second, measured over the last few seconds. */
  readonly commandsPerSecond: number;
}

/** How a command stands in COMMAND, COMMAND DOCS and HELP. */
export interface CommandManual {
  readonly group: string;
  readonly since: string;
  readonly summary: string;
}

interface SessionCommandBase extends CommandManual {
  /** Lower case. */
  readonly name: string;
  /** As in Redis' COMMAND: counts the name; negative means "at least". */
  readonly arity: number;
  readonly flags: readonly string[];
  /** What each does, by name. */
  readonly subcommands?: ReadonlyMap<string, string>;
  /** For administrators of the cluster only: these subcommands, or all of it. */
  readonly admin?: true | ReadonlySet<string>;
}

/** Answered at once, whatever is under way. `multi`: what it does between MULTI and EXEC. */
export interface ImmediateCommand extends SessionCommandBase {
  readonly kind: "immediate";
  readonly multi: "queue" | "now" | "refuse";
  run(session: Session, args: Args): Reply;
}

/**
 * Takes its place in the order of the session's commands: as a read of its key where it has one, otherwise after all before
 * it and before all after it. Not within MULTI.
 */
export interface OrderedCommand extends SessionCommandBase {
  readonly kind: "ordered";
  /** Position in `args` of the one key that it reads. */
  readonly key?: number;
  /** Where the keys stand that it reads, when that depends on the arguments. */
  keysRead?(args: Args): readonly number[];
  /** A role that it needs in every keyspace there is. */
  readonly everywhere?: Role;
  run(session: Session, args: Args, done: (reply: Reply) => void): void;
}

/** AUTH and HELLO: answered at once or later; what the client has sent behind it waits until then. Not within MULTI. */
export interface LoginCommand extends SessionCommandBase {
  readonly kind: "login";
  run(session: Session, args: Args, done: (reply: Reply) => void): void;
}

/** SUBSCRIBE and its family: like a login, what the client has sent behind it waits until it is answered. Not within MULTI. */
export interface SubscriptionCommand extends SessionCommandBase {
  readonly kind: "subscription";
  run(session: Session, args: Args, done: (reply: Output) => void): void;
}

/** MULTI and its family: the connection's own. */
export interface TransactionCommand extends SessionCommandBase {
  readonly kind: "transaction";
}

export type SessionCommand =
  | ImmediateCommand
  | OrderedCommand
  | LoginCommand
  | SubscriptionCommand
  | TransactionCommand;

export interface DataCommand {
  readonly kind: "data";
  readonly name: string;
  readonly arity: number;
  readonly spec: CommandSpec;
  /** May answer an array of pairs, which RESP2 shows as one flat array. */
  readonly pairs: boolean;
  /** Its first argument names what to do (OBJECT); without a key then any shard can answer. */
  readonly container: boolean;
}

export type Command = SessionCommand | DataCommand;

export interface CommandCatalog {
  /** By name in any case; undefined when there is none. */
  named(name: string): Command | undefined;
  readonly all: readonly Command[];
}
