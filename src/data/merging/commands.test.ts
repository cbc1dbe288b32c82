import * as fc from "fast-check";
import { expect, test } from "vitest";
import { COMMAND_IDS } from "../command-ids.ts";
import { findCommand } from "../commands.ts";
import { call, type Plain, plain, Shard } from "../data.testkit.ts";
import { refusalOf } from "./commands.ts";
import { Replica } from "./merging.testkit.ts";
import { checkRecords } from "./records.testkit.ts";

const word = fc.constantFrom(
  ..."a b c 0 1 -1 2 nx ex px keepttl limit gt 12x 9007199254740993".split(" "),
  "",
  "\xff\0",
  "9223372036854775807",
  "-9223372036854775808",
);
const anything = fc
  .tuple(fc.constantFrom(...Object.keys(COMMAND_IDS)), fc.array(word, { maxLength: 6 }))
  .filter(([name, args]) => {
    const { arity } = findCommand(name)!;
    return arity < 0 ? args.length + 1 >= -arity : args.length + 1 === arity;
  })
  .filter(([name, args]) => refusalOf(call(name, ...args)) === null);

function says(reply: Plain, what: string): boolean {
  return (
    typeof reply === "object" && reply !== null && "error" in reply && String(reply["error"]).includes(what)
  );
}

test("every command that is not refused is total, and answers what `validate` refuses with the same words", () => {
  fc.assert(
    fc.property(fc.array(anything, { maxLength: 25 }), (commands) => {
      const replica = new Replica(1);
      for (const [name, args] of commands) {
        const refusal = call(name, ...args).spec.validate?.(call(name, ...args).args) ?? null;
        const reply = replica.run(name, ...args);
        const isRefused = refusal !== null && !says(reply, "WRONGTYPE");
        expect([name, args, reply]).toEqual([name, args, isRefused ? plain(refusal) : reply]);
      }
      checkRecords(replica);
    }),
    { numRuns: 100 },
  );
});

/** Whose answers are made of versions or of chance, or which ordered keyspaces do not have. */
const INCOMPARABLE = new Set([".entry", ".siblings", ".resolve", ".randomkey", "srandmember"]);

test("alone, a replica answers as an ordered keyspace does", () => {
  fc.assert(
    fc.property(fc.array(anything, { maxLength: 40 }), (commands) => {
      const replica = new Replica(1);
      const shard = new Shard();
      for (const [name, args] of commands) {
        const asked = call(name, ...args);
        if (INCOMPARABLE.has(name) || (asked.spec.validate?.(asked.args) ?? null) !== null) continue;
        const reply = replica.run(name, ...args);
        // Only strings expire here: from then on the two would go apart.
        if (says(reply, "only strings expire")) return;
        expect([name, args, reply]).toEqual([name, args, shard.run(name, ...args)]);
      }
    }),
    { numRuns: 150 },
  );
});
