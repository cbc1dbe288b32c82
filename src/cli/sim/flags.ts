/** What the options of `kvorum sim` may be, and what is said about those that are wrong. */
import { CRASH_MOMENTS, type CrashMoment } from "../../sim/simulated-host.ts";
import { FAULT_NAMES, type FaultName, isFaultName } from "../../sim/faults/table.ts";
import { usage } from "../failure.ts";

interface Bounds {
  readonly least: number;
  readonly most: number;
  readonly whole: boolean;
}

export function numberOf(flag: string, text: string | undefined, bounds: Bounds): number | undefined {
  if (text === undefined) return undefined;
  const { least, most, whole } = bounds;
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  const kind = whole ? "a whole number" : "a number";
  if (Number.isNaN(value) || (whole && !Number.isSafeInteger(value)))
    throw usage(`${flag} must be ${kind}, not "${text}".`, `For example: ${flag} ${Math.max(least, 3)}`);
  if (value < least || value > most)
    throw usage(`${flag} must be from ${least} to ${most}, not ${text}.`, `Give ${kind} in that range.`);
  return value;
}

export function rangeOf(text: string | undefined): { from: number; to: number } | undefined {
  if (text === undefined) return undefined;
  const [, from, to] = /^(\d+)-(\d+)$/.exec(text) ?? [];
  if (
    from === undefined ||
    to === undefined ||
    !Number.isSafeInteger(Number(to)) ||
    Number(from) > Number(to)
  )
    throw usage(
      `--seeds must be two whole numbers like 1-100, not "${text}".`,
      "The first must not be greater.",
    );
  return { from: Number(from), to: Number(to) };
}

export function strikesOf(text: string | undefined): readonly number[] | undefined {
  if (text === undefined) return undefined;
  if (text === "none") return [];
  const numbers = text.split(",");
  if (numbers.some((number) => !/^[1-9]\d*$/.test(number)))
    throw usage(
      `--strikes must be numbers like 3,7 or none, not "${text}".`,
      "`kvorum sim --seed N` shows them.",
    );
  return numbers.map(Number);
}

export function momentOf(flag: string, text: string): CrashMoment {
  const found = CRASH_MOMENTS.find((moment) => moment === text);
  if (found === undefined)
    throw usage(`${flag} does not know the moment "${text}".`, `There are: ${CRASH_MOMENTS.join(", ")}.`);
  return found;
}

export function crashOf(text: string | undefined): { moment: CrashMoment; n: number } | undefined {
  if (text === undefined) return undefined;
  const [, name, n] = /^([a-z]+):([1-9]\d*)$/.exec(text) ?? [];
  if (name === undefined)
    throw usage(
      `--crash-at must be like boundary:12, not "${text}".`,
      `Moments: ${CRASH_MOMENTS.join(", ")}.`,
    );
  return { moment: momentOf("--crash-at", name), n: Number(n) };
}

export function faultsOf(text: string | undefined): readonly FaultName[] | undefined {
  return text?.split(",").map((name) => {
    if (!isFaultName(name))
      throw usage(`There is no fault "${name}".`, `There are: ${FAULT_NAMES.join(", ")}.`);
    return name;
  });
}
