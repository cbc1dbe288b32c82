/** HELLO and AUTH: protocol version and identity. While there are no users, `default` is everybody, with any password. */
import { Failure, MapReply, OK, type Reply } from "../../../core/reply.ts";
import type { LoginOutcome } from "../../security/security.ts";
import { SYNTAX_ERROR, textOf } from "../failures.ts";
import type { LoginCommand, Session } from "../session.ts";
import { bulk, integer, unrecognized, word } from "../values.ts";
import { DEFAULT_USER, invalidClientName, isClientName } from "./client.ts";
import { REDIS_VERSION } from "./version.ts";

const NO_PASSWORD = new Failure(
  "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?",
);
const WRONG_PASSWORD = new Failure(
  "WRONGPASS invalid username-password pair or user is disabled.",
  "unauthenticated",
);
const HELLO_FIRST = new Failure(
  "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time",
  "unauthenticated",
);

const facts = {
  kind: "login",
  group: "connection",
  flags: ["noscript", "loading", "stale", "fast", "no_auth"],
} as const;

export const HELLO_COMMANDS: readonly LoginCommand[] = [
  {
    ...facts,
    name: "hello",
    arity: -1,
    since: "6.0.0",
    summary: "Handshake: protocol version, user, name",
    run: hello,
  },
  {
    ...facts,
    name: "auth",
    arity: -2,
    since: "1.0.0",
    summary: "Authenticate to the server",
    run(session, args, done) {
      if (args.length > 2) done(SYNTAX_ERROR);
      else if (args.length === 2)
        logIn(session, textOf(args[0]!), args[1]!, (failure) => done(failure ?? OK));
      else if (!session.server.security.loginRequired) done(NO_PASSWORD);
      else logIn(session, DEFAULT_USER, args[0]!, (failure) => done(failure ?? OK));
    },
  },
];

type LogIn = (failure: Failure | null) => void;

/** Calls back with null once the session is that user's. A failure leaves it as it was. */
function logIn(session: Session, name: string, password: Uint8Array, done: LogIn): void {
  if (session.server.security.loginRequired) void logInLater(session, name, password, done);
  else done(name === DEFAULT_USER && session.access !== null ? null : WRONG_PASSWORD);
}

async function logInLater(session: Session, name: string, password: Uint8Array, done: LogIn): Promise<void> {
  done(await authenticate(session, name, password));
}

async function authenticate(session: Session, name: string, password: Uint8Array): Promise<Failure | null> {
  const { security, log } = session.server;
  try {
    const outcome = await security.authenticate(name, password, session.address, "resp");
    if (!outcome.ok) return refusal(outcome);
    session.principal = outcome.principal;
    return null;
  } catch (error) {
    log.error({ error }, "a login failed inside Kvorum");
    return new Failure("ERR internal error; the node's log has the details", "internal");
  }
}

function refusal(outcome: LoginOutcome & { ok: false }): Failure {
  const seconds = Math.ceil(outcome.retryAfterMs / 1000);
  switch (outcome.reason) {
    case "wrong":
      return WRONG_PASSWORD;
    case "wait":
      return new Failure(`THROTTLED too many logins have failed; try again in ${seconds} s`, "throttled");
    case "busy":
      return new Failure(`OVERLOADED too many logins at a time; try again in ${seconds} s`, "overloaded");
  }
}

/** All options are checked before any of them takes effect. */
function hello(session: Session, args: readonly Uint8Array[], done: (reply: Reply) => void): void {
  let { version, name } = session;
  let login: readonly [name: Uint8Array, password: Uint8Array] | null = null;
  if (args.length > 0) {
    const wanted = integer(args[0]);
    if (wanted === undefined) {
      done(new Failure("ERR Protocol version is not an integer or out of range"));
      return;
    }
    if (wanted !== 2 && wanted !== 3) {
      done(new Failure("NOPROTO unsupported protocol version"));
      return;
    }
    version = wanted;
  }
  for (let at = 1; at < args.length;) {
    const option = word(args[at]);
    if (option === "AUTH" && at + 2 < args.length) {
      login = [args[at + 1]!, args[at + 2]!];
      at += 3;
    } else if (option === "SETNAME" && at + 1 < args.length) {
      if (!isClientName(args[at + 1]!)) {
        done(invalidClientName);
        return;
      }
      name = textOf(args[at + 1]!);
      at += 2;
    } else {
      done(unrecognized("Syntax error in HELLO option", args[at]!));
      return;
    }
  }
  const welcome = (failure: Failure | null): void => {
    if (failure !== null) {
      done(failure);
      return;
    }
    session.version = version;
    session.name = name;
    done(describeServer(session));
  };
  if (login !== null) logIn(session, textOf(login[0]), login[1], welcome);
  else welcome(session.access === null ? HELLO_FIRST : null);
}

const describeServer = (session: Session): Reply =>
  new MapReply([
    [bulk("server"), bulk("redis")],
    [bulk("version"), bulk(REDIS_VERSION)],
    [bulk("proto"), session.version],
    [bulk("id"), session.id],
    [bulk("mode"), bulk(session.cluster === null ? "standalone" : "cluster")],
    [bulk("role"), bulk("master")],
    [bulk("modules"), []],
    [bulk("kvorum_version"), bulk(session.server.node.status().version)],
  ]);
