/** What all observers share: they remember their first refusal, and whether they saw anything at all. */
import type { GroupEvent, Observer } from "./observer.ts";
import { ACCEPTED, undecided, type Refused, type Verdict } from "./verdict.ts";

/** `check` answers undefined for events that do not concern it, null for those that are fine. */
export function observer(
  nothingSeen: string,
  check: (event: GroupEvent) => Refused | null | undefined,
): Observer {
  let refusal: Refused | null = null;
  let seen = false;
  return {
    observe(event) {
      const found = check(event);
      if (found === undefined) return null;
      seen = true;
      if (found !== null) refusal ??= found;
      return found;
    },
    verdict(): Verdict {
      return refusal ?? (seen ? ACCEPTED : undecided(nothingSeen));
    },
  };
}
