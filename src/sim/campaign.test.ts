import { describe, expect, test } from "vitest";
import { momentCame, optionsOfMoment, optionsOfSeed, runSeed } from "./campaign.ts";
import { describeReplay } from "./replay.ts";
import { CRASH_MOMENTS } from "./simulated-host.ts";

test("a seed stands for one simulation, whatever is chosen beside it", () => {
  const drawn = optionsOfSeed(5, {});
  expect(optionsOfSeed(5, {})).toEqual(drawn);
  expect(optionsOfSeed(5, { workload: "sets" })).toEqual({ ...drawn, workload: "sets" });
  expect(optionsOfSeed(6, {})).not.toEqual(drawn);
});

test("the command that plays it again names everything", () => {
  const options = optionsOfSeed(7, {
    workload: "sets",
    mix: "disks",
    nodes: 3,
    clients: 2,
    duration: 5500,
    shards: 2,
  });
  const command =
    "npm run sim -- --seed 7 --nodes 3 --workload sets --mix disks --clients 2 --seconds 5.5 --replication raft --shards 2";
  expect(describeReplay(options)).toBe(command);
  expect(describeReplay({ ...options, keep: [3, 9] })).toBe(`${command} --strikes 3,9`);
  expect(describeReplay({ ...options, keep: [] })).toBe(`${command} --strikes none`);
});

test("some runs are done twice, and give the same history", () => {
  const seeds = Array.from({ length: 60 }, (_, seed) => seed);
  const short = {
    mix: "calm",
    nodes: 1,
    clients: 1,
    duration: 20,
    workload: "registers",
    shards: 1,
  } as const;
  const reports = seeds.map((seed) => runSeed(optionsOfSeed(seed, short)).report);
  expect(reports.flatMap(({ problems }) => problems)).toEqual([]);
  const repeated = reports.filter((report) => report.repeated).length;
  expect(repeated).toBeGreaterThan(0);
  expect(repeated).toBeLessThan(12);
});

// All of them: npm run sim -- --every boundary. Here some, at other places for each kind of moment.
describe.each(CRASH_MOMENTS)("a crash at one %s after the other", (moment) => {
  const first = CRASH_MOMENTS.indexOf(moment) + 1;
  test.each(Array.from({ length: 24 }, (_, i) => first + 13 * i))("number %i", (n) => {
    const options = optionsOfMoment(3, moment, n, {});
    const { report } = runSeed(options);
    const told = report.problems.length === 0 ? "" : [...report.problems, describeReplay(options)].join("\n");
    expect(told).toBe("");
    expect(momentCame(report)).toBe(true);
  });
});
