/**
 * Which segments are still needed. A group needs the log from its newest checkpoint on, or from its first record while
 * it has none. Memory: one entry a group, one a segment that some group starts in.
 */
import type { GroupId } from "../../core/ids.ts";

export class Retention {
  /** The segment that a group needs first. */
  readonly #from = new Map<GroupId, number>();
  /** How many groups need a segment first. */
  readonly #groups = new Map<number, number>();

  /** A record of `group` is durable in `segment`. */
  note(group: GroupId, checkpoint: boolean, segment: number): void {
    const from = this.#from.get(group);
    if (from === segment || (from !== undefined && !checkpoint)) return;
    if (from !== undefined) this.#release(from);
    this.#from.set(group, segment);
    this.#groups.set(segment, (this.#groups.get(segment) ?? 0) + 1);
  }

  drop(group: GroupId): void {
    const from = this.#from.get(group);
    if (from === undefined) return;
    this.#from.delete(group);
    this.#release(from);
  }

  /** Whether a group starts in `segment`. The oldest segment is needed only if one does. */
  pins(segment: number): boolean {
    return this.#groups.has(segment);
  }

  /** The groups that start in segments up to `last`. */
  startingUpTo(last: number): readonly GroupId[] {
    const groups: GroupId[] = [];
    for (const [group, from] of this.#from) if (from <= last) groups.push(group);
    return groups;
  }

  #release(segment: number): void {
    const left = this.#groups.get(segment)! - 1;
    if (left === 0) this.#groups.delete(segment);
    else this.#groups.set(segment, left);
  }
}
