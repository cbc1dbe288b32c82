/** Errors of the client that carry more than a code and a sentence. */
import { KvorumError } from "../core/errors.ts";

/** What a schema, a codec or the client itself has against a value. */
export interface ValueIssue {
  readonly message: string;
  /** From the value's root; empty where the whole value is meant. */
  readonly path: readonly PropertyKey[];
}

/** `invalid-value`: definite. The value was not sent, or what is stored cannot be read as a value of this keyspace. */
export class InvalidValueError extends KvorumError {
  readonly issues: readonly ValueIssue[];

  constructor(issues: readonly ValueIssue[]) {
    super("invalid-value", issues.map(sentenceOf).join(" "));
    this.issues = issues;
  }
}

function sentenceOf({ path, message }: ValueIssue): string {
  const sentence = /[.!?]$/.test(message) ? message : `${message}.`;
  return path.length === 0 ? sentence : `${path.map(String).join(".")}: ${sentence}`;
}

/** `batch-partly-refused`: the batch was done, except for the operations whose result here is an error. */
export class BatchError extends KvorumError {
  /** One for each operation, in order: its result, or why it was refused. */
  readonly results: readonly unknown[];

  constructor(results: readonly unknown[]) {
    const refused = results.filter((result) => result instanceof KvorumError);
    super(
      "batch-partly-refused",
      `${refused.length} of ${results.length} operations were refused, the others were done: ${refused[0]?.message}`,
    );
    this.results = results;
  }
}

/** `compacted`: the cluster has forgotten changes that the watch has not told. Definite: nothing was told wrongly. */
export class CompactedError extends KvorumError {
  /** From here on changes are still remembered, as `from`; undefined where the watch had not started everywhere. */
  readonly revision: string | undefined;

  constructor(detail: string, revision: string | undefined) {
    super("compacted", detail);
    this.revision = revision;
  }
}
