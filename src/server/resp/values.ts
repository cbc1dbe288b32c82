/** Small helpers to read arguments and to make replies. */
import { Failure, Status, type Reply } from "../../core/reply.ts";
import type { Args } from "../../data/contract.ts";
import { printable, textOf, unknownSubcommand, wrongArity } from "./failures.ts";
import type { ImmediateCommand, Session } from "./session.ts";

/** A bulk string. */
export const bulk = (text: string): Uint8Array => Buffer.from(text, "utf8");
export const bulks = (texts: readonly string[]): readonly Uint8Array[] => texts.map(bulk);

/** An option's name, in upper case. */
export const word = (arg: Uint8Array | undefined): string =>
  arg === undefined || arg.length > 64 ? "" : textOf(arg).toUpperCase();

/** A whole number as Redis reads it: no sign but `-`, no leading zeros. Undefined when it is none, or not a safe one. */
export function integer(arg: Uint8Array | undefined): number | undefined {
  if (arg === undefined || arg.length > 17) return undefined;
  const text = textOf(arg);
  if (!/^(?:0|-?[1-9][0-9]*)$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}

export interface Subcommand {
  /** Counts the container's name and the subcommand's; negative means "at least". */
  readonly arity: number;
  /** How it is called, for HELP; then what it does. */
  readonly help: readonly [usage: string, effect: string];
  /** For administrators of the cluster only. */
  readonly admin?: true;
  /** `args` without the subcommand's name. */
  run(session: Session, args: Args): Reply;
}

type ContainerFacts = Pick<ImmediateCommand, "name" | "group" | "since" | "summary">;

/** A command whose first argument names what to do, such as CLIENT. HELP comes by itself. */
export function container(
  facts: ContainerFacts,
  subcommands: Readonly<Record<string, Subcommand>>,
): ImmediateCommand {
  const all: ReadonlyMap<string, Subcommand> = new Map(Object.entries(subcommands));
  return {
    ...facts,
    kind: "immediate",
    arity: -2,
    flags: ["noscript", "loading", "stale"],
    multi: "queue",
    subcommands: new Map([...all].map(([name, { help }]) => [name, help[1]])),
    admin: new Set([...all].flatMap(([name, { admin }]) => (admin === true ? [name] : []))),
    run(session, args) {
      const name = word(args[0]).toLowerCase();
      if (name === "help") return help(facts.name, all);
      const subcommand = all.get(name);
      if (subcommand === undefined) return unknownSubcommand(facts.name, args[0]!);
      const count = args.length + 1;
      const { arity } = subcommand;
      if (arity >= 0 ? count !== arity : count < -arity) return wrongArity(`${facts.name}|${name}`);
      return subcommand.run(session, args.slice(1));
    },
  };
}

function help(name: string, subcommands: ReadonlyMap<string, Subcommand>): Reply {
  const lines = [`${name.toUpperCase()} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`];
  for (const {
    help: [usage, effect],
  } of subcommands.values())
    lines.push(usage, `    ${effect}`);
  lines.push("HELP", "    Print this help.");
  return lines.map((line) => new Status(line));
}

/** An option that was not understood, in Redis' words. */
export const unrecognized = (what: string, arg: Uint8Array): Failure =>
  new Failure(`ERR ${what} '${printable(arg, arg.length)}'`);
