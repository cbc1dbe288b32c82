/** Bugs of the typed client, and of what a node does for it alone. */
import type { PlantedBug } from "../bug.ts";

export const CLIENT_BUGS: readonly PlantedBug[] = [
  {
    name: "read-ignores-the-session",
    breaks:
      "A sequential read is served by whatever the replica has applied, though the client has seen more.",
    file: "src/node/ordered-replica.ts",
    find: `index: indexOf(request.atLeast),`,
    replace: `index: Math.min(indexOf(request.atLeast), 0),`,
    scenarios: ["stale-reads"],
  },
  {
    name: "staleness-unbounded",
    breaks:
      "A replica serves a stale read with a bound without asking when it last confirmed with its leader.",
    file: "src/node/router.ts",
    find: `return this.#host.clock.now() - replica.freshAt > maxStaleness;`,
    replace: `return this.#host.clock.now() - replica.freshAt > maxStaleness + 60_000;`,
    scenarios: ["stale-reads"],
  },
  {
    name: "reads-renew-themselves",
    breaks: "A replica that has just served a stale read takes its state to be as fresh as that.",
    file: "src/node/ordered-replica.ts",
    find: `if (asked !== null) this.#freshAt = Math.max(this.#freshAt, asked);`,
    replace: `this.#freshAt = this.#host.clock.now() + 0 * (asked ?? 0);`,
    scenarios: ["stale-reads"],
  },
  {
    name: "client-forgets-what-it-saw",
    breaks: "The client does not note how far the log was from which an answer came.",
    file: "src/client/machine/machine.ts",
    find: `if (seen !== null) call.lane.note(seen);`,
    replace: `if (seen !== null && call.spec.write) call.lane.note(0);`,
    scenarios: ["stale-reads"],
  },
  {
    name: "doubtful-write-in-a-new-session",
    breaks: "A write of unknown outcome whose session has expired is sent again under a new session.",
    file: "src/client/machine/outcome.ts",
    find: `if (repetition === "exactly-once" && othersUnresolved) {`,
    replace: `if (repetition === "exactly-once" && othersUnresolved && message === "") {`,
    scenarios: ["retries"],
  },
  {
    name: "lost-attempt-forgotten",
    breaks: "The client takes a write for refused although an earlier attempt of it may have been done.",
    file: "src/client/machine/machine.ts",
    find: `if (!verdict.error.definite) call.lost++;`,
    replace: `if (!verdict.error.definite && call.spec.repetition === "read") call.lost++;`,
    scenarios: ["retries"],
  },
  {
    name: "repetition-gets-a-new-number",
    breaks: "The client numbers a write anew each time it sends it.",
    file: "src/client/machine/machine.ts",
    find: `    const attempt = ++this.#lastAttempt;`,
    replace: `    if (call.session !== null && call.failures > 0) call.sequence = call.session.take();
    const attempt = ++this.#lastAttempt;`,
    scenarios: ["retries"],
  },
];
