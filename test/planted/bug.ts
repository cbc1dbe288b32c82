/** A planted bug: one change of the production source, made in a test build only. */
import type { ScenarioName } from "./scenarios.ts";

export interface PlantedBug {
  readonly name: string;
  /** What it breaks, in one sentence. */
  readonly breaks: string;
  /** Below the root of the project. */
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly find: string;
  readonly replace: string;
  /** Where it should be caught, most promising first. */
  readonly scenarios: readonly ScenarioName[];
}
