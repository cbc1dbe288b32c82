/** Starts an operation; it calls `finish` when the next one may start. */
export type Operation = (finish: () => void) => void;

/** Runs operations one after another, in the order in which they came. The first one of an idle queue starts at once. */
export class OperationQueue {
  readonly #waiting: Operation[] = [];
  #busy = false;

  run(operation: Operation): void {
    if (this.#busy) {
      this.#waiting.push(operation);
      return;
    }
    this.#busy = true;
    operation(this.#next);
  }

  get idle(): boolean {
    return !this.#busy;
  }

  readonly #next = (): void => {
    const operation = this.#waiting.shift();
    if (operation === undefined) this.#busy = false;
    else operation(this.#next);
  };
}
