import * as fc from "fast-check";
import { expect, test } from "vitest";
import { nodeId } from "../../core/ids.ts";
import type { NodeId } from "../../core/ids.ts";
import { configuration } from "./configuration.ts";
import { majority, majorityValue, quorumValue, voteOutcome } from "./quorum.ts";

const ids = (...numbers: number[]): NodeId[] => numbers.map((number) => nodeId(number));
const someIds = fc
  .uniqueArray(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 7 })
  .map((list) => ids(...list));
const values = fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 10, maxLength: 10 });

test("a majority is more than half", () => {
  expect([1, 2, 3, 4, 5, 6, 7].map(majority)).toEqual([1, 2, 2, 3, 3, 4, 4]);
});

test("the value of a majority is the highest that a majority has reached", () => {
  fc.assert(
    fc.property(someIds, values, (voters, matches) => {
      const value = majorityValue(voters, (id) => matches[id]!);
      const reached = (level: number): number => voters.filter((id) => matches[id]! >= level).length;
      expect(reached(value)).toBeGreaterThanOrEqual(majority(voters.length));
      expect(reached(value + 1)).toBeLessThan(majority(voters.length));
    }),
  );
});

test("a joint configuration decides what both halves decide", () => {
  fc.assert(
    fc.property(someIds, someIds, values, (voters, outgoing, matches) => {
      const valueOf = (id: NodeId): number => matches[id]!;
      const joint = quorumValue(configuration(voters, [], outgoing), valueOf);
      expect(joint).toBe(Math.min(majorityValue(voters, valueOf), majorityValue(outgoing, valueOf)));
    }),
  );
});

test("two outcomes of one election never contradict: quorums of a joint configuration meet those of both halves", () => {
  fc.assert(
    fc.property(
      someIds,
      someIds,
      fc.array(fc.boolean(), { minLength: 10, maxLength: 10 }),
      (voters, outgoing, coin) => {
        const joint = configuration(voters, [], outgoing);
        const forA = new Map(ids(1, 2, 3, 4, 5, 6, 7, 8, 9).map((id) => [id, coin[id]!]));
        const forB = new Map([...forA].map(([id, vote]) => [id, !vote]));
        const configs = [joint, configuration(voters), configuration(outgoing)];
        if (voteOutcome(joint, forA) !== "won") return;
        expect(configs.map((config) => voteOutcome(config, forB))).not.toContain("won");
      },
    ),
  );
});

test("an election is lost as soon as it cannot be won, and open before", () => {
  const config = configuration(ids(1, 2, 3));
  expect(voteOutcome(config, new Map())).toBe("pending");
  expect(voteOutcome(config, new Map([[nodeId(1), true]]))).toBe("pending");
  expect(
    voteOutcome(
      config,
      new Map([
        [nodeId(1), true],
        [nodeId(3), true],
      ]),
    ),
  ).toBe("won");
  expect(
    voteOutcome(
      config,
      new Map([
        [nodeId(2), false],
        [nodeId(3), false],
      ]),
    ),
  ).toBe("lost");
  const joint = configuration(ids(1, 2, 3), [], ids(4));
  expect(
    voteOutcome(
      joint,
      new Map([
        [nodeId(1), true],
        [nodeId(2), true],
      ]),
    ),
  ).toBe("pending");
  expect(
    voteOutcome(
      joint,
      new Map([
        [nodeId(1), true],
        [nodeId(4), false],
      ]),
    ),
  ).toBe("lost");
  // Votes of others than voters do not count.
  expect(
    voteOutcome(
      config,
      new Map([
        [nodeId(1), true],
        [nodeId(7), true],
      ]),
    ),
  ).toBe("pending");
});
