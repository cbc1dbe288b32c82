/** Commands that every client sends or expects, and that touch no key. */
import { Failure, OK, Status, type Reply } from "../../../core/reply.ts";
import type { Args } from "../../../data/contract.ts";
import { NOT_AN_INTEGER, wrongArity } from "../failures.ts";
import type { ImmediateCommand, Session, SessionCommand } from "../session.ts";
import { bulk, bulks, integer } from "../values.ts";

const PONG = new Status("PONG");
const RESET = new Status("RESET");

const connection = {
  kind: "immediate",
  group: "connection",
  flags: ["noscript", "loading", "stale", "fast"],
} as const;

export const BASIC_COMMANDS: readonly SessionCommand[] = [
  {
    ...connection,
    name: "ping",
    arity: -1,
    since: "1.0.0",
    summary: "Ping the server",
    multi: "queue",
    run(session: Session, args: Args): Reply {
      if (args.length > 1) return wrongArity("ping");
      if (session.version === 2 && session.subscriber.count > 0) return [bulk("pong"), args[0] ?? bulk("")];
      return args[0] ?? PONG;
    },
  },
  {
    ...connection,
    name: "echo",
    arity: 2,
    since: "1.0.0",
    summary: "Echo the given string",
    multi: "queue",
    run: (_session: Session, args: Args): Reply => args[0]!,
  },
  {
    ...connection,
    flags: [...connection.flags, "no_auth"],
    name: "quit",
    arity: -1,
    since: "1.0.0",
    summary: "Close the connection",
    multi: "now",
    run(session: Session): Reply {
      session.closeAfterReply();
      return OK;
    },
  },
  {
    ...connection,
    flags: [...connection.flags, "no_auth"],
    name: "reset",
    arity: 1,
    since: "6.2.0",
    summary: "Reset the connection",
    multi: "now",
    run(session: Session): Reply {
      session.reset();
      return RESET;
    },
  },
  {
    ...connection,
    name: "select",
    arity: 2,
    since: "1.0.0",
    summary: "Change the selected database for the current connection (there is only 0)",
    multi: "queue",
    run(_session: Session, args: Args): Reply {
      const database = integer(args[0]);
      if (database === undefined) return NOT_AN_INTEGER;
      return database === 0
        ? OK
        : new Failure("ERR DB index is out of range (Kvorum has one database; use keyspaces)");
    },
  },
  {
    kind: "immediate",
    group: "server",
    flags: ["loading", "stale", "fast"],
    name: "time",
    arity: 1,
    since: "2.6.0",
    summary: "Return the current server time",
    multi: "queue",
    run() {
      const now = Date.now();
      return bulks([String(Math.floor(now / 1000)), String((now % 1000) * 1000)]);
    },
  },
  {
    kind: "immediate",
    group: "server",
    flags: ["readonly", "fast"],
    name: "lolwut",
    arity: -1,
    since: "5.0.0",
    summary: "Display some computer art and the version",
    multi: "queue",
    run: (session) =>
      bulk(`three of them, and two suffice\n\nKvorum ver. ${session.server.node.status().version}\n`),
  },
  {
    kind: "immediate",
    group: "server",
    flags: ["noscript", "loading", "stale", "fast"],
    name: "role",
    arity: 1,
    since: "2.8.12",
    summary:
      "Return the role of the instance in the context of replication (every node takes reads and writes)",
    multi: "queue",
    run(session): Reply {
      const applied = session.server.node
        .status()
        .replicas.reduce((sum, { appliedIndex }) => sum + appliedIndex, 0);
      return [bulk("master"), applied, []];
    },
  },
  {
    kind: "ordered",
    group: "generic",
    flags: ["noscript"],
    name: "wait",
    arity: 3,
    since: "3.0.0",
    summary:
      "Wait for the replication of the writes of this connection: a majority has each before it is answered",
    run(session, args, done) {
      const timeout = integer(args[1]);
      if (integer(args[0]) === undefined) done(NOT_AN_INTEGER);
      else if (timeout === undefined) done(new Failure("ERR timeout is not an integer or out of range"));
      else if (timeout < 0) done(new Failure("ERR timeout is negative"));
      else {
        // What is surely true for every key: the smallest majority of all shards, less the one that Redis calls the primary.
        const sizes = session.server.node.shards().map(({ replicas }) => replicas.length);
        done(sizes.length === 0 ? 0 : Math.floor(Math.min(...sizes) / 2));
      }
    },
  },
  consistencySwitch(
    "readonly",
    "Reads of this connection may be served by this node's replica, in order but not the latest",
  ),
  consistencySwitch("readwrite", "Reads of this connection are linearizable again"),
  {
    kind: "immediate",
    group: "cluster",
    flags: ["fast"],
    name: "asking",
    arity: 1,
    since: "3.0.0",
    summary: "Sent by cluster clients after an -ASK redirect; any node takes any key here",
    multi: "queue",
    run: () => OK,
  },
  ...transactions(),
];

function consistencySwitch(name: "readonly" | "readwrite", summary: string): ImmediateCommand {
  return {
    kind: "immediate",
    group: "cluster",
    flags: ["loading", "stale", "fast"],
    name,
    arity: 1,
    since: "3.0.0",
    summary,
    multi: "queue",
    run(session) {
      session.consistency = name === "readonly" ? "sequential" : "linearizable";
      return OK;
    },
  };
}

function transactions(): SessionCommand[] {
  const facts = {
    kind: "transaction",
    group: "transactions",
    flags: ["noscript", "loading", "stale", "fast"],
  } as const;
  return [
    { ...facts, name: "multi", arity: 1, since: "1.2.0", summary: "Mark the start of a transaction block" },
    { ...facts, name: "exec", arity: 1, since: "1.2.0", summary: "Execute all commands issued after MULTI" },
    {
      ...facts,
      name: "discard",
      arity: 1,
      since: "2.0.0",
      summary: "Discard all commands issued after MULTI",
    },
    {
      ...facts,
      name: "watch",
      arity: -2,
      since: "2.2.0",
      summary: "Watch the given keys to determine execution of the MULTI/EXEC block",
    },
    { ...facts, name: "unwatch", arity: 1, since: "2.2.0", summary: "Forget about all watched keys" },
  ];
}
