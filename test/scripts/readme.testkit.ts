/** The code in a page: fenced blocks by their language, and what they say with the ports of another cluster. */
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export interface Block {
  readonly language: string;
  readonly code: string;
  /** Where it begins, from 1. */
  readonly line: number;
}

export function blocksOf(page: string): readonly Block[] {
  return [...page.matchAll(/^```(\S*)[^\n]*\n(.*?)^```$/gms)].map(({ 1: language, 2: code, index }) => ({
    language: language!,
    code: code!,
    line: page.slice(0, index).split("\n").length,
  }));
}

/** As `kvorum dev --base-port` counts them: 7410 to 7412 are the first node's, ten more the second's. */
export const withPorts = (code: string, base: number): string =>
  code.replaceAll(/\b74[1-9][0-2]\b/g, (port) => String(Number(port) - 7410 + base));

/** The commands of a block of the shell: comments are gone, and lines that end in a backslash go on. */
export const commandsOf = (code: string): readonly string[] =>
  code
    .replaceAll(/\\\n\s*/g, "")
    .split("\n")
    .map(withoutComment)
    .filter((line) => line !== "");

export interface Exchange {
  readonly command: string;
  /** What stands below it; empty when nothing does. */
  readonly output: string;
}

/** What was typed at the prompts of a console, and what came. */
export function exchangesOf(code: string): readonly Exchange[] {
  const [, ...parts] = `\n${code}`.split("\n$ ");
  return parts.map((part) => {
    const [command, ...output] = part.split("\n");
    return { command: withoutComment(command!), output: output.join("\n").trim() };
  });
}

const withoutComment = (line: string): string => line.replace(/(^|\s+)#.*$/, "").trim();

const COMPILER_OPTIONS = {
  target: "ES2023",
  lib: ["ES2023"],
  module: "NodeNext",
  types: ["node"],
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: true,
  outDir: "out",
};

/**
 * Type-checks blocks of TypeScript, each as a module of a project that has Kvorum installed, and runs them in turn. Throws with
 * what the compiler or the program said.
 */
export function runTypeScript(blocks: readonly Block[], folder: string): void {
  if (blocks.length === 0) return;
  mkdirSync(join(folder, "node_modules"));
  for (const name of readdirSync(join(ROOT, "node_modules")))
    symlinkSync(join(ROOT, "node_modules", name), join(folder, "node_modules", name));
  symlinkSync(ROOT, join(folder, "node_modules/kvorum"));
  writeFileSync(join(folder, "package.json"), `{ "type": "module" }`);
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions: COMPILER_OPTIONS }));
  const names = blocks.map(({ line }) => `line-${line}`);
  // A block without an import is a module, too.
  blocks.forEach(({ code }, i) => writeFileSync(join(folder, `${names[i]}.ts`), `${code}\nexport {};\n`));
  run(join(ROOT, "node_modules/.bin/tsc"), ["-p", folder], folder);
  for (const name of names) run(process.execPath, [join(folder, "out", `${name}.js`)], folder);
}

/** What it printed. Throws when it fails, or takes longer than half a minute. */
export function run(
  program: string,
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd,
    env: { ...process.env, ...env },
    encoding: "utf8",
    timeout: 30_000,
  });
  if (status === 0) return stdout;
  throw new Error(`${program} ${args.join(" ")}: ${error?.message ?? status}\n${stdout}${stderr}`);
}
