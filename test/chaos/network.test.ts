/** Network namespaces for real: needs Linux, root and `ip`, and says loudly when it cannot run. */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { NodeNetwork, whyNoNamespaces } from "../../src/chaos/network.ts";

const COMPILED = new URL("../../dist/chaos/network.js", import.meta.url).href;
const PORT = 7410;

const why = whyNoNamespaces();
if (why !== null) console.warn(`NOT TESTED: network namespaces: ${why}`);

/** Variants that `partition` takes: both directions, what it sends, what it is sent. */
const KINDS = [0.1, 0.5, 0.9];

describe.runIf(why === null)("nodes in network namespaces", () => {
  test("given two nodes, when one is cut off in any way, then they cannot connect, clients still can, and after healing all can", async () => {
    const network = new NodeNetwork(2);
    const servers: ChildProcess[] = [];
    try {
      for (const node of [1, 2]) servers.push(serveIn(network, node));
      await until(async () => (await reaches(network, 1)) && (await reaches(network, 2)));
      await until(async () => connects(network, 1, 2));
      for (const kind of KINDS) {
        network.partition(1, kind);
        expect([kind, connects(network, 1, 2), connects(network, 2, 1)]).toEqual([kind, false, false]);
        await until(() => reaches(network, 1));
        network.heal(1);
        await until(async () => connects(network, 1, 2) && connects(network, 2, 1));
      }
    } finally {
      for (const server of servers) server.kill("SIGKILL");
      network.remove();
    }
    expect(existsSync(`/run/netns/kvorum-chaos-${process.pid}-n1`)).toBe(false);
  });

  test("given a run that was killed with its nodes alive, when another begins, then it takes away what was left", async () => {
    // Given a process that makes a namespace with a program in it, and dies.
    const script = `
      import { spawn } from "node:child_process";
      import { NodeNetwork } from ${JSON.stringify(COMPILED)};
      const [program, ...args] = new NodeNetwork(1).command(1, ["sleep", "1000"]);
      const child = spawn(program, args, { detached: true, stdio: "ignore" });
      console.log(process.pid, child.pid);
      setTimeout(() => process.kill(process.pid, "SIGKILL"), 300);`;
    const { stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
      encoding: "utf8",
    });
    const [owner, left] = stdout.trim().split(" ").map(Number) as [number, number];
    expect(existsSync(`/run/netns/kvorum-chaos-${owner}-n1`)).toBe(true);
    expect(existsSync(`/sys/class/net/kvc${owner}`)).toBe(true);

    new NodeNetwork(1).remove();
    expect(existsSync(`/run/netns/kvorum-chaos-${owner}-n1`)).toBe(false);
    expect(existsSync(`/sys/class/net/kvc${owner}`)).toBe(false);
    await until(async () => !isRunning(left));
  });
});

const CONNECT = fileURLToPath(new URL("./connect.testkit.mjs", import.meta.url));

function serveIn(network: NodeNetwork, node: number): ChildProcess {
  const [program, ...args] = network.command(node, [process.execPath, CONNECT, "serve", String(PORT)]);
  return spawn(program, args, { stdio: "ignore" });
}

/** From inside one node to another, within half a second. */
function connects(network: NodeNetwork, from: number, to: number): boolean {
  const call = [process.execPath, CONNECT, "call", String(PORT), network.host(to)] as const;
  const [program, ...args] = network.command(from, call);
  return spawnSync(program, args).status === 0;
}

/** From where clients are. */
function reaches(network: NodeNetwork, node: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: network.host(node), port: PORT, timeout: 500 });
    const end = (isConnected: boolean) => () => {
      socket.destroy();
      resolve(isConnected);
    };
    socket.once("connect", end(true)).once("error", end(false)).once("timeout", end(false));
  });
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error("it did not come");
    await sleep(50);
  }
}

/** Whether it runs; one that ended and that nobody has asked for yet does not. */
function isRunning(pid: number): boolean {
  const { stdout } = spawnSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" });
  return stdout.trim() !== "" && !stdout.startsWith("Z");
}
