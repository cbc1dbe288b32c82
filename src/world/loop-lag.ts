import type { Millis } from "../core/machine.ts";

export interface LoopLag {
  /**
   * The longest delay of the event loop in about the last second, in milliseconds. Includes the stall that is going on:
   * asked in the middle of a long turn, it says how long this turn has been keeping the loop from its timers.
   */
  lagMilliseconds(): Millis;
  stop(): void;
}

const PERIOD: Millis = 20;
const WINDOW: Millis = 500;

/**
 * Measures how late a short timer fires. (`monitorEventLoopDelay` measures the same, but learns of a stall only when it
 * has ended, which is too late for a lease holder.) The timer does not keep the process alive.
 */
export function measureLoopLag(now: () => Millis = () => performance.now()): LoopLag {
  let expected = now() + PERIOD;
  let windowEnds = now() + WINDOW;
  let current = 0;
  let previous = 0;

  const lateness = (): Millis => Math.max(0, now() - expected);

  const timer = setInterval(() => {
    const late = lateness();
    const time = now();
    if (time >= windowEnds) {
      previous = time >= windowEnds + WINDOW ? 0 : current;
      current = 0;
      windowEnds = time + WINDOW;
    }
    current = Math.max(current, late);
    expected = time + PERIOD;
  }, PERIOD);
  timer.unref();

  return {
    lagMilliseconds: () => Math.max(lateness(), current, previous),
    stop: () => clearInterval(timer),
  };
}
