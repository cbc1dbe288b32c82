import { expect, test } from "vitest";
import { nodeId } from "../../core/ids.ts";
import {
  configuration,
  ConfigurationHistory,
  configurationProblem,
  describeConfiguration,
  isJoint,
  isVoter,
  members,
} from "./configuration.ts";

const ids = (...numbers: number[]) => numbers.map((number) => nodeId(number));

test("a joint configuration counts both halves, and a demoted voter is learner and outgoing at once", () => {
  const joint = configuration(ids(3, 1), ids(2), ids(2, 1));
  expect(joint).toEqual({ voters: [1, 3], outgoing: [1, 2], learners: [2] });
  expect(configurationProblem(joint)).toBeNull();
  expect([isJoint(joint), isVoter(joint, nodeId(2)), members(joint)]).toEqual([true, true, [1, 2, 3]]);
  expect(describeConfiguration(joint)).toBe("1 3 | old 1 2 learners 2");
});

test("nonsense is named", () => {
  expect(configurationProblem(configuration(ids(1, 1)))).toContain("not ascending");
  expect(configurationProblem(configuration(ids(0)))).toContain("no node id");
  expect(configurationProblem(configuration(ids(1.5)))).toContain("no node id");
  expect(configurationProblem(configuration(ids(1), ids(1)))).toContain("voter and learner");
  expect(configurationProblem(configuration([], [], ids(1)))).toContain("joint");
});

test("truncation brings the configuration before it back, compaction keeps the one in force", () => {
  const [a, b, c] = [configuration(ids(1)), configuration(ids(2)), configuration(ids(3))];
  const history = new ConfigurationHistory(0, a);
  history.append(3, b);
  history.append(7, c);
  expect([2, 3, 6, 7, 9].map((index) => history.at(index))).toEqual([a, b, b, c, c]);
  expect([8, 7, 6, 3, 2].map((index) => history.since(index))).toEqual([[c], [c], [b, c], [b, c], [a, b, c]]);
  history.compactTo(5);
  expect([history.at(5), history.at(6), history.latest]).toEqual([b, b, c]);
  history.truncateFrom(7);
  expect([history.latest, history.latestIndex]).toEqual([b, 3]);
  history.truncateFrom(1);
  expect(history.latest).toEqual(b);
  history.reset(20, c);
  expect([history.latest, history.latestIndex]).toEqual([c, 20]);
});
