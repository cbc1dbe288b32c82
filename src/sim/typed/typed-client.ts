/**
 * An application with a typed client (`src/client`: the real machine and driver) in the simulated world. Its user aborts
 * calls, has deadlines that are too short, and starts it anew now and then; its network loses, repeats and breaks.
 */
import { binaryString } from "../../core/bytes.ts";
import { ERRORS, type KvorumError } from "../../core/errors.ts";
import { Failure, NULL_ARRAY, type Reply } from "../../core/reply.ts";
import { ClientDriver } from "../../client/driver.ts";
import type { CallSpec, Target } from "../../client/machine/call.ts";
import type { Outcome } from "../../client/machine/outcome.ts";
import type { ClientOperation, WatchedVersion } from "../../client/transport.ts";
import type { CommandCall } from "../../data/contract.ts";
import type { SimulatedCluster } from "../simulated-cluster.ts";
import type { SimulatedRandom } from "../simulated-random.ts";
import { commandCall, type PlannedOperation, textOf } from "../workloads/workload.ts";
import { drawClientNetwork } from "./client-network.ts";
import { SimulatedClientTransport } from "./simulated-client-transport.ts";

/** One reply for each call, or the one failure; null when the guard did not hold. */
type Replies = readonly Reply[] | null;

const SHORTEST_TIMEOUT_MS = 50;
const LONGEST_TIMEOUT_MS = 10_000;
const ABORTED = 0.03;
const STARTED_ANEW = 0.01;
const HEDGED = 0.3;
/** Of the writes that are done exactly once: those that carry an idempotency key in place of the client's session. */
const KEYED = 0.2;
const KEY_LIFETIME_MS = 3_600_000;
/** A caller with an idempotency key asks again so often when it does not know what became of its request. */
const KEYED_REPETITIONS = 2;

export class TypedClient {
  readonly #cluster: SimulatedCluster;
  readonly #random: SimulatedRandom;
  readonly #name: string;
  #life = 0;
  #transport!: SimulatedClientTransport;
  #driver!: ClientDriver;
  #healed = false;
  #keys = 0;

  constructor(cluster: SimulatedCluster, random: SimulatedRandom, name: string) {
    this.#cluster = cluster;
    this.#random = random;
    this.#name = name;
    this.#start();
  }

  /** Whose writes it reads: a client that was started anew knows of none. */
  get session(): string {
    return `${this.#name}.${this.#life}`;
  }

  /** Its network is a good one from now on, and its users are patient. */
  heal(): void {
    this.#healed = true;
    this.#transport.heal();
  }

  /** Any number at a time. Calls back once. */
  execute(operation: PlannedOperation, done: (replies: Replies) => void): void {
    const { guard } = operation;
    const settled = (replies: Replies): void => {
      done(replies);
      this.#startAnewPerhaps();
    };
    if (guard === undefined) this.#submit(operation, [], settled);
    else this.#compareAndSet(operation, guard, settled);
  }

  #start(): void {
    this.#life++;
    const random = this.#random.fork(this.#life);
    const faults = drawClientNetwork(random.fork("faults"));
    this.#transport = new SimulatedClientTransport(this.#cluster, random.fork("network"), faults);
    if (this.#healed) this.#transport.heal();
    const { scheduler } = this.#cluster;
    const clock = {
      now: () => scheduler.now(),
      setTimer: (delay: number, fire: () => void) => scheduler.after(delay, fire),
    };
    this.#driver = new ClientDriver(
      this.#transport,
      { clock, random: random.fork("machine") },
      {
        attemptTimeout: random.between(30, 1_500),
        maxInFlight: random.pick([1, 2, 512]),
        outage: random.between(50, 1_500),
      },
    );
  }

  /** What its other users have under way is settled with what is known, and never asked for again. */
  #startAnewPerhaps(): void {
    if (this.#healed || !this.#random.chance(STARTED_ANEW)) return;
    this.#driver.close();
    this.#start();
  }

  /** Both reads and the write are calls of their own, as of an application. */
  #compareAndSet(
    operation: PlannedOperation,
    guard: NonNullable<PlannedOperation["guard"]>,
    done: (replies: Replies) => void,
  ): void {
    const read = (name: string, then: (reply: Reply) => void): void => {
      const reading: PlannedOperation = {
        ...operation,
        calls: [commandCall(name, guard.key)],
        repetition: "read",
      };
      this.#submit(reading, [], (replies) => {
        const reply = replies?.[0] ?? null;
        if (reply instanceof Failure) done([definitely(reply)]);
        else then(reply);
      });
    };
    read(".version", (version) =>
      read("get", (value) => {
        if (textOf(value) !== guard.expected) done(null);
        else {
          const [key] = commandCall("get", guard.key).args;
          this.#submit(operation, [{ key: key!, version: version as number }], done);
        }
      }),
    );
  }

  #submit(
    operation: PlannedOperation,
    watched: readonly WatchedVersion[],
    done: (replies: Replies) => void,
  ): void {
    const random = this.#random;
    const { calls, repetition = "at-most-once", consistency = "linearizable", maxStaleness } = operation;
    const isTransaction = calls.length > 1 || watched.length > 0;
    const isKeyed = repetition === "exactly-once" && random.chance(KEYED);
    const call: Omit<CallSpec, "deadline"> = {
      target: targetOf(calls),
      operation: isTransaction
        ? { kind: "transaction", calls: calls.map(named), watched }
        : single(calls[0]!),
      write: isTransaction || calls[0]!.spec.access === "write",
      repetition,
      consistency,
      maxStaleness: maxStaleness ?? null,
      quorum: null,
      idempotency: isKeyed ? { kind: "idempotency", key: this.#newKey(), lifetime: KEY_LIFETIME_MS } : null,
      hedgeAfter: repetition === "read" && random.chance(HEDGED) ? random.between(1, 200) : null,
    };
    let left = isKeyed ? KEYED_REPETITIONS : 0;
    let inDoubt = false;
    const attempt = (): void =>
      this.#call(call, (outcome) => {
        if (outcome.ok) done(repliesOf(outcome.reply, isTransaction));
        else if (outcome.error.definite) done([inDoubt ? UNKNOWN : failureOf(outcome.error)]);
        else if (left-- > 0) {
          inDoubt = true;
          attempt();
        } else done([failureOf(outcome.error)]);
      });
    attempt();
  }

  #call(call: Omit<CallSpec, "deadline">, done: (outcome: Outcome) => void): void {
    const random = this.#random;
    const driver = this.#driver;
    const { scheduler } = this.#cluster;
    const isHasty = !this.#healed && random.chance(0.3);
    const timeout = isHasty
      ? random.between(SHORTEST_TIMEOUT_MS, LONGEST_TIMEOUT_MS / 10)
      : LONGEST_TIMEOUT_MS / 3;
    const id = driver.submit({ ...call, deadline: scheduler.now() + timeout }, done);
    if (!this.#healed && random.chance(ABORTED))
      scheduler.after(random.between(0, 100), () => driver.abort(id, "the user left"));
  }

  #newKey(): Uint8Array {
    return new TextEncoder().encode(`${this.session} ${++this.#keys}`);
  }
}

const named = ({ spec, args }: CommandCall) => ({ name: spec.name, args });

const single = (call: CommandCall): ClientOperation => ({ kind: "command", ...named(call) });

function targetOf(calls: readonly CommandCall[]): Target {
  const keys = calls.flatMap(({ spec, args }) => spec.keys(args).map((position) => args[position]!));
  return { kind: "keys", keyspace: binaryString(keys[0]!).split(":")[0]!, keys };
}

function repliesOf(reply: Reply, isTransaction: boolean): Replies {
  if (!isTransaction) return [reply];
  return reply === NULL_ARRAY ? null : (reply as readonly Reply[]);
}

const failureOf = ({ code, message }: KvorumError): Failure => new Failure(message, code);

const UNKNOWN = new Failure(`UNKNOWN ${ERRORS.unknown.sentence}`, "unknown");

/** Nothing was written, whatever became of the reading. */
const definitely = (failure: Failure): Failure => new Failure(failure.message, "no-leader");
