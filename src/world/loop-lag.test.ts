import { describe, expect, it } from "vitest";
import { measureLoopLag } from "./loop-lag.ts";

const wait = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

function block(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

describe("event-loop lag", () => {
  it("is seen while the stall is going on, is remembered for a while, and is then forgotten", async () => {
    const lag = measureLoopLag();
    await wait(50);
    block(200);
    expect(lag.lagMilliseconds()).toBeGreaterThan(150);
    await wait(100);
    expect(lag.lagMilliseconds()).toBeGreaterThan(150);
    await wait(1300);
    expect(lag.lagMilliseconds()).toBeLessThan(150);
    lag.stop();
  });
});
