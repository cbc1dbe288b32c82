/** `kvorum/client`: the typed client. */
export { ERRORS, type ErrorCode, KvorumError } from "../core/errors.ts";
export type { Siblings } from "./keyspaces/sibling-register.ts";
export type {
  CallDefaults,
  ConditionalWriteOptions,
  MergingReadOptions,
  MergingWriteOptions,
  ReadOptions,
  WriteOptions,
} from "./calls/options.ts";
export { type ClientOptions, type Database, type KeyspaceOf, type Keyspaces, openClient } from "./connect.ts";
export { connect, type ConnectOptions } from "./socket/connect.ts";
export { BatchError, CompactedError, InvalidValueError, type ValueIssue } from "./errors.ts";
export type { ClientRuntime } from "./driver.ts";
export type { Operation } from "./calls/operation.ts";
export type { BatchOptions, BatchResults } from "./keyspaces/batch.ts";
export type { CounterKeyspace, CounterOperations } from "./keyspaces/counter.ts";
export type { ElementOptions } from "./keyspaces/elements.ts";
export type { MapKeyspace, MapOperations } from "./keyspaces/map.ts";
export type {
  MergingCounterKeyspace,
  MergingMapKeyspace,
  MergingRegisterKeyspace,
  MergingScanOptions,
  MergingSetKeyspace,
} from "./keyspaces/merging.ts";
export type { Entry, Expiry, RegisterKeyspace, RegisterOperations, Swap } from "./keyspaces/register.ts";
export type { KeyPage, PageOptions, ScanOptions } from "./keyspaces/scan.ts";
export type { SetKeyspace, SetOperations } from "./keyspaces/set.ts";
export type { ClientStatus, MachineOptions } from "./machine/machine.ts";
export type { Delivery } from "./machine/outcome.ts";
export { bytes, type Codec, json, text } from "./schema/codec.ts";
export {
  type Counter,
  counter,
  type KeyspaceOptions,
  map,
  type MapOf,
  type MergingCounter,
  type MergingMapOf,
  type MergingOptions,
  type MergingRegister,
  type MergingSetOf,
  type OrderedOptions,
  type Register,
  register,
  set,
  type SetOf,
} from "./schema/keyspaces.ts";
export type { StandardSchema } from "./schema/standard-schema.ts";
export type * from "./transport.ts";
export type { Change, Watch, WatchOptions } from "./watch/watch.ts";
