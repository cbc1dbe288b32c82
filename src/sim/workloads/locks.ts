/**
 * Locks with fencing tokens, built from transactions: who takes a free lock counts the token up in the same step; the
 * guarded resource remembers the greatest token it has seen. Locks expire under their holders' hands.
 */
import { checkMutualExclusion } from "../checkers/mutual-exclusion.ts";
import type { HistoryKey } from "../history/event.ts";
import {
  commandCall,
  pick,
  textOf,
  type Dice,
  type MakeWorkload,
  type PlannedOperation,
} from "./workload.ts";

const LIFE_MS = 400;

const lockKey = (key: string): string => `${key}.holder`;
const tokenKey = (key: string): string => `${key}.token`;
const resourceKey = (key: string): string => `${key}.resource`;

export const locks: MakeWorkload = (prefix) => {
  const keys = [`${prefix}{l0}`, `${prefix}{l1}`];
  /** The tokens that clients hold, or believe to. */
  const held = new Map<string, number[]>(keys.map((key) => [key, []]));

  const acquire = (key: string, holder: string): PlannedOperation => ({
    f: "acquire",
    key,
    value: null,
    calls: [
      commandCall("set", lockKey(key), holder, "PX", String(LIFE_MS)),
      commandCall("incr", tokenKey(key)),
    ],
    guard: { key: lockKey(key), expected: null },
    output: (replies) => {
      if (replies === null) return null;
      const token = replies[1] as number;
      held.get(key)!.push(token);
      return token;
    },
  });

  /** Guarded work: carried out if the resource has seen no greater token. What it has seen is known from the last use. */
  const seen = new Map<string, string | null>(keys.map((key) => [key, null]));
  const use = (key: string, token: number): PlannedOperation => {
    const expected = seen.get(key)!;
    return {
      f: "use",
      key,
      value: token,
      calls: [commandCall("set", resourceKey(key), String(token)), commandCall("get", resourceKey(key))],
      guard: { key: resourceKey(key), expected },
      output: (replies) => {
        if (replies === null) return false;
        seen.set(key, textOf(replies[1]));
        return true;
      },
    };
  };

  const look = (key: HistoryKey): PlannedOperation => ({
    f: "look",
    key,
    value: null,
    calls: [commandCall("get", resourceKey(String(key)))],
    output: (replies) => {
      const value = textOf(replies?.[0]);
      seen.set(String(key), value);
      return value;
    },
  });

  const workOf = (dice: Dice, key: string): PlannedOperation => {
    const tokens = held.get(key)!;
    const token = dice.next() < 0.7 ? tokens.at(-1)! : pick(dice, tokens);
    const greatest = Number(seen.get(key) ?? 0);
    // A resource that has seen a greater token refuses by itself.
    return token < greatest || dice.next() < 0.3 ? look(key) : use(key, token);
  };

  return {
    name: "locks",
    model: null,
    keys,
    pause: 40,
    plan(dice, unique) {
      const key = pick(dice, keys);
      return dice.next() < 0.4 || held.get(key)!.length === 0
        ? acquire(key, `h${unique}`)
        : workOf(dice, key);
    },
    lastRead: look,
    verdicts: (operations) => [checkMutualExclusion(operations.filter(({ f }) => f !== "look"))],
  };
};
