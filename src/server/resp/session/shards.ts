/** Running an internal command on shards. */
import { invariant } from "../../../core/assert.ts";
import type { GroupId } from "../../../core/ids.ts";
import { Failure, type Reply } from "../../../core/reply.ts";
import { findCommand } from "../../../data/commands.ts";
import type { Args, CommandSpec } from "../../../data/contract.ts";
import type { CallOptions, KvorumNode, ShardInfo } from "../../../node/api.ts";
import type { Session } from "../session.ts";

export function internalCommand(name: string): CommandSpec {
  const spec = findCommand(name);
  invariant(spec !== undefined, `src/data has a command ${name}`);
  return spec;
}

export function onShard(
  node: KvorumNode,
  group: GroupId,
  name: string,
  args: Args,
  options: CallOptions,
  done: (reply: Reply) => void,
): void {
  node.executeOn(group, { spec: internalCommand(name), args }, options, done);
}

/** The shards of all keyspaces that the client may read. */
export function readableShards({ server, access }: Session): readonly ShardInfo[] {
  const shards = server.node.shards();
  if (access?.everywhere("read") === true) return shards;
  return shards.filter(({ keyspace }) => access?.in(keyspace, "read") === true);
}

/** On all of these at once; replies in the order of the shards. */
export function onEveryShard(
  node: KvorumNode,
  shards: readonly ShardInfo[],
  name: string,
  args: Args,
  options: CallOptions,
  done: (replies: readonly Reply[]) => void,
): void {
  const replies: Reply[] = [];
  let missing = shards.length;
  if (missing === 0) {
    done(node.shards().length === 0 ? [NO_SHARDS] : []);
    return;
  }
  shards.forEach(({ group }, i) => {
    onShard(node, group, name, args, options, (reply) => {
      replies[i] = reply;
      if (--missing === 0) done(replies);
    });
  });
}

export const NO_SHARDS = new Failure("CLUSTERDOWN the cluster has no keyspaces yet: it is still starting");

export const firstFailure = (replies: readonly Reply[]): Failure | undefined =>
  replies.find((reply) => reply instanceof Failure);
