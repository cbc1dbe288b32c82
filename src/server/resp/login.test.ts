/** People who try to get in, and users who try to do more than they may. Answers were compared with redis-server 7.0.15. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Grant } from "../../node/catalog/users.ts";
import type { Passwords } from "../security/password.ts";
import { ADMIN, makeUser, quickPasswords } from "../security/security.testkit.ts";
import { Security } from "../security/security.ts";
import {
  type Argument,
  memoryLog,
  type RunningServer,
  startServer,
  type TestClient,
  type Wire,
} from "./client.testkit.ts";
import { FakeNode } from "./fake-node.testkit.ts";

const SECRET = "correct horse battery";
const NOAUTH = "-NOAUTH Authentication required.";
const WRONGPASS = "-WRONGPASS invalid username-password pair or user is disabled.";
const NO_KEY = "-NOPERM this user has no permissions to access one of the keys used as arguments";
const noCommand = (name: string): string =>
  `-NOPERM this user has no permissions to run the '${name}' command`;

let node: FakeNode;
let passwords: Passwords;
let running: RunningServer;
let client: TestClient;
const { log, lines } = memoryLog();

const call = (...args: Argument[]): Promise<Wire> => client.call(...args);

async function addUser(name: string, password: string, grants: readonly Grant[]): Promise<void> {
  node.userList = [...node.userList, await makeUser(passwords, name, password, grants)];
}

beforeEach(async () => {
  lines.length = 0;
  node = new FakeNode({ atOnce: true });
  passwords = quickPasswords().passwords;
  running = await startServer({ node, security: new Security({ node, log, passwords }) });
  client = await running.connect();
});

afterEach(() => running.close());

describe("before a login", () => {
  beforeEach(() => addUser("root", SECRET, ADMIN));

  test("nothing is answered but what is needed to log in", async () => {
    for (const command of [
      ["GET", "x"],
      ["SET", "x", "1"],
      ["PING"],
      ["MULTI"],
      ["EXEC"],
      ["WATCH", "x"],
      ["SCAN", "0"],
      ["KEYS", "*"],
      ["FLUSHALL"],
      ["INFO"],
      ["COMMAND"],
      ["CLIENT", "LIST"],
      ["CONFIG", "GET", "*"],
      ["ACL", "WHOAMI"],
      ["KVORUM", "STATUS"],
      ["OBJECT", "HELP"],
    ])
      expect([command, await call(...command)]).toEqual([command, NOAUTH]);
    expect(await call("HELLO", "3")).toMatch(/^-NOAUTH HELLO must be called with the client already auth/);
    expect(await call("RESET")).toBe("+RESET");
    expect(await call("QUIT")).toBe("+OK");
  });

  test("what is no command or is malformed is told, as Redis does", async () => {
    expect(await call("NOSUCH")).toMatch(/^-ERR unknown command/);
    expect(await call("GET")).toMatch(/^-ERR wrong number of arguments/);
    expect(await call("HELLO", "3", "FOO")).toBe("-ERR Syntax error in HELLO option 'FOO'");
  });

  test("nobody makes the node hold much", async () => {
    expect(await call("SET", "x", "y".repeat(20_000))).toMatch(/^-ERR an argument of 20000 bytes is over/);
    expect(await call("MGET", ...Array.from({ length: 2_000 }, () => "k"))).toMatch(
      /^-ERR the command is over/,
    );
  });

  test("nobody keeps a connection that way", async () => {
    await running.close();
    const options = { loginTimeout: 100 };
    running = await startServer({ node, options, security: new Security({ node, log, passwords }) });
    const [stranger, user] = [await running.connect(), await running.connect()];
    expect(await user.call("AUTH", "root", SECRET)).toBe("+OK");
    await stranger.closed;
    expect(await user.call("PING")).toBe("+PONG");
  });

  test("an open connection is closed to strangers by the first user", async () => {
    node.userList = [];
    expect(await call("SET", "x", "1")).toBe("+OK");
    await addUser("root", SECRET, ADMIN);
    expect(await call("GET", "x")).toBe(NOAUTH);
  });
});

describe("logging in", () => {
  beforeEach(() => addUser("root", SECRET, ADMIN));

  test("by AUTH, by HELLO, and as the user default", async () => {
    expect(await call("AUTH", "root", SECRET)).toBe("+OK");
    expect(await call("ACL", "WHOAMI")).toBe("root");
    expect(await call("CLIENT", "INFO")).toMatch(/ user=root /);
    await addUser("default", "the default password", [{ keyspace: "*", role: "read" }]);
    const other = await running.connect();
    expect(await other.call("AUTH", "the default password")).toBe("+OK");
    expect(await other.call("ACL", "WHOAMI")).toBe("default");
    const third = await running.connect();
    expect(await third.call("HELLO", "3", "AUTH", "root", SECRET, "SETNAME", "me")).toHaveProperty("map");
    expect(await third.call("CLIENT", "GETNAME")).toBe("me");
    expect(await third.call("HGETALL", "nothing")).toEqual({ map: [] });
  });

  test("wrong password, unknown user, no password: one answer, and the connection is nobody's", async () => {
    expect(await call("AUTH", "root", "wrong")).toBe(WRONGPASS);
    expect(await call("AUTH", "nobody", SECRET)).toBe(WRONGPASS);
    expect(await call("AUTH", SECRET)).toBe(WRONGPASS);
    expect(await call("HELLO", "3", "AUTH", "root", "wrong", "SETNAME", "me")).toBe(WRONGPASS);
    expect(await call("AUTH", "a", "b", "c")).toBe("-ERR syntax error");
    expect(await call("GET", "x")).toBe(NOAUTH);
  });

  test("a failed AUTH leaves a login as it was; RESET ends it", async () => {
    await call("AUTH", "root", SECRET);
    expect(await call("AUTH", "root", "wrong")).toBe(WRONGPASS);
    expect(await call("ACL", "WHOAMI")).toBe("root");
    expect(await call("RESET")).toBe("+RESET");
    expect(await call("ACL", "WHOAMI")).toBe(NOAUTH);
  });

  test("brute force is held up", async () => {
    const replies = await client.pipeline(
      ...Array.from({ length: 10 }, (_, i) => ["AUTH", "root", `guess${i}`]),
    );
    expect(replies.slice(0, 5)).toEqual(Array.from({ length: 5 }, () => WRONGPASS));
    for (const reply of replies.slice(5)) expect(reply).toMatch(/^-THROTTLED .* try again in 1 s$/);
    expect(await call("AUTH", "root", SECRET), "guessed too late").toMatch(/^-THROTTLED/);
  });

  test("commands behind an AUTH that is under way are done as the user, in order, large ones included", async () => {
    const big = "y".repeat(20_000);
    expect(
      await client.pipeline(
        ["PING"],
        ["AUTH", "root", SECRET],
        ["SET", "x", big],
        ["STRLEN", "x"],
        ["HELLO", "3", "AUTH", "root", SECRET],
        ["HGETALL", "none"],
        ["AUTH", "root", "wrong"],
        ["ACL", "WHOAMI"],
      ),
    ).toEqual([NOAUTH, "+OK", "+OK", 20_000, expect.anything(), { map: [] }, WRONGPASS, "root"]);
  });

  test("a client that says everything at once and closes its side gets all answers", async () => {
    client.socket.end(
      `*3\r\n$4\r\nAUTH\r\n$4\r\nroot\r\n$${SECRET.length}\r\n${SECRET}\r\n*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nQUIT\r\n*1\r\n$4\r\nPING\r\n`,
    );
    expect(await client.closed).toEqual(["+OK", "+PONG", "+OK"]);
  });

  test("not within MULTI", async () => {
    await call("AUTH", "root", SECRET);
    expect(await client.pipeline(["MULTI"], ["AUTH", "root", SECRET], ["EXEC"])).toEqual([
      "+OK",
      "-ERR Command not allowed inside a transaction",
      "-EXECABORT Transaction discarded because of previous errors.",
    ]);
  });

  test("another password, or the end of the user, ends the login", async () => {
    await addUser("ada", "ada's password", ADMIN);
    await call("AUTH", "ada", "ada's password");
    const other = await makeUser(passwords, "ada", "another password", ADMIN);
    node.userList = [node.userList[0]!, other];
    expect(await call("GET", "x")).toBe(NOAUTH);
    expect(await call("AUTH", "ada", "another password")).toBe("+OK");
    node.userList = [node.userList[0]!];
    expect(await call("GET", "x")).toBe(NOAUTH);
  });
});

describe("roles", () => {
  beforeEach(async () => {
    await addUser("root", SECRET, ADMIN);
    const root = await running.connect();
    await root.call("AUTH", "root", SECRET);
    await root.pipeline(["SET", "mine", "1"], ["SET", "other:his", "2"], ["HSET", "other:h", "f", "v"]);
  });

  const become = async (...grants: Grant[]): Promise<void> => {
    await addUser("ada", "ada's password", grants);
    expect(await call("AUTH", "ada", "ada's password")).toBe("+OK");
  };

  test("a reader reads and does not write, not within MULTI either", async () => {
    await become({ keyspace: "*", role: "read" });
    expect(await call("GET", "mine")).toBe("1");
    for (const command of [
      ["SET", "mine", "9"],
      ["DEL", "mine"],
      ["INCR", "mine"],
      ["EXPIRE", "mine", "1"],
      ["GETDEL", "mine"],
      ["GETEX", "mine", "EX", "1"],
      ["COPY", "mine", "yours"],
      ["FLUSHALL"],
      ["FLUSHDB"],
    ])
      expect([command, await call(...command)]).toEqual([command, noCommand(command[0]!.toLowerCase())]);
    expect(await client.pipeline(["MULTI"], ["SET", "mine", "9"], ["GET", "mine"], ["EXEC"])).toEqual([
      "+OK",
      noCommand("set"),
      "+QUEUED",
      "-EXECABORT Transaction discarded because of previous errors.",
    ]);
    expect(await call("GET", "mine")).toBe("1");
  });

  test("a role in one keyspace is none in another", async () => {
    await become({ keyspace: "other", role: "write" });
    expect(await call("SET", "other:new", "3")).toBe("+OK");
    for (const command of [
      ["GET", "mine"],
      ["SET", "mine", "9"],
      ["MGET", "other:his", "mine"],
      ["MSET", "other:his", "1", "mine", "2"],
      ["DEL", "other:his", "mine"],
      ["EXISTS", "mine"],
      ["TYPE", "mine"],
      ["HSCAN", "mine", "0"],
      ["MEMORY", "USAGE", "mine"],
      ["OBJECT", "ENCODING", "mine"],
      ["WATCH", "mine"],
      ["WATCH", "other:his", "mine"],
    ])
      expect([command, await call(...command)]).toEqual([command, NO_KEY]);
    expect(await call("MEMORY", "USAGE", "other:his")).toEqual(expect.any(Number));
    expect(await call("HSCAN", "other:h", "0")).toEqual(["0", ["f", "v"]]);
    expect(await call("FLUSHALL")).toBe(noCommand("flushall"));
    expect(await call("GET", "other:his")).toBe("2");
  });

  test("listings show what the user may read", async () => {
    await become({ keyspace: "other", role: "read" });
    expect(await call("KEYS", "*")).toEqual(["other:h", "other:his"]);
    expect(await call("DBSIZE")).toBe(2);
    expect(await call("RANDOMKEY")).toMatch(/^other:/);
    expect(await call("INFO", "keyspace")).toContain("keys=2,");
    const seen: Wire[] = [];
    let cursor = "0";
    do {
      const [next, keys] = (await call("SCAN", cursor)) as [string, Wire[]];
      cursor = next;
      seen.push(...keys);
    } while (cursor !== "0");
    expect(seen.sort()).toEqual(["other:h", "other:his"]);
  });

  test("a cursor of somebody else leads into no other keyspace", async () => {
    const root = await running.connect();
    await root.call("AUTH", "root", SECRET);
    const [cursor] = (await root.call("SCAN", "0", "COUNT", "1")) as [string, Wire];
    await become({ keyspace: "other", role: "read" });
    const [, keys] = (await call("SCAN", cursor, "COUNT", "1000")) as [string, string[]];
    for (const key of keys) expect(key).toMatch(/^other:/);
  });

  test("no grants: logged in, and nothing to see", async () => {
    await become();
    expect(await call("PING")).toBe("+PONG");
    expect(await call("KEYS", "*")).toEqual([]);
    expect(await call("DBSIZE")).toBe(0);
    expect(await call("RANDOMKEY")).toBeNull();
    expect(await call("SCAN", "0")).toEqual(["0", []]);
    expect(await call("GET", "mine")).toBe(NO_KEY);
  });

  test("what concerns others and the server is for administrators", async () => {
    await become({ keyspace: "*", role: "write" }, { keyspace: "other", role: "admin" });
    for (const [command, name] of [
      [["CLIENT", "LIST"], "client|list"],
      [["CLIENT", "KILL", "1.2.3.4:5"], "client|kill"],
      [["CONFIG", "RESETSTAT"], "config|resetstat"],
      [["CONFIG", "SET", "a", "b"], "config|set"],
      [["ACL", "USERS"], "acl|users"],
      [["DEBUG", "SLEEP"], "debug"],
    ] as const)
      expect([command, await call(...command)]).toEqual([command, noCommand(name)]);
    expect(await call("FLUSHALL")).toBe("+OK");
    expect(await call("CONFIG", "GET", "save")).toEqual(["save", ""]);
  });

  test("a role that is taken away between MULTI and EXEC is missing at EXEC", async () => {
    await become({ keyspace: "*", role: "write" });
    await client.pipeline(["MULTI"], ["SET", "mine", "9"]);
    node.userList = node.userList.map((user) =>
      user.name === "ada" ? { ...user, grants: [{ keyspace: "*", role: "read" }] } : user,
    );
    expect(await call("EXEC")).toBe(noCommand("set"));
    expect(await call("GET", "mine")).toBe("1");
  });

  test("refusals are audited, once a minute for each", async () => {
    await become({ keyspace: "*", role: "read" });
    lines.length = 0;
    await client.pipeline(...Array.from({ length: 10 }, () => ["SET", "mine", "secret-value"]));
    expect(lines).toEqual([
      {
        level: "warn",
        fields: { audit: "refused", user: "ada", address: "127.0.0.1", door: "resp", what: "set" },
        message: "refused for lack of a role",
      },
    ]);
  });
});
