/** The places of replies: a connection's replies leave in the order of its requests, whenever they become ready. */
import type { Output, RespVersion } from "./writer.ts";

/** The place of a reply among the replies of its connection. */
export interface Slot {
  readonly version: RespVersion;
  readonly silent: boolean;
  answered: boolean;
  reply: Output;
  /** Bytes of the request, while it is unanswered; then of the reply. */
  bytes: number;
}

export class Answer implements Slot {
  readonly answered = true;
  readonly version: RespVersion;
  readonly silent: boolean;
  readonly reply: Output;
  readonly bytes: number;
  constructor(reply: Output, version: RespVersion, silent: boolean, bytes: number) {
    this.reply = reply;
    this.version = version;
    this.silent = silent;
    this.bytes = bytes;
  }
}

/** The place of a reply that comes later, and before anything behind it is looked at. */
export class LaterSlot implements Slot {
  answered = false;
  reply: Output = null;
  version: RespVersion;
  readonly silent: boolean;
  bytes: number;
  constructor(version: RespVersion, silent: boolean, bytes: number) {
    this.version = version;
    this.silent = silent;
    this.bytes = bytes;
  }
}
