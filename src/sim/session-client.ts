/**
 * A client with sessions: it sends an operation again, through any node, until it knows its outcome, and sometimes while an
 * earlier attempt is still under way. The shard does it once.
 */
import { invariant } from "../core/assert.ts";
import { ERRORS } from "../core/errors.ts";
import type { GroupId } from "../core/ids.ts";
import { Failure, type Reply } from "../core/reply.ts";
import type { Envelope } from "../data/delivery.ts";
import type { Node } from "../node/node.ts";
import { carryOut, type Outcome } from "./carry-out.ts";
import type { SimulatedCluster } from "./simulated-cluster.ts";
import type { SimulatedRandom } from "./simulated-random.ts";
import { commandCall, type PlannedOperation } from "./workloads/workload.ts";

interface Session {
  readonly token: number;
  next: number;
}

/** What the node may take for one attempt. */
const ATTEMPT_TIMEOUT_MS = 1500;
/** The client sends again after a time between these two, answered or not. */
const SHORTEST_PATIENCE_MS = 20;
const LONGEST_PATIENCE_MS = 2500;
/** Then it gives up, and its session with it. */
const GIVE_UP_AFTER_MS = 12_000;

const GAVE_UP = new Failure("UNKNOWN the client gave up", "unknown");
const NOT_OPENED = new Failure("CLUSTERDOWN no session could be opened", "no-leader");

export class SessionClient {
  readonly #cluster: SimulatedCluster;
  readonly #random: SimulatedRandom;
  readonly #sessions = new Map<GroupId, Session>();

  constructor(cluster: SimulatedCluster, random: SimulatedRandom) {
    this.#cluster = cluster;
    this.#random = random;
  }

  /** One at a time. */
  execute(operation: PlannedOperation, done: (outcome: Outcome) => void): void {
    const { scheduler } = this.#cluster;
    const [call] = operation.calls;
    invariant(call !== undefined, "an operation in a session has a command");
    const key = call.args[call.spec.keys(call.args)[0]!]!;
    const deadline = scheduler.now() + GIVE_UP_AFTER_MS;
    this.#open(key, deadline, (group) => {
      const session = group === null ? undefined : this.#sessions.get(group);
      if (session === undefined) {
        done([NOT_OPENED]);
        return;
      }
      const sequence = session.next++;
      // One operation at a time: whatever is below has its outcome.
      const envelope = { kind: "session", token: session.token, sequence, acknowledged: sequence } as const;
      this.#repeat(operation, envelope, deadline, (outcome) => {
        const code = outcome?.find((reply) => reply instanceof Failure)?.code;
        if (code === "session-expired") this.#sessions.delete(group!);
        done(outcome);
      });
    });
  }

  /** Answers the group of the key, once there is a session at it; null: none could be opened in time. */
  #open(key: Uint8Array, deadline: number, done: (group: GroupId | null) => void): void {
    let over = false;
    const attempt = (): void => {
      if (over) return;
      if (this.#cluster.scheduler.now() > deadline) {
        over = true;
        done(null);
        return;
      }
      this.#throughAnyNode((node, answered) => {
        const group = node.groupOfKey(key);
        if (group === null) return;
        const opened = (reply: Reply): void => {
          if (over || typeof reply !== "number") return;
          over = true;
          if (!this.#sessions.has(group)) this.#sessions.set(group, { token: reply, next: 1 });
          done(group);
        };
        if (this.#sessions.has(group)) answered(() => opened(0));
        else {
          node.executeOn(group, commandCall(".session-open"), { timeout: ATTEMPT_TIMEOUT_MS }, (reply) =>
            answered(() => opened(reply)),
          );
        }
      });
      this.#later(attempt);
    };
    attempt();
  }

  #repeat(
    operation: PlannedOperation,
    envelope: Envelope,
    deadline: number,
    done: (outcome: Outcome) => void,
  ): void {
    let over = false;
    /** An attempt is under way, or ended without an outcome. */
    let doubtful = 0;
    const settle = (outcome: Outcome): void => {
      over = true;
      done(outcome);
    };
    const attempt = (): void => {
      if (over) return;
      if (this.#cluster.scheduler.now() > deadline) {
        settle([GAVE_UP]);
        return;
      }
      this.#throughAnyNode((node, answered) => {
        doubtful++;
        carryOut(node, operation, { timeout: ATTEMPT_TIMEOUT_MS, envelope }, (outcome) =>
          answered(() => {
            if (over) return;
            const failure = outcome?.find((reply) => reply instanceof Failure);
            if (failure === undefined || failure.code === null) settle(outcome);
            else if (ERRORS[failure.code].definite) {
              doubtful--;
              if (failure.code === "session-expired") settle([doubtful > 0 ? GAVE_UP : failure]);
            }
          }),
        );
      });
      this.#later(attempt);
    };
    attempt();
  }

  #later(attempt: () => void): void {
    const patience = this.#random.between(SHORTEST_PATIENCE_MS, LONGEST_PATIENCE_MS);
    this.#cluster.scheduler.after(patience, attempt);
  }

  /** Requests reach a process, and answers the client, only while it runs. */
  #throughAnyNode(ask: (node: Node, answered: (take: () => void) => void) => void): void {
    const { hosts } = this.#cluster;
    const { node, clock } = hosts[Math.floor(this.#random.next() * hosts.length)]!;
    if (node === null || clock === null) return;
    clock.deliver(() =>
      ask(node, (take) => {
        if (!clock.killed) take();
      }),
    );
  }
}
