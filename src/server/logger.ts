/**
 * Structured logs: one JSON object a line on standard error, or readable text when that is a terminal. Whatever a caller
 * hands over, payloads and secrets stay out: bytes become their length, and fields named like a secret are blanked.
 */
import pino from "pino";
import type { Logger } from "../core/world.ts";
import type { LogLevel } from "./log-levels.ts";

/** A logger that can be emptied before the process ends. */
export interface ServerLogger extends Logger {
  /** Writes out what is still buffered. */
  flush(): void;
}

export interface LoggerOptions {
  readonly level: LogLevel;
  /** Stands in every line. */
  readonly node: string;
  /** Text for people instead of JSON. Default: whether standard error is a terminal. */
  readonly pretty?: boolean;
  /** Takes complete lines. Default: standard error, written without blocking the event loop. */
  readonly write?: (line: string) => void;
}

const SECRET = /pass(word|phrase)?$|secret|token$|authorization|cookie|private.?key|credential/i;
const MAX_DEPTH = 4;
const MAX_TEXT = 1_000;

/** A copy of the fields that is safe to write down. */
export function safeFields(fields: object): Record<string, unknown> {
  return safe(fields, 0) as Record<string, unknown>;
}

function safe(value: unknown, depth: number): unknown {
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "string") {
    return value.length > MAX_TEXT ? `${value.slice(0, MAX_TEXT)}… (${value.length} characters)` : value;
  }
  if (typeof value === "function" || typeof value === "symbol") return `<${typeof value}>`;
  if (typeof value !== "object" || value === null) return value;
  if (ArrayBuffer.isView(value)) return `<${value.byteLength} bytes>`;
  if (value instanceof Error) return safeError(value, depth);
  if (depth >= MAX_DEPTH) return "<…>";
  if (Array.isArray(value)) return value.map((item) => safe(item, depth + 1));
  if (value instanceof Map) return safe(Object.fromEntries(value), depth);
  if (value instanceof Set) return safe([...value], depth);
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [
      name,
      SECRET.test(name) ? "<hidden>" : safe(field, depth + 1),
    ]),
  );
}

function safeError(error: Error, depth: number): Record<string, unknown> {
  const code = (error as { code?: unknown }).code;
  return {
    type: error.name,
    message: safe(error.message, depth),
    ...(code === undefined ? {} : { code: safe(code, depth) }),
    ...(error.cause === undefined || depth >= MAX_DEPTH ? {} : { cause: safe(error.cause, depth + 1) }),
    // Only what Kvorum did not foresee needs its place in the code.
    ...(error.name === "InvariantError" || error.name === "TypeError" ? { stack: error.stack } : {}),
  };
}

const NAMES: Readonly<Record<number, string>> = { 20: "debug", 30: "info ", 40: "warn ", 50: "error" };
const COLOURS: Readonly<Record<number, number>> = { 20: 2, 30: 36, 40: 33, 50: 31 };

/** One JSON line as text for people: time, level, message, fields. */
export function prettyLine(line: string, colour: boolean): string {
  const { level, time, node, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const paint = (code: number, text: string) => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);
  const clock = String(time).slice(11, 23);
  const name = paint(COLOURS[Number(level)] ?? 0, NAMES[Number(level)] ?? String(level));
  const rest = Object.entries(fields)
    .map(
      ([key, value]) =>
        ` ${key}=${typeof value === "string" && !/\s/.test(value) ? value : JSON.stringify(value)}`,
    )
    .join("");
  return `${paint(2, clock)} ${name} ${String(node)}  ${String(msg)}${paint(2, rest)}\n`;
}

/** A `Logger` over pino. */
export function createLogger(options: LoggerOptions): ServerLogger {
  const pretty = options.pretty ?? (options.write === undefined && process.stderr.isTTY);
  const colour = process.stderr.isTTY && process.env["NO_COLOR"] === undefined;
  const stream = options.write === undefined ? pino.destination({ dest: 2, sync: false }) : null;
  const write = options.write ?? ((line: string) => void stream!.write(line));
  const destination = pretty ? { write: (line: string) => write(prettyLine(line, colour)) } : { write };

  const logger = pino(
    {
      level: options.level,
      base: { node: options.node },
      timestamp: pino.stdTimeFunctions.isoTime,
    },
    destination,
  );
  const at = (level: "debug" | "info" | "warn" | "error") => (fields: object, message: string) => {
    if (logger.isLevelEnabled(level)) logger[level](safeFields(fields), message);
  };
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    flush: () => stream?.flushSync(),
  };
}
