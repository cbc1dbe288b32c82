import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bytes } from "./data.testkit.ts";
import { formatLongDouble, addLongDoubles, parseLongDouble } from "./long-double.ts";
import { addIntegers, clampToSafe, LONG_MAX, LONG_MIN, parseInteger } from "./numbers.ts";

describe("64-bit integers", () => {
  test("what string2ll refuses is refused", () => {
    for (const text of [
      "",
      "-",
      "+1",
      " 1",
      "1 ",
      "01",
      "-0",
      "-01",
      "1.0",
      "1e3",
      "0x10",
      "9223372036854775808",
    ]) {
      expect([text, parseInteger(bytes(text))]).toEqual([text, undefined]);
    }
    expect(parseInteger(bytes("-9223372036854775809"))).toBeUndefined();
    expect(parseInteger(bytes("99999999999999999999999999"))).toBeUndefined();
  });

  test("a number while it is safe, a bigint beyond", () => {
    expect(parseInteger(bytes("-42"))).toBe(-42);
    expect(parseInteger(bytes("9007199254740991"))).toBe(Number.MAX_SAFE_INTEGER);
    expect(parseInteger(bytes("9007199254740992"))).toBe(9007199254740992n);
    expect(parseInteger(bytes("9223372036854775807"))).toBe(LONG_MAX);
    expect(parseInteger(bytes("-9223372036854775808"))).toBe(LONG_MIN);
    expect(addIntegers(Number.MAX_SAFE_INTEGER, 1)).toBe(9007199254740992n);
    expect(addIntegers(9007199254740992n, -1)).toBe(Number.MAX_SAFE_INTEGER);
  });

  test("sums agree with exact arithmetic, or overflow with it", () => {
    const long = fc.oneof(
      fc.bigInt(LONG_MIN, LONG_MAX),
      fc.bigInt(-(2n ** 54n), 2n ** 54n),
      fc.bigInt(-9n, 9n),
    );
    fc.assert(
      fc.property(long, long, (a, b) => {
        const sum = addIntegers(parseInteger(bytes(`${a}`))!, parseInteger(bytes(`${b}`))!);
        const exact = a + b;
        expect(sum === undefined ? undefined : BigInt(sum)).toBe(
          BigInt.asIntN(64, exact) === exact ? exact : undefined,
        );
      }),
    );
  });

  test("clamped, it stays on its side", () => {
    expect([LONG_MAX, LONG_MIN, 7, -7n].map(clampToSafe)).toEqual([
      Number.MAX_SAFE_INTEGER,
      -Number.MAX_SAFE_INTEGER,
      7,
      -7,
    ]);
  });
});

describe("long doubles", () => {
  const parse = (text: string): ReturnType<typeof parseLongDouble> => parseLongDouble(bytes(text));
  const sum = (a: string, b: string): string => {
    const result = addLongDoubles(parse(a)!, parse(b)!);
    return typeof result === "object" ? formatLongDouble(result) : String(result);
  };

  test("digits are those of x86 (recorded from redis-server 7.0.15)", () => {
    expect(sum("0.1", "0.2")).toBe("0.3");
    expect(sum("3.0", "1.000000000000000005")).toBe("4.00000000000000001");
    expect(sum("1e17", "0.01")).toBe("100000000000000000.0078125");
    expect(sum("123456789012345678901234567890", "1")).toBe("123456789012345678899921813504");
    expect(sum("-1", "0.99999999999999999")).toBe("-0.00000000000000001");
    expect(sum("-1e-20", "0")).toBe("0");
    expect(sum("0x1p3", ".5")).toBe("8.5");
  });

  test("what strtold takes whole is a number, everything else is none", () => {
    for (const text of [
      "",
      ".",
      "e5",
      "1e",
      "1 ",
      " 1",
      "nan",
      "0x",
      "1_000",
      "1e400000",
      "1e-5000",
      "--1",
    ]) {
      expect([text, parse(text)]).toEqual([text, undefined]);
    }
    for (const text of ["5.", ".5", "+7", "1E3", "0X.8P+1", "0e999999"])
      expect(typeof parse(text)).toBe("object");
    expect([parse("inf"), parse("-Infinity")]).toEqual(["+inf", "-inf"]);
    expect(parse("1".repeat(5120))).toBeUndefined();
  });

  test("beyond the largest one it is infinite, and inf - inf is nothing", () => {
    expect(sum("1e4932", "1e4932")).toBe("+inf");
    expect(sum("-inf", "1")).toBe("-inf");
    expect(sum("inf", "-inf")).toBe("undefined");
  });

  test("every double is read and printed exactly, as far as 17 decimals go", () => {
    fc.assert(
      fc.property(fc.integer({ min: -(2 ** 40), max: 2 ** 40 }), (scaled) => {
        const value = scaled / 2 ** 10;
        expect(
          Number(
            formatLongDouble(parse(String(value)) as Exclude<ReturnType<typeof parse>, string | undefined>),
          ),
        ).toBe(value + 0);
      }),
    );
  });
});
