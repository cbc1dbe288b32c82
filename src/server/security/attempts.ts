/**
 * How often somebody may try to log in. Three counts, each with a number of free failures and then a wait that doubles:
 *
 *   user at address   5 free    guessing one password from one place
 *   address          50 free    trying many users from one place
 *   user             50 free    guessing one password from many places
 *
 * Who has logged in from an address before is not held up by the last two: a stranger cannot lock a user out, and one
 * client with a wrong password does not lock out the others of its machine.
 *
 * An attempt counts as a failure when it begins, so that many at once count as many; success takes that back.
 */
import { isIPv6 } from "node:net";
import { BoundedMap } from "./bounded-map.ts";

interface Count {
  failures: number;
  /** No attempt before this time. */
  until: number;
  lastAt: number;
}

const FREE_PAIR = 5;
const FREE_ALONE = 50;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;
/** Failures are forgotten after this long without another. */
const FORGET_MS = 15 * 60_000;
const REMEMBERED = 10_000;
/** No user's name is longer. */
const NAME_LENGTH = 64;

/** One attempt under way. */
export interface Attempt {
  succeeded(): void;
  /** It was not made after all. */
  withdraw(): void;
}

export class Attempts {
  readonly #counts = new BoundedMap<Count>(REMEMBERED);
  /** Pairs of user and address that have logged in. */
  readonly #known = new BoundedMap<true>(REMEMBERED);
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** An attempt that may be made, or for how many milliseconds it may not. */
  begin(name: string, address: string): Attempt | number {
    const now = this.#now();
    const user = name.slice(0, NAME_LENGTH);
    const network = networkOf(address);
    const pair = `p ${network} ${user}`;
    const counted: readonly (readonly [key: string, free: number])[] =
      this.#known.get(pair) === undefined
        ? [
            [pair, FREE_PAIR],
            [`a ${network}`, FREE_ALONE],
            [`u ${user}`, FREE_ALONE],
          ]
        : [[pair, FREE_PAIR]];
    const wait = Math.max(...counted.map(([key]) => (this.#counts.get(key)?.until ?? 0) - now));
    if (wait > 0) return wait;
    for (const [key, free] of counted) this.#fail(key, free, now);
    const withdraw = (): void => counted.forEach(([key, free]) => this.#forgive(key, free));
    return {
      withdraw,
      succeeded: () => {
        withdraw();
        this.#known.set(pair, true);
      },
    };
  }

  #fail(key: string, free: number, now: number): void {
    const known = this.#counts.get(key);
    const failures = (known === undefined || now - known.lastAt > FORGET_MS ? 0 : known.failures) + 1;
    const wait = failures < free ? 0 : Math.min(FIRST_WAIT_MS * 2 ** (failures - free), LONGEST_WAIT_MS);
    this.#counts.set(key, { failures, until: now + wait, lastAt: now });
  }

  #forgive(key: string, free: number): void {
    const count = this.#counts.get(key);
    if (count === undefined) return;
    count.failures--;
    if (count.failures < free) count.until = 0;
  }
}

/** Who has one IPv6 address has the whole /64. */
function networkOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, "");
  if (!isIPv6(plain)) return plain;
  const [head = "", tail = ""] = plain.split("%")[0]!.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === "" ? [] : tail.split(":");
  const zeros = plain.includes("::") ? Array.from({ length: 8 - left.length - right.length }, () => "0") : [];
  return [...left, ...zeros, ...right].slice(0, 4).join(":");
}
