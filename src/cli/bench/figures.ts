/** Figures of a run as people read them. */

/** Three figures or so: `0.482 ms`, `4.82 ms`, `48.2 ms`, `482 ms`, `4.82 s`. */
export function latencyText(milliseconds: number | null): string {
  if (milliseconds === null) return "-";
  return milliseconds >= 1_000 ? `${figures(milliseconds / 1_000)} s` : `${figures(milliseconds)} ms`;
}

function figures(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString("en");
  return value.toFixed(value >= 10 ? 1 : value >= 1 ? 2 : 3);
}

/** `8,912`, `0.5`. */
export const countText = (count: number): string =>
  (count >= 10 || Number.isInteger(count) ? Math.round(count) : Math.round(count * 10) / 10).toLocaleString(
    "en",
  );
