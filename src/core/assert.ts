/** A broken invariant: a defect of Kvorum, never the result of bad input. Whoever catches it stops the replica. */
export class InvariantError extends Error {
  override readonly name = "InvariantError";
}

/** Stays on in production: what must hold is checked where it is relied upon. */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}

/** Closes an exhaustive `switch`: it does not compile while a case is missing. */
export function unreachable(value: never): never {
  throw new InvariantError(`unreachable: ${JSON.stringify(value)}`);
}
