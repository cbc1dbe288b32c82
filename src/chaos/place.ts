/** Where the nodes of a cluster stand: all on loopback, or each in a network namespace of its own. */
import { HOST } from "../cli/dev/layout.ts";
import { freePorts } from "./free-ports.ts";

type Command = readonly [program: string, ...args: string[]];

export interface Place {
  host(node: number): string;
  ports(nodes: number): Promise<readonly Ports[]>;
  /** How a program is started there. It keeps the process id of what is started. */
  command(node: number, program: Command): Command;
}

export const LOOPBACK: Place = {
  host: () => HOST,
  ports: loopbackPorts,
  command: (_node, program) => program,
};

export interface Ports {
  readonly resp: number;
  readonly http: number;
  readonly peer: number;
}

/** Three ports of loopback for each node. */
async function loopbackPorts(nodes: number): Promise<readonly Ports[]> {
  const ports = await freePorts(nodes * 3);
  return Array.from({ length: nodes }, (_, i) => ({
    resp: ports[3 * i]!,
    http: ports[3 * i + 1]!,
    peer: ports[3 * i + 2]!,
  }));
}
