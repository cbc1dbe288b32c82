/** From a call with its options to a promise: the only place where the client has promises and the driver callbacks. */
import { KvorumError } from "../../core/errors.ts";
import type { Millis } from "../../core/machine.ts";
import type { Reply } from "../../core/reply.ts";
import { envelopeProblem, type IdempotencyEnvelope } from "../../data/delivery.ts";
import { isMerging, type KeyspaceInfo } from "../../node/api.ts";
import type { ClientDriver } from "../driver.ts";
import type { CallSpec, Target } from "../machine/call.ts";
import type { Delivery, Repetition } from "../machine/outcome.ts";
import { encodeText } from "../schema/codec.ts";
import type { ClientOperation } from "../transport.ts";
import { mergingRepetition, readProblem, writeProblem } from "./merging.ts";
import type { CallDefaults, OfQuorum, ReadOptions, WriteOptions } from "./options.ts";

const DEFAULT_TIMEOUT_MS = 5_000;
/** Nodes do not wait longer either. */
const LONGEST_TIMEOUT_MS = 600_000;
const DEFAULT_LIFETIME_MS = 24 * 3_600_000;

export type WriteKind =
  /** Nothing but reads, in a form that the node takes for a write. */
  | "harmless"
  | "plain"
  /** Done twice, it counts twice. Matters where nothing is exactly-once. */
  | "additive"
  /** Depends on a version: never at-least-once. */
  | "conditional";

export class Caller {
  readonly driver: ClientDriver;
  readonly #defaults: CallDefaults;

  constructor(driver: ClientDriver, defaults: CallDefaults) {
    this.driver = driver;
    this.#defaults = defaults;
  }

  read(target: Target, operation: ClientOperation, options: ReadOptions & OfQuorum = {}): Promise<Reply> {
    const { hedgeAfter } = { ...this.#defaults, ...options };
    const merging = this.#mergingKeyspace(target);
    if (merging !== null) {
      const problem = readProblem(merging, operation, options);
      if (problem !== null) return refusal("contradiction", problem);
    }
    const { consistency = "linearizable", maxStaleness } =
      options.consistency === undefined ? this.#defaults : options;
    if (maxStaleness !== undefined && (consistency !== "stale" || !(maxStaleness >= 0))) {
      return refusal(
        "contradiction",
        "maxStaleness goes with stale reads, and is a number of milliseconds from 0.",
      );
    }
    return this.#submit(options, {
      target,
      operation,
      write: false,
      repetition: "read",
      // What the client asks for by default does not concern keyspaces that merge: they have but one way of reading.
      consistency: merging === null ? consistency : "stale",
      maxStaleness: merging === null ? (maxStaleness ?? null) : null,
      quorum: options.quorum ?? null,
      idempotency: null,
      hedgeAfter: hedgeAfter ?? null,
    });
  }

  write(
    target: Target,
    operation: ClientOperation,
    kind: WriteKind,
    options: WriteOptions & OfQuorum = {},
  ): Promise<Reply> {
    const { delivery, idempotencyKey, idempotencyLifetime } = options;
    const merging = this.#mergingKeyspace(target);
    if (merging !== null) {
      const problem = writeProblem(merging, operation, kind, options);
      if (problem !== null) return refusal("contradiction", problem);
    }
    if (idempotencyKey === undefined ? idempotencyLifetime !== undefined : isRepeatedOtherwise(delivery)) {
      return refusal(
        "contradiction",
        "An idempotency key goes with exactly-once, and a lifetime with a key.",
      );
    }
    let idempotency: IdempotencyEnvelope | null = null;
    if (idempotencyKey !== undefined) {
      const key = encodeText(idempotencyKey);
      idempotency = { kind: "idempotency", key, lifetime: idempotencyLifetime ?? DEFAULT_LIFETIME_MS };
      const problem = envelopeProblem(idempotency);
      if (problem !== null) return refusal("bad-request", problem);
    }
    const repetition =
      merging !== null
        ? mergingRepetition(kind, delivery)
        : idempotency === null
          ? this.#repetition(kind, delivery)
          : "exactly-once";
    if (repetition === null) {
      return refusal("contradiction", "A write that depends on a version cannot be at-least-once.");
    }
    return this.#submit(options, {
      target,
      operation,
      write: true,
      repetition,
      consistency: merging === null ? "linearizable" : "stale",
      maxStaleness: null,
      quorum: options.quorum ?? null,
      idempotency,
      hedgeAfter: null,
    });
  }

  /** By the newest topology: a keyspace may have been made anew since it was declared. */
  #mergingKeyspace(target: Target): KeyspaceInfo | null {
    const found = this.driver.topology?.keyspaces.find(({ name, shardList }) =>
      target.kind === "keys"
        ? name === target.keyspace
        : shardList.some(({ group }) => group === target.group),
    );
    return found !== undefined && isMerging(found.replication) ? found : null;
  }

  #repetition(kind: WriteKind, asked: Delivery | undefined): Repetition | null {
    if (kind === "harmless") return "read";
    const delivery = asked ?? this.#defaults.delivery ?? "exactly-once";
    if (kind !== "conditional" || delivery !== "at-least-once") return delivery;
    return asked === undefined ? "exactly-once" : null;
  }

  #submit(
    { timeout = this.#defaults.timeout ?? DEFAULT_TIMEOUT_MS, signal }: Bounds,
    call: Omit<CallSpec, "deadline">,
  ): Promise<Reply> {
    const { driver } = this;
    if (!(timeout > 0 && timeout <= LONGEST_TIMEOUT_MS)) {
      return refusal("bad-request", `A timeout is more than 0 and at most ${LONGEST_TIMEOUT_MS} ms.`);
    }
    if (signal?.aborted === true) return refusal("aborted", abortReason(signal));
    return new Promise((resolve, reject) => {
      const onAbort = (): void => driver.abort(id, abortReason(signal!));
      // Before the call: its outcome may be there before `submit` returns.
      signal?.addEventListener("abort", onAbort, { once: true });
      const spec = { ...call, deadline: driver.clock.now() + timeout };
      const id = driver.submit(spec, (outcome) => {
        signal?.removeEventListener("abort", onAbort);
        if (outcome.ok) resolve(outcome.reply);
        else reject(outcome.error);
      });
    });
  }
}

interface Bounds {
  readonly timeout?: Millis;
  readonly signal?: AbortSignal;
}

const isRepeatedOtherwise = (delivery: Delivery | undefined): boolean =>
  delivery !== undefined && delivery !== "exactly-once";

const refusal = (code: "aborted" | "bad-request" | "contradiction", detail: string): Promise<never> =>
  Promise.reject(new KvorumError(code, detail));

/** What the caller gave to `abort`, in words. */
export function abortReason({ reason }: AbortSignal): string {
  return reason instanceof Error ? reason.message : `The caller aborted: ${String(reason)}`;
}
