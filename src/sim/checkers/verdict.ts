/** What a checker says. There is no fourth answer: what could not be decided is never `ok`. */
import type { Operation } from "../history/event.ts";

export type Verdict = Accepted | Refused | Undecided;

export interface Accepted {
  readonly ok: true;
}

export interface Refused {
  readonly ok: false;
  /** One sentence: which property is broken, and where. */
  readonly problem: string;
  readonly evidence: Evidence;
}

export interface Undecided {
  readonly ok: "unknown";
  readonly why: string;
}

export interface Evidence {
  /** The explanation, line by line, for a person. */
  readonly lines: readonly string[];
  /** The operations that contradict each other; empty when the property is not about operations. */
  readonly operations: readonly Operation[];
}

export const ACCEPTED: Accepted = { ok: true };

export function refused(
  problem: string,
  lines: readonly string[] = [],
  operations: readonly Operation[] = [],
): Refused {
  return { ok: false, problem, evidence: { lines, operations } };
}

export function undecided(why: string): Undecided {
  return { ok: "unknown", why };
}

/** The worst of several: a refusal before an `unknown` before an acceptance. */
export function worst(verdicts: readonly Verdict[]): Verdict {
  return (
    verdicts.find((verdict) => verdict.ok === false) ??
    verdicts.find((verdict) => verdict.ok === "unknown") ??
    ACCEPTED
  );
}

/** A verdict as text for a terminal or a log. */
export function formatVerdict(verdict: Verdict): string {
  switch (verdict.ok) {
    case true:
      return "ok";
    case "unknown":
      return `unknown: ${verdict.why}`;
    case false:
      return [`violated: ${verdict.problem}`, ...verdict.evidence.lines.map((line) => `  ${line}`)].join(
        "\n",
      );
  }
}
