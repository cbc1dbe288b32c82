import * as fc from "fast-check";
import { describe, expect, expectTypeOf, test } from "vitest";
import { z } from "zod";
import type { CounterKeyspace } from "../keyspaces/counter.ts";
import type { MapKeyspace } from "../keyspaces/map.ts";
import type { RegisterKeyspace } from "../keyspaces/register.ts";
import type { SetKeyspace } from "../keyspaces/set.ts";
import type { KeyspaceOf } from "../connect.ts";
import { canonicalJson } from "./canonical-json.ts";
import { bytes, json, text } from "./codec.ts";
import { counter, map, register, set, type Register } from "./keyspaces.ts";
import type { StandardSchema } from "./standard-schema.ts";

interface Account {
  readonly balance: number;
  readonly note?: string;
}

const utf8 = (given: Uint8Array): string => new TextDecoder().decode(given);

describe("values", () => {
  test("are canonical JSON by default: equal values have equal bytes", () => {
    const { values } = register<Account>();
    expect(utf8(values.encode({ note: "x", balance: 1 }) as Uint8Array)).toBe('{"balance":1,"note":"x"}');
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const reordered: unknown = JSON.parse(JSON.stringify(value), (_name, member: unknown) =>
          typeof member === "object" && member !== null && !Array.isArray(member)
            ? Object.fromEntries(Object.entries(member).reverse())
            : member,
        );
        expect(canonicalJson(reordered)).toBe(canonicalJson(value));
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  test.each([
    ["NaN", { a: [1, Number.NaN] }, "a.1"],
    ["a date", { at: new Date(0) }, "at"],
    ["a map", new Map(), ""],
    ["undefined", [undefined], "0"],
    ["a hole", [, 1], "0"], // oxlint-disable-line no-sparse-arrays
    ["a function", { f: () => 1 }, "f"],
    ["a bigint", { n: 1n }, "n"],
  ])("refuse what JSON would change in silence: %s", (_name, value, path) => {
    const issue = (thrown: unknown) =>
      (thrown as { issues: { path: unknown[] }[] }).issues[0]!.path.join(".");
    let error: unknown;
    try {
      canonicalJson(value);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({ code: "invalid-value", definite: true });
    expect(issue(error)).toBe(path);
  });

  test("that contain themselves are refused", () => {
    const circle: { self?: unknown } = {};
    circle.self = circle;
    expect(() => canonicalJson(circle)).toThrow(/nested deeper/);
  });

  test("can be text, bytes, or have a codec of their own", () => {
    expect(register({ codec: text() }).values.encode("ä")).toEqual(Uint8Array.of(0xc3, 0xa4));
    expect(() => register({ codec: text() }).values.encode("\ud800")).toThrow(/surrogate/);
    const given = Uint8Array.of(1, 2);
    const stored = register({ codec: bytes() }).values.encode(given);
    given[0] = 9;
    expect(stored).toEqual(Uint8Array.of(1, 2));
    const flag = register({
      codec: {
        name: "flag",
        encode: (on: boolean) => Uint8Array.of(on ? 1 : 0),
        decode: ([byte]) => byte === 1,
      },
    });
    expect(flag.values.decode(Uint8Array.of(1))).toBe(true);
  });

  test("what is stored and cannot be read says so", () => {
    expect(() => register<Account>().values.decode(Uint8Array.of(0x7b))).toThrow(/cannot be read as json/);
    expect(() => register({ codec: text() }).values.decode(Uint8Array.of(0xff))).toThrow(/read as text/);
  });
});

describe("a schema", () => {
  const account = z.object({ owner: z.object({ age: z.int().min(0) }), balance: z.number().default(0) });

  test("checks what is written, and its defaults are stored", () => {
    const { values } = register({ schema: account });
    expect(utf8(values.encode({ owner: { age: 3 } }) as Uint8Array)).toBe('{"balance":0,"owner":{"age":3}}');
    expect(() => values.encode({ owner: { age: -1 }, balance: 1 })).toThrow(
      expect.objectContaining({
        code: "invalid-value",
        definite: true,
        issues: [expect.objectContaining({ path: ["owner", "age"] })],
      }),
    );
  });

  test("may take its time", async () => {
    const slow: StandardSchema<number> = {
      "~standard": {
        version: 1,
        vendor: "test",
        validate: (value) =>
          Promise.resolve(
            Number(value) > 0
              ? { value: Number(value) }
              : { issues: [{ message: "too small", path: [{ key: "n" }] }] },
          ),
      },
    };
    const { values } = register({ schema: slow });
    expect(await values.encode(1)).toEqual(Uint8Array.of(0x31));
    await expect(values.encode(0)).rejects.toMatchObject({
      issues: [{ path: ["n"] }],
      message: "n: too small.",
    });
  });
});

describe("types", () => {
  test("follow from the type argument, the codec or the schema", () => {
    const schema = z.object({ n: z.string().transform(Number) });
    expectTypeOf(register<Account>()).toEqualTypeOf<Register<Account>>();
    expectTypeOf(register()).toEqualTypeOf<Register<unknown>>();
    expectTypeOf(register({ codec: text() })).toEqualTypeOf<Register<string>>();
    expectTypeOf(register({ schema })).toEqualTypeOf<Register<{ n: string }, { n: number }>>();
    const accounts = register<Account>();
    const checked = set({ schema });
    const hits = counter();
    const profile = map<string>();
    expectTypeOf<KeyspaceOf<typeof accounts>>().toEqualTypeOf<RegisterKeyspace<Account>>();
    expectTypeOf<KeyspaceOf<typeof checked>>().toEqualTypeOf<SetKeyspace<{ n: string }, { n: number }>>();
    expectTypeOf<KeyspaceOf<typeof hits>>().toEqualTypeOf<CounterKeyspace>();
    expectTypeOf<KeyspaceOf<typeof profile>>().toEqualTypeOf<MapKeyspace<string>>();
    expect([accounts, checked, hits, profile].map(({ kind }) => kind)).toEqual([
      "register",
      "set",
      "counter",
      "map",
    ]);
  });

  test("refuse what contradicts itself", () => {
    const schema = z.object({ n: z.number() });
    const contradictions = () => {
      // @ts-expect-error text holds strings
      register<Account>({ codec: text() });
      // @ts-expect-error bytes hold bytes
      set<string>({ codec: bytes() });
      // @ts-expect-error the codec is for other values than the schema's
      register({ schema, codec: json<Account>() });
      // @ts-expect-error the type is the schema's
      register<Account>({ schema });
      // @ts-expect-error there is no such protocol
      register<Account>({ replication: "hope" });
      // @ts-expect-error a count has no codec
      counter({ codec: text() });
      // @ts-expect-error a count has no schema
      counter({ schema });
    };
    expect(contradictions).toBeTypeOf("function");
  });
});
