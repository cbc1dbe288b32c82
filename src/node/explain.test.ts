import { describe, expect, test } from "vitest";
import type { KeyspaceDeclaration, KeyspaceSpec } from "./api.ts";
import { keyspaceSpec } from "./catalog/keyspace.ts";
import { type MeasuredLegs, explainKeyspace } from "./explain.ts";

const explained = (
  declared: Omit<KeyspaceDeclaration, "name">,
  measured: MeasuredLegs | null = null,
  nodes = 7,
) => explainKeyspace(keyspaceSpec({ name: "likes", ...declared }, nodes) as KeyspaceSpec, measured);

const quorum = (n: number, r: number, w: number, sloppy = true) =>
  ({ replication: "quorum", replicas: n, quorum: { r, w, sloppy } }) as const;

/** One way in most of the time, and now and then ten times as long. */
const LEGS: MeasuredLegs = {
  write: [1, 1, 1, 1, 1, 1, 1, 1, 1, 10],
  acknowledgement: [1],
  read: [1],
  response: [1],
  durable: [1],
};

describe("an ordered keyspace", () => {
  test("tells what a majority costs and survives", () => {
    expect(explained({ replicas: 5 })).toMatchObject({
      kind: "ordered",
      acknowledged: { replicas: 3, text: expect.stringContaining("3 of 5 replicas have it") as string },
      reads: { consistency: ["linearizable", "sequential", "stale"] },
      survives: { writes: 2, reads: 2, lostDisks: 2 },
      quorum: null,
      failover: { electionTimeout: { min: 300, max: 600 } },
      conflicts: { policy: null },
      staleness: null,
    });
  });

  test("of one replica does not promise that anybody takes over", () => {
    const { failover, survives } = explained({ replicas: 1 });
    expect(failover.text).toContain("nobody takes its place");
    expect(survives).toMatchObject({ writes: 0, lostDisks: 0 });
  });
});

describe("gossip", () => {
  test("is acknowledged by one replica, and says what that risks", () => {
    const {
      acknowledged,
      survives,
      failover,
      quorum: arithmetic,
      staleness,
    } = explained({ replication: "gossip" });
    expect(acknowledged.replicas).toBe(1);
    expect(survives).toMatchObject({ writes: 2, reads: 2, lostDisks: 0 });
    expect(survives.text).toContain("loses that write");
    expect(failover.electionTimeout).toBeNull();
    expect([arithmetic, staleness!.estimate]).toEqual([null, null]);
  });

  test("says what concurrent writes become", () => {
    expect(explained({ replication: "gossip" }).conflicts).toMatchObject({
      policy: "latest",
      text: expect.stringContaining("the others are lost") as string,
    });
    expect(explained({ replication: "gossip", conflicts: "siblings" }).conflicts.text).toContain(
      "all remain",
    );
  });
});

describe("the arithmetic of a quorum", () => {
  test.each([
    [3, 2, 2, true, true],
    [3, 1, 1, false, false],
    [3, 1, 3, true, true],
    [3, 3, 1, true, false],
    [3, 1, 2, false, true],
    [4, 2, 2, false, false],
    [5, 3, 3, true, true],
  ])("n %d, r %d, w %d", (n, r, w, readsSeeNewest, writesMeet) => {
    const { quorum: arithmetic, survives, acknowledged, reads } = explained(quorum(n, r, w, false));
    expect(arithmetic).toMatchObject({ n, r, w, readsSeeNewest, writesMeet });
    expect(survives).toMatchObject({ writes: n - w, reads: n - r, lostDisks: w - 1 });
    expect([acknowledged.replicas, reads.replicas]).toEqual([w, r]);
    expect(reads.text.includes("may miss")).toBe(!readsSeeNewest);
  });

  test("is not promised for the time in which others stand in for replicas", () => {
    expect(explained(quorum(3, 2, 2)).quorum!.text).toContain("does not: --strict");
    expect(explained(quorum(3, 2, 2)).reads.text).toContain("unless a stand-in");
    const strict = explained(quorum(3, 2, 2, false));
    expect(strict.quorum!.text).not.toContain("stand in");
    expect(strict.reads.text).not.toContain("stand-in");
    expect(strict.survives.text).toContain("while at most 1 replica of a shard is down");
  });
});

describe("the staleness of a quorum", () => {
  test("is not invented", () => {
    expect(explained(quorum(3, 1, 1)).staleness).toMatchObject({
      estimate: null,
      text: expect.stringContaining("Not measured yet") as string,
    });
    expect(explained(quorum(3, 1, 1), { ...LEGS, read: [] }).staleness!.estimate).toBeNull();
  });

  test("is estimated from what was measured, and the same each time", () => {
    const weak = explained(quorum(3, 1, 1), LEGS);
    const { estimate, text } = weak.staleness!;
    // A third of the reads asks the very replica that took the write; the others' have it 1 ms later, and now and then 10.
    expect(estimate!.freshAtOnce).toBeCloseTo(1 / 3, 1);
    expect(estimate!.freshAfter.map(({ share }) => share)).toEqual([0.9, 0.99, 0.999]);
    expect(estimate!.freshAfter.map(({ milliseconds }) => milliseconds)).toEqual([1, 10, 10]);
    // It asks but itself.
    expect(estimate!.readLatency).toBe(0);
    expect(explained(quorum(3, 2, 1), LEGS).staleness!.estimate!.readLatency).toBe(2);
    expect(text).toMatch(/^\d+(\.\d)?% of reads see a write .* 99\.9% after \d/);
    expect(explained(quorum(3, 1, 1), LEGS)).toEqual(weak);
  });

  test("is none where reads and writes overlap", () => {
    const { estimate, text } = explained(quorum(3, 2, 2), LEGS).staleness!;
    expect(estimate).toMatchObject({ freshAtOnce: 1, writeLatency: 12 });
    expect(estimate!.freshAfter.every(({ milliseconds }) => milliseconds === 0)).toBe(true);
    expect(text).toContain("Every read sees the newest acknowledged write.");
  });
});

test("every kind says what it refuses, and why", () => {
  for (const replication of ["raft", "gossip", "quorum"] as const) {
    const { refused } = explained({ replication });
    expect(refused.length).toBeGreaterThan(1);
    expect(refused.every(({ what, why }) => what !== "" && why !== "")).toBe(true);
  }
  expect(explained({ replication: "gossip" }).refused.map(({ what }) => what)).toContain("leases and locks");
});
