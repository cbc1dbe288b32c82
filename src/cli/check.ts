/** `kvorum check`: checks a history that was recorded anywhere. docs/HISTORIES.md describes the format. */
import { readFile } from "node:fs/promises";
import { text as readStream } from "node:stream/consumers";
import { Command, Option } from "commander";
import { HistoryError, type Operation } from "../sim/history/event.ts";
import { parseHistory } from "../sim/history/parse.ts";
import { checkLinearizability } from "../sim/checkers/linearizability.ts";
import { MODEL_NAMES, MODELS, type ModelName } from "../sim/checkers/models.ts";
import { checkSequential } from "../sim/checkers/sequential.ts";
import { formatVerdict, type Verdict } from "../sim/checkers/verdict.ts";

export const CHECK_EXIT_CODES = { ok: 0, violated: 1, badInput: 2, undecided: 3 } as const;

const CONSISTENCIES = ["linearizable", "sequential"] as const;

export interface CheckOptions {
  readonly model: ModelName;
  readonly consistency: (typeof CONSISTENCIES)[number];
  readonly json?: boolean;
}

export interface CheckReport {
  readonly output: string;
  readonly exitCode: number;
}

/** The command; its action sets the exit code of the process: 0 ok, 1 violated, 2 bad input or usage, 3 undecided. */
export function checkCommand(): Command {
  return new Command("check")
    .description("check a recorded history of operations against a model")
    .argument("<file>", "the history, as JSON lines; - reads standard input")
    .addOption(
      new Option("--model <model>", "what the history's keys are").choices(MODEL_NAMES).makeOptionMandatory(),
    )
    .addOption(
      new Option("--consistency <consistency>", "what is promised")
        .choices(CONSISTENCIES)
        .default("linearizable"),
    )
    .option("--json", "print the verdict as one JSON object")
    .addHelpText(
      "after",
      "\nExit codes: 0 ok, 1 violated, 2 bad input or usage, 3 undecided within the budget.",
    )
    .exitOverride((error) => {
      process.exit(error.exitCode === 0 ? 0 : CHECK_EXIT_CODES.badInput);
    })
    .action(async (file: string, options: CheckOptions) => {
      const { output, exitCode } = await runCheck(file, options);
      (exitCode === CHECK_EXIT_CODES.badInput && options.json !== true
        ? process.stderr
        : process.stdout
      ).write(`${output}\n`);
      process.exitCode = exitCode;
    });
}

/** Reads the file, or standard input for `-`, and checks it. Never throws for what is wrong with the input. */
export async function runCheck(file: string, options: CheckOptions): Promise<CheckReport> {
  let content: string;
  try {
    content = file === "-" ? await readStream(process.stdin) : await readFile(file, "utf8");
  } catch (error) {
    return badInput(error instanceof Error ? error.message : String(error), options);
  }
  return checkText(content, file === "-" ? "standard input" : file, options);
}

/** Checks the content of a history; `name` is what messages call it. */
export function checkText(content: string, name: string, options: CheckOptions): CheckReport {
  let operations: readonly Operation[];
  let verdict: Verdict;
  try {
    ({ operations } = parseHistory(content));
    const kind = MODELS[options.model];
    verdict =
      options.consistency === "sequential"
        ? checkSequential(operations, kind)
        : checkLinearizability(operations, kind);
  } catch (error) {
    if (!(error instanceof HistoryError)) throw error;
    return badInput(`${name}: ${error.message}`, options, error.line);
  }
  const exitCode = exitCodeOf(verdict);
  if (options.json === true)
    return { output: JSON.stringify(asJson(verdict, operations, options)), exitCode };
  const checked = `${operations.length} operations, model ${options.model}, ${options.consistency}`;
  return { output: `${formatVerdict(verdict)}${verdict.ok === true ? "" : "\n"} (${checked})`, exitCode };
}

function exitCodeOf(verdict: Verdict): number {
  switch (verdict.ok) {
    case true:
      return CHECK_EXIT_CODES.ok;
    case false:
      return CHECK_EXIT_CODES.violated;
    case "unknown":
      return CHECK_EXIT_CODES.undecided;
  }
}

function asJson(verdict: Verdict, operations: readonly Operation[], options: CheckOptions): object {
  const { model, consistency } = options;
  const common = { verdict: nameOf(verdict), model, consistency, operations: operations.length };
  switch (verdict.ok) {
    case true:
      return common;
    case "unknown":
      return { ...common, why: verdict.why };
    case false:
      return {
        ...common,
        problem: verdict.problem,
        explanation: verdict.evidence.lines,
        // Lines instead of operations: they are in the file.
        lines: verdict.evidence.operations.map((operation) => ({
          invoked: operation.call,
          completed: operation.return === Infinity ? null : operation.return,
        })),
      };
  }
}

function nameOf(verdict: Verdict): "ok" | "violated" | "unknown" {
  if (verdict.ok === "unknown") return "unknown";
  return verdict.ok ? "ok" : "violated";
}

function badInput(message: string, options: CheckOptions, line?: number): CheckReport {
  const exitCode = CHECK_EXIT_CODES.badInput;
  if (options.json !== true) return { output: `error: ${message}`, exitCode };
  return {
    output: JSON.stringify({ verdict: "error", error: message, ...(line === undefined ? {} : { line }) }),
    exitCode,
  };
}
