/** The options of a node in this process: those of `kvorum serve`, as an object. Whatever is wrong is told at once. */
import { KvorumError } from "../core/errors.ts";
import {
  assembleOptions,
  contradictions,
  OPTION_LEAVES,
  type OptionLeaf,
  type ServerOptions,
} from "../server/options.ts";

/** Addresses are texts here too: `host:port`, founding members `name=host:port`. */
type Given<T> = T extends readonly unknown[] ? readonly string[] : T extends object ? Partial<T> : T;

/** As for `kvorum serve` (`kvorum serve --explain-config` prints them all with their defaults), but for the ports. */
export type NodeSettings = {
  readonly [Name in keyof ServerOptions]?: Given<ServerOptions[Name]>;
} & {
  /** Where the node keeps its log and its state. One running node per directory. */
  readonly dataDir: string;
  /** Default: no door for Redis clients and typed clients of other processes. 0: any free port. */
  readonly respPort?: number;
  /** Default: no HTTP. 0: any free port. */
  readonly httpPort?: number;
  /** Where other nodes connect. Default: any free port, which is enough for a cluster of one node. */
  readonly peerPort?: number;
};

/** Throws a definite `bad-request` that lists every problem. */
export function readSettings(given: NodeSettings): ServerOptions {
  const problems: string[] = [];
  const values = new Map<OptionLeaf, unknown>();
  const rest = flatten(given);
  for (const leaf of OPTION_LEAVES) {
    const name = leaf.path.join(".");
    const value = rest.get(name) ?? DEFAULTS.get(name);
    rest.delete(name);
    if (value === undefined) {
      values.set(leaf, leaf.fallback);
      continue;
    }
    const result = leaf.parse(value);
    if (result.ok) values.set(leaf, result.value);
    else problems.push(`${name}: ${result.problem}`);
  }
  for (const name of rest.keys()) problems.push(`${name}: there is no such option`);
  if (typeof given.dataDir !== "string") problems.push("dataDir: it is needed, and is a path");
  if (problems.length === 0) {
    const options = assembleOptions(values);
    for (const { problem, advice } of contradictions(options)) problems.push(`${problem}; ${advice}`);
    if (problems.length === 0) return options;
  }
  throw new KvorumError("bad-request", `The node's options are wrong: ${problems.join(". ")}.`);
}

const DEFAULTS: ReadonlyMap<string, unknown> = new Map([
  ["respPort", 0],
  ["httpPort", 0],
  ["peerPort", 0],
]);

function flatten(given: object): Map<string, unknown> {
  const found = new Map<string, unknown>();
  for (const [name, value] of Object.entries(given) as [string, unknown][]) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) found.set(name, value);
    else for (const [inner, part] of Object.entries(value)) found.set(`${name}.${inner}`, part as unknown);
  }
  for (const [name, value] of found) if (value === undefined) found.delete(name);
  return found;
}
