/** A small generator for the decisions of one machine: whom to contact, how to name a session. Not for secrets. */

/** Uniform in [0, 1), drawn anew by each call. */
export type Chance = () => number;

/** A Weyl sequence through the finalizer of MurmurHash3. The same seed, 32 bits, gives the same draws. */
export function seededChance(seed: number): Chance {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e37_79b9) | 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x85eb_ca6b);
    mixed ^= mixed >>> 13;
    mixed = Math.imul(mixed, 0xc2b2_ae35);
    return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 32;
  };
}
