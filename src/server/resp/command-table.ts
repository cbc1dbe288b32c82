/** All commands a client can name, found by the bytes of the name without making a string of it. */
import { invariant } from "../../core/assert.ts";
import type { Command, CommandCatalog } from "./session.ts";

/** A power of two, several times the number of commands, so that few names share a place. */
const PLACES = 2048;

interface Row {
  /** Lower case. */
  readonly name: Uint8Array;
  readonly command: Command;
}

export class CommandTable implements CommandCatalog {
  readonly all: readonly Command[];
  readonly #byName = new Map<string, Command>();
  readonly #places: readonly Row[][] = Array.from({ length: PLACES }, () => []);
  readonly #longest: number;

  constructor(commands: readonly Command[]) {
    this.all = commands;
    for (const command of commands) {
      invariant(/^[a-z]+$/.test(command.name), `a command's name is lower-case letters: ${command.name}`);
      invariant(!this.#byName.has(command.name), `two commands named ${command.name}`);
      this.#byName.set(command.name, command);
      const name = Buffer.from(command.name, "latin1");
      this.#places[placeOf(name, 0, name.length)]!.push({ name, command });
    }
    this.#longest = Math.max(...commands.map(({ name }) => name.length));
  }

  named(name: string): Command | undefined {
    return this.#byName.get(name.toLowerCase());
  }

  find(source: Uint8Array, start: number, end: number): Command | undefined {
    const length = end - start;
    if (length > this.#longest) return undefined;
    for (const { name, command } of this.#places[placeOf(source, start, end)]!) {
      if (name.length !== length) continue;
      let at = 0;
      // Setting the bit 0x20 makes a letter lower case, and makes a letter of nothing else.
      while (at < length && (source[start + at]! | 0x20) === name[at]) at++;
      if (at === length) return command;
    }
    return undefined;
  }
}

function placeOf(source: Uint8Array, start: number, end: number): number {
  let hash = end - start;
  for (let at = start; at < end; at++) hash = (hash * 31 + (source[at]! | 0x20)) | 0;
  return (hash ^ (hash >>> 15)) & (PLACES - 1);
}
