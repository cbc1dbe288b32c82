/** CLIENT: what a session says about itself, and what others may know of it. */
import { Failure, MapReply, OK, SetReply, type Reply } from "../../../core/reply.ts";
import type { Args } from "../../../data/contract.ts";
import { SYNTAX_ERROR, textOf } from "../failures.ts";
import type { Session } from "../session.ts";
import { bulk, container, integer, unrecognized, word } from "../values.ts";

export const invalidClientName = new Failure(
  "ERR Client names cannot contain spaces, newlines or special characters.",
);

const MAX_NAME_BYTES = 1024;

/** Redis' name for everybody who has not logged in. */
export const DEFAULT_USER = "default";

export const userOf = (session: Session): string => session.access?.user ?? DEFAULT_USER;

/** Printable ASCII without spaces: a name stands in one line of CLIENT LIST. */
export const isClientName = (name: Uint8Array): boolean =>
  name.length <= MAX_NAME_BYTES && name.every((byte) => byte > 0x20 && byte < 0x7f);

const NO_SUCH_CLIENT = new Failure("ERR No such client");
const CLIENT_TYPES = new Set(["NORMAL", "MASTER", "REPLICA", "SLAVE", "PUBSUB"]);

export const CLIENT = container(
  {
    name: "client",
    group: "connection",
    since: "2.4.0",
    summary: "A container for client connection commands",
  },
  {
    id: {
      arity: 2,
      help: ["ID", "Return the ID of the current connection."],
      run: (session) => session.id,
    },
    getname: {
      arity: 2,
      help: ["GETNAME", "Return the name of the current connection."],
      run: (session) => (session.name === "" ? null : bulk(session.name)),
    },
    setname: {
      arity: 3,
      help: ["SETNAME <name>", "Assign the name <name> to the current connection."],
      run(session, args) {
        if (!isClientName(args[0]!)) return invalidClientName;
        session.name = textOf(args[0]!);
        return OK;
      },
    },
    setinfo: {
      arity: 4,
      help: ["SETINFO <LIB-NAME|LIB-VER> <value>", "Tell which client library this is."],
      run: setInfo,
    },
    info: {
      arity: 2,
      help: ["INFO", "Return information about the current client connection."],
      run: (session) => bulk(`${describe(session, Date.now())}\n`),
    },
    list: {
      arity: -2,
      admin: true,
      help: [
        "LIST [TYPE <type> | ID <id> [<id> ...]]",
        "Return information about the client connections of this node.",
      ],
      run: list,
    },
    kill: {
      arity: -3,
      admin: true,
      help: [
        "KILL <ip:port> | <option> <value> ...",
        "Disconnect clients by ID, ADDR, LADDR, TYPE, USER or SKIPME.",
      ],
      run: kill,
    },
    reply: {
      arity: 3,
      help: ["REPLY <ON|OFF|SKIP>", "Control the replies sent to the current connection."],
      run: replyMode,
    },
    "no-evict": {
      arity: 3,
      help: ["NO-EVICT <ON|OFF>", "Accepted; clients are only disconnected at their own limits."],
      run: (_session, args) => (["ON", "OFF"].includes(word(args[0])) ? OK : SYNTAX_ERROR),
    },
    "no-touch": {
      arity: 3,
      help: ["NO-TOUCH <ON|OFF>", "Accepted; reading a key changes nothing."],
      run: (_session, args) => (["ON", "OFF"].includes(word(args[0])) ? OK : SYNTAX_ERROR),
    },
    tracking: {
      arity: -3,
      help: ["TRACKING <ON|OFF> ...", "OFF is accepted; Kvorum has no client-side caching."],
      run(_session, args) {
        const mode = word(args[0]);
        if (mode === "OFF") return OK;
        return mode === "ON" ? new Failure("ERR Kvorum does not support client-side caching") : SYNTAX_ERROR;
      },
    },
    caching: {
      arity: 3,
      help: ["CACHING <YES|NO>", "Refused: tracking is always off."],
      run: () =>
        new Failure(
          "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled",
        ),
    },
    getredir: {
      arity: 2,
      help: ["GETREDIR", "Return -1: tracking is always off."],
      run: () => -1,
    },
    trackinginfo: {
      arity: 2,
      help: ["TRACKINGINFO", "Report that tracking is off."],
      run: () =>
        new MapReply([
          [bulk("flags"), new SetReply([bulk("off")])],
          [bulk("redirect"), -1],
          [bulk("prefixes"), []],
        ]),
    },
    unpause: {
      arity: 2,
      help: ["UNPAUSE", "Accepted; clients are never paused."],
      run: () => OK,
    },
  },
);

function setInfo(session: Session, args: Args): Reply {
  const attribute = word(args[0]);
  if (attribute !== "LIB-NAME" && attribute !== "LIB-VER")
    return unrecognized("Unrecognized option", args[0]!);
  if (!isClientName(args[1]!)) {
    return new Failure(
      `ERR ${attribute.toLowerCase()} cannot contain spaces, newlines or special characters.`,
    );
  }
  if (attribute === "LIB-NAME") session.libraryName = textOf(args[1]!);
  else session.libraryVersion = textOf(args[1]!);
  return OK;
}

function replyMode(session: Session, args: Args): Reply {
  switch (word(args[0])) {
    case "ON":
      session.replyMode = "on";
      return OK;
    case "OFF":
      session.replyMode = "off";
      return OK;
    case "SKIP":
      if (session.replyMode !== "off") session.replyMode = "skip-next";
      return OK;
    default:
      return SYNTAX_ERROR;
  }
}

function list(session: Session, args: Args): Reply {
  let clients: Iterable<Session> = session.server.clients.values();
  if (args.length === 2 && word(args[0]) === "TYPE") {
    const type = word(args[1]);
    if (!CLIENT_TYPES.has(type)) return unrecognized("Unknown client type", args[1]!);
    clients = [...clients].filter((client) => typeOf(client) === type);
  } else if (args.length >= 2 && word(args[0]) === "ID") {
    const ids = args.slice(1).map(integer);
    if (ids.some((id) => id === undefined || id <= 0)) return new Failure("ERR Invalid client ID");
    clients = ids.flatMap((id) => session.server.clients.get(id!) ?? []);
  } else if (args.length > 0) {
    return SYNTAX_ERROR;
  }
  const now = Date.now();
  let text = "";
  for (const client of clients) text += `${describe(client, now)}\n`;
  return bulk(text);
}

const typeOf = ({ subscriber }: Session): string => (subscriber.count > 0 ? "PUBSUB" : "NORMAL");

/** One line of CLIENT LIST, with the fields of Redis 7 that mean something here. */
function describe(client: Session, now: number): string {
  const fields: readonly (readonly [string, string | number])[] = [
    ["id", client.id],
    ["addr", client.peer],
    ["laddr", client.local],
    ["fd", 0],
    ["name", client.name],
    ["age", Math.floor((now - client.connectedAt) / 1000)],
    ["idle", Math.floor((now - client.lastActiveAt) / 1000)],
    ["flags", client.queued >= 0 ? "x" : client.subscriber.count > 0 ? "P" : "N"],
    ["db", 0],
    ["sub", client.subscriber.channelCount],
    ["psub", client.subscriber.patternCount],
    ["ssub", 0],
    ["multi", client.queued],
    ["watch", client.watching],
    ["qbuf", client.inputBytes],
    ["qbuf-free", 0],
    ["argv-mem", 0],
    ["multi-mem", 0],
    ["rbs", 0],
    ["rbp", 0],
    ["obl", 0],
    ["oll", 0],
    ["omem", client.outputBytes],
    ["tot-mem", client.inputBytes + client.outputBytes],
    ["events", "r"],
    ["cmd", client.lastCommand],
    ["user", userOf(client)],
    ["redir", -1],
    ["resp", client.version],
    ["lib-name", client.libraryName],
    ["lib-ver", client.libraryVersion],
    ["consistency", client.consistency],
  ];
  return fields.map(([name, value]) => `${name}=${value}`).join(" ");
}

function kill(session: Session, args: Args): Reply {
  if (args.length === 1) {
    const address = textOf(args[0]!);
    for (const client of session.server.clients.values()) {
      if (client.peer !== address) continue;
      end(session, client);
      return OK;
    }
    return NO_SUCH_CLIENT;
  }
  if (args.length % 2 !== 0) return SYNTAX_ERROR;
  const tests: ((client: Session) => boolean)[] = [];
  let skipMe = true;
  for (let at = 0; at < args.length; at += 2) {
    const option = word(args[at]);
    const value = args[at + 1]!;
    const text = textOf(value);
    if (option === "ID") {
      const id = integer(value);
      if (id === undefined || id <= 0) return new Failure("ERR client-id should be greater than 0");
      tests.push((client) => client.id === id);
    } else if (option === "ADDR") tests.push((client) => client.peer === text);
    else if (option === "LADDR") tests.push((client) => client.local === text);
    else if (option === "USER") {
      const known = session.server.node.users().some(({ name }) => name === text);
      if (text !== DEFAULT_USER && !known) return unrecognized("No such user", value);
      tests.push((client) => userOf(client) === text);
    } else if (option === "TYPE") {
      const type = word(value);
      if (!CLIENT_TYPES.has(type)) return unrecognized("Unknown client type", value);
      tests.push((client) => typeOf(client) === type);
    } else if (option === "SKIPME" && ["YES", "NO"].includes(word(value))) skipMe = word(value) === "YES";
    else return SYNTAX_ERROR;
  }
  const found = [...session.server.clients.values()].filter(
    (client) => !(skipMe && client === session) && tests.every((test) => test(client)),
  );
  for (const client of found) end(session, client);
  return found.length;
}

/** Who disconnects itself still gets the answer. */
function end(session: Session, client: Session): void {
  if (client === session) session.closeAfterReply();
  else client.kill(`CLIENT KILL by ${session.peer}`);
}
