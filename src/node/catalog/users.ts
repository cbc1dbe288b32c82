/**
 * The users of a cluster, in its catalog. A password never gets this far: the door that took it hands over a *verifier*,
 * from which the password cannot be computed but against which it can be checked.
 */
import type { ErrorCode } from "../../core/errors.ts";
import type { Catalog } from "./state.ts";

/** Each includes those before it. `admin` of every keyspace (`*`) is admin of the cluster: nodes, users, leaderships. */
export const ROLES = ["read", "write", "admin"] as const;

export type Role = (typeof ROLES)[number];

/** A role in every keyspace whose name matches: a name, or a pattern with `*` and `?`. */
export interface Grant {
  readonly keyspace: string;
  readonly role: Role;
}

export interface CatalogUser {
  readonly name: string;
  /** `scrypt$N$r$p$salt$key`, salt and key in base64url. */
  readonly verifier: string;
  readonly grants: readonly Grant[];
  /** The catalog's version when the verifier was set: who logged in with another one is logged out. */
  readonly credential: number;
}

export interface UserSet {
  readonly type: "user-set";
  readonly name: string;
  /** Without it, an existing user keeps the password. */
  readonly verifier?: string;
  /** Without them, an existing user keeps the grants. */
  readonly grants?: readonly Grant[];
  /** Only while there are no users: how the first one is made without a login, whatever a node believes meanwhile. */
  readonly first?: true;
}

export interface UserDelete {
  readonly type: "user-delete";
  readonly name: string;
}

export const EVERY_KEYSPACE = "*";

const NAME = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,62}$/;
const PATTERN = /^[a-z0-9._*?-]{1,63}$/;
const VERIFIER = /^scrypt(?:\$\d{1,7}){3}(?:\$[A-Za-z0-9_-]{16,128}){2}$/;
const MAX_USERS = 1000;
const MAX_GRANTS = 64;

/** The users after the change, or why there is none. */
type Change =
  | { readonly users: readonly CatalogUser[]; readonly detail: string }
  | { readonly code: ErrorCode; readonly message: string };

export function setUser(catalog: Catalog, wanted: UserSet): Change {
  const { users } = catalog;
  const known = users.find((user) => user.name === wanted.name);
  if (wanted.first === true && users.length > 0) {
    return { code: "exists", message: "There are users already: log in as one of them." };
  }
  if (!NAME.test(wanted.name)) {
    return bad(
      `"${wanted.name}" is not a user's name: letters, digits, dots, dashes, underscores and @, at most 63, a letter or digit first.`,
    );
  }
  const verifier = wanted.verifier ?? known?.verifier;
  if (verifier === undefined) return bad(`The new user "${wanted.name}" needs a password.`);
  if (!VERIFIER.test(verifier)) return bad("A user's verifier is not one that this version can check.");
  const grants = wanted.grants ?? known?.grants ?? [];
  const problem = checkGrants(grants);
  if (problem !== null) return bad(problem);
  if (known === undefined && users.length >= MAX_USERS) return bad(`There are ${MAX_USERS} users already.`);
  const user: CatalogUser = {
    name: wanted.name,
    verifier,
    grants,
    credential: known === undefined || wanted.verifier !== undefined ? catalog.version + 1 : known.credential,
  };
  const next =
    known === undefined ? [...users, user] : users.map((other) => (other === known ? user : other));
  return (
    withoutAdmin(next) ?? { users: next, detail: `user ${user.name} may ${describeGrants(user.grants)}` }
  );
}

export function deleteUser(catalog: Catalog, name: string): Change {
  if (!catalog.users.some((user) => user.name === name)) return bad(`There is no user "${name}".`);
  const next = catalog.users.filter((user) => user.name !== name);
  return withoutAdmin(next) ?? { users: next, detail: `user ${name} is deleted` };
}

/** Such as `read *, write carts`. */
export function describeGrants(grants: readonly Grant[]): string {
  return grants.length === 0
    ? "do nothing"
    : grants.map(({ keyspace, role }) => `${role} ${keyspace}`).join(", ");
}

const bad = (message: string): Change => ({ code: "bad-request", message });

function checkGrants(grants: readonly Grant[]): string | null {
  if (grants.length > MAX_GRANTS) return `A user has at most ${MAX_GRANTS} grants.`;
  const wrong = grants.find(({ keyspace, role }) => !PATTERN.test(keyspace) || !ROLES.includes(role));
  if (wrong === undefined) return null;
  return `"${wrong.role} ${wrong.keyspace}" is not a grant: a role (${ROLES.join(", ")}) and a keyspace's name, in which * and ? stand for others.`;
}

/** Once there are users, somebody must be able to administer them; and no users at all would mean an open door. */
function withoutAdmin(users: readonly CatalogUser[]): Change | null {
  const admin = users.some(({ grants }) =>
    grants.some(({ keyspace, role }) => keyspace === EVERY_KEYSPACE && role === "admin"),
  );
  if (admin) return null;
  return {
    code: "contradiction",
    message: `Nobody would be left who may administer the cluster: one user needs the role admin in every keyspace (${EVERY_KEYSPACE}).`,
  };
}
