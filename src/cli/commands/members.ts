/** `kvorum members`: who is alive, by the membership that nodes keep from peer to peer. */
import type { Command } from "commander";
import type { MembershipInfo } from "../../node/api.ts";
import type { CliContext } from "../context.ts";
import { CliError } from "../failure.ts";
import { fetchMembers, nodeUrls, reachNode } from "../http-client.ts";
import { addHelp, URL_OPTION } from "../help.ts";
import { memberState } from "../text/member-state.ts";
import type { Style } from "../text/style.ts";
import { table } from "../text/table.ts";
import { duration } from "../text/units.ts";

interface MembersFlags {
  readonly url?: string;
  readonly json?: true;
}

export function defineMembers(members: Command, context: CliContext): void {
  members
    .option(...URL_OPTION)
    .option("--json", "print JSON")
    .action(async (flags: MembersFlags) => {
      const { url } = await reachNode(nodeUrls(flags.url, context.env));
      const info = await fetchMembers(url);
      if (flags.json === true) {
        context.stdout.write(`${JSON.stringify(info, null, 2)}\n`);
        return;
      }
      if (!info.enabled) {
        throw new CliError(
          `${info.name} keeps no membership`,
          "It has joined no cluster yet, or its option membership.enabled is false. `kvorum node list` says who belongs.",
        );
      }
      context.stdout.write(membersText(info, context.style));
    });
  addHelp(members, [
    ["kvorum members", "as the first node that answers knows it"],
    ["kvorum members --url http://10.0.0.5:7411", "as that node knows it"],
    ["kvorum members --json | jq '.members[] | select(.state != \"alive\").name'", "for scripts"],
  ]);
}

export function membersText({ name, localHealth, counters, members }: MembershipInfo, style: Style): string {
  const alive = members.filter(({ state }) => state === "alive").length;
  const paint = alive === members.length ? style.green : style.yellow;
  const nameOf = (id: number): string => members.find((member) => member.id === id)?.name ?? `#${id}`;
  const columns = [
    { title: "MEMBER" },
    { title: "ID", align: "right" },
    { title: "STATE" },
    { title: "SINCE", align: "right" },
    { title: "INCARNATION", align: "right" },
    { title: "PEERS" },
    { title: "SUSPECTED BY" },
  ] as const;
  const rows = members.map((member) => [
    style.bold(member.name),
    String(member.id),
    memberState(member.state, style),
    duration(member.milliseconds),
    String(member.incarnation),
    member.peer,
    member.suspectedBy === null ? "-" : nameOf(member.suspectedBy),
  ]);
  const health = localHealth === 1 ? "well" : `distrusts itself, waits ${localHealth} times as long`;
  const { probes, indirectProbes, falseSuspicions, refutations, messages } = counters;
  return [
    `as ${style.bold(name)} knows it  ${paint(`${alive} of ${members.length} alive`)}\n\n`,
    table(columns, rows, style),
    `\n${name}: ${health}; ${probes} probes, ${indirectProbes} of them through others; ${falseSuspicions} false suspicions of ` +
      `others, ${refutations} of itself refuted; ${messages} messages\n`,
  ].join("");
}
