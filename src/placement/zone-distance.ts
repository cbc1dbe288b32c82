/** How far nodes are from each other, as far as they say where they stand. */
import type { Distance } from "./leader-choice.ts";
import type { NodeId } from "../core/ids.ts";

/** Next to two nodes of one zone. Zones are racks, buildings or data centres: further, but nobody says how much. */
const BETWEEN_ZONES = 4;

/** Nodes that do not say where they stand, stand together. */
export function zoneDistance(zoneOf: (node: NodeId) => string | undefined): Distance {
  return (from, to) => {
    if (from === to) return 0;
    return zoneOf(from) === zoneOf(to) ? 1 : BETWEEN_ZONES;
  };
}
