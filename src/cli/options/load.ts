/**
 * A node's options from everywhere they may be given: flags before environment before the YAML file before defaults.
 * Every value that was given is checked, also one that another source overrides, and all problems are told at once.
 */
import { readFileSync } from "node:fs";
import { isScalar, LineCounter, parseDocument } from "yaml";
import {
  assembleOptions,
  contradictions,
  OPTION_LEAVES,
  type OptionLeaf,
  type ServerOptions,
} from "../../server/options.ts";
import { codeOf, messageOf, usage, type CliError } from "../failure.ts";
import { nearest } from "../text/suggest.ts";
import { REMOTE_VARIABLES } from "../login.ts";
import { flagOf, pathOf, variableOf } from "./names.ts";

export interface Sources {
  /** By option path (`limits.maxConnections`), as given on the command line. */
  readonly flags: ReadonlyMap<string, unknown>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The YAML file named by `--config`; `KVORUM_CONFIG` comes second. */
  readonly configFile: string | undefined;
}

/** One option with its value and where that came from: `--resp-port`, `KVORUM_RESP_PORT`, `kvorum.yaml:3` or `default`. */
export interface ResolvedOption {
  readonly leaf: OptionLeaf;
  readonly value: unknown;
  readonly source: string;
}

export interface LoadedOptions {
  readonly options: ServerOptions;
  readonly resolved: readonly ResolvedOption[];
}

/** Variables that the command line itself reads. */
const OTHER_VARIABLES = ["KVORUM_CONFIG", "KVORUM_DEBUG", ...REMOTE_VARIABLES];

interface Given {
  readonly value: unknown;
  readonly source: string;
}

/** Throws one `CliError` that lists every problem with its source and what to do. */
export function loadOptions(sources: Sources): LoadedOptions {
  const problems: string[] = [];
  const layers = [
    flagLayer(sources.flags),
    environmentLayer(sources.env, problems),
    fileLayer(sources.configFile ?? sources.env["KVORUM_CONFIG"], problems),
  ];

  const resolved = OPTION_LEAVES.map((leaf): ResolvedOption => {
    let chosen: ResolvedOption | null = null;
    for (const layer of layers) {
      const given = layer.get(pathOf(leaf));
      if (given === undefined) continue;
      const result = leaf.parse(given.value);
      if (result.ok) chosen ??= { leaf, value: result.value, source: given.source };
      else problems.push(`${pathOf(leaf)} (${given.source}): ${result.problem}`);
    }
    return chosen ?? { leaf, value: leaf.fallback, source: "default" };
  });
  if (problems.length > 0) throw refuse(problems);

  const options = assembleOptions(new Map(resolved.map(({ leaf, value }) => [leaf, value])));
  const conflicts = contradictions(options).map(({ options: paths, problem, advice }) => {
    const given = resolved.filter(({ leaf, source }) => paths.includes(pathOf(leaf)) && source !== "default");
    const from = given.map(({ leaf, source }) => `${pathOf(leaf)} from ${source}`).join(", ");
    return `${problem}${from === "" ? "" : ` (${from})`}; ${advice}`;
  });
  if (conflicts.length > 0) throw refuse(conflicts);
  return { options, resolved };
}

function refuse(problems: readonly string[]): CliError {
  const text =
    problems.length === 1 ? problems[0]! : `\n${problems.map((problem) => `  ${problem}`).join("\n")}`;
  return usage(
    `the options of the node are not valid:${text}`,
    "See `kvorum serve --help` for every option, and `kvorum serve --explain-config` for where values come from.",
  );
}

function flagLayer(flags: ReadonlyMap<string, unknown>): Map<string, Given> {
  const given = new Map<string, Given>();
  for (const leaf of OPTION_LEAVES) {
    const value = flags.get(pathOf(leaf));
    if (value !== undefined) given.set(pathOf(leaf), { value, source: flagOf(leaf) });
  }
  return given;
}

function environmentLayer(
  env: Readonly<Record<string, string | undefined>>,
  problems: string[],
): Map<string, Given> {
  const given = new Map<string, Given>();
  const byVariable = new Map(OPTION_LEAVES.map((leaf) => [variableOf(leaf), leaf]));
  for (const [variable, value] of Object.entries(env)) {
    if (!variable.startsWith("KVORUM_") || value === undefined || OTHER_VARIABLES.includes(variable))
      continue;
    const leaf = byVariable.get(variable);
    if (leaf !== undefined) given.set(pathOf(leaf), { value, source: variable });
    else
      problems.push(
        `${variable} (environment): no option has this variable${meant(variable, [...byVariable.keys()])}`,
      );
  }
  return given;
}

function fileLayer(path: string | undefined, problems: string[]): Map<string, Given> {
  const given = new Map<string, Given>();
  if (path === undefined || path === "") return given;
  const lines = new LineCounter();
  const document = parseDocument(readConfig(path), { lineCounter: lines, prettyErrors: false });
  for (const error of document.errors) {
    const at = lines.linePos(error.pos[0]);
    problems.push(`${path}:${at.line}:${at.col}: not valid YAML: ${error.message.split("\n", 1)[0]!}`);
  }
  if (problems.length > 0) return given;

  const content: unknown = document.toJS();
  if (content === null || content === undefined) return given;
  if (typeof content !== "object" || Array.isArray(content)) {
    problems.push(`${path}: expected a map of options, such as "name: n1"`);
    return given;
  }
  const lineOf = (keys: readonly string[]) => {
    const node: unknown = document.getIn(keys, true);
    const range = isScalar(node)
      ? node.range
      : (node as { range?: [number, number, number] } | undefined)?.range;
    return range === undefined || range === null ? path : `${path}:${lines.linePos(range[0]).line}`;
  };
  const known = new Map(OPTION_LEAVES.map((leaf) => [pathOf(leaf), leaf]));
  const sections = new Set(OPTION_LEAVES.filter((leaf) => leaf.path.length > 1).map((leaf) => leaf.path[0]!));
  const take = (key: string, value: unknown, prefix: readonly string[]) => {
    const keys = [...prefix, key];
    const name = keys.join(".");
    if (known.has(name)) {
      // `key:` with nothing behind it is null in YAML; for an option that cannot be null it means "not given".
      if (value !== null) given.set(name, { value, source: lineOf(keys) });
    } else if (
      prefix.length === 0 &&
      sections.has(key) &&
      typeof value === "object" &&
      !Array.isArray(value)
    ) {
      for (const [inner, item] of Object.entries(value ?? {})) take(inner, item, [key]);
    } else {
      const wrong = sections.has(key) ? "is a section of options, not a value" : "no such option";
      problems.push(`${name} (${lineOf(keys)}): ${wrong}${meant(name, [...known.keys()])}`);
    }
  };
  for (const [key, value] of Object.entries(content)) take(key, value, []);
  return given;
}

function readConfig(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const why = codeOf(error) === "ENOENT" ? "there is no such file" : messageOf(error);
    throw usage(`cannot read the configuration ${path}: ${why}`, "Correct --config (or KVORUM_CONFIG).");
  }
}

function meant(word: string, candidates: readonly string[]): string {
  const near = nearest(word, candidates);
  return near === null ? "" : `; did you mean ${near}?`;
}
