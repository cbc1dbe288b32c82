/** What the command line touches of its process. Tests hand in their own. */
import type { Readable } from "node:stream";
import type { ServerLogger } from "../server/logger.ts";
import type { LogLevel } from "../server/log-levels.ts";
import type { startServer } from "../server/start-server.ts";
import type { Style } from "./text/style.ts";

/** A terminal, a file or a pipe. */
export interface Output {
  write(text: string | Uint8Array): void;
  readonly isTTY: boolean;
  readonly columns: number;
  readonly rows: number;
}

export type StartServer = typeof startServer;

export interface CliContext {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** For standard output. */
  readonly style: Style;
  readonly version: string;
  readonly startServer: StartServer;
  readonly createLogger: (level: LogLevel, node: string) => Promise<ServerLogger>;
  /** How another `kvorum` process is started: the program and its first arguments. */
  readonly self: readonly [program: string, ...args: string[]];
  /** Calls back on SIGINT, SIGTERM and SIGHUP until the returned function is called. */
  readonly onSignal: (handle: (signal: NodeJS.Signals) => void) => () => void;
}
