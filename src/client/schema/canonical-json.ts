/**
 * JSON in one canonical form: members in the order of their names (by UTF-16 units), no spaces. Equal values have equal bytes,
 * so that a set recognises its members and an idempotency key its request. What JSON would change or drop in silence (NaN, a
 * Date, a Map, a function, a sparse array) is refused; a member that is `undefined` is left out, as if it were not there.
 */
import { InvalidValueError } from "../errors.ts";

/** Deeper, a value is taken for one that contains itself. */
const MAX_DEPTH = 200;

/** Throws `InvalidValueError`. */
export function canonicalJson(value: unknown): string {
  return write(value, []);
}

function write(value: unknown, path: readonly PropertyKey[]): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw refused(path, `JSON has no ${value}.`);
    return JSON.stringify(value);
  }
  if (typeof value !== "object") throw refused(path, `JSON has no ${typeof value}.`);
  if (path.length > MAX_DEPTH)
    throw refused(path.slice(0, 3), `This is nested deeper than ${MAX_DEPTH} levels.`);
  if (Array.isArray(value)) return `[${Array.from(value, (item, i) => write(item, [...path, i])).join(",")}]`;
  return writeObject(value, path);
}

function writeObject(value: object, path: readonly PropertyKey[]): string {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    const name = value.constructor?.name ?? "object of a class";
    throw refused(path, `A ${name} would not come back from JSON as what it is. Store what it is made of.`);
  }
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${write(member, [...path, name])}`).join(",")}}`;
}

const refused = (path: readonly PropertyKey[], message: string): InvalidValueError =>
  new InvalidValueError([{ path, message }]);
