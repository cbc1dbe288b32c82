/** What merging keyspaces are for, and what they promise: counters that grow, sets, and registers, at any node at any time. */
import { checkConvergence, checkElements, checkGrowth, checkReplaced } from "../checkers/merging.ts";
import type { HistoryKey } from "../history/event.ts";
import { increment, readCounter } from "./counters.ts";
import { onElement, readSet } from "./sets.ts";
import {
  commandCall,
  type MakeWorkload,
  numberedKeys,
  pick,
  type PlannedOperation,
  textOf,
} from "./workload.ts";

/** Rumors, hints, then anti-entropy with its longest interval, some of it more than once. */
const MERGING_SETTLE_MS = 40_000;

export const mergingCounters: MakeWorkload = (prefix) => {
  const keys = numberedKeys(prefix, 3);
  return {
    name: "merging-counters",
    model: null,
    keys,
    pause: 20,
    settle: MERGING_SETTLE_MS,
    plan(dice) {
      const key = pick(dice, keys);
      return dice.next() < 0.3 ? readCounter(key) : increment(key, 1 + Math.floor(dice.next() * 5));
    },
    lastRead: readCounter,
    verdicts: (operations, { damage, fresh }) => [
      checkConvergence(operations, keys),
      checkGrowth(operations, keys, damage, fresh),
    ],
  };
};

/** Elements that came lately are those that are removed: some of them are still on their way to other nodes. */
const LATELY = 12;

export const mergingSets: MakeWorkload = (prefix) => {
  const keys = numberedKeys(prefix, 3);
  const lately: { readonly key: string; readonly element: string }[] = [];
  return {
    name: "merging-sets",
    model: null,
    keys,
    pause: 20,
    settle: MERGING_SETTLE_MS,
    plan(dice, unique) {
      const chance = dice.next();
      if (chance < 0.45) {
        const added = { key: pick(dice, keys), element: `e${unique}` };
        lately.push(added);
        if (lately.length > LATELY) lately.shift();
        return onElement("add", "sadd", added.key, added.element);
      }
      if (chance < 0.85 && lately.length > 0) {
        const { key, element } = pick(dice, lately);
        return onElement("remove", "srem", key, element);
      }
      return readSet(pick(dice, keys));
    },
    lastRead: readSet,
    verdicts: (operations, { damage }) => [
      checkConvergence(operations, keys),
      checkElements(operations, keys, damage),
    ],
  };
};

const readRegister = (key: HistoryKey): PlannedOperation => ({
  f: "read",
  key,
  value: null,
  calls: [commandCall("get", String(key))],
  output: (replies) => textOf(replies?.[0]),
});

export const mergingRegisters: MakeWorkload = (prefix) => {
  const keys = numberedKeys(prefix, 4);
  return {
    name: "merging-registers",
    model: null,
    keys,
    pause: 20,
    settle: MERGING_SETTLE_MS,
    plan(dice, unique) {
      const key = pick(dice, keys);
      const chance = dice.next();
      if (chance < 0.3) return readRegister(key);
      if (chance < 0.4)
        return { f: "delete", key, value: null, calls: [commandCall("del", key)], output: () => null };
      const value = `v${unique}`;
      return { f: "write", key, value, calls: [commandCall("set", key, value)], output: () => value };
    },
    lastRead: readRegister,
    verdicts: (operations, { damage }) => [
      checkConvergence(operations, keys),
      checkReplaced(operations, keys, damage),
    ],
  };
};
