import { expect, test } from "vitest";
import { FuzzCluster } from "./fuzz.testkit.ts";

const first = Number(process.env["FUZZ_FIRST"] ?? 1);
const count = Number(process.env["FUZZ_COUNT"] ?? 60);

/** Generous: the machine may be busy, and soaks run thousands. */
const timeout = 60_000 + 2_000 * count;

test(
  `${count} histories with faults, from seed ${first} on, keep every invariant and recover`,
  { timeout },
  () => {
    const sum = { committed: 0, leaders: 0, reads: 0, leaseReads: 0, installs: 0, changes: 0, transfers: 0 };
    for (let seed = first; seed < first + count; seed++) {
      const report = new FuzzCluster(seed).run();
      for (const key of Object.keys(sum) as (keyof typeof sum)[]) sum[key] += report[key];
    }
    // What never happens cannot be wrong: every kind of event must have taken place.
    expect(Object.entries(sum).filter(([, times]) => times < count / 10)).toEqual([]);
  },
);

test("one seed replays one history", () => {
  const [a, b] = [new FuzzCluster(7).run(), new FuzzCluster(7).run()];
  expect(a).toEqual(b);
  expect(new FuzzCluster(8).run().hash).not.toBe(a.hash);
});
