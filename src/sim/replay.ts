/** The command that plays a simulation again. */
import type { SimulationOptions } from "./simulate.ts";

export function describeReplay(options: SimulationOptions): string {
  const { seed, nodes, workload, mix, clients, duration, keep, keyspace } = options;
  const parts = [
    "npm run sim --",
    `--seed ${seed}`,
    `--nodes ${nodes}`,
    `--workload ${workload}`,
    `--mix ${mix}`,
    `--clients ${clients}`,
    `--seconds ${duration / 1000}`,
  ];
  if (keep !== undefined) parts.push(`--strikes ${keep.length === 0 ? "none" : keep.join(",")}`);
  if (keyspace !== undefined) parts.push(`--keyspace ${keyspace}`);
  return parts.join(" ");
}
