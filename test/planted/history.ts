/** One process that runs histories of a test build: what the harness starts. */
import { runScenario, type ScenarioName } from "./scenarios.ts";

export interface Run {
  readonly scenario: ScenarioName;
  readonly seed: number;
  readonly problems: readonly string[];
  readonly milliseconds: number;
}

/** Runs the seeds in turn until one of them finds something; says of each what became of it, one line of JSON each. */
export function runHistories(scenario: ScenarioName, seeds: readonly number[]): void {
  for (const seed of seeds) {
    const before = performance.now();
    let problems: readonly string[];
    try {
      problems = runScenario(scenario, seed);
    } catch (error) {
      problems = [
        `the simulation broke: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      ];
    }
    const run: Run = { scenario, seed, problems, milliseconds: Math.round(performance.now() - before) };
    process.stdout.write(`${JSON.stringify(run)}\n`);
    if (problems.length > 0) return;
  }
}
