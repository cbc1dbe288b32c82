import { describe, expect, it } from "vitest";
import { nearest } from "./suggest.ts";
import { createStyle, wantsColour, width } from "./style.ts";
import { table } from "./table.ts";
import { bytes, duration, plural } from "./units.ts";
import { waitingLine } from "./waiting.ts";

const plain = createStyle(false);
const colour = createStyle(true);

describe("tables", () => {
  it("align left and right, and end lines without blanks", () => {
    const text = table(
      [{ title: "NODE" }, { title: "LAG", align: "right" }, { title: "NOTE" }],
      [
        ["n1", "0", ""],
        ["longer", "1234", "slow"],
      ],
      plain,
    );
    expect(text).toBe(["NODE     LAG  NOTE", "n1         0", "longer  1234  slow", ""].join("\n"));
  });

  it("align coloured cells by what is seen of them", () => {
    const text = table(
      [{ title: "A" }, { title: "B" }],
      [
        [colour.red("xx"), "1"],
        ["y", "2"],
      ],
      plain,
    );
    expect(text.split("\n")[1]).toBe("\u001b[31mxx\u001b[0m  1");
    expect(text.split("\n")[2]).toBe("y   2");
    expect(width(colour.bold("…é"))).toBe(2);
  });

  it("show only the header when there is nothing", () => {
    expect(table([{ title: "NODE" }], [], plain)).toBe("NODE\n");
  });
});

it.each([
  [true, {}, true],
  [false, {}, false],
  [true, { NO_COLOR: "1" }, false],
  [true, { NO_COLOR: "" }, true],
  [true, { TERM: "dumb" }, false],
  [false, { FORCE_COLOR: "1" }, true],
  [true, { FORCE_COLOR: "0" }, false],
  [false, { FORCE_COLOR: "1", NO_COLOR: "1" }, false],
])("colours on a terminal %s with %j: %s", (isTTY, env, expected) =>
  expect(wantsColour(isTTY, env)).toBe(expected),
);

it.each([
  [0, "0.0 s"],
  [1_449, "1.4 s"],
  [12_400, "12 s"],
  [59_700, "1 m 0 s"],
  [125_000, "2 m 5 s"],
  [7_500_000, "2 h 5 m"],
  [90_000_000, "1 d 1 h"],
])("%i ms is %s", (milliseconds, text) => expect(duration(milliseconds)).toBe(text));

it.each([
  [0, "0 B"],
  [1_023, "1023 B"],
  [1_536, "1.5 KiB"],
  [16_777_216, "16 MiB"],
  [3_221_225_472, "3 GiB"],
])("%i is %s", (count, text) => expect(bytes(count)).toBe(text));

it("counts in words", () => {
  expect([plural(1, "shard"), plural(0, "shard")]).toEqual(["1 shard", "0 shards"]);
});

it.each([
  ["respport", "respPort"],
  ["staus", "status"],
  ["completely-different", null],
])("for %s suggests %s", (word, near) => expect(nearest(word, ["respPort", "status", "name"])).toBe(near));

describe("the waiting line", () => {
  function scene(isTTY: boolean) {
    const printed: string[] = [];
    let time = 0;
    const line = waitingLine(
      { write: (text) => printed.push(String(text)), isTTY, columns: 60, rows: 24 },
      plain,
      () => time,
    );
    return { printed, line, at: (ms: number) => (time = ms) };
  }

  it("stays silent for a moment, then says what and for how long", () => {
    const { printed, line, at } = scene(false);
    line.update("a quorum");
    at(300);
    line.update("a quorum");
    expect(printed).toEqual([]);
    at(500);
    line.update("a quorum");
    expect(printed).toEqual(["waiting for a quorum (0.5 s)\n"]);
  });

  it("in a file repeats itself every five seconds, and tells a new reason sooner", () => {
    const { printed, line, at } = scene(false);
    for (let ms = 500; ms < 12_000; ms += 100) {
      at(ms);
      line.update(ms < 2_000 ? "a" : "b");
    }
    expect(printed.map((text) => text.trim())).toEqual([
      "waiting for a (0.5 s)",
      "waiting for b (2.0 s)",
      "waiting for b (7.0 s)",
    ]);
  });

  it("on a terminal is redrawn in place, never longer than the line, and removed", () => {
    const { printed, line, at } = scene(true);
    at(1_000);
    line.update("x".repeat(100));
    expect(width(printed[0]!.replace("\r", "").replace("\u001b[K", ""))).toBeLessThan(60);
    expect(printed[0]).toMatch(/^\rwaiting for x+… \(1\.0 s\)/);
    line.update("x".repeat(100));
    expect(printed).toHaveLength(1);
    line.clear();
    expect(printed[1]).toBe("\r\u001b[K");
  });
});
