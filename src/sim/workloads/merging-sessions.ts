/**
 * Counters that grow, by the typed client: it carries what its session has seen from node to node, so that its users read their own writes and nothing
 * older than they have read, through whichever node.
 */
import { checkConvergence, checkGrowth } from "../checkers/merging.ts";
import { checkSessionGrowth } from "../checkers/session-growth.ts";
import { increment, readCounter } from "./counters.ts";
import { MERGING_SETTLE_MS } from "./merging.ts";
import { type MakeWorkload, numberedKeys, pick } from "./workload.ts";

export const mergingSessions: MakeWorkload = (prefix) => {
  const keys = numberedKeys(prefix, 3);
  return {
    name: "merging-sessions",
    model: null,
    keys,
    pause: 20,
    settle: MERGING_SETTLE_MS,
    plan(dice) {
      const key = pick(dice, keys);
      return dice.next() < 0.6
        ? { ...readCounter(key), repetition: "read", consistency: "sequential" }
        : { ...increment(key, 1 + Math.floor(dice.next() * 5)), repetition: "at-most-once" };
    },
    lastRead: readCounter,
    lastOfSession: (key) => ({ ...readCounter(key), repetition: "read", consistency: "sequential" }),
    verdicts: (operations, { damage, fresh }) => [
      checkSessionGrowth(operations, keys),
      checkConvergence(operations, keys),
      checkGrowth(operations, keys, damage, fresh),
    ],
  };
};
