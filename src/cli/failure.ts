/** How a command ends. */

/** Exit codes, documented in `kvorum --help`. */
export const EXIT = {
  ok: 0,
  /** The command was understood and could not be done. */
  failed: 1,
  /** The command line, the configuration or the environment is wrong; nothing was tried. */
  usage: 2,
  /** No node answered, or none was ready in time. */
  unreachable: 3,
} as const;

/** An error for people: one line says what is wrong, one says what to do. */
export class CliError extends Error {
  override readonly name = "CliError";
  readonly advice: string;
  readonly exitCode: number;

  constructor(message: string, advice: string, exitCode: number = EXIT.failed, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.advice = advice;
    this.exitCode = exitCode;
  }
}

export const usage = (message: string, advice: string): CliError => new CliError(message, advice, EXIT.usage);

/** The text of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** `ECONNREFUSED` and the like, also from inside a wrapping error. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  const { code, cause } = error as { code?: unknown; cause?: unknown };
  return typeof code === "string" ? code : codeOf(cause);
}
