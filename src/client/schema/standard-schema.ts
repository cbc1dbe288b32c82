/**
 * The published interface of validators, version 1 (standardschema.dev), as far as it is used here: zod, valibot, arktype and
 * others implement it. Written out, because an interface is no reason for a dependency.
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] };

export interface StandardIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

type TypesOf<S extends StandardSchema> = NonNullable<S["~standard"]["types"]>;
/** What may be written: before the schema's defaults and transformations. */
export type InputOf<S extends StandardSchema> = TypesOf<S>["input"];
/** What is stored, and read. */
export type OutputOf<S extends StandardSchema> = TypesOf<S>["output"];
