/** Users, and a login that is quick and counts what it derives. */
import { createHash } from "node:crypto";
import type { CatalogUser, Grant } from "../../node/catalog/users.ts";
import { type Cost, type Derive, Passwords } from "./password.ts";

export const ADMIN: readonly Grant[] = [{ keyspace: "*", role: "admin" }];

export interface Derivation {
  readonly saltBytes: number;
  readonly length: number;
  readonly cost: Cost;
}

const COST: Cost = { N: 16, r: 8, p: 1 };

/** As scrypt would, at no cost. */
const quick: Derive = (password, salt, length) =>
  Promise.resolve(createHash("sha512").update(salt).update(password).digest().subarray(0, length));

export function quickPasswords(): { readonly passwords: Passwords; readonly derivations: Derivation[] } {
  const derivations: Derivation[] = [];
  const passwords = new Passwords(COST, (password, salt, length, cost) => {
    derivations.push({ saltBytes: salt.length, length, cost });
    return quick(password, salt, length, cost);
  });
  return { passwords, derivations };
}

let credentials = 0;

export async function makeUser(
  passwords: Passwords,
  name: string,
  password: string,
  grants: readonly Grant[],
): Promise<CatalogUser> {
  const verifier = await passwords.verifierOf(Buffer.from(password));
  return { name, verifier, grants, credential: ++credentials };
}
