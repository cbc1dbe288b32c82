/**
 * Exactly once, on real processes: the typed client behind proxies that hold up, swallow and cut, while leaders are killed with
 * -9. `npm run exactly-once -- 100000` does more of it and says how long it took.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type IncrementReport, RoughCluster, sum } from "./increments.testkit.ts";

const asked = Number(process.env["EXACTLY_ONCE_INCREMENTS"] ?? 0);
const INCREMENTS = asked || 10_000;
const KILLS = Math.max(3, Math.round(INCREMENTS / 5_000));
const REPEATED_INCREMENTS = Math.min(INCREMENTS, 2_000);
const LIMIT_MS = 120_000 + INCREMENTS * 10;

let cluster: RoughCluster;
beforeAll(async () => {
  cluster = await RoughCluster.start(1);
});
afterAll(() => cluster.end());

function tell(what: string, { values, seconds, kills, cuts, swallowed }: IncrementReport): void {
  if (asked === 0) return;
  console.log(
    `${what}: ${sum(values)} counted in ${seconds.toFixed(1)} s, ${kills} leaders killed, ${cuts} connections cut, ` +
      `${swallowed} of them after replies had been swallowed`,
  );
}

describe("increments through rough proxies while leaders are killed", () => {
  test(
    "exactly-once: as many as were asked for, each with an answer of its own",
    async () => {
      const options = {
        name: "exact",
        delivery: "exactly-once",
        increments: INCREMENTS,
        kills: KILLS,
      } as const;
      const report = await cluster.increment(options);
      tell(`${INCREMENTS} increments, exactly-once`, report);
      expect(report.errors).toEqual([]);
      expect(sum(report.values)).toBe(INCREMENTS);
      for (const [key, answers] of report.answers) {
        const each = Array.from({ length: report.values.get(key)! }, (_, i) => i + 1);
        expect([...answers].sort((a, b) => a - b)).toEqual(each);
      }
      expect(report.cuts).toBeGreaterThan(KILLS);
    },
    LIMIT_MS,
  );

  test(
    "at-least-once: the same counts too many, and reports none as failed",
    async () => {
      const increments = REPEATED_INCREMENTS;
      const options = { name: "repeated", delivery: "at-least-once", increments, kills: 1 } as const;
      const report = await cluster.increment(options);
      tell(`${increments} increments, at-least-once`, report);
      expect(report.errors).toEqual([]);
      expect(sum(report.values)).toBeGreaterThan(increments);
    },
    LIMIT_MS,
  );
});
