/** How numbered keys, values and members are called. */
import { chanceFor, below } from "./chance.ts";
import { VALUES } from "./plan.ts";
import type { BenchSettings, WorkloadName } from "./settings.ts";

/** One workload's keys are of one type: a counter must not meet what another run has left under its name. */
const TYPES: Readonly<Record<WorkloadName, string>> = {
  set: "s",
  get: "s",
  mixed: "s",
  incr: "i",
  sadd: "m",
};

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** What all keys of the run begin with. */
export const keyPrefix = ({ prefix, workload }: Pick<BenchSettings, "prefix" | "workload">): string =>
  `${prefix}${TYPES[workload]}-`;

/** All as long as the longest, so that the size of requests does not depend on the key. */
export function keyNames(
  settings: Pick<BenchSettings, "prefix" | "workload" | "keys">,
): (key: number) => string {
  const prefix = keyPrefix(settings);
  const digits = String(settings.keys - 1).length;
  return (key) => prefix + String(key).padStart(digits, "0");
}

export const memberName = (item: number): string => `member-${String(item).padStart(3, "0")}`;

/** Printable ASCII, six bits of chance a byte: pieces of one text, which begin at different places. */
export function valuesOf({
  seed,
  valueSize,
}: Pick<BenchSettings, "seed" | "valueSize">): (item: number) => string {
  const chance = chanceFor(seed, "values");
  const letters = Array.from({ length: valueSize + VALUES }, () => ALPHABET[below(chance, ALPHABET.length)]!);
  const text = letters.join("");
  return (item) => text.slice(item, item + valueSize);
}
