/**
 * Who the command line is to the nodes, and how it knows them: the options of every command that talks to a cluster.
 * A password never stands on the command line, where other users of the machine could read it.
 */
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import type { Command } from "commander";
import type { CliContext } from "./context.ts";
import { CliError, EXIT, messageOf, usage } from "./failure.ts";

export interface Login {
  readonly user: string;
  readonly password: string;
}

export interface Remote {
  readonly login: Login | null;
  /** Certificates to trust. Set: connections are encrypted. */
  readonly ca: string | null;
}

interface RemoteFlags {
  readonly user?: string;
  readonly passwordFile?: string;
  readonly ca?: string;
}

/** What commands that talk to a cluster read from the environment. */
export const REMOTE_VARIABLES: readonly string[] = [
  "KVORUM_URL",
  "KVORUM_ADDRESS",
  "KVORUM_USER",
  "KVORUM_PASSWORD",
  "KVORUM_PASSWORD_FILE",
  "KVORUM_CA",
];

const ANONYMOUS: Remote = { login: null, ca: null };

/** Of the one command that this process carries out. */
let current: Remote = ANONYMOUS;

export const remote = (): Remote => current;

/** Commands that take the address of a node also take these options. */
export function addRemoteOptions(target: Command): void {
  for (const sub of target.commands) addRemoteOptions(sub);
  if (!needsLogin(target)) return;
  target
    .option("--user <name>", "log in as this user (KVORUM_USER)")
    .option(
      "--password-file <file>",
      "file that holds the password, - for standard input (KVORUM_PASSWORD_FILE or KVORUM_PASSWORD; asked for otherwise)",
    )
    .option("--ca <file>", "encrypt, and trust nodes with a certificate of this authority (KVORUM_CA)");
}

const needsLogin = (target: Command): boolean =>
  target.name() === "dev" || target.options.some(({ long }) => long === "--url" || long === "--address");

/** Reads what the flags and the environment say; may ask for the password. */
export async function resolveRemote(command: Command, context: CliContext): Promise<void> {
  current = ANONYMOUS;
  if (!command.options.some(({ long }) => long === "--password-file")) return;
  const flags: RemoteFlags = command.opts();
  const { env } = context;
  const caFile = flags.ca ?? env["KVORUM_CA"] ?? "";
  const user = flags.user ?? env["KVORUM_USER"] ?? "";
  const ca = caFile === "" ? null : readText(caFile);
  current = { ca, login: user === "" ? null : { user, password: await passwordOf(user, flags, context) } };
}

async function passwordOf(user: string, flags: RemoteFlags, context: CliContext): Promise<string> {
  const { env } = context;
  const fromEnv = env["KVORUM_PASSWORD"];
  const file = flags.passwordFile ?? env["KVORUM_PASSWORD_FILE"] ?? "";
  if (file === "-") return readLine(context);
  if (file !== "") return firstLine(readText(file));
  if (fromEnv !== undefined) return fromEnv;
  if (context.stdin.isTTY === true) return ask(`Password of ${user}: `, context);
  throw usage(
    `there is no password for the user ${user}`,
    "Put it into a file and name that with --password-file, or set KVORUM_PASSWORD.",
  );
}

/** A password for somebody: from a file, typed twice, or the first line of standard input. */
export async function newPassword(
  user: string,
  file: string | undefined,
  context: CliContext,
): Promise<string> {
  if (file !== undefined && file !== "-") return firstLine(readText(file));
  if (context.stdin.isTTY !== true || file === "-") return readLine(context);
  const password = await ask(`New password of ${user}: `, context);
  if ((await ask("The same again: ", context)) === password) return password;
  throw new CliError("the two passwords differ", "Try again.");
}

/** Editors end files with a line break, which is no part of the password. */
const firstLine = (text: string): string => text.replace(/\r?\n[^]*$/, "");

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new CliError(`cannot read ${file}: ${messageOf(error)}`, "Correct the path.", EXIT.usage, error);
  }
}

async function readLine(context: CliContext): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of context.stdin) chunks.push(Buffer.from(chunk as Uint8Array));
  return firstLine(Buffer.concat(chunks).toString("utf8"));
}

async function ask(question: string, context: CliContext): Promise<string> {
  context.stderr.write(question);
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: context.stdin, output: nowhere, terminal: true });
  try {
    return await lines.question("");
  } finally {
    lines.close();
    context.stderr.write("\n");
  }
}
