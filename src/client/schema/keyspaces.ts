/**
 * What a client declares about its keyspaces: the type of their data, how values become bytes, and what it relies on about
 * replication and limits. Only what is declared is compared with the cluster's catalog.
 */
import type { Conflicts, KeyspaceLimits, Placement, QuorumSpec } from "../../node/api.ts";
import type { Codec } from "./codec.ts";
import type { InputOf, OutputOf, StandardSchema } from "./standard-schema.ts";
import { type Values, valuesOf } from "./values.ts";

interface CommonOptions {
  /** Copies of each shard. */
  readonly replicas?: number;
  readonly shards?: number;
  readonly limits?: Partial<KeyspaceLimits>;
  /** Which nodes hold a shard. Default: `spread`. */
  readonly placement?: Placement;
}

/** Linearizable: a write is done when a majority of the replicas has it on disk. The default. */
export type OrderedOptions = CommonOptions & {
  readonly replication?: "raft";
  readonly quorum?: never;
  readonly conflicts?: never;
};

/**
 * Writable on every side of a partition, and equal on all of them once it has healed. By protocol, what can be chosen with it: one member of
 * the union each, so that a contradiction does not compile.
 */
export type MergingOptions = CommonOptions & {
  /** What concurrent writes of one value become. Default: `latest`. */
  readonly conflicts?: Conflicts;
} & (
    | { readonly replication: "gossip"; readonly quorum?: never }
    | { readonly replication: "quorum"; readonly quorum?: Partial<QuorumSpec> }
  );

export type KeyspaceOptions = OrderedOptions | MergingOptions;

/** Options of values whose type is given: `register<Account>({ … })`. */
export type TypedOptions<T, O = OrderedOptions> = O & { readonly codec?: Codec<T>; readonly schema?: never };
/** Options of values whose type is the codec's. */
export type EncodedOptions<T, O = OrderedOptions> = O & { readonly codec: Codec<T>; readonly schema?: never };
/** Options of values whose types are the schema's. */
export type CheckedOptions<S extends StandardSchema, O = OrderedOptions> = O & {
  readonly schema: S;
  readonly codec?: Codec<OutputOf<S>>;
};

export interface Register<In, Out = In> {
  readonly kind: "register";
  readonly options: OrderedOptions;
  readonly values: Values<In, Out>;
}

export interface MergingRegister<In, Out = In> {
  readonly kind: "register";
  readonly options: MergingOptions;
  readonly values: Values<In, Out>;
}

export interface Counter {
  readonly kind: "counter";
  readonly options: OrderedOptions;
}

export interface MergingCounter {
  readonly kind: "counter";
  readonly options: MergingOptions;
}

export interface SetOf<In, Out = In> {
  readonly kind: "set";
  readonly options: OrderedOptions;
  readonly values: Values<In, Out>;
}

export interface MergingSetOf<In, Out = In> {
  readonly kind: "set";
  readonly options: MergingOptions;
  readonly values: Values<In, Out>;
}

export interface MapOf<In, Out = In> {
  readonly kind: "map";
  readonly options: OrderedOptions;
  readonly values: Values<In, Out>;
}

export interface MergingMapOf<In, Out = In> {
  readonly kind: "map";
  readonly options: MergingOptions;
  readonly values: Values<In, Out>;
}

type Ordered = Register<never, unknown> | Counter | SetOf<never, unknown> | MapOf<never, unknown>;
type Merging =
  | MergingRegister<never, unknown>
  | MergingCounter
  | MergingSetOf<never, unknown>
  | MergingMapOf<never, unknown>;

export type Descriptor = Ordered | Merging;

type AnyValueOptions = KeyspaceOptions & {
  readonly schema?: StandardSchema;
  readonly codec?: Pick<Codec<never>, "name" | "encode"> & Pick<Codec<unknown>, "decode">;
};

/** What the overloads of the four functions below promise. */
type Described<Kind extends "register" | "set" | "map"> = Descriptor & {
  readonly kind: Kind;
  readonly values: Values<never, never>;
};

const described = <Kind extends "register" | "set" | "map">(
  kind: Kind,
  { schema, codec, ...options }: AnyValueOptions,
): Described<Kind> =>
  ({
    kind,
    options,
    values: valuesOf<never, never>({
      ...(schema === undefined ? {} : { schema: schema as StandardSchema<never, never> }),
      ...(codec === undefined ? {} : { codec: codec as Codec<never> }),
    }),
  }) as Described<Kind>;

/** One value for each key, read and replaced as a whole, with a version that grows. */
export function register<S extends StandardSchema>(
  options: CheckedOptions<S>,
): Register<InputOf<S>, OutputOf<S>>;
export function register<S extends StandardSchema>(
  options: CheckedOptions<S, MergingOptions>,
): MergingRegister<InputOf<S>, OutputOf<S>>;
export function register<T>(options: EncodedOptions<T>): Register<T>;
export function register<T>(options: EncodedOptions<T, MergingOptions>): MergingRegister<T>;
export function register<T>(options: TypedOptions<T, MergingOptions>): MergingRegister<NoInfer<T>>;
export function register<T>(options?: TypedOptions<T>): Register<NoInfer<T>>;
export function register(options: AnyValueOptions = {}): Descriptor {
  return described("register", options);
}

/** A 64-bit integer for each key; one that is not there is 0. Numbers beyond 2^53 - 1 lose precision in JavaScript. */
export function counter(options: MergingOptions): MergingCounter;
export function counter(options?: OrderedOptions): Counter;
export function counter(options: KeyspaceOptions = {}): Descriptor {
  return { kind: "counter", options } as Descriptor;
}

/** A set of values for each key. Members are equal when their bytes are: with JSON, when they have equal contents. */
export function set<S extends StandardSchema>(options: CheckedOptions<S>): SetOf<InputOf<S>, OutputOf<S>>;
export function set<S extends StandardSchema>(
  options: CheckedOptions<S, MergingOptions>,
): MergingSetOf<InputOf<S>, OutputOf<S>>;
export function set<T>(options: EncodedOptions<T>): SetOf<T>;
export function set<T>(options: EncodedOptions<T, MergingOptions>): MergingSetOf<T>;
export function set<T>(options: TypedOptions<T, MergingOptions>): MergingSetOf<NoInfer<T>>;
export function set<T>(options?: TypedOptions<T>): SetOf<NoInfer<T>>;
export function set(options: AnyValueOptions = {}): Descriptor {
  return described("set", options);
}

/** Values under names (fields) for each key, each read and replaced on its own. */
export function map<S extends StandardSchema>(options: CheckedOptions<S>): MapOf<InputOf<S>, OutputOf<S>>;
export function map<S extends StandardSchema>(
  options: CheckedOptions<S, MergingOptions>,
): MergingMapOf<InputOf<S>, OutputOf<S>>;
export function map<T>(options: EncodedOptions<T>): MapOf<T>;
export function map<T>(options: EncodedOptions<T, MergingOptions>): MergingMapOf<T>;
export function map<T>(options: TypedOptions<T, MergingOptions>): MergingMapOf<NoInfer<T>>;
export function map<T>(options?: TypedOptions<T>): MapOf<NoInfer<T>>;
export function map(options: AnyValueOptions = {}): Descriptor {
  return described("map", options);
}
