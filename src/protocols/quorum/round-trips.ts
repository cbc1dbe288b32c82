/** How long the coordinator's operations took lately: what a coordinator can see of its replicas with its own clock. */
import type { NodeId } from "../../core/ids.ts";
import type { Millis } from "../../core/machine.ts";
import type { OperationTimes, RoundTrip } from "../../core/merging.ts";

/** Samples of each kind that are remembered; older ones go first. */
const SAMPLES = 512;

/**
 * From the first time that something was sent, so that what was lost on the way counts with the time it took to send it again. Who had
 * not answered when the operation was forgotten is not among the samples.
 */
export class RoundTrips {
  readonly #durable = new Recent<Millis>();
  readonly #writes = new Recent<RoundTrip>();
  readonly #reads = new Recent<RoundTrip>();

  /** From a proposal until it was durable and part of the state of the coordinator itself. */
  onDurable(milliseconds: Millis): void {
    this.#durable.add(milliseconds);
  }

  onStored(peer: NodeId, milliseconds: Millis): void {
    this.#writes.add({ peer, milliseconds });
  }

  onExamined(peer: NodeId, milliseconds: Millis): void {
    this.#reads.add({ peer, milliseconds });
  }

  get times(): OperationTimes {
    return { durable: this.#durable.all, writes: this.#writes.all, reads: this.#reads.all };
  }
}

class Recent<T> {
  readonly #samples: T[] = [];
  #next = 0;

  add(sample: T): void {
    this.#samples[this.#next] = sample;
    this.#next = (this.#next + 1) % SAMPLES;
  }

  get all(): readonly T[] {
    return this.#samples;
  }
}
