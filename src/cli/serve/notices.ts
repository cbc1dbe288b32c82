/** Who is told how a starting node gets on: a person at a terminal, or the supervisor of several. */
import type { ServerOptions } from "../../server/options.ts";
import type { Supervision } from "../../server/processes/supervision.ts";
import type { RunningServer } from "../../server/start-server.ts";
import type { CliContext } from "../context.ts";
import { duration } from "../text/units.ts";
import { waitingLine } from "../text/waiting.ts";

export interface Notices {
  waiting(reason: string): void;
  opened(server: RunningServer): void;
  ready(server: RunningServer, tookMs: number): void;
  /** Nothing is waited for any more. */
  clear(): void;
}

export function terminalNotices(options: ServerOptions, context: CliContext): Notices {
  const line = waitingLine(context.stdout, context.style);
  const encrypted = options.tls.cert !== null;
  return {
    waiting: (reason) => line.update(reason),
    opened: () => undefined,
    ready: ({ node, addresses }, tookMs) =>
      context.stdout.write(readyLine(node.status().name, addresses, encrypted, tookMs, context)),
    clear: () => line.clear(),
  };
}

export function supervisedNotices(supervision: Supervision): Notices {
  return {
    waiting: (reason) => supervision.waiting(reason),
    opened: (server) => supervision.open(server),
    ready: (server) => supervision.ready(server),
    clear: () => undefined,
  };
}

export function readyLine(
  name: string,
  { resp, cluster, http, peer }: RunningServer["addresses"],
  encrypted: boolean,
  tookMs: number,
  { style }: CliContext,
): string {
  const took = style.dim(`(after ${duration(tookMs)})`);
  return `${style.bold(name)} is ready ${took}  redis ${resp}  ${cluster === null ? "" : `redis cluster ${cluster}  `}${encrypted ? "https" : "http"}://${http}  peers ${peer}\n`;
}
