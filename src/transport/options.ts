import type { Millis } from "../core/machine.ts";

/** Every limit of the TCP transport. Nodes of one cluster should agree on `maxFrameBytes`. */
export interface TcpOptions {
  /** A longer frame is refused before memory is taken for it. Default 64 MiB. */
  readonly maxFrameBytes: number;
  /** Limit of a `call`'s request and of its answer. Default 1 MiB. */
  readonly maxCallBytes: number;
  /** What may wait for one peer: queued frames and bytes that its socket has not taken. Default 64 MiB. */
  readonly maxQueueBytes: number;
  /** An idle connection carries a ping this often; one that is silent for four times as long is closed. Default 500 ms. */
  readonly heartbeatInterval: Millis;
  /** Until then, whoever connects to us must have said who it is. Default 5 s. */
  readonly handshakeTimeout: Millis;
  /** Until then, a peer that we connect to must have answered our handshake. Default 2 s. */
  readonly connectTimeout: Millis;
  /** Connections that have not said who they are, calls included. More are closed at once. Default 256. */
  readonly maxAnonymous: number;
  /** Delay before the first and between later attempts to connect; doubles in between, with jitter. Default 10 ms … 1 s. */
  readonly backoffMin: Millis;
  readonly backoffMax: Millis;
  /** How long `close` waits for bytes to be taken by peers. Default 500 ms. */
  readonly closeTimeout: Millis;
  /** The protocol versions that this node speaks. */
  readonly versions: { readonly min: number; readonly max: number };
}

export const DEFAULT_TCP_OPTIONS: TcpOptions = {
  maxFrameBytes: 64 * 1024 * 1024,
  maxCallBytes: 1024 * 1024,
  maxQueueBytes: 64 * 1024 * 1024,
  heartbeatInterval: 500,
  handshakeTimeout: 5000,
  connectTimeout: 2000,
  maxAnonymous: 256,
  backoffMin: 10,
  backoffMax: 1000,
  closeTimeout: 500,
  versions: { min: 1, max: 1 },
};

/** A connection is given up after this many heartbeat intervals of silence. */
export const SILENT_INTERVALS = 4;
