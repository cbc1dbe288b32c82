/** Running an internal command on shards. */
import { invariant } from "../../../core/assert.ts";
import type { GroupId } from "../../../core/ids.ts";
import { Failure, type Reply } from "../../../core/reply.ts";
import { findCommand } from "../../../data/commands.ts";
import type { Args, CommandSpec } from "../../../data/contract.ts";
import type { CallOptions, KvorumNode } from "../../../node/api.ts";

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

/** On all shards at once; replies in the order of the shards. */
export function onEveryShard(
  node: KvorumNode,
  name: string,
  args: Args,
  options: CallOptions,
  done: (replies: readonly Reply[]) => void,
): void {
  const shards = node.shards();
  const replies: Reply[] = [];
  let missing = shards.length;
  if (missing === 0) {
    done([NO_SHARDS]);
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
