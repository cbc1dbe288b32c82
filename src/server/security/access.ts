/** What somebody may do: the roles that grants give in each keyspace. */
import { compileGlob } from "../../data/glob.ts";
import { EVERY_KEYSPACE, type Grant, type Role } from "../../node/catalog/users.ts";

const RANK: Readonly<Record<Role, number>> = { read: 1, write: 2, admin: 3 };

/** More keyspaces than this are looked up again. */
const MAX_RANKS = 2_000;

/** A role in one keyspace, in every keyspace there may ever be, or just to be logged in. */
export type Need =
  | { readonly type: "login" }
  | { readonly type: "keyspace"; readonly keyspace: string; readonly role: Role }
  | { readonly type: "everywhere"; readonly role: Role };

export class Access {
  /** Null: nobody has to log in, and this is anybody. */
  readonly user: string | null;
  readonly #everywhere: number;
  readonly #grants: readonly { readonly matches: (name: string) => boolean; readonly rank: number }[];
  /** By keyspace. */
  readonly #ranks = new Map<string, number>();

  constructor(user: string | null, grants: readonly Grant[]) {
    this.user = user;
    this.#grants = grants.map(({ keyspace, role }) => ({ matches: compileGlob(keyspace), rank: RANK[role] }));
    this.#everywhere = Math.max(
      0,
      ...grants.filter(({ keyspace }) => keyspace === EVERY_KEYSPACE).map(({ role }) => RANK[role]),
    );
  }

  /** In every keyspace, those to come included. */
  everywhere(role: Role): boolean {
    return this.#everywhere >= RANK[role];
  }

  /** `keyspace` is one that exists, or is about to. */
  in(keyspace: string, role: Role): boolean {
    if (this.#everywhere >= RANK[role]) return true;
    let rank = this.#ranks.get(keyspace);
    if (rank === undefined) {
      rank = Math.max(
        0,
        ...this.#grants.filter(({ matches }) => matches(keyspace)).map((grant) => grant.rank),
      );
      if (this.#ranks.size >= MAX_RANKS) this.#ranks.clear();
      this.#ranks.set(keyspace, rank);
    }
    return rank >= RANK[role];
  }

  allows(need: Need): boolean {
    switch (need.type) {
      case "login":
        return true;
      case "keyspace":
        return this.in(need.keyspace, need.role);
      case "everywhere":
        return this.everywhere(need.role);
    }
  }
}

/** Of whoever need not log in. */
export const FULL_ACCESS = new Access(null, [{ keyspace: EVERY_KEYSPACE, role: "admin" }]);
