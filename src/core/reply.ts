/**
 * What a command answers, independent of any wire format. The RESP door writes it as RESP2 or RESP3; nodes forward it to
 * one another in a compact form of their own (`reply-codec.ts`).
 */

import type { ErrorCode } from "./errors.ts";

/** A RESP simple string, such as OK. */
export class Status {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}
/**
 * An error reply; `message` starts with its upper-case prefix (ERR, WRONGTYPE, …), as Redis writes it. `code` says which
 * row of the error table it is; null: a command refused its arguments or its key, which is always definite.
 */
export class Failure {
  readonly message: string;
  readonly code: ErrorCode | null;
  constructor(message: string, code: ErrorCode | null = null) {
    this.message = message;
    this.code = code;
  }
}
/** A floating-point reply. */
export class Double {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}
/** Pairs in order: a RESP3 map, a flat array in RESP2. */
export class MapReply {
  readonly pairs: readonly (readonly [Reply, Reply])[];
  constructor(pairs: readonly (readonly [Reply, Reply])[]) {
    this.pairs = pairs;
  }
}
/** Distinct members: a RESP3 set, an array in RESP2. */
export class SetReply {
  readonly members: readonly Reply[];
  constructor(members: readonly Reply[]) {
    this.members = members;
  }
}
/** A null array (`*-1` in RESP2), as an aborted EXEC answers; `null` itself is the null bulk string. */
export class NullArray {
  readonly kind = "null-array";
}

/** `number` and `bigint` are integers (64-bit signed), `Uint8Array` a bulk string, `null` the null bulk string. */
export type Reply =
  | null
  | number
  | bigint
  | boolean
  | Uint8Array
  | Status
  | Failure
  | Double
  | MapReply
  | SetReply
  | NullArray
  | readonly Reply[];

export const OK = new Status("OK");
export const QUEUED = new Status("QUEUED");
export const NULL_ARRAY = new NullArray();
