/** What a newcomer types, from the first line to Ctrl-C. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { until } from "../cluster/cluster.testkit.ts";
import { ask } from "./browser.testkit.ts";

const SCRIPT = fileURLToPath(new URL("../../scripts/example.mjs", import.meta.url));
const directory = mkdtempSync(join(tmpdir(), "kvorum-example-"));

afterAll(() => rmSync(directory, { recursive: true, force: true }));

function example(...args: string[]) {
  const { KVORUM_URL: _url, PORT: _port, ...env } = process.env;
  const child = spawn(process.execPath, [SCRIPT, ...args], {
    env: { ...env, KVORUM_EXAMPLE_DIR: join(directory, "data") },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const run = { child, output: "", code: undefined as number | null | undefined };
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (text: Buffer) => void (run.output += text.toString()));
  child.once("close", (code) => void (run.code = code));
  return run;
}

test("npm run example starts a cluster and the site, says where, and takes both along when it ends", async () => {
  const run = example("microblog");
  const address = () => /the microblog: (http:\S+)/.exec(run.output)?.[1];
  try {
    await until(
      async () => address() !== undefined || run.code !== undefined,
      60_000,
      "the example's address",
    );
    expect(run.output).toContain("3 nodes ready");
    expect(await (await fetch(address()!)).text()).toContain("<title>Microblog</title>");
    expect((await ask("PUT", `${address()}/api/people/tara`)).status).toBe(201);
  } finally {
    run.child.kill("SIGTERM");
    await until(async () => run.code !== undefined, 30_000, "the example to end");
  }
  expect(run.code).toBe(0);
  expect(run.output).toContain("stopped; the data stays");
});

test("an unknown example is refused with the list of those that there are", async () => {
  const run = example("blog");
  await until(async () => run.code !== undefined, 30_000, "the answer");
  expect(run.code).toBe(1);
  expect(run.output).toContain("npm run example likes | microblog");
});
