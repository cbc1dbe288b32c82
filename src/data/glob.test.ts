import { describe, expect, test } from "vitest";
import { compileGlob } from "./glob.ts";

/** Pattern, texts that match, texts that do not; each agrees with KEYS of redis-server 7.0.15. */
const CASES: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  ["*", ["", "a", "abc"], []],
  ["**", ["a"], [""]],
  ["", [""], ["a"]],
  ["h?llo", ["hello", "hallo"], ["hllo", "heello"]],
  ["h*llo", ["hllo", "heeeello"], ["hell"]],
  ["a*b*c", ["abc", "a1b2c", "abcbc"], ["ab", "acb"]],
  ["h[ae]llo", ["hello", "hallo"], ["hillo"]],
  ["h[^e]llo", ["hallo"], ["hello"]],
  ["h[a-c]llo", ["hbllo"], ["hdllo"]],
  ["[c-a]", ["b"], ["d"]],
  ["[\\]]", ["]"], ["\\"]],
  ["[a", ["a"], ["[a", "["]],
  ["[", [], ["["]],
  ["[]", [], ["[]", "]"]],
  ["[^", ["x"], [""]],
  ["[a-]", ["a", "]", "_"], ["-"]],
  ["\\*", ["*"], ["a", "\\*"]],
  ["a\\", ["a\\"], ["a"]],
  ["[\x80-\xff]", ["\x90"], ["a"]],
  // The bounds are signed: \xff is -1, and the range reaches from there up to "a".
  ["[a-\xff]", ["a", "0", "\xff"], ["\x80", "b"]],
];

describe("glob patterns", () => {
  test.each(CASES)("%j", (pattern, matching, others) => {
    const matches = compileGlob(pattern);
    expect(matching.filter(matches)).toEqual(matching);
    expect(others.filter(matches)).toEqual([]);
  });

  test("a pattern full of stars takes no exponential time", () => {
    const started = performance.now();
    expect(compileGlob(`${"a*".repeat(40)}b`)("a".repeat(2000))).toBe(false);
    expect(performance.now() - started).toBeLessThan(1000);
  });
});
