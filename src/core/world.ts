/**
 * Everything a node needs from outside: time, chance, the network, the disk. The node gets a `World` and touches nothing
 * else, so that the simulator runs it unchanged.
 *
 * All of it is callback-based, on purpose: a callback runs at a defined place in the order of events, which makes one
 * seed replay one history and spares the hot path a promise per operation. No callback is ever called before the method
 * that takes it has returned.
 */
import type { NodeId } from "./ids.ts";
import type { Millis } from "./machine.ts";

export interface TimerHandle {
  cancel(): void;
}

export interface Clock {
  /** Monotonic milliseconds with fractions. Counts on while the process is stopped. */
  now(): Millis;
  /** Wall-clock milliseconds since 1970. May jump. */
  wall(): Millis;
  setTimer(delay: Millis, fire: () => void): TimerHandle;
  /** Runs `task` once what the sockets and timers have for this turn of the event loop has been delivered. */
  defer(task: () => void): void;
}

export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** `length` random bytes; in production from the operating system's secure source. */
  bytes(length: number): Uint8Array;
}

/** A failure of the disk. `full` is the one kind that passes by itself; every other one is final for this process. */
export class DiskError extends Error {
  override readonly name = "DiskError";
  readonly kind: "full" | "sync" | "io" | "missing" | "corrupt" | "locked";
  readonly path: string;
  constructor(kind: DiskError["kind"], path: string, detail: string) {
    super(`${path}: ${detail}`);
    this.kind = kind;
    this.path = path;
  }
}

/** Node-style result: exactly one of the two is set. */
export type Done<T = void> = (error: DiskError | null, value?: T) => void;

/** An open file. Operations on one file complete in the order in which they were asked for. */
export interface DiskFile {
  /** Writes all of `bytes` at `position`. Durable only after a later `sync`. */
  write(bytes: readonly Uint8Array[], position: number, done: Done): void;
  /** Makes everything written before it durable (fdatasync). After a failure nothing about the file can be relied upon. */
  sync(done: Done): void;
  /** Fewer bytes than asked for only at the end of the file. */
  read(position: number, length: number, done: Done<Uint8Array>): void;
  size(done: Done<number>): void;
  truncate(length: number, done: Done): void;
  close(done: Done): void;
}

/** One node's data directory. Paths are relative to it, with `/`. */
export interface Disk {
  /** `create`: fails if it exists, is filled with zeros up to `preallocate` bytes, and is durable with its name when done. */
  create(path: string, preallocate: number, done: Done<DiskFile>): void;
  open(path: string, done: Done<DiskFile>): void;
  /** Replaces the file as a whole: the old or the new content is there after a crash, never a mixture. Durable when done. */
  replace(path: string, bytes: Uint8Array, done: Done): void;
  /** The whole content; `missing` when there is no such file. */
  readAll(path: string, done: Done<Uint8Array>): void;
  /** Names (not paths) in a folder, sorted; an empty list when it does not exist. */
  list(folder: string, done: Done<readonly string[]>): void;
  /** Durable when done. Removing what is not there is no error. */
  remove(path: string, done: Done): void;
  /** Free bytes on the volume. */
  free(done: Done<number>): void;
  /** The ordered store in this folder, opened and recovered. */
  openStore(folder: string, done: Done<Store>): void;
}

export type StoreOperation =
  | { readonly type: "put"; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: "delete"; readonly key: Uint8Array };

/** A frozen view of the store. Holds resources until it is released. */
export interface StoreSnapshot {
  release(): void;
}

export interface StoreRange {
  /** Inclusive lower bound. */
  readonly from: Uint8Array;
  /** Exclusive upper bound. */
  readonly to: Uint8Array;
  /** At most this many entries, and no further entry once this many bytes of keys and values are exceeded. */
  readonly limit: number;
  readonly limitBytes: number;
  readonly snapshot?: StoreSnapshot;
}

export interface StoreEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** An embedded ordered key-value store; keys compare as unsigned bytes. */
export interface Store {
  /** Synchronous, so that commands can be applied without leaving their turn. */
  get(key: Uint8Array): Uint8Array | undefined;
  /** All or nothing, and durable when done. Writes become visible to `get` in the order they were asked for. */
  write(operations: readonly StoreOperation[], done: Done): void;
  /** In key order. `more`: the range goes on beyond the last entry. */
  range(
    range: StoreRange,
    done: Done<{ readonly entries: readonly StoreEntry[]; readonly more: boolean }>,
  ): void;
  /**
   * Deletes the first keys of [from, to), some hundreds, and answers from where to go on: null when nothing is left. Not
   * atomic; safe to repeat.
   */
  clear(from: Uint8Array, to: Uint8Array, done: Done<Uint8Array | null>): void;
  snapshot(): StoreSnapshot;
  close(done: Done): void;
}

/** Where a peer listens. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface TransportHandlers {
  /** Frames of one peer in the order it sent them, all that one turn brought. The views are the receiver's to keep. */
  onFrames(from: NodeId, frames: readonly Uint8Array[]): void;
  onUp(peer: NodeId): void;
  /** The connection is gone (reset, silence past the heartbeat limit, refused). Called once per loss. */
  onDown(peer: NodeId): void;
  /** A `call` from a process that may have no identity yet. `answer` may be called later, at most once. */
  onCall(request: Uint8Array, answer: (response: Uint8Array) => void): void;
}

export interface PeerIdentity {
  /** 16 bytes in hex; nodes of different clusters never talk to each other. */
  readonly cluster: string;
  readonly node: NodeId;
}

/** Messages between the nodes of one cluster. Frames may be lost when a connection breaks; they arrive once and in order otherwise. */
export interface Transport {
  /** From now on the node has an identity: peers may connect, and it connects to them. Until then only calls work. */
  identify(identity: PeerIdentity, peers: ReadonlyMap<NodeId, Address>): void;
  /** Replaces the list of peers; connections to nodes no longer listed are closed. */
  setPeers(peers: ReadonlyMap<NodeId, Address>): void;
  /**
   * Queues a frame. False: the peer is not connected or its send queue is full, and the frame was dropped.
   * Nothing is written to a socket before `flush`.
   */
  send(to: NodeId, frame: Uint8Array): boolean;
  /** One write per peer that has queued frames. */
  flush(): void;
  isUp(peer: NodeId): boolean;
  /** One question to an address, one answer; for joining a cluster, before there is an identity. */
  call(
    to: Address,
    request: Uint8Array,
    timeout: Millis,
    done: (error: Error | null, response?: Uint8Array) => void,
  ): void;
  close(done: () => void): void;
}

export interface Network {
  /** Listens for peers. `done` gets an error with the reason when the address cannot be had. */
  listen(
    address: Address,
    handlers: TransportHandlers,
    done: (error: Error | null, transport?: Transport) => void,
  ): void;
}

export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface World {
  readonly clock: Clock;
  readonly random: Random;
  readonly network: Network;
  readonly disk: Disk;
  readonly log: Logger;
}
