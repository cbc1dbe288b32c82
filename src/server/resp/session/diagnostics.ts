/** Commands of Redis' own diagnostics: there is nothing to tell, and that is said in the shape clients expect. */
import { Failure, OK, Status } from "../../../core/reply.ts";
import type { SessionCommand } from "../session.ts";
import { bulk, bulks, container } from "../values.ts";
import { DEFAULT_USER, userOf } from "./client.ts";

export const DIAGNOSTIC_COMMANDS: readonly SessionCommand[] = [
  container(
    {
      name: "slowlog",
      group: "server",
      since: "2.2.12",
      summary: "A container for slow log commands (always empty)",
    },
    {
      get: { arity: -2, help: ["GET [<count>]", "Return an empty list."], run: () => [] },
      len: { arity: 2, help: ["LEN", "Return 0."], run: () => 0 },
      reset: { arity: 2, help: ["RESET", "Accepted."], run: () => OK },
    },
  ),
  container(
    {
      name: "latency",
      group: "server",
      since: "2.8.13",
      summary: "A container for latency diagnostics (always empty)",
    },
    {
      latest: { arity: 2, help: ["LATEST", "Return an empty list."], run: () => [] },
      history: { arity: 3, help: ["HISTORY <event>", "Return an empty list."], run: () => [] },
      reset: { arity: -2, help: ["RESET [<event> ...]", "Return 0."], run: () => 0 },
      doctor: {
        arity: 2,
        help: ["DOCTOR", "Tell where latencies are found."],
        run: () => bulk("Kvorum exports its latencies as metrics: GET /metrics on the node's HTTP port.\n"),
      },
    },
  ),
  container(
    { name: "acl", group: "server", since: "6.0.0", summary: "A container for Access List Control commands" },
    {
      whoami: {
        arity: 2,
        help: ["WHOAMI", "Return the current connection's user name."],
        run: (session) => bulk(userOf(session)),
      },
      users: {
        arity: 2,
        admin: true,
        help: ["USERS", "List all the registered user names."],
        run({ server }) {
          const users = server.node.users().map(({ name }) => name);
          return bulks(users.length === 0 ? [DEFAULT_USER] : users);
        },
      },
    },
  ),
  {
    kind: "immediate",
    group: "server",
    flags: ["admin", "noscript"],
    admin: true,
    name: "debug",
    arity: -2,
    since: "1.0.0",
    summary: "Refused",
    multi: "queue",
    run: () => new Failure("ERR DEBUG command not allowed. Kvorum has no DEBUG"),
  },
  {
    kind: "immediate",
    group: "server",
    flags: ["noscript", "loading", "stale", "fast"],
    name: "lastsave",
    arity: 1,
    since: "1.0.0",
    summary:
      "Return the UNIX time of the last durable write: every acknowledged write is durable, so that is now",
    multi: "queue",
    run: () => Math.floor(Date.now() / 1000),
  },
  {
    kind: "immediate",
    group: "server",
    flags: ["noscript"],
    name: "bgsave",
    arity: -1,
    since: "1.0.0",
    summary: "Accepted; every acknowledged write is durable already",
    multi: "queue",
    run: () => new Status("Background saving started"),
  },
];
