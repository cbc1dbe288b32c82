/**
 * Test builds with one planted bug each, and the processes that run histories in them.
 *
 *   source ──tsc──▶ build ──hard links──▶ build of a bug, with one module replaced
 *   patched modules ──tsc, all at once──────────────────────────▲
 *
 * The production source has no switches; a bug is a change of its text.
 */
import { spawn, spawnSync } from "node:child_process";
import {
  cpSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import type { PlantedBug } from "./bug.ts";
import { type Run, runHistories } from "./history.ts";
import type { ScenarioName } from "./scenarios.ts";

const COMPILER_OPTIONS = {
  noEmit: false,
  noCheck: true,
  types: [],
  declaration: false,
  sourceMap: false,
  incremental: false,
};
/** A history that takes longer than this stands still. */
const HISTORY_LIMIT_MS = 60_000;

export class TestBuilds {
  readonly #root: string;
  readonly #folder: string;

  /** Builds the project at `root` into `folder`, an empty temporary folder. */
  constructor(root: string, folder: string) {
    this.#root = root;
    this.#folder = folder;
    compile(root, folder, {
      compilerOptions: { ...COMPILER_OPTIONS, rootDir: root, outDir: this.plain },
      files: [join(root, "test/planted/history.ts")],
    });
    writeFileSync(join(this.plain, "package.json"), `{ "type": "module" }`);
    symlinkSync(join(root, "node_modules"), join(this.plain, "node_modules"));
  }

  /** The build without any bug. */
  get plain(): string {
    return join(this.#folder, "plain");
  }

  /** Compiles the bugs' modules, and makes a build of each. Throws when a patch does not apply or does not compile. */
  plant(bugs: readonly PlantedBug[]): ReadonlyMap<string, string> {
    const sources = join(this.#folder, "patched");
    const compiled = join(this.#folder, "compiled");
    const files = bugs.map((bug) => {
      const file = join(sources, bug.name, bug.file);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, patched(this.#root, bug));
      return file;
    });
    writeFileSync(join(sources, "package.json"), `{ "type": "module" }`);
    compile(this.#root, this.#folder, {
      compilerOptions: { ...COMPILER_OPTIONS, rootDir: sources, outDir: compiled, noResolve: true },
      files,
    });
    return new Map(
      bugs.map((bug) => {
        const build = join(this.#folder, "bugs", bug.name);
        const module = bug.file.replace(/\.ts$/, ".js");
        linkTree(this.plain, build);
        rmSync(join(build, module));
        cpSync(join(compiled, bug.name, module), join(build, module));
        symlinkSync(join(this.#root, "node_modules"), join(build, "node_modules"));
        return [bug.name, build];
      }),
    );
  }
}

/** The source of the bug's module with the bug in it. */
export function patched(root: string, { name, file, find, replace }: PlantedBug): string {
  const source = readFileSync(join(root, file), "utf8");
  const parts = source.split(find);
  if (parts.length !== 2) {
    throw new Error(`${name}: the text to be replaced stands ${parts.length - 1} times in ${file}`);
  }
  return parts.join(replace);
}

function compile(root: string, folder: string, project: object): void {
  const config = join(folder, "tsconfig.json");
  writeFileSync(config, JSON.stringify({ extends: join(root, "tsconfig.json"), include: [], ...project }));
  const tsc = join(root, "node_modules/.bin/tsc");
  const { status, stdout, stderr } = spawnSync(tsc, ["-p", config], { encoding: "utf8" });
  if (status !== 0) throw new Error(`the test build does not compile:\n${stdout}${stderr}`);
}

/** The same tree with hard links in the place of files: a copy that takes no time. */
function linkTree(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    if (entry.isDirectory()) linkTree(join(from, entry.name), join(to, entry.name));
    else if (entry.isFile()) linkSync(join(from, entry.name), join(to, entry.name));
  }
}

/** Runs histories of a build in a process of its own, until one finds something. */
export function runIn(
  build: string,
  scenario: ScenarioName,
  seeds: readonly number[],
): Promise<readonly Run[]> {
  const module = pathToFileURL(join(build, "test/planted/history.js")).href;
  const code = `(await import(${JSON.stringify(module)})).${runHistories.name}(${JSON.stringify(scenario)}, ${JSON.stringify(seeds)})`;
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["--input-type=module", "--eval", code], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    const runs: Run[] = [];
    let output = "";
    let errors = "";
    let stuck = false;
    const stop = (): void => {
      stuck = true;
      child.kill("SIGKILL");
    };
    let timer = setTimeout(stop, HISTORY_LIMIT_MS);
    child.stderr.on("data", (chunk) => (errors += String(chunk)));
    child.stdout.on("data", (chunk) => {
      output += String(chunk);
      const lines = output.split("\n");
      output = lines.pop()!;
      for (const line of lines) runs.push(JSON.parse(line) as Run);
      clearTimeout(timer);
      timer = setTimeout(stop, HISTORY_LIMIT_MS);
    });
    child.on("error", reject);
    child.on("close", (status) => {
      clearTimeout(timer);
      const seed = seeds[runs.length];
      if (stuck && seed !== undefined) {
        const problems = [`liveness: the simulation stood still for ${HISTORY_LIMIT_MS} ms`];
        runs.push({ scenario, seed, problems, milliseconds: HISTORY_LIMIT_MS });
      } else if (status !== 0) {
        reject(new Error(`a history ended with ${status}: ${errors}`));
        return;
      }
      resolve(runs);
    });
  });
}
