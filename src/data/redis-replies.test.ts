/**
 * Replies recorded from redis-server 7.0.15 (RESP3): each line is a command and its reply. Replayed here without a
 * server; unordered replies were sorted. The differential test of the RESP door goes on from here with fresh sequences.
 */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { call, plain, Shard, type Plain } from "./data.testkit.ts";
import { checkRecords } from "./records.testkit.ts";

const transcript = readFileSync(new URL("./transcripts/redis-7.0.15.tsv", import.meta.url), "utf8");

const lines = transcript
  .trimEnd()
  .split("\n")
  .map((line) => line.split("\t").map((part) => JSON.parse(part, revive) as unknown) as [string[], Plain]);

function revive(_key: string, value: unknown): unknown {
  return typeof value === "object" && value !== null && "long" in value
    ? BigInt(value.long as string)
    : value;
}

const bySource = (a: unknown, b: unknown): number => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);

/** Redis leaves the order of these open. */
function sorted(name: string, reply: Plain): Plain {
  if (reply === null || typeof reply !== "object") return reply;
  if (Array.isArray(reply)) return name === "hkeys" || name === "hvals" ? [...reply].sort(bySource) : reply;
  if ("set" in reply) return { set: [...(reply.set as Plain[])].sort(bySource) };
  if ("map" in reply && name !== "lcs") return { map: [...(reply.map as Plain[])].sort(bySource) };
  return reply;
}

describe("the replies of redis-server 7.0.15", () => {
  test("900 recorded commands are answered alike, and leave sound records", () => {
    const shard = new Shard();
    for (const [i, [[name = "", ...args], expected]] of lines.entries()) {
      const where = `line ${i + 1}: ${name} ${args.join(" ")}`;
      expect({ where, reply: sorted(name, shard.run(name, ...args)) }).toEqual({ where, reply: expected });
      if (i % 50 === 0) checkRecords(shard);
    }
    checkRecords(shard);
  });

  test("what `validate` refuses before a command is ordered, Redis refuses with the same words", () => {
    let refused = 0;
    for (const [[name = "", ...args], expected] of lines) {
      const asked = call(name, ...args);
      const failure = asked.spec.validate?.(asked.args) ?? null;
      if (failure === null) continue;
      refused++;
      expect([name, ...args, plain(failure)]).toEqual([name, ...args, expected]);
    }
    expect(refused).toBeGreaterThan(50);
  });
});
