/** Administrative changes, from whichever door: who may make them, what becomes of a password, and that they are audited. */
import type { AdminRequest, AdminResult, KvorumNode } from "../../node/api.ts";
import type { Grant } from "../../node/catalog/users.ts";
import type { Access, Need } from "./access.ts";
import type { Door } from "./audit.ts";
import { TooBusyError } from "./password.ts";
import type { Security } from "./security.ts";

/** A new user needs the password; an existing one keeps what is not given. Never to be handed to a node: it has the password. */
export interface UserPut {
  readonly type: "user-put";
  readonly name: string;
  readonly password?: string;
  readonly grants?: readonly Grant[];
}

/** What administrators ask for. */
export type AdminInput = Exclude<AdminRequest, { readonly type: "user-set" }> | UserPut;

export interface AskedBy {
  /** What the caller may do now; null: its login is no longer valid. */
  readonly access: Access | null;
  readonly address: string;
  readonly door: Door;
}

export async function administer(
  node: KvorumNode,
  security: Security,
  { access, address, door }: AskedBy,
  input: AdminInput,
): Promise<AdminResult> {
  if (access === null) return { ok: false, code: "unauthenticated", message: "Nobody is logged in." };
  if (!access.allows(needOf(input))) {
    if (access.user !== null) security.audit.refused(access.user, address, door, input.type);
    return { ok: false, code: "forbidden", message: `This needs the role admin: ${input.type}.` };
  }
  const request = await withVerifier(input, security);
  if (request === null) return { ok: false, code: "overloaded", message: "Too many logins at a time." };
  const result = await new Promise<AdminResult>((resolve) => node.admin(request, resolve));
  security.audit.changed(access.user, address, door, describe(input), result.ok ? "ok" : result.code);
  return result;
}

/** A keyspace has administrators of its own; all else concerns the cluster. */
function needOf(input: AdminInput): Need {
  switch (input.type) {
    case "keyspace-create":
      return { type: "keyspace", keyspace: input.spec.name, role: "admin" };
    case "keyspace-alter":
    case "keyspace-drop":
    case "keyspace-spread":
      return { type: "keyspace", keyspace: input.name, role: "admin" };
    default:
      return { type: "everywhere", role: "admin" };
  }
}

/** Null: too busy. Whoever need not log in may make the first user only. */
async function withVerifier(input: AdminInput, security: Security): Promise<AdminRequest | null> {
  if (input.type !== "user-put") return input;
  const { name, password, grants } = input;
  const change = {
    type: "user-set",
    name,
    ...(grants === undefined ? {} : { grants }),
    ...(security.loginRequired ? {} : { first: true as const }),
  } as const;
  if (password === undefined) return change;
  try {
    return { ...change, verifier: await security.passwords.verifierOf(Buffer.from(password)) };
  } catch (error) {
    if (error instanceof TooBusyError) return null;
    throw error;
  }
}

/** For the audit: everything but the password. */
function describe(input: AdminInput): object {
  if (input.type !== "user-put") return { change: input };
  const { password, ...rest } = input;
  return { change: { ...rest, newPassword: password !== undefined } };
}
