/** Quorums of three with limits that are met. */
import { Cluster, FAIR } from "../merging/cluster.testkit.ts";
import type { Weather } from "../merging/cluster.testkit.ts";
import { quorumCodec } from "./codec.ts";
import { DEFAULT_QUORUM_OPTIONS } from "./options.ts";
import type { QuorumOptions } from "./options.ts";
import { Quorum } from "./quorum.ts";
import type { QuorumMessage, QuorumTimer } from "./quorum.ts";

export type QuorumCluster = Cluster<QuorumMessage, QuorumTimer>;

export const SMALL: Partial<QuorumOptions> = {
  maxMessageBytes: 60,
  maxFamilies: 2,
  patience: 400,
  hintAfter: 60,
  writeTimeout: 700,
  readTimeout: 700,
  handoverPatience: 200,
  maxPendingBytes: 20_000,
  maxPendingReads: 8,
};

export function quorums(
  holders: readonly number[],
  fallbacks: readonly number[],
  options: Partial<QuorumOptions> = {},
  weather: Weather = FAIR,
  seed = 7,
): QuorumCluster {
  return new Cluster<QuorumMessage, QuorumTimer>(
    seed,
    { holders, fallbacks },
    (id, seed, recovered, summary) =>
      new Quorum({ ...DEFAULT_QUORUM_OPTIONS, ...options, id, seed }, recovered, summary),
    quorumCodec,
    weather,
  );
}

/** What was sent of a kind, with the receivers. */
export function sentTo(group: QuorumCluster, type: QuorumMessage["type"]): readonly number[] {
  return group.sent.filter(({ message }) => message.type === type).map(({ to }) => to);
}
