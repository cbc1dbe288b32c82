/** `kvorum keyspace`: create, list, describe, alter, drop. */
import type { Command } from "commander";
import {
  CONFLICTS,
  type KeyspaceDeclaration,
  type KeyspaceInfo,
  PLACEMENTS,
  REPLICATIONS,
  isMerging,
} from "../../node/api.ts";
import { summaryOf } from "../../node/catalog/keyspace.ts";
import { explainKeyspace } from "../../node/explain.ts";
import type { AdminInput } from "../../server/security/administer.ts";
import { parseBytes } from "../../server/notation.ts";
import type { CliContext } from "../context.ts";
import { clusterView, type ShardView } from "../cluster-status.ts";
import { CliError, usage } from "../failure.ts";
import { administer, nodeUrls, reachNode } from "../http-client.ts";
import { addHelp, command, URL_OPTION } from "../help.ts";
import type { Style } from "../text/style.ts";
import { table } from "../text/table.ts";
import { nearest } from "../text/suggest.ts";
import { bytes, duration, plural } from "../text/units.ts";
import { wrap } from "../text/wrap.ts";
import { rootsText } from "./status.ts";

interface UrlFlag {
  readonly url?: string;
}

interface LimitFlags extends UrlFlag {
  readonly maxValueBytes?: string;
  readonly maxKeyBytes?: string;
}

interface CreateFlags extends LimitFlags {
  readonly replication: string;
  readonly replicas?: string;
  readonly n?: string;
  readonly r?: string;
  readonly w?: string;
  readonly strict?: true;
  readonly conflicts?: string;
  readonly placement?: string;
  readonly shards?: string;
}

export function defineKeyspace(keyspace: Command, context: CliContext): void {
  addHelp(keyspace, [
    ["kvorum keyspace create carts", "keys that start with carts: live in it"],
    ["kvorum keyspace create likes --replication gossip", "one that merges"],
    ["kvorum keyspace list", ""],
    ["kvorum keyspace alter carts --max-value-bytes 1MiB", ""],
  ]);
  addCreate(keyspace, context);
  addLook(keyspace, context);
  addChange(keyspace, context);
}

function addCreate(keyspace: Command, context: CliContext): void {
  const create = command(keyspace, "create <name>")
    .description("Create a keyspace. Keys whose name starts with NAME: belong to it from then on.")
    .option("--replication <protocol>", `how its shards are replicated: ${REPLICATIONS.join(", ")}`, "raft")
    .option("--replicas <count>", "copies of each shard (default: 3, or all nodes when there are fewer)")
    .option("--n <count>", "the same")
    .option("--r <count>", "quorum: replicas that a read asks (default: a majority)")
    .option("--w <count>", "quorum: replicas that have a write when it is done (default: a majority)")
    .option("--strict", "quorum: no other nodes stand in for replicas that cannot be reached")
    .option(
      "--conflicts <policy>",
      `gossip, quorum: what concurrent SETs of a key become: ${CONFLICTS.join(", ")} (default: latest)`,
    )
    .option(
      "--placement <rule>",
      `which nodes hold a shard: ${PLACEMENTS.join(", ")} (default: spread; the others move shards to nodes that join)`,
    )
    .option("--shards <count>", "parts that work independently (default: 8)")
    .option("--max-value-bytes <bytes>", "largest value, such as 1048576 or 1MiB (default: 16MiB)")
    .option("--max-key-bytes <bytes>", "longest key, at most 64KiB (default: 64KiB)")
    .option(...URL_OPTION)
    .action(async (name: string, flags: CreateFlags) => {
      const changed = limitsOf(flags);
      const declared = declarationOf(name, flags);
      const { url, status } = await reachNode(nodeUrls(flags.url, context.env));
      // The request carries both limits or none: what is not given is taken from the default keyspace.
      const defaults = status.keyspaces.find((info) => info.name === "default")?.limits ?? DEFAULT_LIMITS;
      const limits = Object.keys(changed).length === 0 ? {} : { limits: { ...defaults, ...changed } };
      await send(context, url, {
        type: "keyspace-create",
        spec: { ...declared, ...limits },
      });
    });
  addHelp(create, [
    ["kvorum keyspace create carts", "3 replicas, 8 shards"],
    ["kvorum keyspace create big --replicas 5 --shards 32", ""],
    [
      "kvorum keyspace create carts --replication quorum --n 3 --r 2 --w 2",
      "writable while 2 nodes can be reached",
    ],
    ["kvorum keyspace create likes --replication gossip", "writable on any node, whatever is cut off"],
    ["kvorum explain likes", "what it promises"],
    ["kvorum keyspace create tiny --max-value-bytes 4KiB", ""],
    ["redis-cli -p 7410 set carts:42 milk", "a key in it"],
  ]);
}

/** What contradicts itself is the cluster's to refuse: it says why. */
function declarationOf(name: string, flags: CreateFlags): KeyspaceDeclaration {
  if (flags.replicas !== undefined && flags.n !== undefined)
    throw usage("--n and --replicas say the same", "Give one of them.");
  const replicas = count("--replicas", flags.replicas) ?? count("--n", flags.n);
  const shards = count("--shards", flags.shards);
  const r = count("--r", flags.r);
  const w = count("--w", flags.w);
  const quorum = {
    ...(r === undefined ? {} : { r }),
    ...(w === undefined ? {} : { w }),
    ...(flags.strict === true ? { sloppy: false } : {}),
  };
  const replication = oneOf("--replication", REPLICATIONS, flags.replication);
  const conflicts = oneOf("--conflicts", CONFLICTS, flags.conflicts);
  const placement = oneOf("--placement", PLACEMENTS, flags.placement);
  return {
    name,
    ...(replication === undefined ? {} : { replication }),
    ...(replicas === undefined ? {} : { replicas }),
    ...(shards === undefined ? {} : { shards }),
    ...(Object.keys(quorum).length === 0 ? {} : { quorum }),
    ...(conflicts === undefined ? {} : { conflicts }),
    ...(placement === undefined ? {} : { placement }),
  };
}

function oneOf<T extends string>(
  flag: string,
  choices: readonly T[],
  text: string | undefined,
): T | undefined {
  const found = choices.find((choice) => choice === text);
  if (text === undefined || found !== undefined) return found;
  throw usage(`${flag}: there is no "${text}"`, `Choose one of ${choices.join(", ")}.`);
}

const DEFAULT_LIMITS = { maxKeyBytes: 65_536, maxValueBytes: 16_777_216 };

function addLook(keyspace: Command, context: CliContext): void {
  const list = command(keyspace, "list")
    .description("List all keyspaces.")
    .option(...URL_OPTION)
    .option("--json", "print JSON")
    .action(async (flags: UrlFlag & { json?: true }) => {
      const { status } = await reachNode(nodeUrls(flags.url, context.env));
      if (flags.json === true) context.stdout.write(`${JSON.stringify(status.keyspaces, null, 2)}\n`);
      else context.stdout.write(listText(status.keyspaces, context));
    });
  addHelp(list, [["kvorum keyspace list --json", ""]]);

  const describe = command(keyspace, "describe <name>")
    .description("Show what a keyspace promises, its limits, its shards and who leads them.")
    .option(...URL_OPTION)
    .option("--json", "print JSON")
    .action(async (name: string, flags: UrlFlag & { json?: true }) => {
      const urls = nodeUrls(flags.url, context.env);
      const { status } = await reachNode(urls);
      const found = status.keyspaces.find((info) => info.name === name);
      if (found === undefined) throw noSuchKeyspace(name, status.keyspaces);
      if (flags.json === true) context.stdout.write(`${JSON.stringify(found, null, 2)}\n`);
      else context.stdout.write(await describeText(found, urls, context));
    });
  addHelp(describe, [["kvorum keyspace describe default", ""]]);
}

function addChange(keyspace: Command, context: CliContext): void {
  const alter = command(keyspace, "alter <name>")
    .description("Change the limits of a keyspace. Values that are there already stay as they are.")
    .option("--max-value-bytes <bytes>", "largest value, such as 1048576 or 1MiB")
    .option("--max-key-bytes <bytes>", "longest key, at most 64KiB")
    .option(...URL_OPTION)
    .action(async (name: string, flags: LimitFlags) => {
      const limits = limitsOf(flags);
      if (Object.keys(limits).length === 0) {
        throw usage("there is nothing to change", "Give --max-value-bytes or --max-key-bytes.");
      }
      const { url } = await reachNode(nodeUrls(flags.url, context.env));
      await send(context, url, { type: "keyspace-alter", name, limits });
    });
  addHelp(alter, [["kvorum keyspace alter carts --max-value-bytes 1MiB", ""]]);

  const spread = command(keyspace, "spread <name>")
    .description(
      "Spread the shards of a keyspace evenly over the nodes that there are now, after some joined. Nothing stops meanwhile; `kvorum status` shows how far it is.",
    )
    .option(...URL_OPTION)
    .action(async (name: string, flags: UrlFlag) => {
      const { url } = await reachNode(nodeUrls(flags.url, context.env));
      await send(context, url, { type: "keyspace-spread", name });
    });
  addHelp(spread, [["kvorum keyspace spread default", ""]]);

  const drop = command(keyspace, "drop <name>")
    .description("Delete a keyspace with all its data, on every node. There is no way back.")
    .option("--yes", "really do it")
    .option(...URL_OPTION)
    .action(async (name: string, flags: UrlFlag & { yes?: true }) => {
      const { url, status } = await reachNode(nodeUrls(flags.url, context.env));
      const found = status.keyspaces.find((info) => info.name === name);
      if (found === undefined) throw noSuchKeyspace(name, status.keyspaces);
      if (flags.yes !== true) {
        throw usage(
          `this would delete all data of keyspace ${name} (${plural(found.shards, "shard")} on ${plural(found.replicas, "node")}), for good`,
          `If that is meant: kvorum keyspace drop ${name} --yes`,
        );
      }
      await send(context, url, { type: "keyspace-drop", name });
    });
  addHelp(drop, [["kvorum keyspace drop carts --yes", ""]]);
}

async function send(context: CliContext, url: string, request: AdminInput): Promise<void> {
  const detail = await administer(url, request);
  context.stdout.write(`${context.style.green("ok")}  ${detail}\n`);
}

function limitsOf(flags: LimitFlags): { maxValueBytes?: number; maxKeyBytes?: number } {
  const maxValueBytes = size("--max-value-bytes", flags.maxValueBytes);
  const maxKeyBytes = size("--max-key-bytes", flags.maxKeyBytes);
  return {
    ...(maxValueBytes === undefined ? {} : { maxValueBytes }),
    ...(maxKeyBytes === undefined ? {} : { maxKeyBytes }),
  };
}

function size(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = parseBytes(text);
  if (value !== null) return value;
  throw usage(
    `${flag}: "${text}" is not a size`,
    "Write a number of bytes, or one with KiB, MiB or GiB behind it.",
  );
}

function count(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw usage(`${flag}: "${text}" is not a whole number above zero`, `Try ${flag} 3.`);
}

export function noSuchKeyspace(name: string, keyspaces: readonly KeyspaceInfo[]): CliError {
  const near = nearest(
    name,
    keyspaces.map((info) => info.name),
  );
  const meant = near === null ? "" : ` Did you mean ${near}?`;
  return new CliError(`there is no keyspace ${name}.${meant}`, "List them with: kvorum keyspace list");
}

function listText(keyspaces: readonly KeyspaceInfo[], context: CliContext): string {
  const columns = [
    { title: "KEYSPACE" },
    { title: "REPLICATION" },
    { title: "REPLICAS", align: "right" },
    { title: "SHARDS", align: "right" },
    { title: "MAX VALUE", align: "right" },
    { title: "MAX KEY", align: "right" },
  ] as const;
  const rows = keyspaces.map((info) => [
    context.style.bold(info.name),
    info.replication,
    String(info.replicas),
    String(info.shards),
    bytes(info.limits.maxValueBytes),
    bytes(info.limits.maxKeyBytes),
  ]);
  return table(columns, rows, context.style);
}

async function describeText(
  info: KeyspaceInfo,
  urls: readonly string[],
  context: CliContext,
): Promise<string> {
  const { style } = context;
  const view = await clusterView(urls);
  const promise = explainKeyspace(info, null);
  const facts = [
    [
      "keys",
      info.name === "default"
        ? "all that belong to no other keyspace"
        : `those that start with ${info.name}:`,
    ],
    ["replication", summaryOf(info)],
    ["writes", promise.acknowledged.text],
    ["reads", promise.reads.text],
    ["survives", promise.survives.text],
    ["shards", String(info.shards)],
    ["limits", `values ${bytes(info.limits.maxValueBytes)}, keys ${bytes(info.limits.maxKeyBytes)}`],
  ];
  const lines = facts
    .map(([name, text]) => {
      const wrapped = wrap(text!, 85).join(`\n${" ".repeat(15)}`);
      return `  ${style.dim(name!.padEnd(12))} ${wrapped}\n`;
    })
    .join("");
  const shards = view.shards.filter((shard) => shard.keyspace === info.name && shard.group !== 0);
  if (isMerging(info.replication))
    return `${style.bold(info.name)}\n${lines}\n${mergingTable(shards, style)}`;
  const rows = shards.map((shard) => [
    String(shard.shard),
    String(shard.group),
    shard.leader ?? style.red("none"),
    shard.replicas.map((replica) => replica.node).join(" "),
    shard.commitIndex === null ? "-" : String(shard.commitIndex),
  ]);
  const columns = [
    { title: "SHARD", align: "right" },
    { title: "GROUP", align: "right" },
    { title: "LEADER" },
    { title: "REPLICAS" },
    { title: "COMMIT", align: "right" },
  ] as const;
  return `${style.bold(info.name)}\n${lines}\n${table(columns, rows, style)}`;
}

function mergingTable(shards: readonly ShardView[], style: Style): string {
  const columns = [
    { title: "SHARD", align: "right" },
    { title: "GROUP", align: "right" },
    { title: "REPLICAS" },
    { title: "ROOTS" },
    { title: "LAST EXCHANGE" },
  ] as const;
  const rows = shards.map(({ shard, group, replicas, equal }) => [
    String(shard),
    String(group),
    replicas.map(({ node, role }) => (role === "holder" ? node : `${node} ${style.yellow(role)}`)).join("  "),
    equal === null ? "-" : rootsText(equal, style),
    replicas.map(({ exchanged }) => (exchanged === null ? "-" : duration(exchanged))).join("  "),
  ]);
  return table(columns, rows, style);
}
