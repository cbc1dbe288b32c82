/** `kvorum status`: nodes, shards, leaders and lag. */
import type { Command } from "commander";
import {
  clusterView,
  leadership,
  type ClusterView,
  type NodeView,
  type ShardView,
} from "../cluster-status.ts";
import type { CliContext } from "../context.ts";
import { CliError, usage } from "../failure.ts";
import { nodeUrls } from "../http-client.ts";
import { addHelp, URL_OPTION } from "../help.ts";
import { memberState } from "../text/member-state.ts";
import { table } from "../text/table.ts";
import type { Style } from "../text/style.ts";
import { bytes, duration, plural } from "../text/units.ts";

interface StatusFlags {
  readonly url?: string;
  readonly json?: true;
  readonly watch?: string | true;
}

export function defineStatus(status: Command, context: CliContext): void {
  status
    .option(...URL_OPTION)
    .option("--json", "print JSON")
    .option("--watch [seconds]", "show it again every second, or every so many seconds, until Ctrl-C")
    .action(async (flags: StatusFlags) => {
      const urls = nodeUrls(flags.url, context.env);
      if (flags.watch === undefined) show(await clusterView(urls), flags, context);
      else await watch(urls, flags, context);
    });
  addHelp(status, [
    ["kvorum status", "the cluster of `kvorum dev`"],
    ["kvorum status --url http://10.0.0.5:7411", "any other cluster, asked through one of its nodes"],
    ["kvorum status --json | jq '.nodes[].status.ready'", "for scripts"],
    ["kvorum status --watch 2", "look on while nodes come and go"],
  ]);
}

function show(view: ClusterView, flags: StatusFlags, context: CliContext): void {
  const text = flags.json === true ? `${JSON.stringify(view, null, 2)}\n` : statusText(view, context.style);
  context.stdout.write(text);
}

async function watch(urls: readonly string[], flags: StatusFlags, context: CliContext): Promise<void> {
  const seconds = flags.watch === true ? 1 : Number(flags.watch);
  if (!(seconds >= 0.1 && seconds <= 3_600)) {
    throw usage(
      `--watch: "${String(flags.watch)}" is not a number of seconds from 0.1 to 3600`,
      "Try --watch 2.",
    );
  }
  let stop: () => void = () => undefined;
  const stopped = new Promise<"stopped">((resolve) => (stop = () => resolve("stopped")));
  const release = context.onSignal(() => stop());
  try {
    for (;;) {
      const text = await clusterView(urls).then(
        (view) => (flags.json === true ? `${JSON.stringify(view)}\n` : statusText(view, context.style)),
        (error: unknown) => {
          // While one looks on, a cluster may well be gone for a moment.
          if (error instanceof CliError && flags.json !== true)
            return `${context.style.red(error.message)}\n`;
          throw error;
        },
      );
      const redraw = context.stdout.isTTY && flags.json !== true;
      context.stdout.write(redraw ? inPlace(text, context.stdout.rows) : text);
      const wait = new Promise<"again">((resolve) => setTimeout(resolve, seconds * 1_000, "again"));
      if ((await Promise.race([stopped, wait])) === "stopped") return;
    }
  } finally {
    release();
  }
}

/** Redrawn over the page before, without clearing first, which would flicker. What does not fit is left out, and said. */
function inPlace(text: string, rows: number): string {
  const lines = text.trimEnd().split("\n");
  const room = Math.max(rows - 1, 2);
  const hidden = lines.length - room;
  const shown =
    hidden <= 0
      ? lines
      : [...lines.slice(0, room - 1), `… ${plural(hidden + 1, "line")} more: make the window taller`];
  return `\u001b[H${shown.map((line) => `${line}\u001b[K\n`).join("")}\u001b[J`;
}

/** The whole page, as a terminal shows it. */
export function statusText(view: ClusterView, style: Style): string {
  const ready = view.nodes.filter(({ status }) => status?.ready === true).length;
  const count = `${ready} of ${view.nodes.length} nodes ready`;
  const paint =
    ready === view.nodes.length ? style.green : ready * 2 > view.nodes.length ? style.yellow : style.red;
  const head = `cluster ${style.bold(view.cluster?.slice(0, 8) ?? "(none yet)")}  ${paint(count)}  ${style.dim(`kvorum ${view.version}`)}`;
  const leaderless = view.shards.filter(({ leader, merging }) => leader === null && !merging).length;
  const trouble = leaderless === 0 ? "" : `  ${style.red(`${plural(leaderless, "group")} without a leader`)}`;
  const remarks = view.nodes.flatMap((node) => remark(node, style));
  return [
    `${head}${trouble}\n`,
    nodeTable(view, style),
    ...(remarks.length === 0 ? [] : [remarks.map((line) => `${line}\n`).join("")]),
    ...(view.shards.length === 0 ? [] : [shardTable(view.shards, style)]),
  ].join("\n");
}

function nodeTable(view: ClusterView, style: Style): string {
  const columns = [
    { title: "NODE" },
    { title: "STATE" },
    { title: "MEMBER" },
    { title: "LEADS", align: "right" },
    { title: "REPLICAS", align: "right" },
    { title: "REDIS" },
    { title: "HTTP" },
    { title: "PEERS" },
    { title: "UP", align: "right" },
    { title: "LOG", align: "right" },
    { title: "LOOP LAG", align: "right" },
  ] as const;
  const rows = view.nodes.map(({ info, status, problem }) => {
    const leads = leadership(view, info.name);
    return [
      style.bold(info.name),
      status === null ? style.red(problem ?? "unreachable") : stateOf({ info, status, problem }, style),
      memberState(info.membership, style),
      `${leads.shards}${leads.system ? "+system" : ""}`,
      status === null ? "-" : String(status.replicas.length),
      info.resp,
      info.http,
      info.peer,
      status === null ? "-" : duration(status.uptimeMilliseconds),
      status === null ? "-" : bytes(status.storage.logBytes),
      status === null ? "-" : `${status.loopLagMilliseconds.toFixed(1)} ms`,
    ];
  });
  return table(columns, rows, style);
}

function stateOf({ status }: NodeView, style: Style): string {
  if (status === null) return style.red("unreachable");
  if (!status.storage.healthy) return style.red("disk problem");
  return status.ready ? style.green("ready") : style.yellow("waiting");
}

/** What does not fit into a table: reasons. */
function remark({ info, status }: NodeView, style: Style): string[] {
  if (status === null) return [];
  const lines: string[] = [];
  if (status.waiting !== null) {
    lines.push(
      style.yellow(
        `${info.name} waits for ${status.waiting.reason} (${duration(status.waiting.milliseconds)})`,
      ),
    );
  }
  if (status.storage.problem !== null) lines.push(style.red(`${info.name}: ${status.storage.problem}`));
  for (const replica of status.replicas) {
    if (replica.failed !== null) {
      lines.push(style.red(`${info.name}: ${replica.keyspace}/${replica.shard} stopped: ${replica.failed}`));
    }
  }
  return lines;
}

function shardTable(shards: readonly ShardView[], style: Style): string {
  const columns = [
    { title: "KEYSPACE" },
    { title: "SHARD", align: "right" },
    { title: "GROUP", align: "right" },
    { title: "LEADER" },
    { title: "TERM", align: "right" },
    { title: "COMMIT", align: "right" },
    { title: "REPLICAS (entries behind)" },
  ] as const;
  const rows = shards.map((shard) => [
    shard.group === 0 ? style.dim(shard.keyspace) : shard.keyspace,
    String(shard.shard),
    String(shard.group),
    shard.leader === null ? (shard.merging ? "-" : style.red("none")) : style.bold(shard.leader),
    shard.term === null ? "-" : String(shard.term),
    shard.commitIndex === null ? "-" : String(shard.commitIndex),
    shard.replicas.map((replica) => replicaText(replica, shard.leader, style)).join("  ") +
      (shard.equal === null ? "" : `  ${rootsText(shard.equal, style)}`),
  ]);
  return table(columns, rows, style);
}

export const rootsText = (equal: boolean, style: Style): string =>
  equal ? style.green("equal") : style.yellow("differ");

function replicaText(replica: ShardView["replicas"][number], leader: string | null, style: Style): string {
  if (replica.failed !== null) return style.red(`${replica.node} failed`);
  if (replica.node === leader) return style.green(`${replica.node}*`);
  if (replica.role === "unreachable") return style.red(`${replica.node} ?`);
  if (replica.role === "catching up" || replica.role === "stand-in")
    return `${replica.node} ${style.yellow(replica.role)}`;
  const learner = replica.role === "learner" ? " learner" : "";
  return `${replica.node}${learner}${replica.lag === null ? "" : ` ${lagText(replica.lag, style)}`}`;
}

function lagText(lag: number, style: Style): string {
  return lag === 0 ? style.dim("0") : style.yellow(`-${lag}`);
}
