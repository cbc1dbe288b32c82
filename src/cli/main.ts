#!/usr/bin/env node
/** The entry point: the real process behind the command line. */
import { fileURLToPath } from "node:url";
import type { CliContext, Output } from "./context.ts";
import { runCli } from "./program.ts";
import { packageVersion } from "../version.ts";
import { createStyle, wantsColour } from "./text/style.ts";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

function output(stream: NodeJS.WriteStream): Output {
  // `kvorum status | head`: whoever reads has enough, which is no error.
  stream.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));
  return {
    write: (text) => void stream.write(text),
    isTTY: stream.isTTY === true,
    get columns() {
      return stream.columns ?? 80;
    },
    get rows() {
      return stream.rows ?? 24;
    },
  };
}

function onSignal(handle: (signal: NodeJS.Signals) => void): () => void {
  for (const signal of SIGNALS) process.on(signal, handle);
  // A node of `kvorum dev` ends with it, also when that was killed and could tell nobody.
  const orphaned = () => handle("SIGHUP");
  if (process.connected === true) process.once("disconnect", orphaned);
  return () => {
    for (const signal of SIGNALS) process.off(signal, handle);
    process.off("disconnect", orphaned);
    if (process.connected === true) process.disconnect();
  };
}

const context: CliContext = {
  stdout: output(process.stdout),
  stderr: output(process.stderr),
  stdin: process.stdin,
  env: process.env,
  style: createStyle(wantsColour(process.stdout.isTTY, process.env)),
  version: packageVersion(),
  // Only a node needs these; `kvorum get` should not have to wait for them.
  startServer: async (...args) => (await import("../server/start-server.ts")).startServer(...args),
  createLogger: async (level, node) => (await import("../server/logger.ts")).createLogger({ level, node }),
  self: [process.execPath, ...process.execArgv, fileURLToPath(import.meta.url)],
  onSignal,
};

const exitCode = await runCli(process.argv.slice(2), context);
// A command that succeeds may have set a code of its own (`kvorum check` tells its verdict so).
if (exitCode !== 0) process.exitCode = exitCode;
