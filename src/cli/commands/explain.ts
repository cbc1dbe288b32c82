/** `kvorum explain`: what a keyspace promises. */
import type { Command } from "commander";
import type { KeyspaceInfo } from "../../node/api.ts";
import { summaryOf } from "../../node/catalog/keyspace.ts";
import type { Explanation } from "../../node/explain.ts";
import type { CliContext } from "../context.ts";
import { addHelp, URL_OPTION } from "../help.ts";
import { fetchExplanation, nodeUrls, reachNode } from "../http-client.ts";
import type { Style } from "../text/style.ts";
import { wrap } from "../text/wrap.ts";
import { noSuchKeyspace } from "./keyspace.ts";

interface Flags {
  readonly url?: string;
  readonly json?: true;
}

export function defineExplain(explain: Command, context: CliContext): void {
  explain
    .option(...URL_OPTION)
    .option("--json", "print JSON")
    .action(async (name: string, flags: Flags) => {
      const { url, status } = await reachNode(nodeUrls(flags.url, context.env));
      const info = status.keyspaces.find((keyspace) => keyspace.name === name);
      if (info === undefined) throw noSuchKeyspace(name, status.keyspaces);
      const explanation = await fetchExplanation(url, name);
      const text =
        flags.json === true
          ? `${JSON.stringify(explanation, null, 2)}\n`
          : explanationText(info, explanation, context.style);
      context.stdout.write(text);
    });
  addHelp(explain, [
    ["kvorum explain default", ""],
    ["kvorum explain likes --json", "with the numbers"],
  ]);
}

const LABEL = 13;
const COLUMNS = 100;

function explanationText(info: KeyspaceInfo, explanation: Explanation, style: Style): string {
  const { kind, summary, acknowledged, reads, survives, quorum, staleness, failover, conflicts, refused } =
    explanation;
  const facts: (readonly [label: string, text: string])[] = [
    ["a write", acknowledged.text],
    ["a read", reads.text],
    ...(quorum === null ? [] : [["arithmetic", quorum.text] as const]),
    ...(staleness === null ? [] : [["staleness", staleness.text] as const]),
    ["survives", survives.text],
    ["failover", failover.text],
    ["conflicts", conflicts.text],
    ...refused.map(({ what, why }, i) => [i === 0 ? "refused" : "", `${what}: ${why}.`] as const),
  ];
  const head = `${style.bold(info.name)}  ${kind}: ${summaryOf(info)}\n${wrap(summary, COLUMNS).join("\n")}\n`;
  const paragraphs = facts.map(([label, text]) => {
    const lines = wrap(text, COLUMNS - LABEL).join(`\n${" ".repeat(LABEL)}`);
    return `${style.dim(label.padEnd(LABEL))}${lines}\n`;
  });
  return `${head}\n${paragraphs.join("")}`;
}
