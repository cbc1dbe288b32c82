/**
 * Makes a fresh clone, or one that was just updated, ready to run: the right Node.js, the packages of the lock file, a
 * build of the present source. Says what it does, and does nothing when nothing is missing. Node's own modules only.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");

const MIN_NODE = [20, 19];
const STAMP = "dist/.build-stamp.json";

/** For people: one line what, one line what to do. Ends the process. */
export function fail(message, advice) {
  console.error(`error: ${message}\n       ${advice}`);
  process.exit(1);
}

/** Null, or why this Node.js is too old. */
export function nodeProblem(version = process.versions.node) {
  const [major, minor] = version.split(".").map(Number);
  if (major > MIN_NODE[0] || (major === MIN_NODE[0] && minor >= MIN_NODE[1])) return null;
  return `Node.js ${version} is too old: Kvorum needs ${MIN_NODE.join(".")} or newer`;
}

/**
 * Null, or why the packages have to be installed. Contents are compared, not times: a checkout may give files any time.
 */
export function installProblem(root) {
  const lock = readJson(join(root, "package-lock.json"));
  if (lock === null) return null;
  if (!existsSync(join(root, "node_modules"))) return "node_modules is missing";
  const installed = readJson(join(root, "node_modules/.package-lock.json"));
  if (installed === null) return "node_modules was not installed completely";
  for (const [path, wanted] of Object.entries(lock.packages ?? {})) {
    // The root and the workspaces are sources, not packages; what is optional may not fit this machine.
    if (!path.includes("node_modules/")) continue;
    const found = installed.packages?.[path];
    if (found === undefined && (wanted.optional || wanted.devOptional || wanted.peer)) continue;
    if (found === undefined) return `node_modules is older than package-lock.json (${name(path)} is missing)`;
    if (found.version !== wanted.version || found.integrity !== wanted.integrity) {
      return `node_modules is older than package-lock.json (${name(path)} is ${found.version}, not ${wanted.version})`;
    }
  }
  return null;
}

function name(path) {
  return path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);
}

/** Null, or why the build has to be made again. */
export function buildProblem(root) {
  const stamp = readJson(join(root, STAMP));
  if (!existsSync(join(root, "dist"))) return "dist is missing";
  if (stamp === null) return "dist was not built completely";
  return stamp.inputs === fingerprint(root) ? null : "dist is older than the source";
}

/** One hash over everything that a build reads. */
export function fingerprint(root) {
  const hash = createHash("sha256");
  const settings = ["package.json", "package-lock.json", "tsconfig.json", "tsconfig.build.json"];
  for (const path of [...settings.map((file) => join(root, file)), ...sources(root)]) {
    if (existsSync(path))
      hash
        .update(`${relative(root, path)}\0`)
        .update(readFileSync(path))
        .update("\0");
  }
  return hash.digest("hex");
}

function sources(root) {
  return filesIn(join(root, "src")).filter(
    (path) => path.endsWith(".ts") && !/\.(test|testkit)\.ts$/.test(path),
  );
}

function filesIn(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

function readJson(path) {
  if (!existsSync(path)) return null;
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** Installs what the lock file says. Returns false when npm failed; npm has said why. */
function install(root) {
  // Also with NODE_ENV=production: the build needs the compiler.
  const args = ["ci", "--include=dev", "--no-audit", "--no-fund", "--loglevel=error"];
  const cli = process.env.npm_execpath;
  const viaNode = cli !== undefined && /npm-cli\.[cm]?js$/.test(cli);
  const [program, first] = viaNode ? [process.execPath, [cli]] : ["npm", []];
  return (
    spawnSync(program, [...first, ...args], { cwd: root, stdio: ["ignore", "inherit", "inherit"] }).status ===
    0
  );
}

function build(root) {
  removeOrphans(root);
  const inputs = fingerprint(root);
  const tsc = join(root, "node_modules/.bin/tsc");
  const result = spawnSync(tsc, ["-p", "tsconfig.build.json"], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (result.status !== 0) return false;
  mkdirSync(join(root, "dist"), { recursive: true });
  writeFileSync(join(root, STAMP), `${JSON.stringify({ inputs }, null, 2)}\n`);
  return true;
}

/** What was built from a source that is gone would still be found by an import. */
export function removeOrphans(root) {
  const dist = join(root, "dist");
  for (const path of filesIn(dist)) {
    const match = /^(.*)\.(?:d\.ts|js|js\.map)$/.exec(relative(dist, path));
    if (match !== null && !existsSync(join(root, "src", `${match[1]}.ts`))) rmSync(path);
  }
}

/** All of it, in order. `say` gets one line for each thing that is done. */
export function ensure({ root = ROOT, say = (line) => console.log(line), run = { install, build } } = {}) {
  const old = nodeProblem();
  if (old !== null) fail(old, "Install a newer one from https://nodejs.org.");

  const uninstalled = installProblem(root);
  if (uninstalled !== null) {
    say(`${uninstalled}: running npm ci …`);
    if (!run.install(root)) fail("npm ci failed", "Its own lines above say why; is the registry reachable?");
  }
  const unbuilt = buildProblem(root);
  if (unbuilt !== null) {
    say(`${unbuilt}: building …`);
    if (!run.build(root)) fail("the build failed", "The compiler's lines above say where.");
  }
}
