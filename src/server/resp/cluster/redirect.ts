/** MOVED: whether a command should rather be sent to another node, for clients that have asked to be told so. */
import type { GroupId } from "../../../core/ids.ts";
import { Failure } from "../../../core/reply.ts";
import type { Args } from "../../../data/contract.ts";
import { hashSlot } from "../../../placement/hash-slot.ts";
import type { Command, Session } from "../session.ts";
import { addressFor } from "./nodes.ts";

type Client = Pick<Session, "cluster" | "consistency" | "server">;

/**
 * The redirect, or null: the command is done here or forwarded from here. Only keys of the keyspace that the client's slot map describes
 * count: a redirect for any other one would put the leader of another shard into that map. The same for keys of several shards.
 * `queued`: between MULTI and EXEC, where reads have to be ordered too.
 */
export function redirection(client: Client, command: Command, args: Args, queued: boolean): Failure | null {
  if (client.cluster === null) return null;
  if (!queued && client.consistency !== "linearizable" && onlyReads(command)) return null;
  const { server } = client;
  let group: GroupId | null = null;
  let first: Uint8Array | null = null;
  for (const position of keysOf(command, args)) {
    const key = args[position];
    if (key === undefined || server.node.keyspaceOfKey(key) !== client.cluster) return null;
    const other = server.node.groupOfKey(key);
    if (first === null) first = key;
    else if (other !== group) return null;
    group = other;
  }
  if (first === null || group === null) return null;
  const target = server.node.redirect(group);
  if (target === null) return null;
  const info = server.node.nodes().find(({ id }) => id === target);
  const address = info === undefined ? null : addressFor(info, server.door);
  if (address === null) return null;
  server.stats.redirects++;
  return new Failure(`MOVED ${hashSlot(first)} ${address.host}:${address.port}`);
}

/** What WATCH reads is linearizable, whatever the connection has chosen. */
const onlyReads = (command: Command): boolean =>
  command.kind === "data" ? command.spec.access === "read" : command.kind === "ordered";

function keysOf(command: Command, args: Args): Iterable<number> {
  switch (command.kind) {
    case "data":
      return command.spec.keys(args);
    case "ordered":
      return command.key === undefined ? (command.keysRead?.(args) ?? []) : [command.key];
    case "transaction":
      return command.name === "watch" ? args.keys() : [];
    case "immediate":
    case "login":
    case "subscription":
      return [];
  }
}
