/**
 * Redis' glob patterns (util.c, stringmatchlen): `*`, `?`, `[a-z]`, `[^a]`, `\x`. Compiled once per scan; matching
 * backtracks only to the last star, so that it never takes more than pattern × text steps.
 */

/** A byte to be equal to, ANY, STAR, or a table of the 256 bytes that a class admits. */
type Token = number | Uint8Array;

const ANY = -1;
const STAR = -2;
const BACKSLASH = "\\";

/** Pattern and texts are binary strings. As in Redis, only the pattern `*` and the empty one match the empty text. */
export function compileGlob(pattern: string): (text: string) => boolean {
  if (pattern === "*") return () => true;
  const tokens = tokenize(pattern);
  return (text) => (text === "" ? tokens.length === 0 : matches(tokens, text));
}

function matches(tokens: readonly Token[], text: string): boolean {
  let token = 0;
  let at = 0;
  let star = -1;
  let starAt = 0;
  while (at < text.length) {
    const wanted = tokens[token];
    if (wanted === STAR) {
      star = token++;
      starAt = at;
    } else if (wanted !== undefined && admits(wanted, text.charCodeAt(at))) {
      token++;
      at++;
    } else if (star >= 0) {
      token = star + 1;
      at = ++starAt;
    } else {
      return false;
    }
  }
  while (tokens[token] === STAR) token++;
  return token === tokens.length;
}

function admits(token: Token, byte: number): boolean {
  return typeof token === "number" ? token === ANY || token === byte : token[byte] === 1;
}

function tokenize(pattern: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < pattern.length) {
    const char = pattern[at]!;
    if (char === "*") {
      if (tokens.at(-1) !== STAR) tokens.push(STAR);
    } else if (char === "?") {
      tokens.push(ANY);
    } else if (char === "[") {
      const table = new Uint8Array(256);
      at = readClass(pattern, at + 1, table);
      tokens.push(table);
    } else {
      if (char === BACKSLASH && at + 1 < pattern.length) at++;
      tokens.push(pattern.charCodeAt(at));
    }
    at++;
  }
  return tokens;
}

/** Fills `table` from the class that starts at `from`; returns the position of its closing bracket, or of the last byte. */
function readClass(pattern: string, from: number, table: Uint8Array): number {
  const negated = pattern[from] === "^";
  let at = negated ? from + 1 : from;
  while (at < pattern.length && pattern[at] !== "]") {
    if (pattern[at] === BACKSLASH && at + 1 < pattern.length) {
      table[pattern.charCodeAt(++at)] = 1;
    } else if (pattern[at + 1] === "-" && at + 2 < pattern.length) {
      admitRange(table, pattern.charCodeAt(at), pattern.charCodeAt(at + 2));
      at += 2;
    } else {
      table[pattern.charCodeAt(at)] = 1;
    }
    at++;
  }
  if (negated) for (let i = 0; i < 256; i++) table[i] = 1 - table[i]!;
  return at;
}

/** In either order; the bounds compare as signed bytes, as C's `char` does on x86. */
function admitRange(table: Uint8Array, a: number, b: number): void {
  const [low, high] = signed(a) <= signed(b) ? [signed(a), signed(b)] : [signed(b), signed(a)];
  for (let byte = low; byte <= high; byte++) table[byte & 0xff] = 1;
}

function signed(byte: number): number {
  return (byte << 24) >> 24;
}
