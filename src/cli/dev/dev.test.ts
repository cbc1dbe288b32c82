import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { once } from "node:events";
import { spawn } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { freePorts } from "../../chaos/free-ports.ts";
import { fakeProcess, type FakeProcess } from "../context.testkit.ts";
import { socketPath } from "./control.ts";
import { readMarker } from "./directory.ts";
import { devNode } from "./layout.ts";
import { waitForPorts } from "./ports.ts";

const FAKE_NODE = fileURLToPath(new URL("fake-node.testkit.mjs", import.meta.url));
const self = [process.execPath, FAKE_NODE] as const;

let directory: string;
let basePort: number;
const running: { process: FakeProcess; done: Promise<number> }[] = [];
const servers: Server[] = [];

beforeEach(async () => {
  directory = join(mkdtempSync(join(tmpdir(), "kvorum-dev-")), "cluster");
  basePort = (await freePorts(34))[0]!;
});

afterEach(async () => {
  for (const { process } of running) process.signal("SIGTERM");
  await Promise.all(running.splice(0).map(({ done }) => done));
  for (const server of servers.splice(0)) server.close();
  rmSync(join(directory, ".."), { recursive: true, force: true });
});

const flags = () => ["--dir", directory];

/** Starts `kvorum dev` and waits for its page. */
async function dev(...more: string[]): Promise<FakeProcess> {
  const started = begin(...more);
  await started.printed(/redis-cli -p \d+/);
  return started;
}

function begin(...more: string[]): FakeProcess {
  const process_ = fakeProcess({ self: [...self] });
  const ports = existsSync(join(directory, "kvorum-dev.json")) ? [] : ["--base-port", String(basePort)];
  running.push({ process: process_, done: process_.run("dev", ...flags(), ...ports, ...more) });
  return process_;
}

async function tell(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const other = fakeProcess({ self: [...self] });
  const code = await other.run("dev", ...args, ...flags());
  return { code, out: other.out(), err: other.err() };
}

async function pidOf(name: string): Promise<number> {
  const { out } = await tell("status");
  const row = out.split("\n").find((line) => line.startsWith(name));
  return Number(row!.split(/ +/)[4]);
}

const entryOf = (name: string) => readFileSync(join(directory, name, "entry"), "utf8");

const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe("a development cluster", () => {
  it("starts three nodes, shows them, and stops them on a signal", async () => {
    const cluster = await dev();
    expect(cluster.out()).toMatch(/3 nodes ready after/);
    expect(cluster.out()).toContain(
      `n2    127.0.0.1:${basePort + 10}  http://127.0.0.1:${basePort + 11}  127.0.0.1:${basePort + 12}`,
    );
    expect(cluster.out()).toContain("1 shard + the system group");
    expect(cluster.out()).toContain(`npx kvorum status --watch --url 127.0.0.1:${basePort + 1}`);
    expect(cluster.out()).toContain(`npx kvorum dev restart 2 --dir ${directory}`);
    const pids = await Promise.all(["n1", "n2", "n3"].map(pidOf));
    expect(pids.every(isAlive)).toBe(true);

    cluster.signal("SIGINT");
    expect(await running[0]!.done).toBe(0);
    expect(cluster.out()).toMatch(/stopping 3 nodes[^]*stopped; the data stays/);
    expect(pids.some(isAlive)).toBe(false);
    expect(existsSync(join(directory, "n1"))).toBe(true);
  });

  it("says who died, that others lead, and brings it back when asked", async () => {
    const cluster = await dev();
    const first = await tell("kill", "1");
    expect(first).toMatchObject({
      code: 0,
      out: "n1 is killed with SIGKILL. Bring back: npx kvorum dev restart 1\n",
    });
    await cluster.printed(/n1 killed\n[^]*all shards have a leader .*n2 1\+system/);
    expect((await tell("status")).out).toMatch(/n1 .* - +killed/);

    const again = await tell("kill", "n1");
    expect(again.code).toBe(2);
    expect(again.err).toContain("n1 is not running, so it cannot be killed");

    const back = await tell("restart", "1");
    expect(back.out).toMatch(/^n1 is ready again after \d\.\d s\n$/);
    expect(entryOf("n1")).toBe("initial");

    process.kill(await pidOf("n3"), "SIGKILL");
    await cluster.printed(/n3 killed \(SIGKILL\); bring it back: npx kvorum dev restart 3/);
  });

  it("kills and restarts all at once", async () => {
    await dev();
    expect((await tell("kill", "all")).out).toContain("n1, n2, n3 are killed");
    const restart = fakeProcess();
    expect(await restart.run("dev", ...flags(), "restart", "all")).toBe(0);
    expect(restart.out()).toContain("n1, n2, n3 are ready again");
  });

  it("pauses and resumes", async () => {
    const cluster = await dev();
    const pid = await pidOf("n1");
    await tell("pause", "1");
    // The kernel stops the threads of a process one after the other, a little later than it takes the signal.
    const stopped = () => readFileSync(`/proc/${pid}/stat`, "utf8").split(" ")[2] === "T";
    await vi.waitUntil(stopped, { timeout: 10_000 });
    await cluster.printed(/n1 paused\n[^]*all shards have a leader/);
    expect((await tell("resume", "2")).err).toContain("n2 is not paused");
    expect((await tell("resume", "1")).out).toContain("n1 is running again");
    expect(readFileSync(`/proc/${pid}/stat`, "utf8").split(" ")[2]).not.toBe("T");
  });

  it("stops a paused node too", async () => {
    const cluster = await dev();
    const pid = await pidOf("n2");
    await tell("pause", "2");
    cluster.signal("SIGTERM");
    expect(await running[0]!.done).toBe(0);
    expect(isAlive(pid)).toBe(false);
  });

  it("lets a fourth node join, and remembers it", async () => {
    const cluster = await dev();
    expect((await tell("add")).out).toContain(`n4 joined: redis-cli -p ${basePort + 30}`);
    expect(entryOf("n4")).toBe("join");
    cluster.signal("SIGINT");
    await running.pop()!.done;
    const second = await dev();
    expect(second.out()).toContain("4 nodes ready");
  });

  it("lets a node whose directory was lost join, instead of founding again", async () => {
    await dev();
    await tell("kill", "2");
    rmSync(join(directory, "n2"), { recursive: true });
    await tell("restart", "2");
    expect(entryOf("n2")).toBe("join");
  });

  it("stops a node that was removed from the cluster, and does not start it again", async () => {
    const cluster = await dev();
    writeFileSync(join(directory, "removed-n1"), "");
    await cluster.printed(/n1 was removed from the cluster and is stopped; its files stay/);
    expect(readMarker(directory)!.nodes).toEqual([2, 3]);
    expect((await tell("kill", "1")).err).toContain("there is no node 1");
  });

  it("stops everything when asked from another terminal", async () => {
    await dev();
    expect(await tell("stop")).toMatchObject({ code: 0, out: "all nodes are stopped; the data stays\n" });
    expect(await running[0]!.done).toBe(0);
    expect(await tell("status")).toMatchObject({
      code: 3,
      err: expect.stringContaining("no `kvorum dev` is running in"),
    });
  });
});

describe("what is refused", () => {
  it("a second cluster in the same directory", async () => {
    await dev();
    const second = begin();
    expect(await running[1]!.done).toBe(1);
    expect(second.err()).toMatch(/is running in .* already \(3 nodes alive\)\n.*--dir/);
  });

  it("but not when all nodes of the first are dead: the second takes over", async () => {
    const first = await dev();
    await tell("kill", "all");
    await dev();
    expect(await running[0]!.done).toBe(0);
    expect(first.out()).toContain("asked from another terminal");
    expect((await tell("status")).out).toMatch(/n1 .*ready/);
  });

  it("a port that stays taken, with its number and its option", async () => {
    const server = createServer().listen(basePort + 11, "127.0.0.1");
    servers.push(server);
    await once(server, "listening");
    const nodes = [1, 2, 3].map((number) => devNode(number, basePort, directory));
    const reasons: string[] = [];
    await expect(waitForPorts(nodes, (reason) => reasons.push(reason), 300)).rejects.toThrow(
      `port ${basePort + 11} (HTTP of n2) is in use by another program`,
    );
    expect(reasons[0]).toBe(`port ${basePort + 11} (HTTP of n2) to become free`);
  });

  it("a directory that is somebody else's, also with --fresh", async () => {
    mkdirSync(directory);
    writeFileSync(join(directory, "thesis.txt"), "the only copy");
    const cluster = begin("--fresh");
    expect(await running[0]!.done).toBe(2);
    expect(cluster.err()).toContain("was not made by `kvorum dev` and is not empty");
    expect(existsSync(join(directory, "thesis.txt"))).toBe(true);
  });

  it("other ports or fewer nodes for a cluster that exists", async () => {
    const cluster = await dev();
    cluster.signal("SIGINT");
    await running.pop()!.done;
    for (const [option, message] of [
      [["--base-port", "9000"], `has base port ${basePort}`],
      [["--nodes", "2"], "has 3 nodes, not 2"],
    ] as const) {
      const other = begin(...option);
      expect(await running.pop()!.done).toBe(2);
      expect(other.err()).toContain(message);
    }
  });

  it.each([
    [["--nodes", "0"], "--nodes"],
    [["--nodes", "many"], "--nodes"],
    [["--base-port", "99999"], "--base-port"],
    [["--nodes", "3", "--base-port", "65000", "--colour"], "unknown option '--colour'"],
    [["explode"], "unknown command 'explode'"],
  ])("%j", async (args, message) => {
    const process_ = fakeProcess({ self: [...self] });
    expect(await process_.run("dev", ...args, ...flags())).toBe(2);
    expect(process_.err()).toContain(message);
  });

  it("a node that stops while starting, with its last words", async () => {
    mkdirSync(directory);
    writeFileSync(
      join(directory, "kvorum-dev.json"),
      JSON.stringify({ format: 1, basePort, founders: 3, nodes: [1, 2, 3], founded: false }),
    );
    writeFileSync(join(directory, "refuse-n2"), "");
    const cluster = begin();
    expect(await running[0]!.done).toBe(1);
    expect(cluster.err()).toContain("n2 stopped while starting: the fake was told to fail");
    expect(cluster.err()).toContain("n2.log");
  });

  it("goes on without a node that stops while starting, once the cluster exists", async () => {
    const first = await dev();
    first.signal("SIGINT");
    await running.pop()!.done;
    writeFileSync(join(directory, "refuse-n2"), "");
    const second = await dev();
    expect(second.out()).toContain("2 of 3 nodes ready");
    expect(second.out()).toMatch(/n2 ended with code 1; bring it back/);
  });
});

describe("--fresh", () => {
  it("wipes what the cluster wrote, and nothing else", async () => {
    const first = await dev();
    first.signal("SIGINT");
    await running.pop()!.done;
    writeFileSync(join(directory, "notes.txt"), "mine");
    writeFileSync(join(directory, "n1", "old"), "");
    await dev("--fresh", "--nodes", "2", "--base-port", String(basePort));
    expect(existsSync(join(directory, "n1", "old"))).toBe(false);
    expect(existsSync(join(directory, "n3"))).toBe(false);
    expect(existsSync(join(directory, "notes.txt"))).toBe(true);
    expect(readMarker(directory)).toMatchObject({ nodes: [1, 2], founders: 2, founded: true });
  });
});

describe("the control socket", () => {
  it("survives garbage and half a request", async () => {
    await dev();
    for (const text of ["nonsense\n", '{"verb":"explode","nodes":[]}\n', '{"verb":"ki']) {
      const socket = connect(socketPath(directory));
      socket.end(text);
      const chunks = await socket.setEncoding("utf8").toArray();
      expect(JSON.parse(chunks.join(""))).toMatchObject({ ok: false });
    }
    expect((await tell("status")).code).toBe(0);
  });

  it("does not hold up the end while somebody only holds a connection", async () => {
    const cluster = await dev("--nodes", "1");
    const socket = connect(socketPath(directory));
    await once(socket, "connect");
    await sleep(50);
    cluster.signal("SIGINT");
    expect(await running[0]!.done).toBe(0);
    socket.destroy();
  }, 15_000);

  it("is taken over when its owner was killed", async () => {
    mkdirSync(directory, { recursive: true });
    const path = socketPath(directory);
    const owner = spawn(process.execPath, [
      "-e",
      `require("net").createServer().listen(${JSON.stringify(path)}, () => console.log("up"))`,
    ]);
    await once(owner.stdout, "data");
    owner.kill("SIGKILL");
    await once(owner, "exit");
    expect(existsSync(path)).toBe(true);
    await dev();
    expect((await tell("status")).code).toBe(0);
  });

  it("lies in a short place when the directory's path is too long for a socket", () => {
    const long = join(directory, "x".repeat(120));
    expect(Buffer.byteLength(socketPath(long))).toBeLessThan(104);
    expect(socketPath(long)).not.toBe(socketPath(`${long}y`));
  });
});

it("waits a moment for ports that are only just being given back", async () => {
  const server = createServer().listen(basePort, "127.0.0.1");
  await once(server, "listening");
  const cluster = begin();
  await sleep(700);
  server.close();
  const [text] = await cluster.printed(/3 nodes ready/);
  expect(text).toBe("3 nodes ready");
});
