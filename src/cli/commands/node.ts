/** `kvorum node`: the members of a cluster. */
import type { Command } from "commander";
import { SYSTEM_GROUP } from "../../core/ids.ts";
import type { NodeStatus } from "../../node/api.ts";
import { clusterView, type ClusterView } from "../cluster-status.ts";
import type { CliContext } from "../context.ts";
import { CliError, messageOf, usage } from "../failure.ts";
import { administer, nodeUrls, reachNode } from "../http-client.ts";
import { addHelp, command, URL_OPTION } from "../help.ts";
import { nearest } from "../text/suggest.ts";
import { type Column, table } from "../text/table.ts";
import { plural } from "../text/units.ts";

interface UrlFlag {
  readonly url?: string;
}

export function defineNode(node: Command, context: CliContext): void {
  addHelp(node, [
    ["kvorum node list", ""],
    ["kvorum node add n4", "prints what to start on the new machine"],
    ["kvorum node remove n1", "moves its replicas to other nodes"],
    ["kvorum node transfer-leader all --to n2", ""],
  ]);
  addList(node, context);
  addMembers(node, context);
  addTransfer(node, context);
}

function addList(node: Command, context: CliContext): void {
  const list = command(node, "list")
    .description("List the nodes of the cluster.")
    .option(...URL_OPTION)
    .option("--json", "print JSON")
    .action(async (flags: UrlFlag & { json?: true }) => {
      const { status } = await reachNode(nodeUrls(flags.url, context.env));
      if (flags.json === true) context.stdout.write(`${JSON.stringify(status.nodes, null, 2)}\n`);
      else context.stdout.write(listText(status, context));
    });
  addHelp(list, [["kvorum node list --json", ""]]);
}

function listText(status: NodeStatus, context: CliContext): string {
  const { style } = context;
  const hasClusterPorts = status.nodes.some(({ cluster }) => cluster !== undefined);
  const columns: readonly Column[] = [
    { title: "NODE" },
    { title: "ID", align: "right" },
    { title: "STATE" },
    { title: "REDIS" },
    { title: "HTTP" },
    { title: "PEERS" },
    ...(hasClusterPorts ? [{ title: "CLUSTER CLIENTS" }] : []),
  ];
  const rows = status.nodes.map(({ name, id, up, resp, http, peer, cluster = "-" }) => [
    style.bold(name),
    String(id),
    up ? style.green("up") : style.red("down"),
    resp,
    http,
    peer,
    ...(hasClusterPorts ? [cluster] : []),
  ]);
  return table(columns, rows, style);
}

function addMembers(node: Command, context: CliContext): void {
  const add = command(node, "add <name>")
    .description("Print the command that starts a new node. Nodes add themselves: they join when they start.")
    .option(...URL_OPTION)
    .action(async (name: string, flags: UrlFlag) => {
      const { status } = await reachNode(nodeUrls(flags.url, context.env));
      if (status.nodes.some((info) => info.name === name)) {
        throw new CliError(
          `the cluster has a node named ${name} already`,
          `Choose another name, or remove it first: kvorum node remove ${name}`,
        );
      }
      context.stdout.write(addText(name, status, context));
    });
  addHelp(add, [["kvorum node add n4", ""]]);

  const remove = command(node, "remove <name>")
    .description("Remove a node from the cluster: its replicas move to other nodes, then it may be stopped.")
    .option(...URL_OPTION)
    .action(async (name: string, flags: UrlFlag) => {
      const { url, status } = await reachNode(nodeUrls(flags.url, context.env));
      requireNode(status, name);
      const detail = await administer(url, { type: "node-remove", node: name });
      context.stdout.write(`${context.style.green("ok")}  ${detail}\n`);
    });
  addHelp(remove, [
    ["kvorum node remove n1", ""],
    ["kvorum status --watch", "see its replicas move"],
  ]);
}

function addText(name: string, status: NodeStatus, context: CliContext): string {
  const peers = status.nodes.map((info) => info.peer).join(",");
  return [
    "A node adds itself when it starts. On the new machine:",
    "",
    `  ${context.style.bold(`kvorum serve --name ${name} --data-dir ${name}-data --join ${peers}`)}`,
    "",
    "Give it ports of its own when it shares a machine with others (--resp-port, --http-port, --peer-port).",
    "It is a member once `kvorum node list` shows it.",
    "",
  ].join("\n");
}

function addTransfer(node: Command, context: CliContext): void {
  const transfer = command(node, "transfer-leader <group>")
    .description("Make a node lead a group: a number from `kvorum status`, system, or all.")
    .requiredOption("--to <node>", "the node that shall lead")
    .option(...URL_OPTION)
    .action(async (group: string, flags: UrlFlag & { to: string }) => {
      const view = await clusterView(nodeUrls(flags.url, context.env));
      const groups = groupsToMove(view, group, flags.to);
      if (groups.length === 0) {
        context.stdout.write(
          `${flags.to} leads ${group === "all" ? "every group it has a replica of" : `group ${group}`} already\n`,
        );
        return;
      }
      await moveLeaders(view.askedUrl, groups, flags.to, context);
    });
  addHelp(transfer, [
    ["kvorum node transfer-leader 3 --to n2", "group 3"],
    ["kvorum node transfer-leader system --to n1", "the group that holds the catalog"],
    ["kvorum node transfer-leader all --to n2", "every group that n2 has a replica of"],
  ]);
}

function groupsToMove(
  view: ClusterView,
  group: string,
  to: string,
): readonly ClusterView["shards"][number][] {
  const names = view.nodes.map(({ info }) => info.name);
  if (!names.includes(to)) throw noSuchNode(to, names);
  if (group === "all") {
    return view.shards.filter(
      (shard) =>
        shard.leader !== to &&
        shard.replicas.some((replica) => replica.node === to && replica.role !== "learner"),
    );
  }
  const number = group === "system" ? SYSTEM_GROUP : Number(group);
  const shard = view.shards.find((candidate) => candidate.group === number);
  if (shard === undefined) {
    throw usage(
      `there is no group ${group}`,
      "Use a number of the GROUP column of `kvorum status`, system, or all.",
    );
  }
  if (!shard.replicas.some((replica) => replica.node === to)) {
    const holders = shard.replicas.map((replica) => replica.node).join(", ");
    throw usage(`${to} has no replica of group ${group}`, `Choose one of ${holders}.`);
  }
  return shard.leader === to ? [] : [shard];
}

async function moveLeaders(
  url: string,
  groups: readonly ClusterView["shards"][number][],
  to: string,
  context: CliContext,
): Promise<void> {
  const failures: string[] = [];
  for (const shard of groups) {
    const name = shard.group === SYSTEM_GROUP ? "system group" : `${shard.keyspace}/${shard.shard}`;
    try {
      const detail = await administer(url, {
        type: "transfer-leader",
        group: shard.group as typeof SYSTEM_GROUP,
        to,
      });
      context.stdout.write(`${context.style.green("ok")}  ${name}: ${detail}\n`);
    } catch (error) {
      if (groups.length === 1) throw error;
      failures.push(`${name}: ${messageOf(error)}`);
      context.stdout.write(`${context.style.red("no")}  ${failures.at(-1)!}\n`);
    }
  }
  if (failures.length > 0) {
    throw new CliError(
      `${plural(failures.length, "group")} of ${groups.length} did not move`,
      "Try again once `kvorum status` shows no lag.",
    );
  }
}

function requireNode(status: NodeStatus, name: string): void {
  const names = status.nodes.map((info) => info.name);
  if (!names.includes(name)) throw noSuchNode(name, names);
}

function noSuchNode(name: string, names: readonly string[]): CliError {
  const near = nearest(name, names);
  const meant = near === null ? "" : ` Did you mean ${near}?`;
  return usage(`the cluster has no node named ${name}.${meant}`, `Its nodes: ${names.join(", ")}.`);
}
