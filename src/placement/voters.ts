/**
 * Who votes in a group that follows all nodes, such as the system group: few, and standing so that the loss of any one zone leaves a
 * majority, where the nodes allow it.
 */
import type { NodeId } from "../core/ids.ts";
import { chooseReplicas, type Located } from "./zones.ts";

/**
 * As many as possible up to `most`, taken from the list in its order, zone by zone, such that no zone holds half of them. Where there is no
 * such choice (fewer than three zones): as many as possible. The more voters, the more single nodes may fail; but four of them, two of
 * which stand together, survive less than three that do not.
 */
export function chooseVoters(preference: readonly Located[], most: number): readonly NodeId[] {
  const zones = new Map(preference.map(({ node, zone }) => [node, zone]));
  const largest = Math.min(most, preference.length);
  for (let count = largest; count > 0; count--) {
    const chosen = chooseReplicas(preference, count, { kind: "spread" });
    if (survivesAnyZone(chosen.map((node) => zones.get(node)!))) return chosen;
  }
  return preference.slice(0, largest).map(({ node }) => node);
}

/** A majority is left without any one of the zones. */
function survivesAnyZone(zones: readonly string[]): boolean {
  const majority = Math.floor(zones.length / 2) + 1;
  return zones.every((zone) => zones.filter((other) => other !== zone).length >= majority);
}
