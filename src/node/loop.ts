/**
 * The turn of a node. Whatever sockets and timers bring is stepped as it comes; at the end of the turn everything that
 * can be batched is: one proposal per group, one append to the log, one write per peer.
 */
import type { Clock, Transport } from "../core/world.ts";
import type { Persister } from "./persister.ts";
import type { Replica } from "./replica.ts";
import type { Router } from "./router.ts";

export class TurnLoop {
  readonly #clock: Clock;
  readonly #persister: Persister;
  readonly #transport: Transport;
  readonly #router: () => Router;
  #dirty = new Set<Replica>();
  #scheduled = false;
  turns = 0;

  constructor(clock: Clock, persister: Persister, transport: Transport, router: () => Router) {
    this.#clock = clock;
    this.#persister = persister;
    this.#transport = transport;
    this.#router = router;
  }

  /** The replica has something for the end of the turn. */
  scheduleReplica(replica: Replica): void {
    this.#dirty.add(replica);
    this.schedule();
  }

  schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#clock.defer(() => this.#end());
  }

  /** Work that nobody else brings anything to: a turn of its own, which ends at once, unless one is under way. */
  turn(work: () => void): void {
    if (this.#scheduled) {
      work();
      return;
    }
    this.#scheduled = true;
    try {
      work();
    } finally {
      this.#end();
    }
  }

  #end(): void {
    this.turns++;
    while (this.#dirty.size > 0) {
      const dirty = this.#dirty;
      this.#dirty = new Set();
      for (const replica of dirty) replica.flushTurn();
    }
    this.#router().flush();
    // Messages leave before the disk is asked: a leader replicates while its own disk writes.
    this.#transport.flush();
    this.#persister.flush();
    this.#scheduled = false;
  }
}
