/**
 * Tokens for programs that speak HTTP: `kvorum1.NAME.SECRET`, both parts in base64url. The secret has 256 random bits and is
 * the password of a user made for it, so a token ends with that user or with the next password.
 */
import { randomBytes } from "node:crypto";

const SECRET_BYTES = 32;
const TOKEN = /^kvorum1\.([A-Za-z0-9_-]{1,86})\.([A-Za-z0-9_-]{43})$/;

/** A secret for a new user; it is shown once, and kept by nobody. */
export const newSecret = (): string => randomBytes(SECRET_BYTES).toString("base64url");

export const tokenOf = (name: string, secret: string): string =>
  `kvorum1.${Buffer.from(name).toString("base64url")}.${secret}`;

/** Null: it is not a token. Whether it is one of ours, `Security.authenticate` finds out. */
export function parseToken(text: string): { readonly name: string; readonly password: Uint8Array } | null {
  const [, name, secret] = TOKEN.exec(text) ?? [];
  if (name === undefined || secret === undefined) return null;
  return { name: Buffer.from(name, "base64url").toString("utf8"), password: Buffer.from(secret) };
}
