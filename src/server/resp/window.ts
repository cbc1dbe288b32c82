/**
 * How many of a client's commands may be under way at once, so that their replies fit the client's share of memory: a
 * thousand pipelined GETs of a megabyte each are sent on as fast as the client takes the replies. What has to wait does so
 * in its order.
 */

/** Before anything is known of a client's replies. */
const FIRST_GUESS = 128 * 1024;
/** How fast the guess comes down after large replies. */
const DECAY = 0.9;

interface Launch {
  run(): void;
}

export class Window {
  readonly #maxBytes: number;
  /** Bytes of replies that were not taken by the client yet. */
  readonly #unsent: () => number;
  #underWay = 0;
  #typicalReply = FIRST_GUESS;
  #waiting: Launch[] = [];
  #head = 0;
  #draining = false;

  constructor(maxBytes: number, unsent: () => number) {
    this.#maxBytes = maxBytes;
    this.#unsent = unsent;
  }

  launch(command: Launch): void {
    if (this.#head === this.#waiting.length && this.#open()) {
      this.#underWay++;
      command.run();
    } else {
      this.#waiting.push(command);
    }
  }

  answered(replyBytes: number): void {
    this.#underWay--;
    this.#typicalReply = Math.max(replyBytes, this.#typicalReply * DECAY);
    this.drain();
  }

  /** Launches what fits by now. To be called when replies were sent. */
  drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    while (this.#head < this.#waiting.length && this.#open()) {
      const command = this.#waiting[this.#head++]!;
      this.#underWay++;
      command.run();
    }
    this.#draining = false;
    if (this.#head === this.#waiting.length) {
      if (this.#head > 0) this.#waiting = [];
      this.#head = 0;
    }
  }

  /** Nothing that waits is ever launched. */
  stop(): void {
    this.#waiting = [];
    this.#head = 0;
  }

  #open(): boolean {
    const unsent = this.#unsent();
    if (unsent >= this.#maxBytes) return false;
    // One is always under way, however large its reply.
    return this.#underWay === 0 || unsent + (this.#underWay + 1) * this.#typicalReply <= this.#maxBytes;
  }
}
