/**
 * Passwords become verifiers, and are checked against them, with scrypt (RFC 7914). It is slow on purpose, so it runs off the
 * event loop, one at a time: its threads are those that also write the log. More than a few waiting are turned away.
 */
import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";

export interface Cost {
  /** Memory: 128 · N · r bytes. A power of two. */
  readonly N: number;
  readonly r: number;
  readonly p: number;
}

/** OWASP's recommendation for 32 MiB; a few hundred milliseconds. */
export const DEFAULT_COST: Cost = { N: 1 << 15, r: 8, p: 3 };

/** Computes `length` bytes from a password. Replaced in tests that count. */
export type Derive = (password: Uint8Array, salt: Uint8Array, length: number, cost: Cost) => Promise<Buffer>;

/** Too many derivations wait already. */
export class TooBusyError extends Error {
  override readonly name = "TooBusyError";
}

export const MIN_PASSWORD_LENGTH = 8;
export const MAX_PASSWORD_BYTES = 1024;

const SALT_BYTES = 16;
const KEY_BYTES = 32;
const MAX_WAITING = 64;

interface Verifier {
  readonly cost: Cost;
  readonly salt: Buffer;
  readonly key: Buffer;
}

export class Passwords {
  readonly #cost: Cost;
  readonly #derive: Derive;
  /** Nobody's: checked in place of that of a user who does not exist, so that both take the same way. */
  readonly #nobody: Verifier;
  #waiting = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(cost: Cost = DEFAULT_COST, derive: Derive = scryptKey) {
    this.#cost = cost;
    this.#derive = derive;
    this.#nobody = { cost, salt: randomBytes(SALT_BYTES), key: randomBytes(KEY_BYTES) };
  }

  /** What the catalog keeps of a password. Throws `TooBusyError`. */
  async verifierOf(password: Uint8Array): Promise<string> {
    const salt = randomBytes(SALT_BYTES);
    const key = await this.#inTurn(password, salt, KEY_BYTES, this.#cost);
    const { N, r, p } = this.#cost;
    return ["scrypt", N, r, p, salt.toString("base64url"), key.toString("base64url")].join("$");
  }

  /** True: it is the password. `verifier` null: there is no such user, which takes as long to find out. Throws `TooBusyError`. */
  async check(password: Uint8Array, verifier: string | null): Promise<boolean> {
    const parsed = verifier === null ? null : parseVerifier(verifier);
    const { cost, salt, key } = parsed ?? this.#nobody;
    const derived = await this.#inTurn(password, salt, key.length, cost);
    const equal = timingSafeEqual(derived, key);
    return equal && parsed !== null;
  }

  async #inTurn(password: Uint8Array, salt: Uint8Array, length: number, cost: Cost): Promise<Buffer> {
    if (this.#waiting >= MAX_WAITING) throw new TooBusyError("too many logins at a time");
    this.#waiting++;
    const turn = this.#last.then(() => this.#derive(password, salt, length, cost));
    // Whoever comes next waits for the end of this one, not for its success.
    this.#last = turn.catch(() => undefined);
    try {
      return await turn;
    } finally {
      this.#waiting--;
    }
  }
}

/** Null: not one that this version can check. The catalog takes no such thing, so it would be a later version's. */
function parseVerifier(text: string): Verifier | null {
  const [scheme, N, r, p, salt, key] = text.split("$");
  if (scheme !== "scrypt" || salt === undefined || key === undefined) return null;
  const cost = { N: Number(N), r: Number(r), p: Number(p) };
  return { cost, salt: Buffer.from(salt, "base64url"), key: Buffer.from(key, "base64url") };
}

function scryptKey(password: Uint8Array, salt: Uint8Array, length: number, cost: Cost): Promise<Buffer> {
  const maxmem = 256 * cost.N * cost.r;
  return new Promise((resolve, reject) => {
    scrypt(password, salt, length, { ...cost, maxmem }, (error, key) => {
      if (error === null) resolve(key);
      else reject(error);
    });
  });
}
