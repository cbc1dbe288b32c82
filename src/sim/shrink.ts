/** From a simulation that fails to a shorter one that fails in the same way: fewer strikes, less time, fewer clients. */
import { type SimulationOptions, type SimulationResult, trySimulation } from "./simulate.ts";

export interface Shrunk {
  readonly options: SimulationOptions;
  readonly result: SimulationResult;
  /** How many simulations it took. */
  readonly runs: number;
}

export interface ShrinkOptions {
  /** At most so many simulations. Default 80. */
  readonly runs?: number;
  /** What runs a simulation; for tests. */
  readonly run?: (options: SimulationOptions) => SimulationResult;
  /** Is asked before each simulation: false ends the search. */
  readonly goOn?: () => boolean;
}

/** `result` is the failure of `options`. */
export function shrink(
  options: SimulationOptions,
  result: SimulationResult,
  limits: ShrinkOptions = {},
): Shrunk {
  const { runs: most = 80, goOn = () => true, run = trySimulation } = limits;
  const kind = kindOf(result);
  let best: Shrunk = { options, result, runs: 0 };
  let runs = 0;
  /** Whether it fails in the same way; if so it is the best from now on. */
  const fails = (candidate: SimulationOptions): boolean => {
    if (runs >= most || !goOn()) return false;
    runs++;
    const found = run(candidate);
    if (found.ok || kindOf(found) !== kind) return false;
    best = { options: candidate, result: found, runs };
    return true;
  };

  const struck = [...new Set(result.strikes.map(({ number }) => number))].filter((number) => number > 0);
  if (fails({ ...best.options, keep: [] })) {
    // No fault is needed at all.
  } else {
    let keep = struck;
    // Delta debugging (Zeller and Hildebrandt 2002), by complements: leave out ever smaller parts.
    for (let parts = 2; keep.length > 1 && parts <= keep.length;) {
      const size = Math.ceil(keep.length / parts);
      const without = Array.from({ length: parts }, (_, i) =>
        keep.filter((_number, at) => at < i * size || at >= (i + 1) * size),
      );
      const shorter = without.find(
        (some) => some.length < keep.length && fails({ ...best.options, keep: some }),
      );
      if (shorter !== undefined) {
        keep = shorter;
        parts = Math.max(2, parts - 1);
      } else if (parts < keep.length) {
        parts = Math.min(2 * parts, keep.length);
      } else {
        break;
      }
    }
  }
  for (let duration = best.options.duration / 2; duration > 250;) {
    if (fails({ ...best.options, duration: Math.ceil(duration) })) duration /= 2;
    else if (best.options.duration - duration < best.options.duration / 8) break;
    else duration = (duration + best.options.duration) / 2;
  }
  for (let clients = 1; clients < best.options.clients; clients++)
    if (fails({ ...best.options, clients })) break;
  return { ...best, runs };
}

/** The first problem without its numbers and names. */
function kindOf(result: SimulationResult): string {
  const [first = ""] = (result.problems[0] ?? "").split("\n");
  return first.replace(/"[^"]*"|\d+/g, "_").slice(0, 60);
}
