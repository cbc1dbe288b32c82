/** Aligned tables for terminals: a dim header, two spaces between columns, nothing at the ends of lines. */
import type { Style } from "./style.ts";
import { width } from "./style.ts";

export interface Column {
  readonly title: string;
  readonly align?: "left" | "right";
}

/** One line per row, each ending in a newline. Cells may hold colours. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  style: Style,
): string {
  const widths = columns.map((column, index) =>
    Math.max(width(column.title), ...rows.map((row) => width(row[index] ?? ""))),
  );
  const line = (cells: readonly string[]) =>
    columns
      .map((column, index) => {
        const cell = cells[index] ?? "";
        const padding = " ".repeat(widths[index]! - width(cell));
        return column.align === "right" ? padding + cell : cell + padding;
      })
      .join("  ")
      .trimEnd();
  const header = line(columns.map((column) => column.title));
  return [style.dim(header), ...rows.map(line)].map((text) => `${text}\n`).join("");
}
