/** Histories whose verdict is known: the simulation's judges must accept the good ones and refuse the bad ones. */
import { describe, expect, test } from "vitest";
import { checkLinearizability } from "./checkers/linearizability.ts";
import { MODELS, type ModelName } from "./checkers/models.ts";
import { checkNoLostWrites } from "./checkers/no-lost-writes.ts";
import { pairOperations } from "./history/pair.ts";
import { parseHistory } from "./history/parse.ts";

/** Lines as `process type f value`, one millisecond apart, on one key. */
function operations(story: string) {
  const lines = story
    .trim()
    .split("\n")
    .map((line, time) => {
      const [process, type, f, value = "null"] = line.trim().split(" ");
      return JSON.stringify({
        process: Number(process),
        type,
        f,
        key: "x",
        value: JSON.parse(value) as unknown,
        time,
      });
    });
  return pairOperations(parseHistory(lines.join("\n")).events);
}

const verdict = (story: string, model: ModelName) =>
  checkLinearizability(operations(story), MODELS[model]).ok;

describe("linearizability", () => {
  test("a read beside a write may see either value", () => {
    for (const seen of ["null", "1"]) {
      const story = `0 invoke write 1\n1 invoke read\n1 ok read ${seen}\n0 ok write`;
      expect(verdict(story, "register")).toBe(true);
    }
  });

  test("a read after an acknowledged write must see it", () => {
    const story = "0 invoke write 1\n0 ok write\n1 invoke read\n1 ok read null";
    expect(verdict(story, "register")).toBe(false);
  });

  test("once one client has seen the new value, no later read sees the old one", () => {
    const story = `0 invoke write 1\n1 invoke read\n1 ok read 1\n2 invoke read\n2 ok read null\n0 ok write`;
    expect(verdict(story, "register")).toBe(false);
  });

  test("a write of unknown outcome may show late, or never; one that failed never", () => {
    const late =
      "0 invoke write 1\n0 info write 1\n1 invoke read\n1 ok read null\n2 invoke read\n2 ok read 1";
    expect(verdict(late, "register")).toBe(true);
    expect(verdict("0 invoke write 1\n0 info write 1\n1 invoke read\n1 ok read null", "register")).toBe(true);
    expect(verdict("0 invoke write 1\n0 fail write 1\n1 invoke read\n1 ok read 1", "register")).toBe(false);
  });

  test("an old value that comes back over a newer one is refused, as a repeated write would make it", () => {
    const story = `0 invoke write 1\n0 ok write\n1 invoke write 2\n1 ok write\n2 invoke read\n2 ok read 1`;
    expect(verdict(story, "register")).toBe(false);
  });

  test("two compare-and-sets cannot both win", () => {
    const story = `0 invoke cas [null,1]\n1 invoke cas [null,2]\n0 ok cas\n1 ok cas`;
    expect(verdict(story, "register")).toBe(false);
  });
});

test("an acknowledged write that the last read lacks is lost", () => {
  const lost = operations("0 invoke write 1\n0 ok write\n1 invoke read\n1 ok read null");
  expect(checkNoLostWrites(lost, "register").ok).toBe(false);
  const kept = operations("0 invoke write 1\n0 ok write\n1 invoke read\n1 ok read 1");
  expect(checkNoLostWrites(kept, "register").ok).toBe(true);
});
