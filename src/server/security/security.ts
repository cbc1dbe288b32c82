/**
 * Who somebody is, and what they may do: the one place that decides, for every door.
 *
 * While the catalog has no users, nobody has to log in: whoever connects from this machine may do everything, and others
 * only if `trustNetwork` says so. The first user ends that, for open connections too.
 */
import { createHmac, randomBytes } from "node:crypto";
import type { Logger } from "../../core/world.ts";
import type { CatalogUser } from "../../node/catalog/users.ts";
import type { KvorumNode } from "../../node/api.ts";
import { Access, FULL_ACCESS } from "./access.ts";
import { Attempts } from "./attempts.ts";
import { Audit, type Door } from "./audit.ts";
import { BoundedMap } from "./bounded-map.ts";
import { MAX_PASSWORD_BYTES, Passwords, TooBusyError } from "./password.ts";

/** Somebody who has proven to be a user. Says nothing about what that user may do now: ask `access`. */
export interface Principal {
  readonly user: string;
  /** `CatalogUser.credential` at the login. */
  readonly credential: number;
}

export type LoginOutcome =
  | { readonly ok: true; readonly principal: Principal }
  /** `wrong`: user or password. `wait`: too many failures. `busy`: too many logins at this moment. */
  | { readonly ok: false; readonly reason: "wrong" | "wait" | "busy"; readonly retryAfterMs: number };

export interface SecuritySettings {
  readonly node: Pick<KvorumNode, "users">;
  readonly log: Logger;
  /** While there are no users, other machines may do everything, too (`insecure`). Default false. */
  readonly trustNetwork?: boolean;
  /** Also while there are no users: then nobody may do anything. Default false. */
  readonly alwaysLogIn?: boolean;
  readonly passwords?: Passwords;
  /** Milliseconds that never go back. */
  readonly now?: () => number;
}

const REMEMBERED_LOGINS = 1_000;
const BUSY_RETRY_MS = 1_000;

interface Known {
  readonly user: CatalogUser;
  readonly access: Access;
}

export class Security {
  readonly passwords: Passwords;
  readonly audit: Audit;
  readonly #node: Pick<KvorumNode, "users">;
  readonly #trustNetwork: boolean;
  readonly #alwaysLogIn: boolean;
  readonly #attempts: Attempts;
  /** What the remembered logins are hashed with; lives as long as this process. */
  readonly #key = randomBytes(32);
  /** Logins that were right, by a keyed hash of name, password and verifier: a changed password is another one. */
  readonly #remembered = new BoundedMap<true>(REMEMBERED_LOGINS);
  #users: readonly CatalogUser[] = [];
  #known: ReadonlyMap<string, Known> = new Map();

  constructor(settings: SecuritySettings) {
    const now = settings.now ?? (() => performance.now());
    this.#node = settings.node;
    this.#trustNetwork = settings.trustNetwork ?? false;
    this.#alwaysLogIn = settings.alwaysLogIn ?? false;
    this.passwords = settings.passwords ?? new Passwords();
    this.audit = new Audit(settings.log, now);
    this.#attempts = new Attempts(now);
  }

  /** Whether one has to be one of the users. */
  get loginRequired(): boolean {
    return this.#alwaysLogIn || this.#directory().size > 0;
  }

  /**
   * What the caller may do now; null: log in first. The user's grants hold as they are now. Who was deleted or has got
   * another password since the login is nobody again.
   */
  access(principal: Principal | null, address: string): Access | null {
    const known = this.#directory();
    if (known.size === 0 && !this.#alwaysLogIn)
      return this.#trustNetwork || isLocal(address) ? FULL_ACCESS : null;
    if (principal === null) return null;
    const entry = known.get(principal.user);
    return entry?.user.credential === principal.credential ? entry.access : null;
  }

  /** Takes equally long for users who exist and those who do not. */
  async authenticate(name: string, password: Uint8Array, address: string, door: Door): Promise<LoginOutcome> {
    const user = this.#directory().get(name)?.user ?? null;
    const attempt = this.#attempts.begin(name, address);
    if (typeof attempt === "number") {
      this.audit.loginHeldUp(user?.name ?? null, address, door);
      return { ok: false, reason: "wait", retryAfterMs: attempt };
    }
    const fingerprint = this.#fingerprint(name, password, user);
    if (user !== null && this.#remembered.get(fingerprint) === true) {
      attempt.succeeded();
      return success(user);
    }
    try {
      const tooLong = password.length > MAX_PASSWORD_BYTES;
      const right = await this.passwords.check(tooLong ? NOTHING : password, user?.verifier ?? null);
      if (!right || tooLong || user === null) {
        this.audit.loginFailed(user?.name ?? null, address, door);
        return { ok: false, reason: "wrong", retryAfterMs: 0 };
      }
    } catch (error) {
      if (!(error instanceof TooBusyError)) throw error;
      attempt.withdraw();
      return { ok: false, reason: "busy", retryAfterMs: BUSY_RETRY_MS };
    }
    attempt.succeeded();
    this.#remembered.set(fingerprint, true);
    this.audit.loggedIn(user.name, address, door);
    return success(user);
  }

  #fingerprint(name: string, password: Uint8Array, user: CatalogUser | null): string {
    const mac = createHmac("sha256", this.#key);
    mac.update(JSON.stringify([name, user?.verifier ?? null]));
    return mac.update("\0").update(password).digest("base64");
  }

  #directory(): ReadonlyMap<string, Known> {
    const users = this.#node.users();
    if (users !== this.#users) {
      this.#users = users;
      this.#known = new Map(
        users.map((user) => [user.name, { user, access: new Access(user.name, user.grants) }]),
      );
    }
    return this.#known;
  }
}

const NOTHING = new Uint8Array(0);

const success = (user: CatalogUser): LoginOutcome => ({
  ok: true,
  principal: { user: user.name, credential: user.credential },
});

/** Asked for every command: `address` is an IP address as sockets write it. */
const isLocal = (address: string): boolean =>
  address.startsWith("127.") || address === "::1" || address.startsWith("::ffff:127.");
