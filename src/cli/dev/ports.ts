/** Are the ports free? Asked before any node is started, so that the answer is one clear sentence. */
import { createServer } from "node:net";
import { CliError, codeOf, EXIT, messageOf } from "../failure.ts";
import { HOST, type DevNode } from "./layout.ts";

const PATIENCE_MS = 8_000;
const RETRY_MS = 150;

const DOORS = [
  ["resp", "RESP"],
  ["http", "HTTP"],
  ["peer", "peer"],
  ["cluster", "cluster"],
] as const;

/** Nodes of a run that was just killed may still be leaving, so taken ports are asked for again, for some seconds. */
export async function waitForPorts(
  nodes: readonly DevNode[],
  waiting: (reason: string) => void,
  patienceMs = PATIENCE_MS,
): Promise<void> {
  const deadline = performance.now() + patienceMs;
  for (const node of nodes) {
    for (const [door, name] of DOORS) {
      const port = node[door];
      if (port === undefined) continue;
      while (!(await isFree(port))) {
        if (performance.now() > deadline) {
          throw new CliError(
            `port ${port} (${name} of ${node.name}) is in use by another program`,
            "Stop that program, or choose other ports with --base-port (and another --dir).",
            EXIT.failed,
          );
        }
        waiting(`port ${port} (${name} of ${node.name}) to become free`);
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", (error) => {
      if (codeOf(error) === "EADDRINUSE") resolve(false);
      else
        reject(
          new CliError(
            `cannot listen on port ${port}: ${messageOf(error)}`,
            "Choose other ports with --base-port.",
          ),
        );
    });
    probe.listen({ host: HOST, port, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}
