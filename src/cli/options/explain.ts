/** `--explain-config`: every option, its value, where that came from, and what it means. */
import { formatAddress } from "../../server/notation.ts";
import type { NamedAddress, OptionLeaf } from "../../server/options.ts";
import type { Style } from "../text/style.ts";
import { bytes } from "../text/units.ts";
import type { LoadedOptions } from "./load.ts";
import { flagOf, pathOf, variableOf } from "./names.ts";

/** Text in the order of the table; values that differ from their default stand out. */
export function explainOptions(loaded: LoadedOptions, style: Style): string {
  const blocks = loaded.resolved.map(({ leaf, value, source }) => {
    const shown = showOption(leaf, value);
    const set = source !== "default";
    const fallback = set ? `, default ${showOption(leaf, leaf.fallback)}` : "";
    const head = `${style.bold(pathOf(leaf))} = ${set ? style.green(shown) : shown}  ${style.dim(`(${source}${fallback})`)}`;
    return [
      head,
      `    ${leaf.info.description}`,
      style.dim(`    ${flagOf(leaf)}, ${variableOf(leaf)}; ${leaf.info.expects}`),
    ].join("\n");
  });
  return `${blocks.join("\n")}\n`;
}

/** A value with its unit, as it may be written. */
export function showOption(leaf: OptionLeaf, value: unknown): string {
  const { unit } = leaf.info;
  if (unit === "bytes" && typeof value === "number") return bytes(value);
  return `${showValue(value)}${unit === undefined ? "" : ` ${unit}`}`;
}

/** A value as it may be written in YAML or in a flag. */
function showValue(value: unknown): string {
  if (value === null) return "none";
  if (!Array.isArray(value)) return typeof value === "string" ? value : JSON.stringify(value);
  if (value.length === 0) return "none";
  return value
    .map((item: string | NamedAddress) => (typeof item === "string" ? item : showAddress(item)))
    .join(",");
}

function showAddress(address: NamedAddress): string {
  const named = "name" in address ? `${address.name}=` : "";
  return named + formatAddress(address);
}
