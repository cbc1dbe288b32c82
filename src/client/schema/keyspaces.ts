/**
 * What a client declares about its keyspaces: the type of their data, how values become bytes, and what it relies on about
 * replication and limits. Only what is declared is compared with the cluster's catalog.
 */
import type { KeyspaceLimits } from "../../node/api.ts";
import type { Codec } from "./codec.ts";
import type { InputOf, OutputOf, StandardSchema } from "./standard-schema.ts";
import { type Values, valuesOf } from "./values.ts";

/** By protocol, what can be chosen with it. One member of the union each, so that a contradiction does not compile. */
export type ReplicationOptions = {
  /** Linearizable: a write is done when a majority of the replicas has it on disk. The default. */
  readonly replication?: "raft";
  /** Copies of each shard. */
  readonly replicas?: number;
};

export type KeyspaceOptions = ReplicationOptions & {
  readonly shards?: number;
  readonly limits?: Partial<KeyspaceLimits>;
};

/** Options of values whose type is given: `register<Account>({ … })`. */
export type TypedOptions<T> = KeyspaceOptions & { readonly codec?: Codec<T>; readonly schema?: never };
/** Options of values whose type is the codec's. */
export type EncodedOptions<T> = KeyspaceOptions & { readonly codec: Codec<T>; readonly schema?: never };
/** Options of values whose types are the schema's. */
export type CheckedOptions<S extends StandardSchema> = KeyspaceOptions & {
  readonly schema: S;
  readonly codec?: Codec<OutputOf<S>>;
};

export interface Register<In, Out = In> {
  readonly kind: "register";
  readonly options: KeyspaceOptions;
  readonly values: Values<In, Out>;
}

export interface Counter {
  readonly kind: "counter";
  readonly options: KeyspaceOptions;
}

export interface SetOf<In, Out = In> {
  readonly kind: "set";
  readonly options: KeyspaceOptions;
  readonly values: Values<In, Out>;
}

export interface MapOf<In, Out = In> {
  readonly kind: "map";
  readonly options: KeyspaceOptions;
  readonly values: Values<In, Out>;
}

export type Descriptor = Register<never, unknown> | Counter | SetOf<never, unknown> | MapOf<never, unknown>;

type AnyValueOptions = KeyspaceOptions & {
  readonly schema?: StandardSchema;
  readonly codec?: Pick<Codec<never>, "name" | "encode"> & Pick<Codec<unknown>, "decode">;
};

const described = <Kind extends "register" | "set" | "map">(
  kind: Kind,
  { schema, codec, ...options }: AnyValueOptions,
): { readonly kind: Kind; readonly options: KeyspaceOptions; readonly values: Values<never, never> } => ({
  kind,
  options,
  values: valuesOf<never, never>({
    ...(schema === undefined ? {} : { schema: schema as StandardSchema<never, never> }),
    ...(codec === undefined ? {} : { codec: codec as Codec<never> }),
  }),
});

/** One value for each key, read and replaced as a whole, with a version that grows. */
export function register<S extends StandardSchema>(
  options: CheckedOptions<S>,
): Register<InputOf<S>, OutputOf<S>>;
export function register<T>(options: EncodedOptions<T>): Register<T>;
export function register<T>(options?: TypedOptions<T>): Register<NoInfer<T>>;
export function register(options: AnyValueOptions = {}): Register<never, unknown> {
  return described("register", options);
}

/** A 64-bit integer for each key; one that is not there is 0. Numbers beyond 2^53 - 1 lose precision in JavaScript. */
export function counter(options: KeyspaceOptions = {}): Counter {
  return { kind: "counter", options };
}

/** A set of values for each key. Members are equal when their bytes are: with JSON, when they have equal contents. */
export function set<S extends StandardSchema>(options: CheckedOptions<S>): SetOf<InputOf<S>, OutputOf<S>>;
export function set<T>(options: EncodedOptions<T>): SetOf<T>;
export function set<T>(options?: TypedOptions<T>): SetOf<NoInfer<T>>;
export function set(options: AnyValueOptions = {}): SetOf<never, unknown> {
  return described("set", options);
}

/** Values under names (fields) for each key, each read and replaced on its own. */
export function map<S extends StandardSchema>(options: CheckedOptions<S>): MapOf<InputOf<S>, OutputOf<S>>;
export function map<T>(options: EncodedOptions<T>): MapOf<T>;
export function map<T>(options?: TypedOptions<T>): MapOf<NoInfer<T>>;
export function map(options: AnyValueOptions = {}): MapOf<never, unknown> {
  return described("map", options);
}
