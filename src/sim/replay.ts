/** The command that plays a simulation again. */
import type { Strike } from "./faults/schedule.ts";
import type { SimulationOptions } from "./simulate.ts";

export function describeReplay(options: SimulationOptions): string {
  const { seed, nodes, workload, mix, clients, duration, keep, replication, shards } = options;
  const parts = [
    "npm run sim --",
    `--seed ${seed}`,
    `--nodes ${nodes}`,
    `--workload ${workload}`,
    `--mix ${mix}`,
    `--clients ${clients}`,
    `--seconds ${duration / 1000}`,
    `--replication ${replication}`,
    `--shards ${shards}`,
  ];
  if (options.quorum !== undefined) {
    const { r, w, sloppy } = options.quorum;
    if (r !== undefined) parts.push(`--r ${r}`);
    if (w !== undefined) parts.push(`--w ${w}`);
    if (sloppy === false) parts.push("--strict");
  }
  if (options.faults !== undefined) parts.push(`--faults ${options.faults.join(",")}`);
  if (options.schedule !== undefined) parts.push(`--crash-at ${describeCrash(options.schedule)}`);
  if (keep !== undefined) parts.push(`--strikes ${keep.length === 0 ? "none" : keep.join(",")}`);
  return parts.join(" ");
}

/** `boundary:12`: the only strike of a schedule made by `crashSchedule`. */
function describeCrash([strike]: readonly Strike[]): string {
  return strike === undefined ? "" : `${strike.fault.replace("crash-at-", "")}:${strike.amount}`;
}
