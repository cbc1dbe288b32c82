import { describe, expect, test } from "vitest";
import { nodeId } from "../../core/ids.ts";
import { applyCatalogCommand, type CatalogCommand, type CatalogResult } from "./commands.ts";
import { type Catalog, EMPTY_CATALOG, decodeCatalog, encodeCatalog } from "./state.ts";
import type { Grant } from "./users.ts";

const VERIFIER = "scrypt$32768$8$3$c2FsdHNhbHRzYWx0c2FsdA$a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5";
const OTHER = VERIFIER.replace("$c2", "$d2");
const ADMIN: readonly Grant[] = [{ keyspace: "*", role: "admin" }];
const READER: readonly Grant[] = [{ keyspace: "carts", role: "read" }];

let catalog: Catalog;

function apply(command: CatalogCommand): CatalogResult {
  const change = applyCatalogCommand(catalog, command);
  expect(change.catalog === catalog, "a refusal, and only a refusal, changes nothing").toBe(
    !change.result.ok,
  );
  catalog = change.catalog;
  return change.result;
}

const refusal = (command: CatalogCommand): string => {
  const result = apply(command);
  return result.ok ? "" : result.code;
};

const withAdmin = (): void => {
  catalog = { ...EMPTY_CATALOG, version: 7 };
  apply({ type: "user-set", name: "root", verifier: VERIFIER, grants: ADMIN });
};

const user = (name: string) => catalog.users.find((candidate) => candidate.name === name);

describe("users", () => {
  test("are set, changed piece by piece, and deleted", () => {
    withAdmin();
    expect(apply({ type: "user-set", name: "ada", verifier: VERIFIER, grants: READER })).toEqual({
      ok: true,
      detail: "user ada may read carts",
    });
    const before = user("ada")!;
    apply({ type: "user-set", name: "ada", grants: [{ keyspace: "c*", role: "write" }] });
    expect(user("ada"), "other grants leave the login as it is").toMatchObject({
      verifier: VERIFIER,
      credential: before.credential,
      grants: [{ keyspace: "c*", role: "write" }],
    });
    apply({ type: "user-set", name: "ada", verifier: OTHER });
    expect(user("ada")!.credential, "another password is another login").toBeGreaterThan(before.credential);
    expect(user("ada")!.grants).toEqual([{ keyspace: "c*", role: "write" }]);
    apply({ type: "user-delete", name: "ada" });
    expect(user("ada")).toBeUndefined();
  });

  test("a user who is deleted and made again is not the one who had logged in", () => {
    withAdmin();
    apply({ type: "user-set", name: "ada", verifier: VERIFIER, grants: READER });
    const { credential } = user("ada")!;
    apply({ type: "user-delete", name: "ada" });
    apply({ type: "user-set", name: "ada", verifier: VERIFIER, grants: READER });
    expect(user("ada")!.credential).not.toBe(credential);
  });

  test("the first one must be able to administer the cluster, and somebody must remain who is", () => {
    catalog = { ...EMPTY_CATALOG, version: 7 };
    expect(refusal({ type: "user-set", name: "ada", verifier: VERIFIER, grants: READER })).toBe(
      "contradiction",
    );
    withAdmin();
    apply({ type: "user-set", name: "ada", verifier: VERIFIER, grants: READER });
    expect(refusal({ type: "user-delete", name: "root" })).toBe("contradiction");
    expect(refusal({ type: "user-set", name: "root", grants: READER })).toBe("contradiction");
    apply({ type: "user-set", name: "ada", grants: ADMIN });
    expect(refusal({ type: "user-delete", name: "root" })).toBe("");
  });

  test("whoever believes that there are none cannot overwrite those there are", () => {
    withAdmin();
    expect(refusal({ type: "user-set", name: "root", verifier: OTHER, grants: ADMIN, first: true })).toBe(
      "exists",
    );
    expect(user("root")!.verifier).toBe(VERIFIER);
  });

  test("what is not a verifier does not get into the log's state, a password least of all", () => {
    withAdmin();
    for (const verifier of [
      "correct horse",
      "",
      "scrypt$1$1$1$short$short",
      `md5${VERIFIER}`,
      `${VERIFIER}$x`,
    ])
      expect([verifier, refusal({ type: "user-set", name: "ada", verifier, grants: READER })]).toEqual([
        verifier,
        "bad-request",
      ]);
    expect(refusal({ type: "user-set", name: "ada", grants: READER })).toBe("bad-request");
  });

  test("names and grants are checked", () => {
    withAdmin();
    for (const name of ["", "-a", "a b", "a".repeat(64), "a\n"])
      expect([name, refusal({ type: "user-set", name, verifier: VERIFIER, grants: READER })]).toEqual([
        name,
        "bad-request",
      ]);
    for (const grant of [
      { keyspace: "", role: "read" },
      { keyspace: "A", role: "read" },
      { keyspace: "a", role: "owner" },
    ])
      expect(refusal({ type: "user-set", name: "ada", verifier: VERIFIER, grants: [grant as Grant] })).toBe(
        "bad-request",
      );
    expect(refusal({ type: "user-delete", name: "nobody" })).toBe("bad-request");
  });
});

test("a catalog that was written before there were users is one without users", () => {
  const { users: _later, ...old } = { ...EMPTY_CATALOG, version: 9, systemVoters: [nodeId(1)] };
  const bytes = new TextEncoder().encode(JSON.stringify(old));
  expect(decodeCatalog(bytes)).toEqual({ ...old, users: [] });
  withAdmin();
  expect(decodeCatalog(encodeCatalog(catalog))).toEqual(catalog);
});
