/** The table of decisions: who should lead, from where the requests come, and why. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { nodeId } from "../core/ids.ts";
import { type LeaderView, chooseLeader } from "./leader-choice.ts";
import { zoneDistance } from "./zone-distance.ts";

const [n1, n2, n3] = [nodeId(1), nodeId(2), nodeId(3)];

/** A shard of n1, n2 and n3, led by n1; requests a second through each of them. */
function view(rates: readonly number[], changes: Partial<LeaderView> = {}): LeaderView {
  return {
    self: n1,
    preferred: n1,
    others: [n2, n3].map((node) => ({ node, fit: true, busy: false })),
    rates: new Map(rates.map((rate, i) => [nodeId(i + 1), rate])),
    distance: zoneDistance(() => undefined),
    ...changes,
  };
}

const chosen = (rates: readonly number[], changes: Partial<LeaderView> = {}) => {
  const { node, reason } = chooseLeader(view(rates, changes));
  return `n${node} ${reason}`;
};

describe("where the requests come from", () => {
  test.each([
    ["nobody asks", [], "n1 preferred"],
    ["a few ask elsewhere", [0, 4], "n1 preferred"],
    ["all ask here", [100, 0], "n1 near"],
    ["all ask at n2", [0, 100], "n2 requests"],
    ["twice as many at n2 as here", [33, 67], "n2 requests"],
    ["not quite twice as many", [35, 65], "n1 near"],
    ["half here, half there", [50, 50], "n1 near"],
    ["from everywhere alike", [34, 33, 33], "n1 near"],
    ["none here, more at n2 than at n3", [0, 55, 45], "n2 requests"],
    ["most at n2, and the others at n3", [5, 70, 25], "n2 requests"],
    ["most at n2, but that would not halve the way", [25, 60, 15], "n1 near"],
  ])("%s", (_story, rates, expected) => {
    expect(chosen(rates)).toBe(expected);
  });
});

describe("who is preferred", () => {
  const preferred = { preferred: n3 };

  test.each([
    ["gets what nobody asks for", [], "n3 preferred"],
    ["gets what few ask for", [4, 0, 0], "n3 preferred"],
    ["gets what is asked for everywhere alike", [33, 34, 33], "n3 preferred"],
    ["does not get what is asked for here", [100, 0, 0], "n1 near"],
    ["does not get what is asked for at n2", [0, 100, 0], "n2 requests"],
    ["does not get what costs clearly more there", [50, 25, 25], "n1 near"],
    ["does not get what it would not keep", [30, 70, 20], "n1 near"],
  ])("%s", (_story, rates, expected) => {
    expect(chosen(rates, preferred)).toBe(expected);
  });

  test("stays without it where it does not vote, or where nobody is preferred", () => {
    expect(chosen([], { preferred: nodeId(9) })).toBe("n1 unfit");
    expect(chosen([], { preferred: null })).toBe("n1 preferred");
  });
});

describe("who cannot lead", () => {
  const others = (changes: object) => [
    { node: n2, fit: true, busy: false, ...changes },
    { node: n3, fit: true, busy: false },
  ];

  test("gets nothing, and it is said who that is", () => {
    expect(chooseLeader(view([0, 100], { others: others({ fit: false }) }))).toMatchObject({
      node: n1,
      reason: "unfit",
      ideal: n2,
    });
    expect(chooseLeader(view([0, 100], { others: others({ busy: true }) }))).toMatchObject({
      node: n1,
      reason: "busy",
      ideal: n2,
    });
    expect(chosen([], { preferred: n2, others: others({ fit: false }) })).toBe("n1 unfit");
  });
});

describe("distances", () => {
  test("where they are known, the leader belongs where the ways add up to least, also if few requests come in there", () => {
    // n2 and n3 are in one building, n1 is elsewhere. Nodes without a replica, such as n4, count as well.
    const distance = zoneDistance((node) => (node === n1 ? "west" : "east"));
    expect(chosen([40, 30, 30], { distance })).toBe("n1 near");
    expect(chosen([20, 40, 40], { distance })).toBe("n2 requests");
    expect(chosen([20, 40, 40])).toBe("n1 near");
    expect(chosen([0, 0, 0, 100], { distance })).toBe("n2 requests");
  });
});

test("nobody who has got a leadership would give it on by the same requests", () => {
  const rate = fc.integer({ min: 0, max: 20 });
  const preferred = fc.constantFrom(n1, n2, n3);
  fc.assert(
    fc.property(fc.tuple(rate, rate, rate), preferred, (rates, preferred) => {
      const first = chooseLeader(view(rates, { preferred }));
      if (first.node === n1) return;
      const others = [n1, n2, n3]
        .filter((node) => node !== first.node)
        .map((node) => ({ node, fit: true, busy: false }));
      const then = chooseLeader(view(rates, { preferred, self: first.node, others }));
      expect(then.node).toBe(first.node);
    }),
    { numRuns: 2000 },
  );
});
