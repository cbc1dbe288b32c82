/** Limits of the door and what it counts. */

/** Every limit has a name and a default; bytes and milliseconds. */
export interface RespOptions {
  /** More clients are told so and disconnected. */
  readonly maxConnections: number;
  /** A longer argument is refused; the connection stays usable. */
  readonly maxBulkBytes: number;
  /** The same for one command with all its arguments, and for all commands queued by one MULTI. */
  readonly maxCommandBytes: number;
  /** Unanswered commands of one client, at which reading from it pauses. */
  readonly maxPipelinedCommands: number;
  /** Bytes of unanswered requests and unsent replies of one client, at which reading from it pauses. */
  readonly maxPipelinedBytes: number;
  /** A client with more unsent reply bytes than this is disconnected. */
  readonly maxOutputBytes: number;
  /** The same for one that listens to channels: with more unsent bytes when a message comes, it is disconnected. */
  readonly maxSubscriberBytes: number;
  /** When the buffers of all clients together hold more, the client that holds most is disconnected. */
  readonly maxBufferedBytes: number;
  /** A client that was silent for longer is disconnected; 0: never. */
  readonly idleTimeout: number;
  /** Whoever has to log in and has not done so for this long is disconnected. */
  readonly loginTimeout: number;
  /** TCP probes after this much silence find clients that are gone. */
  readonly keepAlive: number;
  /** How long `close` waits for what is under way. */
  readonly closeTimeout: number;
  /** Positions of SCAN that are remembered. */
  readonly maxCursors: number;
  /** KEYS refuses to answer with more. */
  readonly maxListedKeys: number;
}

export const DEFAULT_OPTIONS: RespOptions = {
  maxConnections: 20_000,
  maxBulkBytes: 16 * 1024 * 1024 + 64 * 1024,
  maxCommandBytes: 64 * 1024 * 1024,
  maxPipelinedCommands: 10_000,
  maxPipelinedBytes: 32 * 1024 * 1024,
  maxOutputBytes: 256 * 1024 * 1024,
  maxSubscriberBytes: 32 * 1024 * 1024,
  maxBufferedBytes: 1024 * 1024 * 1024,
  idleTimeout: 0,
  loginTimeout: 60_000,
  keepAlive: 60_000,
  closeTimeout: 5_000,
  maxCursors: 10_000,
  maxListedKeys: 1_000_000,
};

/** Counters since the start, except for those that say "now". */
export interface RespStats {
  /** Now. */
  connections: number;
  totalConnections: number;
  rejectedConnections: number;
  /** Disconnected because of a limit on their buffers. */
  slowClientsClosed: number;
  /** Disconnected because they took their messages too slowly. */
  slowSubscribersClosed: number;
  idleClientsClosed: number;
  protocolErrors: number;
  commands: number;
  /** Replies that were errors. */
  errors: number;
  /** Those of them that sent a cluster-aware client to another node. */
  redirects: number;
  bytesIn: number;
  bytesOut: number;
  /** Now: bytes of unanswered requests and unsent replies of all clients. */
  bufferedBytes: number;
}

export function newStats(): RespStats {
  return {
    connections: 0,
    totalConnections: 0,
    rejectedConnections: 0,
    slowClientsClosed: 0,
    slowSubscribersClosed: 0,
    idleClientsClosed: 0,
    protocolErrors: 0,
    commands: 0,
    errors: 0,
    redirects: 0,
    bytesIn: 0,
    bytesOut: 0,
    bufferedBytes: 0,
  };
}
