/** Finds the directories of processes that are not to run: a machine that is started with fewer than before. */
import { readdirSync } from "node:fs";
import { processesDirectory } from "./plan.ts";

/** What to say about them; empty when there are none. */
export function leftOutWarnings(dataDir: string, name: string, processes: number): readonly string[] {
  const numbers = furtherProcesses(dataDir).filter((number) => number > processes);
  if (numbers.length === 0) return [];
  const names = numbers.map((number) => `${name}.${number}`).join(", ");
  return [
    `${names} ran on this machine and will not: what they hold is missing as if they were down. ` +
      "Remove nodes with `kvorum node remove` before they are left out; once they are removed, delete their directories in " +
      processesDirectory(dataDir),
  ];
}

function furtherProcesses(dataDir: string): readonly number[] {
  try {
    return readdirSync(processesDirectory(dataDir))
      .map(Number)
      .filter(Number.isInteger)
      .sort((a, b) => a - b);
  } catch (error) {
    // It ran one process at a time, or never.
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
