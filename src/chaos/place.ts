/** Where the nodes of a cluster stand: all on loopback, or each in a network namespace of its own. */
import { createServer } from "node:net";
import { HOST } from "../cli/dev/layout.ts";

type Command = readonly [program: string, ...args: string[]];

export interface Place {
  host(node: number): string;
  ports(nodes: number): Promise<readonly Ports[]>;
  /** How a program is started there. It keeps the process id of what is started. */
  command(node: number, program: Command): Command;
}

export const LOOPBACK: Place = {
  host: () => HOST,
  ports: freePorts,
  command: (_node, program) => program,
};

export interface Ports {
  readonly resp: number;
  readonly http: number;
  readonly peer: number;
}

/** Ports of loopback that are free at this moment, three for each node. */
async function freePorts(nodes: number): Promise<readonly Ports[]> {
  const servers = Array.from({ length: nodes * 3 }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve, reject) => {
          server.once("error", reject);
          server.listen(0, HOST, () => {
            const address = server.address();
            resolve(typeof address === "object" && address !== null ? address.port : 0);
          });
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => void server.close(resolve))));
  return Array.from({ length: nodes }, (_, i) => ({
    resp: ports[3 * i]!,
    http: ports[3 * i + 1]!,
    peer: ports[3 * i + 2]!,
  }));
}
