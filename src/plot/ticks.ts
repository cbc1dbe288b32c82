/** Round numbers for the axes of plots. */

/** From 0 to the first round number that is not less than `most`, about `count` steps of 1, 2 or 5 times a power of ten. */
export function linearTicks(most: number, count = 5): readonly number[] {
  if (!(most > 0)) return [0, 1];
  const rough = most / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((digit) => digit * power >= rough * (1 - 1e-9))!;
  const steps = Math.ceil(most / step - 1e-9);
  // Numbers like 0.30000000000000004 are not to be read on an axis.
  return Array.from({ length: steps + 1 }, (_, at) => Number((at * step).toPrecision(12)));
}
