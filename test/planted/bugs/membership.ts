/** Bugs of membership from peer to peer. */
import type { PlantedBug } from "../bug.ts";

export const MEMBERSHIP_BUGS: readonly PlantedBug[] = [
  {
    name: "incarnation-not-raised",
    breaks: "A member that is wrongly suspected objects under its old incarnation, which counts for nothing.",
    file: "src/membership/swim.ts",
    find: "this.#self = { ...self, incarnation: news.incarnation + 1 };",
    replace: "this.#self = { ...self, incarnation: news.incarnation };",
    scenarios: ["members"],
  },
];
