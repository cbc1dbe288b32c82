/** What a comparison costs, against what differs and against the size of the set; a line for each of the other. */
import { linePlots, type Axis, type Line } from "../../plot/line-plot.ts";

export interface MeasuredComparison {
  readonly keys: number;
  /** Keys that differ. */
  readonly count: number;
  readonly messages: number;
  readonly bytes: number;
}

type Cost = "bytes" | "messages";

export function merklePlot(measured: readonly MeasuredComparison[]): string {
  const some = measured.filter(({ count }) => count > 0);
  const counts = [...new Set(some.map(({ count }) => count))];
  const sizes = [...new Set(some.map(({ keys }) => keys))];
  const differing = (cost: Cost): readonly Line[] =>
    sizes.map((size) => ({
      name: `${size.toLocaleString("en")} keys`,
      points: some.filter(({ keys }) => keys === size).map((one) => [one.count, one[cost]] as const),
    }));
  const sized = (cost: Cost): readonly Line[] =>
    counts.map((differ) => ({
      name: differ === 1 ? "1 key differs" : `${differ.toLocaleString("en")} keys differ`,
      points: some.filter(({ count }) => count === differ).map((one) => [one.keys, one[cost]] as const),
    }));
  const all: Line = {
    name: "a hash for every key",
    points: sizes.map((size) => [size, 8 * size] as const),
    bare: true,
  };
  return linePlots("What it costs to find where two replicas differ", [
    { title: "Bytes, against what differs", x: COUNTS, y: BYTES, lines: differing("bytes") },
    { title: "Messages, against what differs", x: COUNTS, y: MESSAGES, lines: differing("messages") },
    { title: "Bytes, against the size of the set", x: SIZES, y: BYTES, lines: [...sized("bytes"), all] },
    { title: "Messages, against the size of the set", x: SIZES, y: MESSAGES, lines: sized("messages") },
  ]);
}

function powersOfTen(label: string, from: number, to: number): Axis {
  const ticks: number[] = [];
  for (let power = from; power <= to; power *= 10) ticks.push(power);
  return { label: `${label} (logarithmic)`, from, to, ticks, logarithmic: true };
}

const COUNTS = powersOfTen("keys that differ", 1, 1000);
const SIZES = powersOfTen("keys of a replica", 1000, 1_000_000);
const BYTES = powersOfTen("bytes", 100, 10_000_000);
const MESSAGES: Axis = {
  label: "messages (logarithmic)",
  from: 1,
  to: 100,
  ticks: [1, 2, 5, 10, 20, 50, 100],
  logarithmic: true,
};
