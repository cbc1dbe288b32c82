/** A run in a few lines for a person; what is violated comes with the operations that contradict each other. */
import type { Style } from "../cli/text/style.ts";
import { duration } from "../cli/text/units.ts";
import { formatVerdict } from "../sim/checkers/verdict.ts";
import type { ChaosResult } from "./run.ts";

export function summaryOf(result: ChaosResult, style: Style): string {
  const { events, struck, gap, judgements, exitCode } = result;
  const count = (type: string): string =>
    `${events.filter((event) => event.type === type).length.toLocaleString("en")} ${type}`;
  const faults = [...struck].map(([fault, times]) => `${fault} ${times}`).join(", ");
  const lines = [
    "",
    `operations  ${count("ok")}, ${count("fail")}, ${count("info")}`,
    `faults      ${faults === "" ? "none" : faults}`,
    `longest time without an acknowledged operation: ${(gap.milliseconds / 1000).toFixed(2)} s ` +
      `(from ${duration(gap.at)} on)`,
  ];
  for (const { property, verdict } of judgements) {
    const mark =
      verdict.ok === true ? "ok       " : verdict.ok === false ? style.red("VIOLATED ") : "unknown  ";
    lines.push(`${mark}   ${property}`);
    if (verdict.ok !== true)
      lines.push(
        ...formatVerdict(verdict)
          .split("\n")
          .map((line) => `  ${line}`),
      );
  }
  const words = { 0: "everything holds", 1: "violated", 3: "undecided, which is not ok" } as const;
  lines.push(`verdict     ${exitCode === 0 ? style.bold(words[0]) : style.red(words[exitCode])}`, "");
  return lines.join("\n");
}
