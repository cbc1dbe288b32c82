/** The options of SET and GETEX. */
import type { Failure } from "../core/reply.ts";
import { optionName } from "./arguments.ts";
import type { Args } from "./contract.ts";
import { EXPIRY_UNITS, type ExpiryUnit } from "./expiry-time.ts";
import { SYNTAX_ERROR } from "./failures.ts";

export interface StringOptions {
  condition: "nx" | "xx" | null;
  get: boolean;
  /** What becomes of the expiry; null: SET drops it, GETEX leaves it. */
  expiry:
    | { readonly arg: Uint8Array; readonly unit: ExpiryUnit; readonly name: string }
    | "keep"
    | "persist"
    | null;
}

/** In any order; of options that exclude each other the second one is a syntax error, as in Redis. */
export function parseStringOptions(
  args: Args,
  from: number,
  command: "set" | "getex",
): StringOptions | Failure {
  const options: StringOptions = { condition: null, get: false, expiry: null };
  for (let i = from; i < args.length; i++) {
    const name = optionName(args[i]!);
    if (command === "set" ? takeSetOption(options, name) : takeGetexOption(options, name)) continue;
    const arg = args[++i];
    if (!isExpiryUnit(name) || arg === undefined || !admitsExpiry(options, name)) return SYNTAX_ERROR;
    options.expiry = { arg, unit: EXPIRY_UNITS[name], name };
  }
  return options;
}

function takeSetOption(options: StringOptions, name: string): boolean {
  if (name === "nx" || name === "xx") {
    if (options.condition !== null && options.condition !== name) return false;
    options.condition = name;
    return true;
  }
  if (name === "get") return (options.get = true);
  return name === "keepttl" && takeExpiryWord(options, "keep");
}

function takeGetexOption(options: StringOptions, name: string): boolean {
  return name === "persist" && takeExpiryWord(options, "persist");
}

function takeExpiryWord(options: StringOptions, word: "keep" | "persist"): boolean {
  if (options.expiry !== null && options.expiry !== word) return false;
  options.expiry = word;
  return true;
}

function isExpiryUnit(name: string): name is keyof typeof EXPIRY_UNITS {
  return Object.hasOwn(EXPIRY_UNITS, name);
}

/** The same unit may be given again; the last one counts. */
function admitsExpiry(options: StringOptions, name: string): boolean {
  const { expiry } = options;
  return expiry === null || (typeof expiry === "object" && expiry.name === name);
}
