/** What the network between clients and nodes does to requests and replies, as data. Always, unlike the faults of a mix. */
import type { Millis } from "../../core/machine.ts";
import type { SimulatedRandom } from "../simulated-random.ts";

/** Probabilities in [0, 1] for each request. */
export interface ClientNetworkFaults {
  readonly dropRequest: number;
  readonly dropReply: number;
  /** What may be repeated (reads, and writes in an envelope) arrives a second time, up to `longDelay` later. */
  readonly repeatRequest: number;
  /** A request or a reply takes up to `longDelay`. */
  readonly slow: number;
  readonly longDelay: Millis;
  /** The connection is cut; half of what is under way still arrives, and nothing comes back. */
  readonly cut: number;
  /** A cut node cannot be reached for up to so long. */
  readonly outage: Millis;
  /** Of the replies that are lost: the shard ends the session then, as it does to make room for others. */
  readonly endSession: number;
}

export const NO_CLIENT_FAULTS: ClientNetworkFaults = {
  dropRequest: 0,
  dropReply: 0,
  repeatRequest: 0,
  slow: 0,
  longDelay: 2_000,
  cut: 0,
  outage: 0,
  endSession: 0,
};

/** Anything between a good network and a very bad one. */
export function drawClientNetwork(random: SimulatedRandom): ClientNetworkFaults {
  const upTo = (most: number): number => (random.chance(0.2) ? 0 : random.between(0, most));
  return {
    dropRequest: upTo(0.1),
    dropReply: upTo(0.2),
    repeatRequest: upTo(0.2),
    slow: upTo(0.1),
    longDelay: random.between(50, 3_000),
    cut: upTo(0.05),
    outage: upTo(1_500),
    endSession: upTo(0.3),
  };
}
