/**
 * Sizes that have to fit into each other. A transport frame holds at most 64 MiB, and what travels in one is at most: what
 * was gathered before (4 MiB), one operation (48 MiB and its keys), and headers.
 */
const MIB = 1024 * 1024;

/** The largest limit that a keyspace may set for its values. */
export const MAX_VALUE_BYTES = 48 * MIB;

/** All arguments of one operation: a command, or the commands of a transaction together. */
export const MAX_OPERATION_BYTES = MAX_VALUE_BYTES + MIB;

/** Beyond this, a turn's commands of one group are split into several log entries. */
export const MAX_BATCH_BYTES = MIB;

/** Beyond this, what one turn has for a peer is split into several frames. */
export const MAX_GATHERED_BYTES = 4 * MIB;
