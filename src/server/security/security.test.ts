import { beforeEach, describe, expect, test } from "vitest";
import type { CatalogUser } from "../../node/catalog/users.ts";
import { memoryLog, type LogLine } from "../resp/client.testkit.ts";
import { Access } from "./access.ts";
import { Passwords } from "./password.ts";
import { Security, type LoginOutcome } from "./security.ts";
import { ADMIN, type Derivation, makeUser, quickPasswords } from "./security.testkit.ts";

const HERE = "127.0.0.1";
const ELSEWHERE = "10.0.0.9";
const SECRET = "correct horse battery";

let users: readonly CatalogUser[];
let now: number;
let security: Security;
let passwords: Passwords;
let derivations: Derivation[];
let lines: LogLine[];

const login = (name: string, password: string, address = HERE): Promise<LoginOutcome> =>
  security.authenticate(name, Buffer.from(password), address, "resp");

const reasonOf = (outcome: LoginOutcome): string => (outcome.ok ? "ok" : outcome.reason);

async function attempts(count: number, name: string, password: string, address = HERE): Promise<string[]> {
  const outcomes: string[] = [];
  for (let i = 0; i < count; i++) outcomes.push(reasonOf(await login(name, password, address)));
  return outcomes;
}

beforeEach(async () => {
  const memory = memoryLog();
  lines = memory.lines;
  now = 0;
  users = [];
  const quick = quickPasswords();
  passwords = quick.passwords;
  derivations = quick.derivations;
  security = new Security({ node: { users: () => users }, log: memory.log, passwords, now: () => now });
  users = [
    await makeUser(passwords, "root", SECRET, ADMIN),
    await makeUser(passwords, "ada", "ada's password", [{ keyspace: "carts", role: "write" }]),
  ];
  derivations.length = 0;
});

describe("who may come in", () => {
  test("the right password, and no other", async () => {
    expect(await login("root", SECRET)).toMatchObject({ ok: true, principal: { user: "root" } });
    expect(reasonOf(await login("root", `${SECRET} `))).toBe("wrong");
    expect(reasonOf(await login("root", ""))).toBe("wrong");
    expect(reasonOf(await login("ada", SECRET))).toBe("wrong");
    expect(reasonOf(await login("Root", SECRET))).toBe("wrong");
    expect(reasonOf(await login("root", SECRET.repeat(100)))).toBe("wrong");
  });

  test("a user who does not exist costs the same work as one who does", async () => {
    await login("root", "wrong");
    await login("nobody", "wrong");
    await login("nobody", "x".repeat(5_000));
    expect(derivations).toHaveLength(3);
    expect(derivations[1]).toEqual(derivations[0]);
    expect(derivations[2]).toEqual(derivations[0]);
  });

  test("real scrypt, too", async () => {
    const real = new Passwords({ N: 1024, r: 8, p: 1 });
    const verifier = await real.verifierOf(Buffer.from(SECRET));
    expect(verifier).toMatch(/^scrypt\$1024\$8\$1\$[\w-]{22}\$[\w-]{43}$/);
    expect(await real.verifierOf(Buffer.from(SECRET)), "salted").not.toBe(verifier);
    expect(await real.check(Buffer.from(SECRET), verifier)).toBe(true);
    expect(await real.check(Buffer.from("other"), verifier)).toBe(false);
    expect(await real.check(Buffer.from(SECRET), null)).toBe(false);
    expect(await new Passwords().check(Buffer.from(SECRET), verifier), "at another cost").toBe(true);
  });

  test("while there are no users: this machine, and others only where the network is trusted", () => {
    users = [];
    expect(security.access(null, HERE)?.everywhere("admin")).toBe(true);
    expect(security.access(null, "::ffff:127.0.0.1")?.everywhere("admin")).toBe(true);
    expect(security.access(null, ELSEWHERE)).toBeNull();
    const trusting = new Security({
      node: { users: () => users },
      log: memoryLog().log,
      trustNetwork: true,
    });
    expect(trusting.access(null, ELSEWHERE)?.everywhere("admin")).toBe(true);
  });

  test("nobody, where the first user is on the way", async () => {
    users = [];
    const waiting = new Security({
      node: { users: () => users },
      log: memoryLog().log,
      passwords,
      trustNetwork: true,
      alwaysLogIn: true,
    });
    expect([waiting.loginRequired, waiting.access(null, HERE)]).toEqual([true, null]);
    expect(reasonOf(await waiting.authenticate("admin", Buffer.from(SECRET), HERE, "resp"))).toBe("wrong");
  });

  test("the first user ends that, on this machine and on a trusted network, too", () => {
    expect(security.access(null, HERE)).toBeNull();
    const trusting = new Security({
      node: { users: () => users },
      log: memoryLog().log,
      trustNetwork: true,
    });
    expect(trusting.access(null, ELSEWHERE)).toBeNull();
  });
});

describe("a login that is repeated", () => {
  test("is not derived again", async () => {
    await login("root", SECRET);
    await login("root", SECRET);
    await login("root", SECRET, ELSEWHERE);
    expect(derivations).toHaveLength(1);
  });

  test("is worth nothing once the password has changed, and neither is who came in by it", async () => {
    const before = await login("root", SECRET);
    const changed = await makeUser(passwords, "root", "another password", ADMIN);
    users = [changed, users[1]!];
    expect(reasonOf(await login("root", SECRET))).toBe("wrong");
    expect(before.ok && security.access(before.principal, HERE)).toBeNull();
    expect(reasonOf(await login("root", "another password"))).toBe("ok");
  });

  test("grants are those of now; a deleted user has none", async () => {
    const outcome = await login("ada", "ada's password");
    const principal = outcome.ok ? outcome.principal : null;
    expect(security.access(principal, HERE)?.in("carts", "write")).toBe(true);
    users = [users[0]!, { ...users[1]!, grants: [{ keyspace: "carts", role: "read" }] }];
    expect(security.access(principal, HERE)?.in("carts", "write")).toBe(false);
    expect(security.access(principal, HERE)?.in("carts", "read")).toBe(true);
    users = [users[0]!];
    expect(security.access(principal, HERE)).toBeNull();
  });
});

describe("guessing", () => {
  test("is held up after five failures, for longer each time, the right password included", async () => {
    expect(await attempts(7, "root", "guess")).toEqual([
      ...Array.from({ length: 5 }, () => "wrong"),
      "wait",
      "wait",
    ]);
    expect(await login("root", SECRET), "not even known to be right").toMatchObject({
      reason: "wait",
      retryAfterMs: 1000,
    });
    expect(derivations, "nothing is computed for those held up").toHaveLength(5);
    const waits: number[] = [];
    for (let i = 0; i < 8; i++) {
      const outcome = await login("root", "guess");
      const wait = outcome.ok ? 0 : outcome.retryAfterMs;
      waits.push(wait);
      now += wait;
      expect(reasonOf(await login("root", "guess"))).toBe("wrong");
    }
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
    now += 60_000;
    expect(reasonOf(await login("root", SECRET))).toBe("ok");
  });

  test("many at once are no more than one after the other", async () => {
    const outcomes = await Promise.all(Array.from({ length: 40 }, () => login("root", "guess")));
    expect(outcomes.filter((outcome) => reasonOf(outcome) === "wrong")).toHaveLength(5);
  });

  test("a remembered login opens no side door to those who are held up", async () => {
    await login("root", SECRET);
    await attempts(6, "root", "guess");
    expect(reasonOf(await login("root", SECRET))).toBe("wait");
    expect(reasonOf(await login("root", SECRET, ELSEWHERE)), "from another address it works").toBe("ok");
  });

  test("of many names from one place, and of one name from many places, is held up, too", async () => {
    const spray: string[] = [];
    for (let i = 0; i < 60; i++) spray.push(...(await attempts(1, `user${i}`, "Password1", ELSEWHERE)));
    expect(spray.indexOf("wait")).toBe(50);
    const swarm: string[] = [];
    for (let i = 0; i < 60; i++) swarm.push(...(await attempts(1, "root", "guess", `10.1.0.${i}`)));
    expect(swarm.indexOf("wait")).toBe(50);
  });

  test("does not lock out a user where that user has logged in before", async () => {
    await login("root", SECRET);
    for (let i = 0; i < 60; i++) await login("root", "guess", `10.1.0.${i}`);
    for (let i = 0; i < 60; i++) await login(`user${i}`, "guess");
    expect(reasonOf(await login("root", SECRET))).toBe("ok");
  });

  test("a neighbour in the same IPv6 network is the same place", async () => {
    await attempts(5, "root", "guess", "2001:db8:1:2::1");
    expect(reasonOf(await login("root", "guess", "2001:db8:1:2:ffff::9"))).toBe("wait");
    expect(reasonOf(await login("root", "guess", "2001:db8:1:3::1"))).toBe("wrong");
  });

  test("a user who does not exist is held up like one who does", async () => {
    expect(await attempts(6, "nobody", "guess")).toEqual(await attempts(6, "root", "guess"));
  });

  test("is forgotten after a quarter of an hour", async () => {
    await attempts(5, "root", "guess");
    now += 16 * 60_000;
    expect(await attempts(5, "root", "guess")).not.toContain("wait");
  });

  test("when too many wait for their turn, they are told so, and it is no failure of theirs", async () => {
    const slow = new Passwords({ N: 16, r: 1, p: 1 }, () => new Promise(() => undefined));
    const busy = new Security({ node: { users: () => users }, log: memoryLog().log, passwords: slow });
    for (let i = 0; i < 64; i++) void busy.authenticate(`u${i}`, Buffer.from("x"), `10.2.0.${i}`, "resp");
    expect(await busy.authenticate("root", Buffer.from(SECRET), HERE, "resp")).toMatchObject({
      reason: "busy",
    });
  });
});

describe("audit lines", () => {
  test("say who came, who did not, and who was held up, and never a secret", async () => {
    await login("root", SECRET);
    await attempts(7, "root", "hunter2hunter2");
    await login("typed-my-password-here", "x");
    expect(lines.map(({ level, fields }) => [level, (fields as { audit: string }).audit])).toEqual([
      ["info", "login"],
      ...Array.from({ length: 5 }, () => ["warn", "login-failed"]),
      ["warn", "login-held-up"],
      ["warn", "login-failed"],
    ]);
    const text = JSON.stringify(lines);
    for (const secret of [
      SECRET,
      "hunter2",
      "typed-my",
      users[0]!.verifier,
      users[0]!.verifier.split("$")[4]!,
    ])
      expect(text).not.toContain(secret);
  });
});

describe("access", () => {
  const access = new Access("ada", [
    { keyspace: "shop-*", role: "write" },
    { keyspace: "shop-audit", role: "read" },
    { keyspace: "logs", role: "admin" },
    { keyspace: "*", role: "read" },
  ]);

  test("the highest role that any grant gives in a keyspace", () => {
    expect(access.in("shop-carts", "write")).toBe(true);
    expect(access.in("shop-carts", "admin")).toBe(false);
    expect(access.in("shop-audit", "write")).toBe(true);
    expect(access.in("logs", "admin")).toBe(true);
    expect(access.in("other", "read")).toBe(true);
    expect(access.in("other", "write")).toBe(false);
    expect(access.everywhere("read")).toBe(true);
    expect(access.everywhere("write")).toBe(false);
  });

  test("no grants, no rights", () => {
    const none = new Access("eve", []);
    expect(none.in("default", "read")).toBe(false);
    expect(none.everywhere("read")).toBe(false);
  });
});
