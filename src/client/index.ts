/** `kvorum/client`: the typed client. */
export { ERRORS, type ErrorCode, KvorumError } from "../core/errors.ts";
export type { CallDefaults, ConditionalWriteOptions, ReadOptions, WriteOptions } from "./calls/options.ts";
export { type ClientOptions, type Database, type KeyspaceOf, type Keyspaces, openClient } from "./connect.ts";
export { connect, type ConnectOptions } from "./socket/connect.ts";
export { BatchError, CompactedError, InvalidValueError, type ValueIssue } from "./errors.ts";
export type { ClientRuntime } from "./driver.ts";
export type { CounterKeyspace } from "./keyspaces/counter.ts";
export type { MapKeyspace } from "./keyspaces/map.ts";
export type { Entry, Expiry, RegisterKeyspace, Swap } from "./keyspaces/register.ts";
export type { KeyPage, PageOptions, ScanOptions } from "./keyspaces/scan.ts";
export type { SetKeyspace } from "./keyspaces/set.ts";
export type { Delivery } from "./machine/outcome.ts";
export { bytes, type Codec, json, text } from "./schema/codec.ts";
export { counter, map, register, set } from "./schema/keyspaces.ts";
export type * from "./transport.ts";
export type { Change, Watch, WatchOptions } from "./watch/watch.ts";
