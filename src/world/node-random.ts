import { randomBytes } from "node:crypto";
import type { Random } from "../core/world.ts";
import { Sfc32 } from "./sfc32.ts";

/**
 * Chance in production. `bytes` come from the operating system's secure source and are fit for identifiers and secrets;
 * `next` comes from a fast generator seeded from there, and is for jitter and timeouts only.
 */
export function createNodeRandom(): Random {
  const seed = randomBytes(12);
  const generator = new Sfc32(seed.readInt32LE(0), seed.readInt32LE(4), seed.readInt32LE(8));
  return {
    next: () => generator.next(),
    // A plain Uint8Array: a Buffer's `slice` shares memory where a Uint8Array's copies.
    bytes: (length) => new Uint8Array(randomBytes(length)),
  };
}
