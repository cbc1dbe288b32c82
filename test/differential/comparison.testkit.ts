/** Two replies to one command, made comparable: order where there is none, chance, and times to live. */
import type { Wire } from "../../src/server/resp/client.testkit.ts";
import type { Command } from "./commands.testkit.ts";

const UNORDERED = new Set(["SMEMBERS", "SINTER", "SUNION", "SDIFF", "HKEYS", "HVALS", "KEYS"]);
const RANDOM = new Set(["SPOP", "SRANDMEMBER", "HRANDFIELD", "RANDOMKEY"]);
/** Milliseconds or seconds by which the two may differ: commands reach the servers at different times. */
const TIMES: ReadonlyMap<string, number> = new Map([
  ["TTL", 60],
  ["EXPIRETIME", 60],
  ["PTTL", 60_000],
  ["PEXPIRETIME", 60_000],
]);

/** Where the replies to a pipeline differ. What EXEC answers is compared command by command. */
export function differences(
  commands: readonly Command[],
  redis: readonly Wire[],
  kvorum: readonly Wire[],
): string[] {
  const found: (string | null)[] = [];
  let queued: Command[] = [];
  commands.forEach((command, i) => {
    const [theirs, ours] = [redis[i]!, kvorum[i]!];
    if (theirs === "+QUEUED") queued.push(command);
    if (command[0]!.toUpperCase() === "EXEC" && Array.isArray(theirs) && Array.isArray(ours)) {
      found.push(...queued.map((each, at) => difference(each, theirs[at] as Wire, ours[at] as Wire)));
      if (theirs.length !== ours.length) found.push(describe(command, theirs as Wire, ours as Wire));
    } else {
      found.push(difference(command, theirs, ours));
    }
    if (theirs !== "+QUEUED") queued = [];
  });
  return found.filter((each) => each !== null);
}

/** Null: they agree. */
function difference(command: Command, redis: Wire, kvorum: Wire): string | null {
  const name = command[0]!.toUpperCase();
  const tolerance = TIMES.get(name);
  if (tolerance !== undefined && isTime(redis) && isTime(kvorum)) {
    return Math.abs(redis - kvorum) <= tolerance ? null : describe(command, redis, kvorum);
  }
  // The number of keys may reach over an option's name, which then counts as a key, and lies in some other shard.
  if (name === "SINTERCARD" && String(kvorum).startsWith("-CROSSSLOT ")) return null;
  const [left, right] = [comparable(command, redis), comparable(command, kvorum)];
  return JSON.stringify(left) === JSON.stringify(right) ? null : describe(command, redis, kvorum);
}

const isTime = (reply: Wire): reply is number => typeof reply === "number" && reply > 0;

function describe(command: Command, redis: Wire, kvorum: Wire): string {
  return `${JSON.stringify(command)}\n  redis:  ${show(redis)}\n  kvorum: ${show(kvorum)}`;
}

const show = (reply: Wire): string => JSON.stringify(plainOf(reply));

/** JSON has no 64-bit integers. */
function plainOf(reply: Wire | undefined): unknown {
  if (reply === undefined) return { missing: true };
  if (typeof reply === "bigint") return { integer: String(reply) };
  if (Array.isArray(reply)) return (reply as readonly Wire[]).map(plainOf);
  if (typeof reply === "object" && reply !== null) {
    const kinds = Object.entries(reply as { readonly [kind: string]: readonly Wire[] });
    return Object.fromEntries(kinds.map(([kind, parts]) => [kind, parts.map(plainOf)]));
  }
  return reply;
}

function comparable(command: Command, reply: Wire): unknown {
  const name = command[0]!.toUpperCase();
  const plain = plainOf(reply);
  if (isFailure(plain)) return plain;
  if (UNORDERED.has(name)) return sorted(plain);
  if (name === "HGETALL" || name === "CONFIG")
    return Array.isArray(plain) ? pairs(plain).sort() : sorted(plain);
  if (RANDOM.has(name)) return shapeOf(plain);
  if (name === "OBJECT") return plain === null ? null : "something";
  return plain;
}

const isFailure = (plain: unknown): boolean => typeof plain === "string" && /^-[A-Z]+ /.test(plain);

/** A list, set or map with its elements in order of their JSON. */
function sorted(plain: unknown): unknown {
  const inOrder = (list: readonly unknown[]): string[] => list.map((each) => JSON.stringify(each)).sort();
  if (Array.isArray(plain)) return inOrder(plain);
  if (typeof plain !== "object" || plain === null) return plain;
  return Object.fromEntries(
    Object.entries(plain).map(([kind, parts]) => [kind, inOrder(parts as unknown[])]),
  );
}

function pairs(flat: readonly unknown[]): string[] {
  return Array.from({ length: flat.length / 2 }, (_, i) => JSON.stringify([flat[i * 2], flat[i * 2 + 1]]));
}

/** How many, and of what kind: which ones is chance. */
function shapeOf(plain: unknown): unknown {
  if (typeof plain === "string") return "string";
  if (Array.isArray(plain)) return plain.map(shapeOf);
  if (typeof plain !== "object" || plain === null) return plain;
  return Object.fromEntries(
    Object.entries(plain).map(([kind, parts]) => [kind, (parts as unknown[]).map(shapeOf)]),
  );
}
