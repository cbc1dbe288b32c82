/** A transport and a declaration become a database: the client as its users see it. */
import { KvorumError } from "../core/errors.ts";
import type { Millis } from "../core/machine.ts";
import { Caller } from "./calls/caller.ts";
import type { CallDefaults } from "./calls/options.ts";
import { ClientDriver, type ClientRuntime } from "./driver.ts";
import { CounterKeyspace } from "./keyspaces/counter.ts";
import { MapKeyspace } from "./keyspaces/map.ts";
import type {
  MergingCounterKeyspace,
  MergingMapKeyspace,
  MergingRegisterKeyspace,
  MergingSetKeyspace,
} from "./keyspaces/merging.ts";
import { Names } from "./keyspaces/names.ts";
import type { RegisterKeyspace } from "./keyspaces/register.ts";
import { SiblingRegisterKeyspace } from "./keyspaces/sibling-register.ts";
import { SetKeyspace } from "./keyspaces/set.ts";
import type { ClientStatus, MachineOptions } from "./machine/machine.ts";
import { opened } from "./opening.ts";
import type {
  Counter,
  Descriptor,
  MapOf,
  MergingCounter,
  MergingMapOf,
  MergingRegister,
  MergingSetOf,
  Register,
  SetOf,
} from "./schema/keyspaces.ts";
import type { ClientTransport } from "./transport.ts";

/** What a database has besides its keyspaces; `then` would make a promise of it. */
const RESERVED = ["close", "status", "then"] as const;

type Reserved = { readonly [Name in (typeof RESERVED)[number]]?: never };

/** Keyspaces by name: lower-case letters, digits, dots, dashes and underscores, with a letter first. */
export type Keyspaces = Readonly<Record<string, Descriptor>>;

/** What a declared keyspace is to its users. */
export type KeyspaceOf<D> =
  D extends Register<infer In, infer Out>
    ? RegisterKeyspace<In, Out>
    : D extends Counter
      ? CounterKeyspace
      : D extends SetOf<infer In, infer Out>
        ? SetKeyspace<In, Out>
        : D extends MapOf<infer In, infer Out>
          ? MapKeyspace<In, Out>
          : MergingKeyspaceOf<D>;

type MergingKeyspaceOf<D> =
  D extends MergingRegister<infer In, infer Out>
    ? MergingRegisterKeyspace<In, Out>
    : D extends MergingCounter
      ? MergingCounterKeyspace
      : D extends MergingSetOf<infer In, infer Out>
        ? MergingSetKeyspace<In, Out>
        : D extends MergingMapOf<infer In, infer Out>
          ? MergingMapKeyspace<In, Out>
          : never;

export type ClientOptions<K extends Keyspaces> = CallDefaults & {
  readonly keyspaces: K & Reserved;
  /** Creates the keyspaces that the cluster does not have. Default: false, and a definite `unknown-keyspace` lists them. */
  readonly ensure?: boolean;
  /** Milliseconds until the opening is given up. Default 10 000. */
  readonly openTimeout?: Millis;
  /** Bounds and patience of the client's machine. */
  readonly machine?: Partial<MachineOptions>;
};

interface Controls {
  /** Settles every open call with what is known, and lets go of the transport. */
  close(): void;
  /** Counts of what is going on. */
  status(): ClientStatus;
}

export type Database<K extends Keyspaces> = { readonly [Name in keyof K]: KeyspaceOf<K[Name]> } & Controls;

const DEFAULT_OPEN_TIMEOUT_MS = 10_000;

/**
 * Opens a client over a transport, which it owns from then on. Compares the cluster's catalog with what `keyspaces` declares:
 * every difference is named in a definite `contradiction`, and a cluster that cannot be reached is `unreachable`.
 */
export async function openClient<const K extends Keyspaces>(
  transport: ClientTransport,
  runtime: ClientRuntime,
  options: ClientOptions<K>,
): Promise<Database<K>> {
  const { keyspaces, ensure = false, openTimeout: timeout = DEFAULT_OPEN_TIMEOUT_MS } = options;
  const driver = new ClientDriver(transport, runtime, options.machine);
  try {
    refuseNames(Object.keys(keyspaces));
    await opened(transport, driver, { declared: keyspaces, ensure, timeout });
  } catch (error) {
    driver.close();
    throw error;
  }
  const caller = new Caller(driver, options);
  const controls: Controls = { close: () => driver.close(), status: () => driver.status() };
  const members = Object.entries<Descriptor>(keyspaces).map(
    ([name, descriptor]) => [name, handleOf(caller, new Names(name), descriptor)] as const,
  );
  return Object.freeze({ ...Object.fromEntries(members), ...controls }) as Database<K>;
}

function refuseNames(names: readonly string[]): void {
  const reserved = names.filter((name) => (RESERVED as readonly string[]).includes(name));
  if (reserved.length === 0) return;
  throw new KvorumError(
    "bad-request",
    `A keyspace of this client cannot be called ${reserved.join(" or ")}.`,
  );
}

function handleOf(caller: Caller, names: Names, descriptor: Descriptor): KeyspaceOf<Descriptor> {
  switch (descriptor.kind) {
    case "register":
      return new SiblingRegisterKeyspace(caller, names, descriptor.values);
    case "counter":
      return new CounterKeyspace(caller, names);
    case "set":
      return new SetKeyspace(caller, names, descriptor.values);
    case "map":
      return new MapKeyspace(caller, names, descriptor.values);
  }
}
