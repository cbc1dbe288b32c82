/**
 * `npm run example NAME`: makes the clone ready, compiles the examples, starts a cluster of three nodes on free ports (unless
 * KVORUM_URL names one, kvorum://host:port, or the example brings its own), then the example, with what else is said. PORT is the first port of the site, else a free one;
 * KVORUM_EXAMPLE_DIR is where the cluster's data is, else examples/.kvorum/NAME.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { ensure, fail, ROOT } from "./ensure.mjs";

const READY_MS = 60_000;
const SITES = 3;

const examples = readdirSync(join(ROOT, "examples")).filter((name) =>
  existsSync(join(ROOT, "examples", name, "main.ts")),
);
const [name, ...rest] = process.argv.slice(2);
if (!examples.includes(name))
  fail(
    `there is no example ${name ?? "without a name"}`,
    `Run one of them: npm run example ${examples.join(" | ")}.`,
  );

ensure();
const tsc = join(ROOT, "node_modules/.bin/tsc");
if (spawnSync(tsc, ["-p", "tsconfig.examples.json"], { cwd: ROOT, stdio: "inherit" }).status !== 0)
  fail("the examples do not compile", "The compiler's lines above say where.");

const children = [];
let ending = false;
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => end());

// An example with a cluster of its own starts it itself.
const bringsCluster = existsSync(join(ROOT, "examples", name, "cluster.ts"));
const url = process.env.KVORUM_URL ?? (bringsCluster ? undefined : await startCluster());
const port = process.env.PORT ?? String(await freePorts([8080, 8180, 8280, 8380], SITES, 1));
const site = start(join(ROOT, `examples/dist/${name}/main.js`), rest, {
  PORT: port,
  ...(url === undefined ? {} : { KVORUM_URL: url }),
});
site.on("exit", (code) => end(code ?? 1));

/** Its data stays, with the ports that its nodes know of each other. */
async function startCluster() {
  const directory = process.env.KVORUM_EXAMPLE_DIR ?? join(ROOT, "examples/.kvorum", name);
  const marker = join(directory, "kvorum-dev.json");
  const known = existsSync(marker) ? JSON.parse(readFileSync(marker, "utf8")).basePort : undefined;
  const base = known ?? (await freePorts([7610, 7710, 7810, 7910], 3 * 3, 10));
  console.log(`starting a cluster of three nodes (data in ${directory}) …`);
  const cluster = start(join(ROOT, "dist/cli/main.js"), [
    "dev",
    "--nodes",
    "3",
    "--dir",
    directory,
    "--base-port",
    String(base),
  ]);
  let ended = false;
  cluster.on("exit", (code) => {
    ended = true;
    end(code ?? 1);
  });
  const deadline = performance.now() + READY_MS;
  while (!(await isReady(base + 1))) {
    if (ended || performance.now() > deadline)
      fail("the cluster did not start", "Its own lines above say why.");
    await new Promise((done) => void setTimeout(done, 200));
  }
  return [0, 10, 20]
    .map((offset) => `127.0.0.1:${base + offset}`)
    .join(",")
    .replace(/^/, "kvorum://");
}

async function isReady(httpPort) {
  try {
    const response = await fetch(`http://127.0.0.1:${httpPort}/v1/status`, {
      signal: AbortSignal.timeout(1000),
    });
    return (await response.json()).ready === true;
  } catch {
    // It does not listen yet.
    return false;
  }
}

function start(file, args, environment = {}) {
  const child = spawn(process.execPath, [file, ...args], {
    cwd: ROOT,
    env: { ...process.env, ...environment },
    stdio: ["ignore", "inherit", "inherit"],
  });
  children.push(child);
  return child;
}

/** The site first, then the cluster. */
function end(code = 0) {
  if (ending) return;
  ending = true;
  process.exitCode = code;
  for (const child of children.reverse()) child.kill("SIGTERM");
}

/** The first of these from which on all are free: as many as said, or the nodes' three ports in steps of ten. */
async function freePorts(firsts, count, step) {
  for (const first of firsts) {
    const ports = Array.from({ length: count }, (_, i) =>
      step === 1 ? first + i : first + step * Math.floor(i / 3) + (i % 3),
    );
    if ((await Promise.all(ports.map(isFree))).every(Boolean)) return first;
  }
  return fail(
    `all of the ports ${firsts.join(", ")} are in use`,
    "Set PORT, or KVORUM_URL, to choose yourself.",
  );
}

function isFree(port) {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen({ host: "127.0.0.1", port, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}
