/**
 * Reads of any replica (`sequential`) by the typed client, which carries the index of what it has seen from node to node: so
 * that its users read their own writes, and nothing older than they have read. Counters are their own versions.
 */
import { checkLinearizability } from "../checkers/linearizability.ts";
import { MODELS } from "../checkers/models.ts";
import { checkNoFalseErrors } from "../checkers/no-false-errors.ts";
import { checkSessionGuarantees } from "../checkers/sessions.ts";
import { increment, numberOf, readCounter } from "./counters.ts";
import { type MakeWorkload, numberedKeys, pick } from "./workload.ts";

export const staleReads: MakeWorkload = (prefix) => {
  const keys = numberedKeys(prefix, 3);
  return {
    name: "stale-reads",
    model: null,
    keys,
    pause: 15,
    plan(dice) {
      const key = pick(dice, keys);
      const isRead = dice.next() < 0.6;
      return isRead
        ? {
            ...readCounter(key),
            repetition: "read",
            consistency: "sequential",
            version: (replies) => numberOf(replies[0]),
          }
        : { ...increment(key, 1), repetition: "exactly-once", version: (replies) => replies[0] as number };
    },
    lastRead: readCounter,
    verdicts: (operations) => {
      // Those of the typed client are stale; the last ones, through each node, are not.
      const fresh = operations.filter(({ f, node }) => f !== "read" || node !== undefined);
      return [
        checkNoFalseErrors(operations),
        checkSessionGuarantees(operations),
        checkLinearizability(fresh, MODELS.counter),
      ];
    },
  };
};
