/** The command that does the same again, seed and all. */
import { type BenchSettings, DEFAULT_SETTINGS } from "../../bench/settings.ts";

/** How the run was told which nodes to load: `--url …`, `--resp …`, or nothing. */
export type Whereabouts = readonly string[];

export function commandOf(settings: BenchSettings, where: Whereabouts): string {
  const { workload, protocol, connections, clients, duration, requests, rate, seed, keep } = settings;
  const words = ["kvorum", "bench", workload, ...where];
  const add = (flag: string, value: string | number | null, usual: string | number | null): void => {
    if (value !== null && value !== usual) words.push(flag, String(value));
  };
  const usual = DEFAULT_SETTINGS;
  add("--protocol", protocol, where[0] === "--resp" ? "resp" : usual.protocol);
  add("--keyspace", settings.keyspace, usual.keyspace);
  add("--consistency", settings.consistency, null);
  add("--read-ratio", settings.readRatio, workload === "mixed" ? usual.readRatio : settings.readRatio);
  add("--clients", clients, usual.clients);
  add("--connections", connections, protocol === "resp" ? clients : usual.connections);
  add("--pipeline", settings.pipeline, usual.pipeline);
  add("--value-size", settings.valueSize, usual.valueSize);
  add("--keys", settings.keys, usual.keys);
  add("--distribution", settings.distribution, usual.distribution);
  add(
    "--duration",
    duration === null ? null : seconds(duration),
    requests === null ? seconds(usual.duration!) : null,
  );
  add("--requests", requests, null);
  add("--warmup", seconds(settings.warmup), seconds(usual.warmup));
  add("--rate", rate, null);
  add("--arrivals", rate === null ? null : settings.arrivals, usual.arrivals);
  add("--prefix", settings.prefix, usual.prefix);
  add("--seed", seed, null);
  if (keep) words.push("--keep");
  return words.join(" ");
}

const seconds = (milliseconds: number): string => `${milliseconds / 1_000}s`;
