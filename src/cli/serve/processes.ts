/** `kvorum serve --processes N`: the supervisor of several nodes on this machine. */
import { formatAddress } from "../../server/notation.ts";
import type { ServerOptions } from "../../server/options.ts";
import { leftOutWarnings } from "../../server/processes/left-out.ts";
import { planProcesses } from "../../server/processes/plan.ts";
import { Supervisor } from "../../server/processes/supervisor.ts";
import type { CliContext } from "../context.ts";
import { CliError } from "../failure.ts";
import { waitingLine } from "../text/waiting.ts";
import { createEnd } from "./end.ts";
import { readyLine } from "./notices.ts";

const POLL_MS = 100;

/** Until a signal comes. Fails when a process cannot begin to serve, or one had to be killed in the end. */
export async function runProcesses(options: ServerOptions, context: CliContext): Promise<void> {
  const log = await context.createLogger(options.logLevel, `${options.name} supervisor`);
  const plan = planProcesses(options);
  const line = waitingLine(context.stdout, context.style);
  const end = createEnd();
  const release = context.onSignal((signal) => end.reach({ type: "signal", signal }));
  const encrypted = options.tls.cert !== null;
  try {
    const warnings = [...plan.warnings, ...leftOutWarnings(options.dataDir, options.name, options.processes)];
    for (const warning of warnings) log.warn({}, warning);
    const supervisor = await Supervisor.start({
      plan,
      command: [...context.self, "serve", "--supervised"],
      env: inherited(context.env),
      log,
      onReady: (name, addresses, afterMs) => {
        line.clear();
        log.info({ process: name, ...addresses }, "a process is ready");
        context.stdout.write(readyLine(name, addresses, encrypted, afterMs, context));
      },
      onFailed: (name) => end.reach({ type: "fatal", error: new Error(`${name} cannot begin to serve`) }),
    });
    while (end.reached === null && supervisor.waiting.size > 0) {
      line.update([...supervisor.waiting].map(([name, reason]) => `${name}: ${reason}`).join("; "));
      await Promise.race([end.promise, new Promise((resolve) => setTimeout(resolve, POLL_MS))]);
    }
    line.clear();
    if (end.reached === null) {
      context.stdout.write(
        `all ${plan.processes.length} processes are ready  redis ${context.style.bold(formatAddress(supervisor.address))}\n`,
      );
    }
    const reason = await end.promise;
    line.clear();
    log.info(reason, "stopping all processes");
    const orderly = await supervisor.close();
    log.info({ orderly }, "stopped");
    if (reason.type === "fatal") throw reason.error;
    if (!orderly) throw new Error("not every process ended in order");
  } catch (error) {
    line.clear();
    log.error({ error }, "the processes of this machine do not run");
    throw new CliError(
      error instanceof Error ? error.message : String(error),
      "What the processes said is above; `kvorum serve --explain-config` shows the ports.",
      undefined,
      error,
    );
  } finally {
    release();
    log.flush();
  }
}

/** The options reach the processes in another way, and variables would only contradict them. */
function inherited(env: CliContext["env"]): CliContext["env"] {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !name.startsWith("KVORUM_") || name === "KVORUM_DEBUG"),
  );
}
