/** Bugs of the data types and of the state machine that runs their commands. */
import type { PlantedBug } from "../bug.ts";

export const DATA_BUGS: readonly PlantedBug[] = [
  {
    name: "expiry-by-local-clock",
    breaks:
      "Whether a value has expired is decided by the clock of the node that reads it, not by the log's time.",
    file: "src/data/keys.ts",
    find: `return header === undefined || isDue(header, context.time) ? undefined : header;`,
    replace: `return header === undefined || isDue(header, context.clock) ? undefined : header;`,
    scenarios: ["expiry"],
  },
  {
    name: "old-expiry-stays",
    breaks: "A value that is written without an expiry keeps that of the value it replaces.",
    file: "src/data/keys.ts",
    find: `const header = newHeader(STRING, context.version, expiry, value.length);`,
    replace: `const kept = expiry === 0 && old !== undefined ? expireAt(old) : expiry;
  const header = newHeader(STRING, context.version, kept, value.length);`,
    scenarios: ["expiry"],
  },
  {
    name: "watch-not-checked",
    breaks: "EXEC does not look whether a watched key has changed: compare-and-set decides by a stale value.",
    file: "src/data/apply.ts",
    find: `if (atStart && !this.#unchanged(operation.watched)) {`,
    replace: `if (atStart && !this.#unchanged(operation.watched.slice(1))) {`,
    scenarios: ["partitions"],
  },
  {
    name: "setnx-forgets-the-condition",
    breaks: "SETNX says that the key exists, and sets it all the same.",
    file: "src/data/strings.ts",
    find: `if (findKeyToReplace(records, context, key) !== undefined) return 0;
  storeString(records, context, key, undefined, value, 0);
  return 1;`,
    replace: `const old = findKeyToWrite(records, context, key);
  storeString(records, context, key, old, value, 0);
  return old === undefined ? 1 : 0;`,
    scenarios: ["partitions"],
  },
  {
    name: "transaction-in-pieces",
    breaks: "The commands of a transaction are ordered one by one: others come between them.",
    file: "src/node/requests.ts",
    find: `else this.#submit(group, { kind: "transaction", calls, watched }, true, options, done);`,
    replace: `else {
      const replies: Reply[] = [];
      const next = (): void => {
        const call = calls[replies.length];
        if (call === undefined) done(replies);
        else
          this.#submit(group, { kind: "command", ...call }, call.spec.access === "write", options, (reply) => {
            replies.push(reply);
            next();
          });
      };
      next();
    }`,
    scenarios: ["transactions"],
  },
  {
    name: "transaction-loses-its-end",
    breaks: "The last write of a longer transaction is not done.",
    file: "src/data/apply.ts",
    find: `this.#collected.push(this.#execute(call));`,
    replace: `this.#collected.push(this.#collected.length === 3 && call.spec.access === "write" ? null : this.#execute(call));`,
    scenarios: ["transactions"],
  },
  {
    name: "repeat-done-again",
    breaks: "What a session sends again is done again: its replies are remembered and never looked for.",
    file: "src/data/remembered.ts",
    find: `return remembered === undefined ? undefined : decoded(remembered, 0);`,
    replace: `return remembered === undefined || sequence > 1 ? undefined : decoded(remembered, 0);`,
    scenarios: ["retries"],
  },
  {
    name: "acknowledged-done-again",
    breaks: "What a session has acknowledged is forgotten, and done again when a late repetition comes.",
    file: "src/data/remembered.ts",
    find: `if (sequence < acknowledged) return ACKNOWLEDGED;`,
    replace: `if (sequence < 0) return ACKNOWLEDGED;`,
    scenarios: ["retries"],
  },
  {
    name: "snapshot-without-replies",
    breaks: "A snapshot has the sessions and not the replies that they remember.",
    file: "src/storage/state/snapshot-export.ts",
    find: `writer.add(space, idOf(key), value);`,
    replace: `if (!space.startsWith("r")) writer.add(space, idOf(key), value);`,
    scenarios: ["retries", "snapshots"],
  },
  {
    name: "watch-skips-an-event",
    breaks: "A watch that is resumed begins one event too late.",
    file: "src/data/history.ts",
    find: `if (event.revision <= revision) continue;`,
    replace: `if (event.revision <= revision + 1 && revision > 0) continue;`,
    scenarios: ["watching"],
  },
  {
    name: "compaction-unnoticed",
    breaks: "The history forgets its oldest events, and does not say so.",
    file: "src/data/history.ts",
    find: `this.#start = varintAt(bytes, this.#head + 4);`,
    replace: `varintAt(bytes, this.#head + 4);`,
    scenarios: ["watching"],
  },
  {
    name: "restored-history-is-whole",
    breaks: "After a restart or a snapshot, the empty history claims to know everything that ever happened.",
    file: "src/data/shard-state.ts",
    find: `state.history.begin(state.version);`,
    replace: ``,
    scenarios: ["watching"],
  },
];
