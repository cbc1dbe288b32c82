import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { HistoryValue, Operation } from "../history/event.ts";
import {
  bruteForce,
  counterObject,
  drawn,
  histories,
  listObject,
  random,
  recorded,
  registerObject,
  setObject,
  type Row,
  type Workload,
} from "./history.testkit.ts";
import { MODELS, type ModelName } from "./models.ts";
import { checkSequential, decideSequential } from "./sequential.ts";
import { refuteSequentialRegisters } from "./sequential-register.ts";
import { formatVerdict } from "./verdict.ts";

const check = (rows: readonly Row[]) => checkSequential(drawn(rows), MODELS.register);

describe("sequential consistency", () => {
  it("accepts a stale read of another process", () => {
    const verdict = check([
      [1, 1, 2, "write", 1],
      [1, 3, 4, "write", 2],
      [2, 5, 6, "read", null, 1],
      [2, 7, 8, "read", null, 2],
    ]);
    expect(verdict).toEqual({ ok: true });
  });

  it("refuses a process whose reads go back", () => {
    const verdict = check([
      [1, 1, 2, "write", 1],
      [1, 3, 4, "write", 2],
      [2, 5, 6, "read", null, 2],
      [2, 7, 8, "read", null, 1],
    ]);
    expect(formatVerdict(verdict)).toContain("not sequentially consistent as registers");
    expect(verdict.ok === false && verdict.evidence.operations.map((operation) => operation.call)).toEqual([
      1, 5, 7,
    ]);
  });

  it("refuses a process that does not see its own write", () => {
    expect(
      check([
        [1, 1, 2, "write", 1],
        [1, 3, 4, "read", null, null],
      ]).ok,
    ).toBe(false);
  });

  it("refuses two processes that see two writes in different orders", () => {
    const readers = (second: readonly number[]): Row[] => [
      [1, 1, 2, "write", 1],
      [2, 3, 4, "write", 2],
      [3, 5, 6, "read", null, 1],
      [3, 7, 8, "read", null, 2],
      [4, 9, 10, "read", null, second[0]!],
      [4, 11, 12, "read", null, second[1]!],
    ];
    expect(check(readers([1, 2])).ok).toBe(true);
    expect(check(readers([2, 1])).ok).toBe(false);
  });

  it("is not local: two keys that are fine by themselves can be wrong together", () => {
    // Each process writes one key and does not see the other's write yet: each must come before the other.
    const x = drawn(
      [
        [1, 1, 2, "write", 1],
        [2, 7, 8, "read", null, null],
      ],
      "x",
    );
    const y = drawn(
      [
        [2, 3, 4, "write", 1],
        [1, 5, 6, "read", null, null],
      ],
      "y",
    );
    expect(checkSequential(x, MODELS.register).ok).toBe(true);
    expect(checkSequential(y, MODELS.register).ok).toBe(true);
    expect(checkSequential([...x, ...y], MODELS.register).ok).toBe(false);
  });

  it("lets a lost write wait for its process's later operations, but not for earlier ones", () => {
    const lost = (reads: readonly (number | null)[]): Row[] => [
      [1, 1, 2, "read", null, reads[0]!],
      [1, 3, null, "write", 1],
      [1, 5, 6, "read", null, reads[1]!],
      [1, 7, 8, "read", null, reads[2]!],
    ];
    expect(check(lost([null, null, 1])).ok).toBe(true);
    expect(check(lost([1, 1, 1])).ok).toBe(false);
  });

  it("is unknown when nothing succeeded, and when the budget is used up", () => {
    expect(check([[1, 1, null, "write", 1]]).ok).toBe("unknown");
    const operations = recorded({ clients: 8, operations: 100, lost: 0, ...listObject(false) }, 1);
    const backwards = operations.map(
      (operation): Operation =>
        operation.f === "read"
          ? { ...operation, output: [...(operation.output as HistoryValue[])].reverse() }
          : operation,
    );
    expect(decideSequential(backwards, MODELS.list, { steps: 20, memory: 1000 }).verdict).toBe("undecided");
  });
});

const WORKLOADS: readonly (readonly [string, ModelName, () => Pick<Workload, "next" | "apply">])[] = [
  ["register, unique values", "register", () => registerObject((_, number) => number + 1)],
  ["register, two values", "register", () => registerObject((chance) => Math.floor(chance() * 2))],
  ["counter", "counter", () => counterObject(2)],
  ["set", "set", () => setObject(2, { add: 3, remove: 3, contains: 2, read: 3 }, true)],
  ["list", "list", () => listObject(false, 0.4)],
];

describe("compared with trying every order", () => {
  it.each(WORKLOADS)("agrees in all small histories of a %s", (_, model, fresh) => {
    const kind = MODELS[model];
    let refused = 0;
    fc.assert(
      fc.property(
        fc.nat(),
        fc.integer({ min: 2, max: 3 }),
        fc.integer({ min: 3, max: 7 }),
        fc.constantFrom(0, 0.3),
        (seed, clients, operations, lost) => {
          const history = shuffled(recorded({ clients, operations, lost, ...fresh() }, seed), seed);
          const truth = bruteForce(history, model, { realTime: false });
          if (!truth) refused++;
          // What is refuted without a search is wrong; the contrary need not hold.
          expect(kind.refuteSequential?.(history) === true && truth).toBe(false);
          const decision = decideSequential(history, kind);
          expect(decision.verdict).toBe(truth ? "accepted" : "refused");
          const hasResults = history.some((operation) => operation.outcome === "ok");
          expect(checkSequential(history, kind).ok).toBe(hasResults ? truth : "unknown");
        },
      ),
      histories(250),
    );
    expect(refused).toBeGreaterThan(0);
  });
});

/** The results of reads, dealt anew among them; and sometimes two keys. */
function shuffled(operations: readonly Operation[], seed: number): readonly Operation[] {
  const chance = random(seed);
  const reads = operations.filter((operation) => operation.f === "read" && operation.outcome === "ok");
  const outputs = reads.map((read) => read.output);
  return operations.map((operation) =>
    operation.f === "read" && operation.outcome === "ok" && chance() < 0.6
      ? { ...operation, output: outputs[Math.floor(chance() * outputs.length)]! }
      : operation,
  );
}

describe("three thousand operations of thirty processes on registers with unique values", () => {
  const history = recorded(
    { clients: 30, operations: 3_000, lost: 0.02, ...registerObject((_, number) => number) },
    7,
  );

  it("are accepted when every process reads a replica that lags behind", () => {
    // Moves all of a process's operations by the same time: that changes real time, and no process's order.
    const shifted = history.map((operation) => {
      const delay = (Number(operation.process) % 7) * 400;
      return { ...operation, call: operation.call + delay, return: operation.return + delay };
    });
    expect(formatVerdict(checkSequential(shifted, MODELS.register))).toBe("ok");
  });

  it("are refused when one process reads an old value again, without a search", () => {
    const reads = history.filter(
      ({ process, f, outcome }) => process === 3 && f === "read" && outcome === "ok",
    );
    const early = reads.find((read) => read.output !== reads.at(-1)!.output)!;
    const bad = history.map((operation) =>
      operation === reads.at(-1) ? { ...operation, output: early.output } : operation,
    );
    expect(refuteSequentialRegisters(bad)).toBe(true);
  });
});
