/** Debian's redis-server as the other side of a comparison: started on a free loopback port, without persistence. */
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePorts } from "../../src/chaos/free-ports.ts";
import { TestClient } from "../../src/server/resp/client.testkit.ts";

const PROGRAM = "/usr/bin/redis-server";

/** Says loudly what is not compared when there is no Redis on this machine. */
export function redisIsInstalled(): boolean {
  if (existsSync(PROGRAM)) return true;
  console.warn(
    `\n!!! ${PROGRAM} is missing: replies are NOT compared with Redis.\n` +
      "!!! Install it: apt-get install --no-install-recommends redis-server\n",
  );
  return false;
}

export interface RunningRedis {
  readonly address: string;
  connect(): Promise<TestClient>;
  close(): Promise<void>;
}

export async function startRedis(): Promise<RunningRedis> {
  const port = (await freePorts(1))[0]!;
  const folder = mkdtempSync(join(tmpdir(), "kvorum-redis-"));
  const settings = {
    port: String(port),
    bind: "127.0.0.1",
    dir: folder,
    save: "",
    appendonly: "no",
    // Else a slow machine is part of the replies.
    "slowlog-log-slower-than": "-1",
  };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  const child = spawn(PROGRAM, args, { stdio: "ignore" });
  const address = `127.0.0.1:${port}`;
  await answering(address, child);
  return {
    address,
    connect: () => TestClient.connect(address),
    close: () =>
      new Promise((resolve) => {
        child.once("exit", () => {
          rmSync(folder, { recursive: true, force: true });
          resolve();
        });
        child.kill();
      }),
  };
}

async function answering(address: string, child: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if (child.exitCode !== null) throw new Error(`redis-server ended at once with code ${child.exitCode}`);
    try {
      const client = await TestClient.connect(address);
      await client.call("PING");
      await client.close();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  throw new Error("redis-server does not answer");
}
