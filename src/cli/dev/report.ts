/** What `kvorum dev` prints. */
import { leadership, type ClusterView } from "../cluster-status.ts";
import type { Style } from "../text/style.ts";
import { table } from "../text/table.ts";
import { duration, plural } from "../text/units.ts";
import type { DevEvent, DevNodeView } from "./cluster.ts";
import { DEFAULT_BASE_PORT, DEFAULT_DIRECTORY } from "./directory.ts";
import { HOST, type DevNode } from "./layout.ts";
import type { ExitInfo } from "./node-process.ts";

export interface Summary {
  readonly version: string;
  readonly directory: string;
  readonly nodes: readonly DevNodeView[];
  readonly view: ClusterView;
  readonly tookMs: number;
}

/** The page that a start ends with. */
export function summaryText(summary: Summary, style: Style): string {
  const { nodes, view } = summary;
  const ready = nodes.filter(({ status }) => status?.ready === true);
  const count =
    ready.length === nodes.length
      ? `${plural(nodes.length, "node")} ready`
      : `${ready.length} of ${nodes.length} nodes ready`;
  const paint = ready.length === nodes.length ? style.green : style.yellow;
  const head = `${style.bold(`kvorum ${summary.version}`)}  ${paint(count)} ${style.dim(`after ${duration(summary.tookMs)}, data in ${summary.directory}`)}`;
  const ports = ready.map(({ node }) => node.resp);
  const first = ports[0] ?? nodes[0]!.node.resp;
  const writer = ports[1] ?? first;
  const reader = ports[2] ?? first;
  // Lines that work when they are pasted, also where ports and directory are not the default ones.
  const url = nodes[0]!.node.resp === DEFAULT_BASE_PORT ? "" : ` --url ${HOST}:${nodes[0]!.node.http}`;
  const dir = summary.directory === DEFAULT_DIRECTORY ? "" : ` --dir ${summary.directory}`;
  const hints = [
    ["talk", style.bold(`redis-cli -p ${first}`)],
    ["any node", `redis-cli -p ${writer} set a 1 && redis-cli -p ${reader} get a`],
    ["watch", `npx kvorum status --watch${url}`],
    ["break", `npx kvorum dev kill 2${dir}   ${style.dim("then")}   npx kvorum dev restart 2${dir}`],
    ["logs", `tail -f ${nodes[0]!.node.logFile}`],
    ["stop", `Ctrl-C ${style.dim("(data stays; --fresh starts over)")}`],
  ] as const;
  const lines = hints.map(([name, text]) => `  ${style.dim(name.padEnd(9))} ${text}\n`).join("");
  return `\n${indent(`${head}\n\n${nodesTable(nodes, view, style)}`)}\n${lines}\n`;
}

/** `kvorum dev status`. */
export function nodesTable(nodes: readonly DevNodeView[], view: ClusterView | null, style: Style): string {
  const columns = [
    { title: "NODE" },
    { title: "REDIS" },
    { title: "HTTP" },
    { title: "PEERS" },
    { title: "PID", align: "right" },
    { title: "STATE" },
    { title: "LEADS" },
  ] as const;
  const rows = nodes.map((entry) => [
    style.bold(entry.node.name),
    `${HOST}:${entry.node.resp}`,
    `http://${HOST}:${entry.node.http}`,
    `${HOST}:${entry.node.peer}`,
    entry.pid === null ? "-" : String(entry.pid),
    stateText(entry, style),
    view === null ? "-" : leadsText(view, entry.node, style),
  ]);
  return table(columns, rows, style);
}

function stateText(entry: DevNodeView, style: Style): string {
  switch (entry.state) {
    case "running":
      return entry.status?.ready === true ? style.green("ready") : style.yellow("starting");
    case "paused":
      return style.yellow(`paused ${duration(entry.ageMs)}`);
    case "stopped":
      return style.dim(`stopped ${duration(entry.ageMs)}`);
    case "died":
      return style.red(`${exitText(entry.exit)} ${duration(entry.ageMs)} ago`);
  }
}

function exitText(exit: ExitInfo | null): string {
  if (exit === null || (exit.code === null && exit.signal === null)) return "could not be started";
  if (exit.signal === "SIGKILL") return exit.expected ? "killed" : "killed (SIGKILL)";
  return exit.signal === null ? `ended with code ${exit.code}` : `ended by ${exit.signal}`;
}

function leadsText(view: ClusterView, node: DevNode, style: Style): string {
  const { shards, system } = leadership(view, node.name);
  if (shards === 0 && !system) return style.dim("nothing");
  const parts = [...(shards === 0 ? [] : [plural(shards, "shard")]), ...(system ? ["the system group"] : [])];
  return parts.join(" + ");
}

/** One line, sometimes two. */
export function eventText(event: DevEvent, style: Style): string {
  switch (event.type) {
    case "died": {
      const words = event.lastWords.map((line) => `          ${style.dim(line)}\n`).join("");
      const back = `bring it back: npx kvorum dev restart ${event.node.number}`;
      return `${style.red(`${event.node.name} ${exitText(event.exit)}`)}; ${back}\n${words}`;
    }
    case "killed":
      return `${style.red(`${event.node.name} killed`)}\n`;
    case "stopped":
      return `${event.node.name} stopped\n`;
    case "started":
      return `${event.node.name} started ${style.dim(`(pid ${event.pid ?? "?"})`)}\n`;
    case "ready":
      return `${style.green(`${event.node.name} ready`)} ${style.dim(`after ${duration(event.afterMs)}`)}\n`;
    case "paused":
      return `${style.yellow(`${event.node.name} paused`)}\n`;
    case "resumed":
      return `${event.node.name} goes on\n`;
    case "removed":
      return `${event.node.name} was removed from the cluster and is stopped; its files stay in ${event.node.dataDir}\n`;
    case "led": {
      const leaders = event.view.nodes
        .map(({ info }) => ({ name: info.name, ...leadership(event.view, info.name) }))
        .filter(({ shards, system }) => shards > 0 || system)
        .map(({ name, shards, system }) => `${name} ${shards}${system ? "+system" : ""}`);
      return `all shards have a leader ${style.dim(`(within ${duration(event.afterMs)}: ${leaders.join(", ")})`)}\n`;
    }
    case "leaderless":
      return `${style.red(`${plural(event.groups, "group")} without a leader`)} for ${duration(event.afterMs)}: a majority of the nodes has to run\n`;
  }
}

export function timestamp(now: Date): string {
  return now.toTimeString().slice(0, 8);
}

function indent(text: string): string {
  return text.replaceAll(/^(?=.)/gm, "  ");
}
