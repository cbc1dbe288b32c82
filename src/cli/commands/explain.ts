/** `kvorum explain`: what a keyspace promises, and why its leaders sit where they sit. */
import type { Command } from "commander";
import type { KeyspaceInfo } from "../../node/api.ts";
import { summaryOf } from "../../node/catalog/keyspace.ts";
import { hashSlot, shardOfSlot } from "../../placement/hash-slot.ts";
import type { CliContext } from "../context.ts";
import { addHelp, URL_OPTION } from "../help.ts";
import { type ExplainedKeyspace, fetchExplanation, nodeUrls, reachNode } from "../http-client.ts";
import type { Style } from "../text/style.ts";
import { wrap } from "../text/wrap.ts";
import { noSuchKeyspace } from "./keyspace.ts";

interface Flags {
  readonly url?: string;
  readonly key?: string;
  readonly json?: true;
}

export function defineExplain(explain: Command, context: CliContext): void {
  explain
    .option(...URL_OPTION)
    .option("--key <key>", "of the leaders, only that of this key's shard; keys as Redis clients write them")
    .option("--json", "print JSON")
    .action(async (name: string, flags: Flags) => {
      const { url, status } = await reachNode(nodeUrls(flags.url, context.env));
      const info = status.keyspaces.find((keyspace) => keyspace.name === name);
      if (info === undefined) throw noSuchKeyspace(name, status.keyspaces);
      const explanation = narrowed(info, await fetchExplanation(url, name), flags.key);
      const text =
        flags.json === true
          ? `${JSON.stringify(explanation, null, 2)}\n`
          : explanationText(info, explanation, context.style);
      context.stdout.write(text);
    });
  addHelp(explain, [
    ["kvorum explain default", ""],
    ["kvorum explain default --key user:1", "why the leader of this key sits where it sits"],
    ["kvorum explain likes --json", "with the numbers"],
  ]);
}

function narrowed(
  { shards }: KeyspaceInfo,
  explanation: ExplainedKeyspace,
  key: string | undefined,
): ExplainedKeyspace {
  if (key === undefined || explanation.leaders === null) return explanation;
  const wanted = shardOfSlot(hashSlot(Buffer.from(key)), shards);
  return { ...explanation, leaders: explanation.leaders.filter(({ shard }) => shard === wanted) };
}

const LABEL = 13;
const COLUMNS = 100;

function explanationText(info: KeyspaceInfo, explanation: ExplainedKeyspace, style: Style): string {
  const {
    kind,
    summary,
    acknowledged,
    reads,
    survives,
    quorum,
    staleness,
    failover,
    conflicts,
    refused,
    leaders,
  } = explanation;
  const facts: (readonly [label: string, text: string])[] = [
    ["a write", acknowledged.text],
    ["a read", reads.text],
    ...(quorum === null ? [] : [["arithmetic", quorum.text] as const]),
    ...(staleness === null ? [] : [["staleness", staleness.text] as const]),
    ["survives", survives.text],
    ["failover", failover.text],
    ["conflicts", conflicts.text],
    ...(leaders ?? []).map(
      ({ shard, leader, text }, i) =>
        [i === 0 ? "leaders" : "", `Shard ${shard}: ${leader ?? "nobody"}. ${text}`] as const,
    ),
    ...refused.map(({ what, why }, i) => [i === 0 ? "refused" : "", `${what}: ${why}.`] as const),
  ];
  const head = `${style.bold(info.name)}  ${kind}: ${summaryOf(info)}\n${wrap(summary, COLUMNS).join("\n")}\n`;
  const paragraphs = facts.map(([label, text]) => {
    const lines = wrap(text, COLUMNS - LABEL).join(`\n${" ".repeat(LABEL)}`);
    return `${style.dim(label.padEnd(LABEL))}${lines}\n`;
  });
  return `${head}\n${paragraphs.join("")}`;
}
