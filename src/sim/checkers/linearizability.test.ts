import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { HistoryValue, Operation } from "../history/event.ts";
import { HistoryError } from "../history/event.ts";
import { DEFAULT_BUDGET } from "./configurations.ts";
import {
  bruteForce,
  counterObject,
  drawn,
  flawInOrder,
  histories,
  kvObject,
  listObject,
  random,
  recorded,
  registerObject,
  setObject,
  type Row,
  type Workload,
} from "./history.testkit.ts";
import { checkLinearizability, decideLinearizability } from "./linearizability.ts";
import { MODEL_NAMES, MODELS, type ModelName } from "./models.ts";
import { searchLinearization } from "./search.ts";
import { formatVerdict } from "./verdict.ts";

const check = (model: ModelName, rows: readonly Row[]) => checkLinearizability(drawn(rows), MODELS[model]);

describe("linearizability of a register", () => {
  it("accepts a read of either value while a write is under way", () => {
    for (const seen of [1, 2]) {
      const verdict = check("register", [
        [1, 1, 2, "write", 1],
        [1, 3, 6, "write", 2],
        [2, 4, 5, "read", null, seen],
      ]);
      expect(verdict).toEqual({ ok: true });
    }
  });

  it("refuses a stale read, and shows the write that it missed", () => {
    const verdict = check("register", [
      [1, 1, 2, "write", 1],
      [1, 3, 4, "write", 2],
      [2, 5, 6, "read", null, 1],
    ]);
    expect(formatVerdict(verdict)).toBe(
      [
        'violated: key "x" is not linearizable as a register',
        "  The longest prefix that has an order ends at line 4: 2 of 3 operations, after which the state can be 2.",
        '  No order is left once this completes: line 5-6: process 2 read "x" -> 1 [5 ms to 6 ms]',
        "  ",
        "  These 3 operations contradict each other, whenever the others take effect:",
        '  - line 1-2: process 1 write "x" 1 [1 ms to 2 ms]',
        '  - line 3-4: process 1 write "x" 2 [3 ms to 4 ms]',
        '  - line 5-6: process 2 read "x" -> 1 [5 ms to 6 ms]',
        "  ",
        "  p1 |--1-|    |--2-|",
        "  p2                     |--3-|",
        '  1. write "x" 1',
        '  2. write "x" 2',
        '  3. read "x" -> 1',
      ].join("\n"),
    );
  });

  it("refuses two reads that see a write and then its absence", () => {
    const verdict = check("register", [
      [1, 1, 8, "write", 1],
      [2, 2, 3, "read", null, 1],
      [3, 4, 5, "read", null, null],
    ]);
    expect(verdict.ok).toBe(false);
    expect(verdict.ok === false && verdict.evidence.operations.map((operation) => operation.call)).toEqual([
      2, 4,
    ]);
  });

  it("lets a lost write take effect late, and only after its invocation", () => {
    const late: Row[] = [
      [1, 1, null, "write", 1],
      [2, 2, 3, "read", null, null],
      [2, 4, 5, "read", null, 1],
    ];
    expect(check("register", late).ok).toBe(true);
    const early: Row[] = [
      [2, 1, 2, "read", null, 1],
      [1, 3, null, "write", 1],
    ];
    expect(check("register", early).ok).toBe(false);
  });

  it("lets a lost write take effect once only", () => {
    const verdict = check("register", [
      [1, 1, null, "write", 1],
      [2, 2, 3, "read", null, 1],
      [2, 4, 5, "write", 2],
      [2, 6, 7, "read", null, 1],
    ]);
    expect(verdict.ok).toBe(false);
  });

  it("refuses two compare-and-sets that both took the same value", () => {
    const verdict = check("register", [
      [1, 1, 2, "write", 1],
      [1, 3, 6, "cas", [1, 2], true],
      [2, 4, 5, "cas", [1, 3], true],
    ]);
    expect(verdict.ok).toBe(false);
  });

  it("judges a compare-and-set that found another value by that", () => {
    const rows = (expected: number): Row[] => [
      [1, 1, 2, "write", 1],
      [1, 3, 4, "cas", [expected, 2], false],
    ];
    expect(check("register", rows(7)).ok).toBe(true);
    expect(check("register", rows(1)).ok).toBe(false);
  });

  it("knows what a delete found", () => {
    const rows = (found: boolean): Row[] => [
      [1, 1, 2, "write", 1],
      [1, 3, 4, "delete", null, true],
      [1, 5, 6, "delete", null, found],
      [1, 7, 8, "read", null, null],
    ];
    expect(check("register", rows(false)).ok).toBe(true);
    expect(check("register", rows(true)).ok).toBe(false);
  });

  it("checks keys by themselves, and names the one that is broken", () => {
    const fine = drawn([[1, 1, 2, "write", 1]], "a");
    const broken = drawn([[1, 3, 4, "read", null, 5]], "b");
    const verdict = checkLinearizability([...fine, ...broken], MODELS.register);
    expect(verdict.ok === false && verdict.problem).toBe('key "b" is not linearizable as a register');
  });

  it("ignores what failed", () => {
    const [write, read] = drawn([
      [1, 1, 2, "write", 1],
      [1, 3, 4, "read", null, null],
    ]);
    const failed: Operation = { ...write!, outcome: "fail", return: Infinity };
    expect(checkLinearizability([failed, read!], MODELS.register).ok).toBe(true);
  });
});

describe("linearizability of other objects", () => {
  it.each<[string, ModelName, readonly Row[], readonly Row[]]>([
    [
      "a counter: an increment that was counted twice",
      "counter",
      [
        [1, 1, 2, "increment", 2],
        [1, 3, 4, "increment", 3, 5],
        [2, 5, 6, "read", null, 5],
      ],
      [
        [1, 1, 2, "increment", 2],
        [1, 3, 4, "increment", 3, 7],
        [2, 5, 6, "read", null, 7],
      ],
    ],
    [
      "a counter: a lost acknowledged increment",
      "counter",
      [
        [1, 1, 2, "increment", null],
        [1, 3, null, "increment", null],
        [2, 4, 5, "read", null, 2],
      ],
      [
        [1, 1, 2, "increment", null],
        [1, 3, null, "increment", null],
        [2, 4, 5, "read", null, 0],
      ],
    ],
    [
      "a set: an element that vanishes",
      "set",
      [
        [1, 1, 2, "add", 1],
        [1, 3, 6, "remove", 1],
        [2, 4, 5, "read", null, [1]],
        [2, 7, 8, "read", null, []],
      ],
      [
        [1, 1, 2, "add", 1],
        [2, 3, 4, "read", null, [1]],
        [2, 5, 6, "read", null, []],
      ],
    ],
    [
      "a set: two reads that disagree about which add came first",
      "set",
      [
        [1, 1, 10, "add", 1],
        [2, 2, 11, "add", 2],
        [3, 3, 4, "read", null, [1]],
        [3, 5, 6, "read", null, [2, 1]],
      ],
      [
        [1, 1, 10, "add", 1],
        [2, 2, 11, "add", 2],
        [3, 3, 4, "read", null, [1]],
        [3, 5, 6, "read", null, [2]],
      ],
    ],
    [
      "a set: an add that says it was there already",
      "set",
      [
        [1, 1, 2, "add", 1, true],
        [1, 3, 4, "add", 1, false],
        [1, 5, 6, "contains", 1, true],
      ],
      [
        [1, 1, 2, "add", 1, false],
        [1, 3, 4, "contains", 1, true],
      ],
    ],
    [
      "a list: reads that are not prefixes of each other",
      "list",
      [
        [1, 1, 4, "append", "a"],
        [2, 2, 5, "append", "b"],
        [3, 3, 6, "read", null, ["b"]],
        [3, 7, 8, "read", null, ["b", "a"]],
      ],
      [
        [1, 1, 4, "append", "a"],
        [2, 2, 5, "append", "b"],
        [3, 3, 6, "read", null, ["b"]],
        [3, 7, 8, "read", null, ["a", "b"]],
      ],
    ],
    [
      "a list: an acknowledged append that is missing",
      "list",
      [
        [1, 1, 2, "append", "a", 1],
        [1, 3, null, "append", "b"],
        [1, 4, 5, "append", "c"],
        [1, 6, 7, "read", null, ["a", "c"]],
      ],
      [
        [1, 1, 2, "append", "a", 1],
        [1, 3, null, "append", "b"],
        [1, 4, 5, "append", "c"],
        [1, 6, 7, "read", null, ["a", "b"]],
      ],
    ],
  ])("%s", (_, model, good, bad) => {
    expect(formatVerdict(check(model, good))).toBe("ok");
    expect(check(model, bad).ok).toBe(false);
  });

  it("a map: a transaction is seen as a whole or not at all", () => {
    const rows = (y: HistoryValue): readonly Operation[] =>
      drawn(
        [
          [
            1,
            1,
            4,
            "txn",
            [
              ["w", "x", 1],
              ["w", "y", 1],
            ],
            [
              ["w", "x", 1],
              ["w", "y", 1],
            ],
          ],
          [
            2,
            2,
            3,
            "txn",
            [
              ["r", "x", null],
              ["r", "y", null],
            ],
            [
              ["r", "x", 1],
              ["r", "y", y],
            ],
          ],
        ],
        null,
      );
    expect(checkLinearizability(rows(1), MODELS.kv).ok).toBe(true);
    const verdict = checkLinearizability(rows(null), MODELS.kv);
    expect(verdict.ok === false && verdict.problem).toBe('keys "x", "y" is not linearizable as a kv');
  });

  it("a map: a transaction reads what it has written, and single operations live beside it", () => {
    const txn: Row = [
      1,
      1,
      2,
      "txn",
      [
        ["w", "x", 1],
        ["r", "x", null],
        ["d", "y"],
        ["r", "y", null],
      ],
      [
        ["w", "x", 1],
        ["r", "x", 1],
        ["d", "y"],
        ["r", "y", null],
      ],
    ];
    const after = drawn(
      [
        [1, 3, 4, "cas", [1, 2], true],
        [1, 5, 6, "read", null, 2],
      ],
      "x",
    );
    expect(checkLinearizability([...drawn([txn], null), ...after], MODELS.kv).ok).toBe(true);
  });
});

describe("what cannot be decided is never ok", () => {
  it("says so when no operation succeeded", () => {
    expect(check("register", [[1, 1, null, "write", 1]])).toEqual({
      ok: "unknown",
      why: "no operation succeeded: there is nothing to check",
    });
  });

  it("says so when the budget is used up, and which key it was", () => {
    const operations = recorded({ clients: 10, operations: 200, lost: 0, ...counterObject(9) }, 1);
    const verdict = checkLinearizability(operations, MODELS.counter, { budget: { steps: 50, memory: 1000 } });
    expect(verdict).toEqual({ ok: "unknown", why: 'key "x": no answer within 50 steps' });
  });

  it.each<[string, ModelName, Row]>([
    ["an unknown function", "register", [1, 1, 2, "enqueue", 1]],
    ["a compare-and-set without its pair", "register", [1, 1, 2, "cas", 1]],
    ["a counter that is no number", "counter", [1, 1, 2, "read", null, "7"]],
    ["an increment by a string", "counter", [1, 1, 2, "increment", "7"]],
    ["a set that is no array", "set", [1, 1, 2, "read", null, 7]],
    ["a list that is no array", "list", [1, 1, 2, "read", null, true]],
    ["a transaction of unknown steps", "kv", [1, 1, 2, "txn", [["x", "y", 1]], [["x", "y", 1]]]],
    ["a transaction that answers another", "kv", [1, 1, 2, "txn", [["w", "y", 1]], [["w", "z", 1]]]],
  ])("complains about %s, with its line", (_, model, row) => {
    expect(() => check(model, [row])).toThrow(HistoryError);
    expect(() => check(model, [row])).toThrow(/^line [12]: /);
  });
});

/** Every way of using every model; `fresh` starts the object anew. */
const WORKLOADS: readonly (readonly [string, ModelName, () => Pick<Workload, "next" | "apply">])[] = [
  ["register, unique values", "register", () => registerObject((_, number) => number)],
  ["register, two values", "register", () => registerObject((chance) => Math.floor(chance() * 2))],
  [
    "register, values and null",
    "register",
    () => registerObject((chance) => [null, 1, 2][Math.floor(chance() * 3)]!),
  ],
  ["counter, blind", "counter", () => counterObject(2)],
  ["counter, answering", "counter", () => counterObject(3, true)],
  ["set, growing", "set", () => setObject(0, { add: 5, remove: 0, contains: 0, read: 5 })],
  ["set, by element", "set", () => setObject(2, { add: 3, remove: 3, contains: 3, read: 0 }, true)],
  ["set, read as a whole", "set", () => setObject(3, { add: 3, remove: 3, contains: 2, read: 3 })],
  ["set, answering", "set", () => setObject(3, { add: 3, remove: 2, contains: 2, read: 3 }, true)],
  ["list, distinct", "list", () => listObject(true, 0.4)],
  ["list, repeating", "list", () => listObject(false, 0.4)],
  ["map, two values", "kv", () => kvObject(2, 2)],
  ["map, unique values", "kv", () => kvObject(2, 0)],
];

/** Exchanges the results of some operations of the same function. */
function corrupted(operations: readonly Operation[], seed: number, exchanges: number): readonly Operation[] {
  const chance = random(seed);
  const result = [...operations];
  for (let i = 0; i < exchanges; i++) {
    const a = Math.floor(chance() * result.length);
    const same = [...result.keys()].filter(
      (index) =>
        result[index]!.f === result[a]!.f && result[index]!.outcome === "ok" && result[index]!.f !== "txn",
    );
    if (result[a]!.outcome !== "ok" || same.length === 0) continue;
    const b = same[Math.floor(chance() * same.length)]!;
    const { output } = result[a]!;
    result[a] = { ...result[a]!, output: result[b]!.output };
    result[b] = { ...result[b]!, output };
  }
  return result;
}

describe("compared with trying every order", () => {
  it.each(WORKLOADS)("agrees in all small histories of a %s", (_, model, fresh) => {
    const kind = MODELS[model];
    let refused = 0;
    fc.assert(
      fc.property(
        fc.nat(),
        fc.integer({ min: 2, max: 4 }),
        fc.integer({ min: 3, max: 8 }),
        fc.constantFrom(0, 0.2, 0.5),
        fc.integer({ min: 0, max: 3 }),
        (seed, clients, operations, lost, exchanges) => {
          const history = recorded({ clients, operations, lost, ...fresh() }, seed);
          for (const part of kind.partition(corrupted(history, seed, exchanges))) {
            const truth = bruteForce(part.operations, model);
            if (!truth) refused++;
            const reference = kind.model(part.operations);
            const decisions = [
              searchLinearization(part.operations, kind.model(part.operations), DEFAULT_BUDGET),
              kind.shortcut?.(part.operations) ?? null,
              // So short of breath that it has to try weaker histories first.
              decideLinearizability(part.operations, kind, { steps: 12, memory: 1000 }),
            ];
            for (const decision of decisions) {
              if (decision === null || decision.verdict === "undecided") continue;
              expect(decision.verdict).toBe(truth ? "accepted" : "refused");
              const flaw = truth ? flawInOrder(part.operations, decision, reference) : null;
              expect(flaw).toBe(null);
            }
            expect(decisions[0]!.verdict).not.toBe("undecided");
          }
        },
      ),
      histories(250),
    );
    expect(refused).toBeGreaterThan(0);
  });

  it.each(WORKLOADS)(
    "accepts what a correct %s did, and refuses it with one impossible result",
    (_, model, fresh) => {
      fc.assert(
        fc.property(
          fc.nat(),
          fc.integer({ min: 2, max: 12 }),
          fc.constantFrom(0, 0.1),
          (seed, clients, lost) => {
            const history = recorded({ clients, operations: 120, lost, ...fresh() }, seed);
            if (!history.some(isObservation)) return;
            expect(formatVerdict(checkLinearizability(history, MODELS[model]))).toBe("ok");

            const at = history.findLastIndex(isObservation);
            const verdict = checkLinearizability(history.with(at, impossible(history[at]!)), MODELS[model]);
            expect(verdict.ok).toBe(false);
            const { operations } = verdict.ok === false ? verdict.evidence : { operations: [] };
            expect(operations.map((operation) => operation.call)).toContain(history[at]!.call);
            expect(operations.length).toBeLessThan(30);
          },
        ),
        histories(15),
      );
    },
  );
});

function isObservation({ f, outcome }: Operation): boolean {
  return outcome === "ok" && (f === "read" || f === "contains");
}

/** The operation with a result that no history of the workloads can have. */
function impossible(operation: Operation): Operation {
  const { f, output } = operation;
  // Nobody ever adds this one.
  if (f === "contains") return { ...operation, input: 999_999, output: true };
  if (Array.isArray(output)) return { ...operation, output: [...(output as HistoryValue[]), 999_999] };
  return { ...operation, output: typeof output === "number" ? -output - 1 : 999_999 };
}

describe("10,000 operations on one key, 30 concurrent clients", () => {
  const large = { clients: 30, operations: 10_000 } as const;
  const cases: readonly (readonly [string, ModelName, number, () => Pick<Workload, "next" | "apply">])[] = [
    ["unique values", "register", 0, () => registerObject((_, number) => number)],
    ["unique values, a fifth lost", "register", 0.2, () => registerObject((_, number) => number)],
    ["five values", "register", 0, () => registerObject((chance) => Math.floor(chance() * 5))],
    [
      "five values, a fifth lost",
      "register",
      0.2,
      () => registerObject((chance) => Math.floor(chance() * 5)),
    ],
    ["a thousand values", "register", 0.05, () => registerObject((chance) => Math.floor(chance() * 1000))],
    ["", "counter", 0.05, () => counterObject(1)],
    ["", "set", 0.05, () => setObject(0, { add: 98, remove: 0, contains: 0, read: 2 })],
    ["by element", "set", 0.05, () => setObject(100, { add: 1, remove: 1, contains: 1, read: 0 })],
    ["", "list", 0.05, () => listObject(true, 0.02)],
  ];

  it.each(cases)("are decided: %s %s", (name, model, lost, fresh) => {
    const kind = MODELS[model];
    const repeats = name.startsWith("five") || name === "by element";
    const history = recorded({ ...large, lost, ...fresh() }, 42);
    const times: string[] = [];
    const timed = (operations: readonly Operation[]): boolean | "unknown" => {
      const start = performance.now();
      const verdict = checkLinearizability(operations, kind);
      times.push(`${(performance.now() - start).toFixed(0)} ms`);
      return verdict.ok;
    };
    expect(timed(history)).toBe(true);

    // A late read answers as the first one did; that is impossible unless values repeat.
    const at = history.findLastIndex(isObservation);
    const early = history.find(isObservation)!;
    const bad = repeats ? impossible(history[at]!) : { ...history[at]!, output: early.output };
    expect(timed(history.with(at, bad))).toBe(false);
    console.log(`${model} ${name}: valid ${times[0]}, invalid with its explanation ${times[1]}`);
  });
});

it("knows every model that it names", () => {
  expect(MODEL_NAMES.map((name) => MODELS[name].name)).toEqual([...MODEL_NAMES]);
});
