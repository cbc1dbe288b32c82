/**
 * Who takes part in publish/subscribe: the source of the views of group broadcast (rules B1, B2 and B4 of
 * src/protocols/broadcast/SPEC.md). All nodes apply the same commands in the same order, so one epoch is one view everywhere.
 */
import type { NodeId } from "../../core/ids.ts";
import type { Catalog } from "./state.ts";

export interface ChannelMember {
  readonly node: NodeId;
  /** Names the process: drawn at its start, below 2^32. What it knew is gone with it. */
  readonly life: number;
  /** The epoch in which this process first took part. */
  readonly joined: number;
  /** It has been in the group of the reliable guarantees without interruption since this epoch; null: it is out of it. */
  readonly since: number | null;
}

export interface ChannelMembership {
  /** Counts changes of the members. */
  readonly epoch: number;
  readonly members: readonly ChannelMember[];
}

export type ChannelCommand =
  /** Proposed by the process itself: it takes part from now on. One that took part under another life is gone. */
  | { readonly type: "channel-join"; readonly node: NodeId; readonly life: number }
  /** Proposed by the system group's leader about a member that is dead, or by one that has missed views. */
  | { readonly type: "channel-leave"; readonly node: NodeId; readonly since: number };

export const NO_CHANNEL_MEMBERS: ChannelMembership = { epoch: 0, members: [] };

export function changeChannels(channels: ChannelMembership, command: ChannelCommand): ChannelMembership {
  const { members } = channels;
  const epoch = channels.epoch + 1;
  const known = members.find(({ node }) => node === command.node);
  const others = members.filter(({ node }) => node !== command.node);
  if (command.type === "channel-leave") {
    if (known === undefined || known.since !== command.since) return channels;
    return { epoch, members: [...others, { ...known, since: null }] };
  }
  const { node, life } = command;
  if (known?.life !== life)
    return { epoch, members: [...others, { node, life, joined: epoch, since: epoch }] };
  if (known.since !== null) return channels;
  return { epoch, members: [...others, { ...known, since: epoch }] };
}

/** Who is no node of the cluster any more takes no part. */
export function withMembersOnly(catalog: Catalog): Catalog {
  const { epoch, members } = catalog.channels;
  const staying = members.filter((member) => catalog.nodes.some(({ id }) => id === member.node));
  if (staying.length === members.length) return catalog;
  return { ...catalog, channels: { epoch: epoch + 1, members: staying } };
}
