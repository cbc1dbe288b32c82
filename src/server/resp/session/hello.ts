/** HELLO and AUTH: protocol version and identity. There are no users yet: `default` is everybody, with any password. */
import { Failure, MapReply, OK, type Reply } from "../../../core/reply.ts";
import { SYNTAX_ERROR, textOf } from "../failures.ts";
import type { Session, SessionCommand } from "../session.ts";
import { bulk, integer, unrecognized, word } from "../values.ts";
import { invalidClientName, isClientName } from "./client.ts";
import { REDIS_VERSION } from "./version.ts";

const NO_PASSWORD = new Failure(
  "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?",
);
const WRONG_PASSWORD = new Failure("WRONGPASS invalid username-password pair or user is disabled.");

export const HELLO_COMMANDS: readonly SessionCommand[] = [
  {
    kind: "immediate",
    name: "hello",
    arity: -1,
    group: "connection",
    since: "6.0.0",
    summary: "Handshake: protocol version, user, name",
    flags: ["noscript", "loading", "stale", "fast", "no_auth"],
    multi: "refuse",
    run: hello,
  },
  {
    kind: "immediate",
    name: "auth",
    arity: -2,
    group: "connection",
    since: "1.0.0",
    summary: "Authenticate to the server",
    flags: ["noscript", "loading", "stale", "fast", "no_auth"],
    multi: "refuse",
    run(_session, args) {
      if (args.length > 2) return SYNTAX_ERROR;
      if (args.length === 1) return NO_PASSWORD;
      return isDefaultUser(args[0]!) ? OK : WRONG_PASSWORD;
    },
  },
];

const isDefaultUser = (name: Uint8Array): boolean => textOf(name) === "default";

/** All options are checked before any of them takes effect. */
function hello(session: Session, args: readonly Uint8Array[]): Reply {
  let { version, name } = session;
  if (args.length > 0) {
    const wanted = integer(args[0]);
    if (wanted === undefined) return new Failure("ERR Protocol version is not an integer or out of range");
    if (wanted !== 2 && wanted !== 3) return new Failure("NOPROTO unsupported protocol version");
    version = wanted;
  }
  for (let at = 1; at < args.length;) {
    const option = word(args[at]);
    if (option === "AUTH" && at + 2 < args.length) {
      if (!isDefaultUser(args[at + 1]!)) return WRONG_PASSWORD;
      at += 3;
    } else if (option === "SETNAME" && at + 1 < args.length) {
      if (!isClientName(args[at + 1]!)) return invalidClientName;
      name = textOf(args[at + 1]!);
      at += 2;
    } else {
      return unrecognized("Syntax error in HELLO option", args[at]!);
    }
  }
  session.version = version;
  session.name = name;
  return new MapReply([
    [bulk("server"), bulk("redis")],
    [bulk("version"), bulk(REDIS_VERSION)],
    [bulk("proto"), version],
    [bulk("id"), session.id],
    [bulk("mode"), bulk("standalone")],
    [bulk("role"), bulk("master")],
    [bulk("modules"), []],
    [bulk("kvorum_version"), bulk(session.server.node.status().version)],
  ]);
}
