import * as fc from "fast-check";
import { expect, test } from "vitest";
import { Inflight } from "./progress.ts";

test("appends under way are counted as a plain list of them counts, also after thousands", () => {
  const step = fc.oneof(
    { weight: 20, arbitrary: fc.record({ add: fc.integer({ min: 1, max: 1500 }) }) },
    { weight: 12, arbitrary: fc.record({ acknowledge: fc.double({ min: 0, max: 1, noNaN: true }) }) },
    { weight: 1, arbitrary: fc.constant({ clear: true }) },
  );
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 60 }), (steps) => {
      const inflight = new Inflight();
      let list: { last: number; bytes: number }[] = [];
      let last = 0;
      for (const each of steps) {
        if ("add" in each) {
          for (let i = 0; i < each.add; i++) {
            last += 1 + (last % 3);
            inflight.add(last, last % 7);
            list.push({ last, bytes: last % 7 });
          }
        } else if ("acknowledge" in each) {
          const match = list[Math.floor(each.acknowledge * list.length)]?.last ?? last;
          inflight.acknowledge(match);
          list = list.filter((one) => one.last > match);
        } else {
          inflight.clear();
          list = [];
        }
        expect(inflight.count).toBe(list.length);
        expect(inflight.bytes).toBe(list.reduce((sum, { bytes }) => sum + bytes, 0));
      }
    }),
  );
});
