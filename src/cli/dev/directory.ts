/**
 * The directory of a development cluster. A marker file says that it is one, and how it was founded: only such a
 * directory is ever wiped, and it always comes back with the ports that its members know of each other.
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { CliError, messageOf, usage } from "../failure.ts";

/** The control socket's name in the directory. */
export const SOCKET = "dev.sock";
const MARKER = "kvorum-dev.json";
const FORMAT = 1;
const MAX_LOG_BYTES = 16 * 1024 * 1024;

export interface Marker {
  readonly format: typeof FORMAT;
  readonly basePort: number;
  /** How many nodes founded the cluster; later ones joined it. */
  readonly founders: number;
  /** The numbers of its nodes now. */
  readonly nodes: readonly number[];
  /** True once it was ready for the first time: from then on a node without data has to join. */
  readonly founded: boolean;
}

export interface Wanted {
  readonly directory: string;
  readonly fresh: boolean;
  /** Undefined: as it was, else the default. */
  readonly nodes: number | undefined;
  readonly basePort: number | undefined;
}

export const DEFAULT_DIRECTORY = ".kvorum";
export const DEFAULT_NODES = 3;
export const DEFAULT_BASE_PORT = 7410;

/** Makes or checks the directory, and wipes it if that is wanted and safe. */
export function prepareDirectory(wanted: Wanted): Marker {
  const { directory } = wanted;
  const found = readMarker(directory);
  if (found === null && existsSync(directory) && !isEmpty(directory)) {
    throw usage(
      `${directory} was not made by \`kvorum dev\` and is not empty, so it stays untouched`,
      "Choose another directory with --dir.",
    );
  }
  if (found !== null && wanted.fresh) wipe(directory);
  const marker = found === null || wanted.fresh ? newMarker(wanted) : continued(found, wanted);
  mkdirSync(join(directory, "logs"), { recursive: true });
  writeMarker(directory, marker);
  return marker;
}

function newMarker(wanted: Wanted): Marker {
  const founders = wanted.nodes ?? DEFAULT_NODES;
  const basePort = wanted.basePort ?? DEFAULT_BASE_PORT;
  return { format: FORMAT, basePort, founders, nodes: upTo(founders), founded: false };
}

function continued(found: Marker, wanted: Wanted): Marker {
  if (wanted.basePort !== undefined && wanted.basePort !== found.basePort) {
    throw usage(
      `the cluster in ${wanted.directory} has base port ${found.basePort}; its nodes know each other by those ports`,
      `Leave --base-port out, or start over with --fresh, or keep a second cluster with --dir.`,
    );
  }
  const count = wanted.nodes ?? found.nodes.length;
  if (!found.founded) {
    const founders = wanted.nodes ?? found.founders;
    return { ...found, founders, nodes: upTo(founders) };
  }
  if (count < found.nodes.length) {
    throw usage(
      `the cluster in ${wanted.directory} has ${found.nodes.length} nodes, not ${count}`,
      "Leave --nodes out and take nodes away with `kvorum node remove`, or start over with --fresh.",
    );
  }
  const more = count - found.nodes.length;
  const nodes = [...found.nodes];
  for (let added = 0; added < more; added++) nodes.push(nextNumber(nodes));
  return { ...found, nodes };
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

/** A number that no node of the cluster has or had: a removed node's directory may still lie there. */
export const nextNumber = (nodes: readonly number[]): number => Math.max(0, ...nodes) + 1;

/** Throws when a marker is there and cannot be understood. */
export function readMarker(directory: string): Marker | null {
  const path = join(directory, MARKER);
  if (!existsSync(path)) return null;
  let marker: Partial<Marker>;
  try {
    marker = JSON.parse(readFileSync(path, "utf8")) as Partial<Marker>;
  } catch (error) {
    throw new CliError(
      `cannot read ${path}: ${messageOf(error)}`,
      "Repair it, or delete the directory by hand.",
    );
  }
  if (marker.format !== FORMAT) {
    throw new CliError(
      `${path} has format ${String(marker.format)}; this version reads format ${FORMAT}`,
      "Use the version of Kvorum that made it, or another directory (--dir).",
    );
  }
  return marker as Marker;
}

export function writeMarker(directory: string, marker: Marker): void {
  const path = join(directory, MARKER);
  writeFileSync(`${path}.new`, `${JSON.stringify(marker, null, 2)}\n`);
  renameSync(`${path}.new`, path);
}

/** Only what `kvorum dev` makes; whatever else somebody put there stays. The marker goes last. */
function wipe(directory: string): void {
  const ours = readdirSync(directory).filter((name) => /^(n\d+|logs)$/.test(name));
  for (const name of [...ours, MARKER]) rmSync(join(directory, name), { recursive: true, force: true });
}

/** Nothing in it, or nothing but our own control socket. */
export function isEmpty(directory: string): boolean {
  return !existsSync(directory) || readdirSync(directory).every((name) => name === SOCKET);
}

/** Keeps the last one. Called before a node opens its log file. */
export function rotateLog(path: string): void {
  if (existsSync(path) && statSync(path).size > MAX_LOG_BYTES) renameSync(path, `${path}.1`);
}

/** The last lines of a node's log that say why it stopped, in words. */
export function lastWords(path: string): string[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, "utf8").trimEnd().split("\n").slice(-40);
  const errors = lines.filter((line) => line.startsWith("error:") || line.startsWith("       "));
  const text = errors.slice(-2).map((line) => line.replace(/^error:/, "").trim());
  if (text.length > 0) return text;
  return lines.filter((line) => line !== "" && !line.startsWith("{")).slice(-3);
}
