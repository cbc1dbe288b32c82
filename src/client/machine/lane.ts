/** All that the client knows about one shard: who leads it, the session there, and the calls that wait for their turn. */
import type { GroupId, NodeId } from "../../core/ids.ts";
import type { LogIndex } from "../../core/machine.ts";
import type { Seen } from "../../core/seen.ts";
import type { Call } from "./call.ts";
import { joinEvents, NO_EVENTS } from "./events.ts";
import { Queue } from "./queue.ts";
import type { Session } from "./session.ts";

export class Lane {
  readonly group: GroupId;
  replicas: readonly NodeId[] = [];
  leader: NodeId | null = null;
  /**
   * Where sequential and stale reads go, and all calls to a shard that merges: one node as long as it answers, so that they do not
   * jump between states.
   */
  reader: NodeId | null = null;
  session: Session | null = null;
  /** The call that opens the next session. */
  opening: Call | null = null;
  /**
   * What answers have shown so far: of an ordered shard the highest log index, of one that merges all events. Sequential reads, and all reads
   * where replicas merge, ask for a state that has at least that, at whichever node: so a client reads its own writes, and never
   * goes back behind what it has read.
   */
  index: LogIndex = 0;
  events: Uint8Array = NO_EVENTS;
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

  note(seen: Seen): void {
    if (typeof seen === "number") this.index = Math.max(this.index, seen);
    else this.events = joinEvents(this.events, seen);
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
