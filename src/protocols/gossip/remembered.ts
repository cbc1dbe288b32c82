/**
 * The removed rumors that are still remembered, at most `limit`: who is heard of again stays, who was heard of longest ago
 * is forgotten. A forgotten rumor that comes again is taken for a new one.
 */
import type { RumorId } from "./messages.ts";

export class Remembered {
  readonly #limit: number;
  /** In the order in which they were last heard of. */
  readonly #ids = new Set<RumorId>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#ids.size;
  }

  has(id: RumorId): boolean {
    return this.#ids.has(id);
  }

  add(id: RumorId): void {
    this.#ids.delete(id);
    this.#ids.add(id);
    if (this.#ids.size <= this.#limit) return;
    for (const oldest of this.#ids) {
      this.#ids.delete(oldest);
      return;
    }
  }
}
