import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HistoryError, type HistoryEvent } from "./event.ts";
import { parseHistory } from "./parse.ts";
import { formatEvent, formatHistory } from "./write.ts";

const invoke = '{"process":1,"type":"invoke","f":"read","key":"x","value":null,"time":1}';
const ok = '{"process":1,"type":"ok","f":"read","key":"x","value":7,"time":2.5}';

function complaint(text: string): string {
  try {
    parseHistory(text);
  } catch (error) {
    if (error instanceof HistoryError) return error.message;
    throw error;
  }
  return "accepted";
}

describe("a history", () => {
  it("is paired into operations, in the order of their invocations", () => {
    const { events, operations } = parseHistory(`${invoke}\n${ok}\n`);
    expect(events).toHaveLength(2);
    expect(operations).toEqual([
      {
        process: 1,
        f: "read",
        key: "x",
        input: null,
        output: 7,
        invoked: 1,
        completed: 2.5,
        outcome: "ok",
        call: 1,
        return: 2,
        session: 1,
      },
    ]);
  });

  it("leaves unknown what never completes, and what ends in info", () => {
    const text = [
      invoke,
      '{"process":2,"type":"invoke","f":"write","key":"x","value":3,"time":1,"node":"a","session":"s"}',
      '{"process":2,"type":"info","f":"write","time":4,"error":"timeout"}',
      '{"process":2,"type":"invoke","f":"write","key":"x","value":4,"time":5}',
      '{"process":2,"type":"fail","f":"write","key":"x","value":4,"time":6,"error":"overloaded"}',
    ].join("\n");
    const { operations } = parseHistory(text);
    expect(operations.map(({ outcome, completed, error }) => [outcome, completed, error])).toEqual([
      ["info", Infinity, undefined],
      ["info", Infinity, "timeout"],
      ["fail", 6, "overloaded"],
    ]);
    expect(operations[1]).toMatchObject({ node: "a", session: "s", return: Infinity });
  });

  it.each([
    ["nothing at all", "", "the history is empty: there is nothing to check"],
    ["a lone line end", "\n", "the history is empty: there is nothing to check"],
    ["a blank line", `${invoke}\n\n${ok}`, "line 2: is blank; every line holds one event"],
    ["a torn line", `${invoke}\n${ok.slice(0, 20)}`, "line 2: is not JSON"],
    ["another JSON value", "[1]", "line 1: is not a JSON object"],
    [
      "an unknown type",
      invoke.replace("invoke", "begin"),
      'line 1: "type" is "begin" (expected: invoke, ok, fail, info)',
    ],
    ["no process", '{"type":"invoke","f":"read","time":1}', 'line 1: "process" is missing'],
    ["an object as value", invoke.replace("null", "{}"), 'line 1: "value" is {}'],
    ["a time that is no number", invoke.replace('"time":1', '"time":"1"'), 'line 1: "time" is "1"'],
    ["a version that is no number", ok.replace("}", ',"version":"2"}'), 'line 1: "version" is "2"'],
    ["a completion from nowhere", ok, "line 1: process 1 completes read without having invoked it"],
    [
      "a second invocation",
      `${invoke}\n${invoke}`,
      "line 2: process 1 invokes read while its read of line 1 is still open",
    ],
    [
      "the completion of another function",
      `${invoke}\n${ok.replace("read", "write")}`,
      'line 2: completes write of key "x", but the open operation of process 1 is read',
    ],
    [
      "the completion of another key",
      `${invoke}\n${ok.replace('"x"', '"y"')}`,
      'line 2: completes read of key "y", but the open operation of process 1 is read of key "x"',
    ],
    ["time that goes back", `${invoke}\n${ok.replace("2.5", "0.5")}`, "line 2: time goes back from 1 to 0.5"],
  ])("is refused for %s, with the line", (_, text, message) => {
    expect(complaint(text)).toContain(message);
  });

  it("is read back as it was written", () => {
    const value = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 2 },
        fc.constant(null),
        fc.boolean(),
        fc.integer(),
        fc.string(),
        fc.array(tie("value"), { maxLength: 3 }),
      ),
    })).value as fc.Arbitrary<HistoryEvent["value"]>;
    const process = fc.oneof(fc.nat(), fc.string({ minLength: 1 }));
    const pairs = fc.array(
      fc.record({
        process,
        f: fc.string({ minLength: 1 }),
        key: fc.oneof(fc.string(), fc.nat()),
        value,
        type: fc.constantFrom("ok" as const, "fail" as const, "info" as const),
      }),
      { minLength: 1 },
    );
    fc.assert(
      fc.property(pairs, (operations) => {
        const events = operations.flatMap((operation, time): HistoryEvent[] => [
          { ...operation, type: "invoke", time, node: 3 },
          { ...operation, time, session: "s", version: 4, error: "e" },
        ]);
        expect(parseHistory(formatHistory(events)).events).toEqual(events);
      }),
    );
    expect(formatEvent({ process: 1, type: "invoke", f: "read", key: null, value: null, time: 0 })).toBe(
      '{"process":1,"type":"invoke","f":"read","key":null,"value":null,"time":0}',
    );
  });
});
