/** All that the client knows about one shard: who leads it, the session there, and the calls that wait for their turn. */
import type { GroupId, NodeId } from "../../core/ids.ts";
import type { Call } from "./call.ts";
import { Queue } from "./queue.ts";
import type { Session } from "./session.ts";

export class Lane {
  readonly group: GroupId;
  replicas: readonly NodeId[] = [];
  leader: NodeId | null = null;
  /** Where sequential and stale reads go: one node as long as it answers, so that they do not jump between states. */
  reader: NodeId | null = null;
  session: Session | null = null;
  /** The call that opens the next session. */
  opening: Call | null = null;
  /**
   * The highest log index that an answer came from. Sequential reads ask for a state at least as new, at whichever node: so a
   * client reads its own writes, and never goes back behind what it has read.
   */
  index = 0;
  /** Calls that hold one of the lane's slots. */
  inFlight = 0;
  /** Writes that need a session. */
  readonly #writes = new Queue<Call>();
  readonly #others = new Queue<Call>();

  constructor(group: GroupId) {
    this.group = group;
  }

  get waiting(): number {
    return this.#writes.size + this.#others.size;
  }

  get wantsSession(): boolean {
    return this.#writes.size > 0 && this.session === null;
  }

  noteIndex(index: number): void {
    this.index = Math.max(this.index, index);
  }

  enqueue(call: Call): void {
    call.state = "waiting";
    this.#queueOf(call).add(call);
  }

  /** A waiting call leaves. */
  remove(call: Call): void {
    this.#queueOf(call).remove(call);
  }

  #queueOf(call: Call): Queue<Call> {
    return call.needsSession ? this.#writes : this.#others;
  }

  /** Takes out the oldest call that can be sent now: writes may lack a session, or room in its window. */
  takeReady(): Call | null {
    const write = this.session?.hasRoom === true ? this.#writes.first : null;
    const other = this.#others.first;
    const ready = write === null || (other !== null && other.order < write.order) ? other : write;
    if (ready !== null) this.remove(ready);
    return ready;
  }

  /** The writes that wait for a session, which is not to be had. */
  writesWaiting(): readonly Call[] {
    const writes: Call[] = [];
    for (let call = this.#writes.first; call !== null; call = call.behind) writes.push(call);
    return writes;
  }
}
