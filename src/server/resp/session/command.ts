/** COMMAND: what clients and redis-cli learn about our commands, derived from the commands themselves. */
import { Failure, MapReply, SetReply, Status, type Reply } from "../../../core/reply.ts";
import type { Args, CommandSpec } from "../../../data/contract.ts";
import { compileGlob } from "../../../data/glob.ts";
import { SYNTAX_ERROR, textOf } from "../failures.ts";
import { manualOf } from "../manual.ts";
import type { Command, CommandCatalog, CommandManual } from "../session.ts";
import { bulk, bulks, container } from "../values.ts";

export const COMMAND = container(
  { name: "command", group: "server", since: "2.8.13", summary: "Get array of command details" },
  {
    count: {
      arity: 2,
      help: ["COUNT", "Return the number of commands of this server."],
      run: (session) => session.server.commands.all.length,
    },
    info: {
      arity: -2,
      help: ["INFO [<command-name> ...]", "Return details about commands; about all when none is named."],
      run: ({ server: { commands } }, args) =>
        chosen(commands, args).map((command) => (command === undefined ? null : describe(command))),
    },
    docs: {
      arity: -2,
      help: ["DOCS [<command-name> ...]", "Return the documentation of commands; of all when none is named."],
      run: ({ server: { commands } }, args) =>
        new MapReply(
          chosen(commands, args).flatMap((command) =>
            command === undefined ? [] : [[bulk(command.name), document(command)] as const],
          ),
        ),
    },
    list: {
      arity: -2,
      help: [
        "LIST [FILTERBY (MODULE <name>|ACLCAT <category>|PATTERN <pattern>)]",
        "Return the names of commands.",
      ],
      run: ({ server: { commands } }, args) => list(commands, args),
    },
    getkeys: {
      arity: -4,
      help: ["GETKEYS <full-command>", "Return the keys of a full command."],
      run: ({ server: { commands } }, args) => getKeys(commands, args),
    },
  },
);

/** COMMAND alone lists everything. */
export const COMMAND_COMMAND = {
  ...COMMAND,
  arity: -1,
  run: ((session, args) =>
    args.length === 0
      ? session.server.commands.all.map(describe)
      : COMMAND.run(session, args)) as typeof COMMAND.run,
};

function chosen(commands: CommandCatalog, args: Args): readonly (Command | undefined)[] {
  return args.length === 0 ? commands.all : args.map((name) => commands.named(textOf(name)));
}

const manual = (command: Command): CommandManual =>
  command.kind === "data" ? manualOf(command.name) : command;

interface KeyRange {
  readonly first: number;
  /** Negative counts from the end. */
  readonly last: number;
  readonly step: number;
}

const PLACEHOLDER = bulk("1");
const NO_KEYS: KeyRange = { first: 0, last: 0, step: 0 };

/** Longer than any fixed part of a command. */
const PROBE_ARGUMENTS = 6;

/** Where the keys stand, found out by asking the command about calls of two lengths. Positions count the name as 0. */
export function keyRange(spec: CommandSpec): KeyRange {
  const least = Math.max(1, Math.abs(spec.arity) - 1);
  const keysOfCall = (length: number): readonly number[] =>
    spec.keys(Array.from({ length }, () => PLACEHOLDER));
  const few = keysOfCall(least);
  const many = spec.arity > 0 ? few : keysOfCall(least + PROBE_ARGUMENTS);
  const [first, second] = many;
  if (first === undefined) return NO_KEYS;
  const step = second === undefined ? 1 : second - first;
  const grows = few.length > 0 && many.length > few.length;
  return { first: first + 1, last: grows ? -1 : many.at(-1)! + 1, step };
}

/** One entry of COMMAND, in the shape of Redis 7: ten elements. */
function describe(command: Command): Reply {
  const range = rangeOf(command);
  const flags = command.kind === "data" ? dataFlags(command.spec) : command.flags;
  const categories = [
    ...flags.filter((flag) => flag === "fast").map(() => "@fast"),
    `@${manual(command).group}`,
  ];
  if (command.kind === "data") categories.unshift(command.spec.access === "read" ? "@read" : "@write");
  return [
    bulk(command.name),
    command.arity,
    new SetReply(flags.map((flag) => new Status(flag))),
    range.first,
    range.last,
    range.step,
    new SetReply(categories.map((category) => new Status(category))),
    [],
    range.step === 0 ? [] : [keySpecification(command, range)],
    [],
  ];
}

const dataFlags = (spec: CommandSpec): readonly string[] =>
  spec.access === "read" ? ["readonly"] : ["write"];

function rangeOf(command: Command): KeyRange {
  if (command.kind === "data") return keyRange(command.spec);
  if (command.kind !== "ordered" || command.key === undefined) return NO_KEYS;
  return { first: command.key + 1, last: command.key + 1, step: 1 };
}

function keySpecification(command: Command, range: KeyRange): Reply {
  const writes = command.kind === "data" && command.spec.access === "write";
  const lastkey = range.last < 0 ? range.last : range.last - range.first;
  return new MapReply([
    [bulk("flags"), new SetReply([new Status(writes ? "RW" : "RO")])],
    [
      bulk("begin_search"),
      new MapReply([
        [bulk("type"), bulk("index")],
        [bulk("spec"), new MapReply([[bulk("index"), range.first]])],
      ]),
    ],
    [
      bulk("find_keys"),
      new MapReply([
        [bulk("type"), bulk("range")],
        [
          bulk("spec"),
          new MapReply([
            [bulk("lastkey"), lastkey],
            [bulk("keystep"), range.step],
            [bulk("limit"), 0],
          ]),
        ],
      ]),
    ],
  ]);
}

function document(command: Command): Reply {
  const { group, since, summary } = manual(command);
  const pairs: (readonly [Reply, Reply])[] = [
    [bulk("summary"), bulk(summary)],
    [bulk("since"), bulk(since)],
    [bulk("group"), bulk(group)],
  ];
  if (command.kind !== "data" && command.subcommands !== undefined) {
    const described = [...command.subcommands].map(([name, effect]) => {
      const facts = new MapReply([
        [bulk("summary"), bulk(effect)],
        [bulk("since"), bulk(since)],
        [bulk("group"), bulk(group)],
      ]);
      return [bulk(`${command.name}|${name}`), facts] as const;
    });
    pairs.push([bulk("subcommands"), new MapReply(described)]);
  }
  return new MapReply(pairs);
}

function list(commands: CommandCatalog, args: Args): Reply {
  if (args.length === 0) return bulks(commands.all.map(({ name }) => name));
  const [by, kind, value] = args.map((arg) => textOf(arg).toLowerCase());
  if (by !== "filterby" || kind === undefined || value === undefined || args.length !== 3)
    return SYNTAX_ERROR;
  switch (kind) {
    case "module":
      return [];
    case "aclcat":
      return bulks(commands.all.filter((command) => inCategory(command, value)).map(({ name }) => name));
    case "pattern": {
      const matches = compileGlob(value);
      return bulks(commands.all.filter(({ name }) => matches(name)).map(({ name }) => name));
    }
    default:
      return SYNTAX_ERROR;
  }
}

function inCategory(command: Command, category: string): boolean {
  if (command.kind === "data" && category === command.spec.access) return true;
  return manual(command).group === category;
}

function keysOf(command: Command, args: Args): readonly number[] {
  if (command.kind === "data") return command.spec.keys(args);
  return command.kind === "ordered" && command.key !== undefined ? [command.key] : [];
}

function getKeys(commands: CommandCatalog, args: Args): Reply {
  const command = commands.named(textOf(args[0]!));
  if (command === undefined) return new Failure("ERR Invalid command specified");
  const rest = args.slice(1);
  const { arity } = command;
  if (arity >= 0 ? args.length !== arity : args.length < -arity) {
    return new Failure("ERR Invalid number of arguments specified for command");
  }
  const keys = keysOf(command, rest);
  if (keys.length === 0) return new Failure("ERR The command has no key arguments");
  return keys.map((position) => rest[position]!);
}
