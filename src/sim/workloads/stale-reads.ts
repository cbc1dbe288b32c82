/**
 * Reads of any replica by the typed client: `sequential` ones, for which it carries the index of what it has seen from node to
 * node, so that its users read their own writes and nothing older than they have read; and `stale` ones with a bound on how
 * old. Counters are their own versions.
 */
import { checkBoundedStaleness } from "../checkers/bounded-staleness.ts";
import type { Reply } from "../../core/reply.ts";
import { checkLinearizability } from "../checkers/linearizability.ts";
import { MODELS } from "../checkers/models.ts";
import { checkNoFalseErrors } from "../checkers/no-false-errors.ts";
import { checkSessionGuarantees } from "../checkers/sessions.ts";
import type { Operation } from "../history/event.ts";
import { increment, numberOf, readCounter } from "./counters.ts";
import { type MakeWorkload, numberedKeys, pick } from "./workload.ts";

/** What the reads ask for, and how much longer that may be where a clock goes wrong by as much as faults let it. */
const MAX_STALENESS_MS = 300;
const CLOCKS = 1.1;

export const staleReads: MakeWorkload = (prefix) => {
  const keys = numberedKeys(prefix, 3);
  return {
    name: "stale-reads",
    model: null,
    keys,
    pause: 15,
    plan(dice) {
      const key = pick(dice, keys);
      const kind = dice.next();
      const read = {
        ...readCounter(key),
        repetition: "read",
        version: (replies: readonly Reply[]) => numberOf(replies[0]),
      } as const;
      if (kind < 0.25) {
        return { ...read, f: "stale-read", consistency: "stale", maxStaleness: MAX_STALENESS_MS };
      }
      return kind < 0.6
        ? { ...read, consistency: "sequential" }
        : { ...increment(key, 1), repetition: "exactly-once", version: (replies) => replies[0] as number };
    },
    lastRead: readCounter,
    verdicts: (operations) => {
      // Those of the typed client are stale; the last ones, through each node, are not.
      const isFresh = ({ f, node }: Operation): boolean =>
        f !== "stale-read" && (f !== "read" || node !== undefined);
      return [
        checkNoFalseErrors(operations),
        checkSessionGuarantees(operations.filter(({ f }) => f !== "stale-read")),
        checkBoundedStaleness(
          operations.filter(({ f }) => f !== "read"),
          "stale-read",
          MAX_STALENESS_MS * CLOCKS,
        ),
        checkLinearizability(operations.filter(isFresh), MODELS.counter),
      ];
    },
  };
};
