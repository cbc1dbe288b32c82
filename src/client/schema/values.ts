/** A schema and a codec together: what is written is checked and then encoded, what is read is decoded. */
import { InvalidValueError } from "../errors.ts";
import { type Codec, json } from "./codec.ts";
import type { StandardIssue, StandardResult, StandardSchema } from "./standard-schema.ts";

/**
 * Values are checked when they are written: what is stored is the schema's output. What is read is decoded and not checked
 * again, since a schema that transforms would transform twice.
 */
export interface Values<In, Out> {
  readonly codecName: string;
  /** A promise only where the schema answers with one. Throws, or rejects with, `InvalidValueError`. */
  readonly encode: (value: In) => Uint8Array | Promise<Uint8Array>;
  /** Throws `InvalidValueError`. */
  readonly decode: (bytes: Uint8Array) => Out;
}

export interface ValueOptions<In, Out> {
  readonly schema?: StandardSchema<In, Out>;
  readonly codec?: Codec<Out>;
}

export function valuesOf<In, Out>({ schema, codec = json<Out>() }: ValueOptions<In, Out>): Values<In, Out> {
  const codecName = codec.name ?? "its codec";
  const encode = (value: Out): Uint8Array =>
    wrapped(() => codec.encode(value), `${codecName} cannot write this value`);
  return {
    codecName,
    encode: (value) => {
      // Without a schema, In is Out.
      if (schema === undefined) return encode(value as unknown as Out);
      const result = schema["~standard"].validate(value);
      return result instanceof Promise
        ? result.then((settled) => encode(accepted(settled)))
        : encode(accepted(result));
    },
    decode: (bytes) => wrapped(() => codec.decode(bytes), `What is stored cannot be read as ${codecName}`),
  };
}

function accepted<Out>(result: StandardResult<Out>): Out {
  if (result.issues === undefined) return result.value;
  throw new InvalidValueError(result.issues.map(({ message, path }) => ({ message, path: plain(path) })));
}

const plain = (path: StandardIssue["path"]): readonly PropertyKey[] =>
  (path ?? []).map((step) => (typeof step === "object" ? step.key : step));

function wrapped<T>(run: () => T, what: string): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof InvalidValueError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new InvalidValueError([{ path: [], message: `${what}: ${why}` }]);
  }
}
