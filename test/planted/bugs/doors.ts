/** Bugs of the RESP door. */
import type { PlantedBug } from "../bug.ts";

const CONNECTION = "src/server/resp/connection.ts";

export const DOOR_BUGS: readonly PlantedBug[] = [
  {
    name: "reply-to-wrong-request",
    breaks: "Replies are sent as they become ready: a pipelined request gets the reply of another one.",
    file: CONNECTION,
    find: `let slot = slots[this.#head];
      if (slot === undefined || !slot.answered) break;`,
    replace: `const ready = slots.findIndex((each, i) => i >= this.#head && each.answered);
      if (ready > this.#head) slots.splice(this.#head, 0, ...slots.splice(ready, 1));
      let slot = slots[this.#head];
      if (slot === undefined || !slot.answered) break;`,
    scenarios: ["pipelines"],
  },
];
