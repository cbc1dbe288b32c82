/** `kvorum shell`: commands from the keyboard, or from a file, one a line. */
import { createInterface } from "node:readline";
import type { Command } from "commander";
import { Failure } from "../../core/reply.ts";
import type { Address } from "../../core/world.ts";
import { formatAddress } from "../../server/notation.ts";
import type { CliContext } from "../context.ts";
import { CliError, messageOf } from "../failure.ts";
import { ADDRESS_OPTION, addHelp } from "../help.ts";
import { formatReply } from "../resp/format-reply.ts";
import { connectFirst, respAddresses, type RespConnection } from "../resp/resp-client.ts";
import { splitLine } from "../resp/split-line.ts";
import { plural } from "../text/units.ts";

export function defineShell(shell: Command, context: CliContext): void {
  shell
    .option(...ADDRESS_OPTION)
    .action((flags: { address?: string }) => runShell(respAddresses(flags.address, context.env), context));
  addHelp(
    shell,
    [
      ["kvorum shell", ""],
      ["kvorum shell --address 10.0.0.5:7410", ""],
      ["kvorum shell < commands.txt", "stops with exit code 1 if any of them failed"],
    ],
    'Arguments with spaces go in quotes: set greeting "hello world". Leave with exit or Ctrl-D.',
  );
}

async function runShell(addresses: readonly Address[], context: CliContext): Promise<void> {
  const interactive = context.stdin.isTTY === true && context.stdout.isTTY;
  const session = { connection: await connectFirst(addresses) };
  const lines = createInterface({
    input: context.stdin,
    ...(interactive ? { output: process.stdout } : {}),
    terminal: interactive,
    historySize: 1_000,
    removeHistoryDuplicates: true,
  });
  const prompt = () => {
    if (!interactive) return;
    lines.setPrompt(context.style.bold(`${formatAddress(session.connection.address)}> `));
    lines.prompt();
  };
  if (interactive) context.stdout.write(context.style.dim("exit or Ctrl-D leaves, help tells more\n"));

  let failures = 0;
  prompt();
  try {
    for await (const line of lines) {
      const verdict = await runLine(line, session, addresses, context);
      if (verdict === "leave") break;
      if (verdict === "failed") failures++;
      prompt();
    }
  } finally {
    lines.close();
    session.connection.close();
  }
  if (!interactive && failures > 0) {
    throw new CliError(`${plural(failures, "command")} failed`, "Their replies above say why.");
  }
}

async function runLine(
  line: string,
  session: { connection: RespConnection },
  addresses: readonly Address[],
  context: CliContext,
): Promise<"done" | "failed" | "leave"> {
  const args = splitLine(line);
  if (args === null) {
    context.stdout.write("Quotes do not match.\n");
    return "failed";
  }
  const first = args[0] === undefined ? "" : Buffer.from(args[0]).toString().toLowerCase();
  if (first === "" || first.startsWith("#")) return "done";
  if (first === "exit" || first === "quit") return "leave";
  if (first === "help") {
    context.stdout.write("Type any command, such as: set a 1, get a, hset h field value, command count.\n");
    return "done";
  }
  try {
    if (!session.connection.open) session.connection = await connectFirst(addresses);
    const reply = await session.connection.call(args);
    const text = formatReply(reply);
    context.stdout.write(`${reply instanceof Failure ? context.style.red(text) : text}\n`);
    return reply instanceof Failure ? "failed" : "done";
  } catch (error) {
    context.stdout.write(`${context.style.red(`(error) ${messageOf(error)}`)}\n`);
    return "failed";
  }
}
