/** `kvorum exec`, `get`, `set`, `del`: one command over RESP. */
import type { Command } from "commander";
import { Failure } from "../../core/reply.ts";
import type { CliContext } from "../context.ts";
import { CliError } from "../failure.ts";
import { ADDRESS_OPTION, addHelp } from "../help.ts";
import { formatReply, rawReply } from "../resp/format-reply.ts";
import { connectFirst, respAddresses } from "../resp/resp-client.ts";

interface ExecFlags {
  readonly address?: string;
  readonly raw?: true;
  readonly stdin?: true;
}

const RAW: [string, string] = [
  "--raw",
  "print the bytes as they are, also on a terminal (always so in a pipe)",
];
const STDIN: [string, string] = ["--stdin", "the last argument is read from standard input"];

export function defineExec(exec: Command, context: CliContext): void {
  exec
    .option(...ADDRESS_OPTION)
    .option(...RAW)
    .option(...STDIN)
    // What follows the command belongs to it, also when it starts with a dash.
    .passThroughOptions()
    .action((name: string, args: string[], flags: ExecFlags) => run([name, ...args], flags, context));
  addHelp(
    exec,
    [
      ["kvorum exec set greeting hello EX 60", ""],
      ["kvorum exec hgetall user:1", ""],
      ["kvorum exec --stdin set picture < picture.png", ""],
    ],
    "The exit code is 1 when the reply is an error.",
  );
}

export function defineGet(get: Command, context: CliContext): void {
  get
    .option(...ADDRESS_OPTION)
    .option(...RAW)
    .action((key: string, flags: ExecFlags) => run(["get", key], flags, context));
  addHelp(get, [
    ["kvorum get greeting", ""],
    ["kvorum get picture > picture.png", "the bytes as they are, and a newline"],
  ]);
}

export function defineSet(set: Command, context: CliContext): void {
  set
    .option(...ADDRESS_OPTION)
    .option("--stdin", "the value is read from standard input")
    .passThroughOptions()
    .action((key: string, value: string | undefined, rest: string[], flags: ExecFlags) =>
      run(["set", key, ...(value === undefined ? [] : [value]), ...rest], flags, context),
    );
  addHelp(
    set,
    [
      ["kvorum set greeting hello", ""],
      ["kvorum set lock me NX EX 10", ""],
      ["kvorum set --stdin picture < picture.png", ""],
    ],
    "What follows the value are options of SET, such as NX or EX 60.",
  );
}

export function defineDel(del: Command, context: CliContext): void {
  del
    .option(...ADDRESS_OPTION)
    .action((keys: string[], flags: ExecFlags) => run(["del", ...keys], flags, context));
  addHelp(del, [["kvorum del greeting lock", "prints how many there were"]]);
}

async function run(words: readonly string[], flags: ExecFlags, context: CliContext): Promise<void> {
  const args: Uint8Array[] = words.map((word) => Buffer.from(word));
  if (flags.stdin === true) args.push(await readAll(context));
  const connection = await connectFirst(respAddresses(flags.address, context.env));
  try {
    const reply = await connection.call(args);
    if (reply instanceof Failure) throw new CliError(reply.message, adviceFor(reply.message));
    if (context.stdout.isTTY && flags.raw !== true) context.stdout.write(`${formatReply(reply)}\n`);
    else context.stdout.write(Buffer.concat([rawReply(reply), Buffer.from("\n")]));
  } finally {
    connection.close();
  }
}

async function readAll(context: CliContext): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  for await (const chunk of context.stdin) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks);
}

/** Error replies say what is wrong; what to do depends on little more than their first word. */
function adviceFor(message: string): string {
  if (message.startsWith("ERR unknown command")) return "List the commands with: kvorum exec command list";
  if (message.startsWith("ERR wrong number")) return "See its arguments with: kvorum exec command info NAME";
  if (message.startsWith("WRONGTYPE")) return "See the key's type with: kvorum exec type KEY";
  if (/^(TRYAGAIN|CLUSTERDOWN|BUSY|LOADING|TIMEOUT)/.test(message))
    return "See the cluster with: kvorum status";
  return "Correct the command and send it again.";
}
