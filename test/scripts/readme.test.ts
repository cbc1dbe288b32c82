/** README.md does what it says: its commands are typed into a cluster as `npm start` runs it, its TypeScript is compiled and run. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePorts } from "../../src/chaos/free-ports.ts";
import { formatReply } from "../../src/cli/resp/format-reply.ts";
import { connectFirst } from "../../src/cli/resp/resp-client.ts";
import {
  blocksOf,
  commandsOf,
  type Exchange,
  exchangesOf,
  ROOT,
  run,
  runTypeScript,
  withPorts,
} from "./readme.testkit.ts";

const README = readFileSync(join(ROOT, "README.md"), "utf8");
const MAIN = join(ROOT, "dist/cli/main.js");
const { scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { scripts: object };

/** Commands of the README that are not typed here, and why. */
const ELSEWHERE = [
  [/^npm start\b/, "this whole test runs what it starts"],
  [/^npm test\b/, "this test is a part of it"],
  [/^npm (install|i|ci)\b/, "nothing is downloaded in a test"],
  [/^npx kvorum chaos\b/, "half a minute: test/chaos does it"],
] as const;

let folder: string;
let base: number;
let cluster: ChildProcess;
let page = "";

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "kvorum-readme-"));
  base = (await freePorts(24))[0]!;
  cluster = spawn(process.execPath, [MAIN, "dev", "--base-port", String(base)], { cwd: folder });
  cluster.stdout!.on("data", (chunk) => (page += String(chunk)));
  cluster.stderr!.on("data", (chunk) => (page += String(chunk)));
  const gone = new Promise<never>((_, reject) =>
    cluster.once("exit", () => reject(new Error(`the cluster ended: ${page}`))),
  );
  const ready = (async () => {
    while (!/redis-cli -p \d+/.test(page)) await new Promise((done) => void setTimeout(done, 50));
  })();
  await Promise.race([ready, gone]);
});

afterAll(async () => {
  if (cluster.exitCode === null) {
    const gone = new Promise((done) => void cluster.once("exit", done));
    cluster.kill("SIGTERM");
    await gone;
  }
  rmSync(folder, { recursive: true, force: true });
});

/** What the command prints; null: it is tried elsewhere. Throws when it fails, or when nobody has decided how to try it. */
async function type(command: string): Promise<string | null> {
  if (ELSEWHERE.some(([pattern]) => pattern.test(command))) return null;
  const words = command.split(" ");
  if (words[0] === "redis-cli") return redisCli(words.slice(1));
  // A cluster of machines that are not there: that its options are understood is all that can be tried.
  if (command.startsWith("kvorum serve ") || command.startsWith("npx kvorum serve "))
    return run(
      process.execPath,
      [MAIN, ...words.slice(words.indexOf("serve")), "--explain-config"].filter(unique),
      folder,
    );
  if (words[0] === "npx" && words[1] === "kvorum")
    return run(process.execPath, [MAIN, ...words.slice(2)], folder, { KVORUM_URL: httpUrl() });
  if (words[0] === "npm" && words[1] === "run") {
    if (!Object.hasOwn(scripts, words[2]!)) throw new Error(`package.json has no script ${words[2]}`);
    return null;
  }
  throw new Error(`README.md says "${command}": this test does not know how to try that`);
}

/** Of every node: some of them are killed. Otherwise it would be those of a cluster at the usual ports. */
const httpUrl = (): string => [1, 11, 21].map((offset) => `http://127.0.0.1:${base + offset}`).join(",");

const unique = (word: string, i: number, all: readonly string[]): boolean => all.indexOf(word) === i;

async function redisCli(words: readonly string[]): Promise<string> {
  const [flag, port, ...command] = words;
  if (flag !== "-p") throw new Error(`redis-cli ${flag}: this test does not know it`);
  const connection = await connectFirst([{ host: "127.0.0.1", port: Number(port) }], 10_000);
  try {
    return formatReply(await connection.call(command.map((word) => Buffer.from(word))));
  } finally {
    connection.close();
  }
}

/** Of these, what stands in the README is all that they print. */
const isCompared = ({ command, output }: Exchange): boolean =>
  /^redis-cli|^npx kvorum keyspace create/.test(command) && output !== "" && !output.includes("…");

describe("README.md", () => {
  const blocks = blocksOf(README);
  const ofLanguage = (language: string) => blocks.filter((block) => block.language === language);

  test("every block has a language that is tried here, or none", () => {
    expect(ofLanguage("sh").length).toBeGreaterThan(0);
    expect(ofLanguage("console").length).toBeGreaterThan(0);
    expect(ofLanguage("ts").length).toBeGreaterThan(0);
    const others = blocks.filter(({ language }) => !["", "sh", "console", "ts"].includes(language));
    expect(others).toEqual([]);
  });

  test("what it types at its prompts works, and prints what stands there", async () => {
    const printed: Exchange[] = [];
    const expected: Exchange[] = [];
    for (const { command, output } of ofLanguage("console").flatMap(({ code }) =>
      exchangesOf(withPorts(code, base)),
    )) {
      const text = await type(command);
      if (text === null || !isCompared({ command, output })) continue;
      printed.push({ command, output: text.trim() });
      expected.push({ command, output });
    }
    expect(expected.length).toBeGreaterThan(3);
    expect(printed).toEqual(expected);
  });

  test("the commands of its other blocks are understood", async () => {
    for (const { code } of ofLanguage("sh"))
      for (const command of commandsOf(withPorts(code, base)))
        await expect(type(command)).resolves.not.toThrow();
  });

  test("its TypeScript compiles and runs", () => {
    expect(() => runTypeScript(inCluster(README), emptyFolder("own"))).not.toThrow();
  });
});

const inCluster = (page: string) =>
  blocksOf(page)
    .filter(({ language }) => language === "ts")
    .map((block) => ({ ...block, code: withPorts(block.code, base) }));

function emptyFolder(name: string): string {
  const path = join(folder, name);
  mkdirSync(path);
  return path;
}

describe("TypeScript in a page", () => {
  const paged = (code: string): string => `# Page\n\n\`\`\`ts\n${code}\n\`\`\`\n`;
  const SAMPLE = `import { connect, counter } from "kvorum/client";
const db = await connect("kvorum://localhost:7410", { keyspaces: { hits: counter() }, ensure: true });
const times = await db.hits.increment("sample");
if (times !== 1) throw new Error(\`sample has \${times} hits\`);
db.close();`;

  test("is run against the cluster", () => {
    expect(() => runTypeScript(inCluster(paged(SAMPLE)), emptyFolder("fine"))).not.toThrow();
  });

  test("is refused when it does not compile, and when it fails", () => {
    const wrong = SAMPLE.replace("increment(", "incremented(");
    expect(() => runTypeScript(inCluster(paged(wrong)), emptyFolder("wrong"))).toThrow(/incremented/);
    // By now the counter has been used.
    expect(() => runTypeScript(inCluster(paged(SAMPLE)), emptyFolder("again"))).toThrow(/sample has 2 hits/);
  });
});
