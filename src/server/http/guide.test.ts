/** docs/HTTP.md: its examples are run, in their order, against a node with a data directory. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { defaultOptions } from "../options.ts";
import { memoryLog } from "../resp/client.testkit.ts";
import { type RunningServer, startServer } from "../start-server.ts";

const GUIDE = readFileSync(new URL("../../../docs/HTTP.md", import.meta.url), "utf8");
const BASE = "http://localhost:7411";

let directory: string;
let server: RunningServer;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "kvorum-guide-"));
  const ports = { respPort: 0, httpPort: 0, peerPort: 0 };
  server = await startServer(defaultOptions({ ...ports, dataDir: directory }), memoryLog().log, "test");
  await new Promise<void>((resolve) => server.node.whenReady(resolve));
});
afterAll(async () => {
  await server.close();
  rmSync(directory, { recursive: true });
});

/** What curl would print; of the headers, with -i, only the tag. */
async function curl(line: string): Promise<string> {
  const words = [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!);
  const headers = new Headers();
  let method = "GET";
  let url = "";
  let body: string | undefined;
  let shown = false;
  for (let i = 1; i < words.length; i++) {
    const word = words[i]!;
    if (word === "-X") method = words[++i]!;
    else if (word === "-i") shown = true;
    else if (word === "-H") headers.append(...(words[++i]!.split(": ") as [string, string]));
    else if (word === "--data") body = words[++i]!;
    else if (word === "--json") {
      body = words[++i]!;
      headers.set("content-type", "application/json");
    } else if (word.startsWith(BASE)) url = word.replace(BASE, `http://${server.addresses.http}`);
    else throw new Error(`the guide uses curl ${word}, which this test does not know`);
  }
  const response = await fetch(url, { method, headers, ...(body === undefined ? {} : { body }) });
  const text = await response.text();
  const head = `HTTP/1.1 ${response.status} ${response.statusText}\netag: ${response.headers.get("etag")}\n\n`;
  return `${shown ? head : ""}${text}`;
}

test("every example of the guide answers what stands below it", async () => {
  const blocks = [...GUIDE.matchAll(/```console\n(.*?)```/gs)].map(([, block]) => block!);
  expect(blocks.length).toBeGreaterThan(4);
  for (const block of blocks) {
    let answered = "";
    for (const command of block.match(/^\$ .*$/gm) ?? []) {
      const output = await curl(command.slice(2));
      answered += `${command}\n${output === "" ? "" : `${output}\n`}`;
    }
    expect(answered).toBe(block);
  }
});

test("the stream of the guide begins as it says, with the changes of a key under the prefix", async () => {
  const [, path] = /curl -N '[^']*?(\/v1[^']*)'/.exec(GUIDE)!;
  const abort = new AbortController();
  const response = await fetch(`http://${server.addresses.http}${path}`, { signal: abort.signal });
  await curl(`curl -X PUT --data Ada ${BASE}/v1/keyspaces/default/keys/user:1`);
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of response.body!) {
    text += decoder.decode(chunk as Uint8Array);
    if (text.includes("event: change") && text.endsWith("\n\n")) break;
  }
  abort.abort();
  expect(text).toMatch(
    /^retry: 1000\n\nevent: start\nid: \S+\ndata: \{"shards":\d+\}\n\nevent: change\nid: /,
  );
  expect(text).toContain(`"changes":[{"kind":"set","key":"user:1","value":"Ada"}]`);
});
