/**
 * Counters that grow, by the typed client: it carries what its session has seen from node to node, so that its users read their own writes and nothing
 * older than they have read, through whichever node.
 */
import { checkSessionGrowth } from "../checkers/session-growth.ts";
import { increment, readCounter } from "./counters.ts";
import { mergingCounters } from "./merging.ts";
import { type MakeWorkload, pick } from "./workload.ts";

export const mergingSessions: MakeWorkload = (prefix) => {
  const counters = mergingCounters(prefix);
  const keys = counters.keys.map(String);
  return {
    ...counters,
    name: "merging-sessions",
    plan(dice) {
      const key = pick(dice, keys);
      return dice.next() < 0.6
        ? { ...readCounter(key), repetition: "read", consistency: "sequential" }
        : { ...increment(key, 1 + Math.floor(dice.next() * 5)), repetition: "at-most-once" };
    },
    lastOfSession: (key) => ({ ...readCounter(key), repetition: "read", consistency: "sequential" }),
    verdicts: (operations, circumstances) => [
      checkSessionGrowth(operations, keys),
      ...(counters.verdicts?.(operations, circumstances) ?? []),
    ],
  };
};
