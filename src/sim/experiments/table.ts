/** A Markdown table, its columns aligned to the right. */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---:")), ...rows.map(line)].join("\n");
}

export const percent = (share: number, digits = 1): string => `${(100 * share).toFixed(digits)}%`;
