import type { Millis } from "../core/machine.ts";
import type { Address, Clock, TimerHandle } from "../core/world.ts";
import { formatAddress } from "./address.ts";
import { Connection, type ConnectionOwner } from "./connection.ts";
import { decodeRefusal, encodeCall, MAX_HANDSHAKE_BYTES } from "./handshake.ts";
import type { TcpOptions } from "./options.ts";
import { KIND } from "./packet.ts";
import type { SocketFactory } from "./sockets.ts";

export interface CallHost {
  readonly clock: Clock;
  readonly options: TcpOptions;
  readonly sockets: SocketFactory;
  callEnded(call: OutgoingCall): void;
}

/** One question to an address, on a connection of its own. Ends in exactly one callback, later than its start. */
export class OutgoingCall implements ConnectionOwner {
  readonly #host: CallHost;
  readonly #to: Address;
  readonly #done: (error: Error | null, response?: Uint8Array) => void;
  readonly #connection: Connection;
  readonly #timer: TimerHandle;
  #ended = false;

  constructor(
    to: Address,
    request: Uint8Array,
    timeout: Millis,
    host: CallHost,
    done: (error: Error | null, response?: Uint8Array) => void,
  ) {
    const { clock, options, sockets } = host;
    this.#host = host;
    this.#to = to;
    this.#done = done;
    this.#timer = clock.setTimer(timeout, () => this.fail(`it did not answer within ${timeout} ms`));
    this.#connection = new Connection(sockets.connect(to), this, (kind) => {
      if (kind === KIND.answer) return options.maxCallBytes;
      return kind === KIND.refused ? MAX_HANDSHAKE_BYTES : undefined;
    });
    this.#connection.send(KIND.call, encodeCall({ versions: options.versions, timeout, request }));
  }

  onPacket(kind: number, body: Uint8Array): boolean {
    if (kind === KIND.answer) this.#end(null, body);
    else this.fail(`it refuses this node: ${decodeRefusal(body)}`);
    return false;
  }

  onChunkEnd(): void {
    // The answer has been handed over as it came.
  }

  onLost(reason: string): void {
    this.fail(reason);
  }

  fail(reason: string): void {
    this.#end(new Error(`${formatAddress(this.#to)}: ${reason}`));
  }

  #end(error: Error | null, response?: Uint8Array): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#timer.cancel();
    this.#connection.destroy();
    this.#host.callEnded(this);
    if (response === undefined) this.#done(error);
    else this.#done(error, response);
  }
}
