/** Errors of the door in Redis' own words. */
import { binaryString } from "../../core/bytes.ts";
import { Failure } from "../../core/reply.ts";

/** How much of a client's own words an error repeats. */
const ECHOED_BYTES = 128;

/** Text of any bytes; what is not UTF-8 shows as the replacement character. */
export const textOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");

export const wrongArity = (name: string): Failure =>
  new Failure(`ERR wrong number of arguments for '${name}' command`);

export const SYNTAX_ERROR = new Failure("ERR syntax error");
export const NOT_AN_INTEGER = new Failure("ERR value is not an integer or out of range");

/** As C prints it: up to the first NUL, and no more than `limit` bytes. */
export function printable(bytes: Uint8Array, limit: number): string {
  const end = bytes.indexOf(0);
  return binaryString(bytes.subarray(0, end < 0 ? limit : Math.min(end, limit)));
}

export function unknownCommand(name: Uint8Array, args: readonly Uint8Array[]): Failure {
  let echoed = "";
  for (const arg of args) {
    if (echoed.length >= ECHOED_BYTES) break;
    echoed += `'${printable(arg, ECHOED_BYTES - echoed.length)}' `;
  }
  const shown = printable(name, ECHOED_BYTES);
  return new Failure(`ERR unknown command '${shown}', with args beginning with: ${echoed}`);
}

export const unknownSubcommand = (container: string, subcommand: Uint8Array): Failure =>
  new Failure(
    `ERR unknown subcommand '${printable(subcommand, ECHOED_BYTES)}'. Try ${container.toUpperCase()} HELP.`,
  );
