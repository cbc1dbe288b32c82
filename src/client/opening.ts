/** From a transport to a client whose keyspaces are there, are what was declared, and (where it made them) have leaders. */
import { ERRORS, type ErrorCode, KvorumError } from "../core/errors.ts";
import type { Millis } from "../core/machine.ts";
import type { TimerHandle } from "../core/world.ts";
import { type Declarations, drift, isServed, missing } from "./catalog.ts";
import type { ClientDriver } from "./driver.ts";
import type { ClientTransport, KeyspaceDefinition, Topology } from "./transport.ts";

/** How often the topology is asked for while something is waited for. */
const POLL_MS = 50;

export interface OpeningOptions {
  readonly declared: Declarations;
  readonly ensure: boolean;
  readonly timeout: Millis;
}

/** Rejects with a definite error, except where it is unknown whether a keyspace was created. */
export async function opened(
  transport: ClientTransport,
  driver: ClientDriver,
  { declared, ensure, timeout }: OpeningOptions,
): Promise<void> {
  const deadline = driver.clock.now() + timeout;
  const first = await topologyWhere(driver, deadline, () => true, "unreachable");
  refuseDrift(declared, first);
  const wanted = missing(declared, first);
  if (wanted.length === 0) return;
  if (!ensure) {
    const names = wanted.map(({ name }) => `"${name}"`).join(", ");
    throw new KvorumError("unknown-keyspace", `The cluster does not have ${names}, and ensure is not set.`);
  }
  await Promise.all(wanted.map((definition) => create(transport, driver, definition, deadline)));
  const isReady = (topology: Topology): boolean =>
    missing(declared, topology).length === 0 && isServed(declared, topology);
  // Another client may have been faster, with other options.
  refuseDrift(declared, await topologyWhere(driver, deadline, isReady, "no-leader"));
}

function refuseDrift(declared: Declarations, topology: Topology): void {
  const error = drift(declared, topology);
  if (error !== null) throw error;
}

/** Waits for it, and asks for it again and again. */
function topologyWhere(
  driver: ClientDriver,
  deadline: Millis,
  suits: (topology: Topology) => boolean,
  otherwise: ErrorCode,
): Promise<Topology> {
  return new Promise((resolve, reject) => {
    let timer: TimerHandle | null = null;
    const stop = (): void => {
      stopListening();
      stopMinding();
      timer?.cancel();
    };
    const take = (topology: Topology): void => {
      if (!suits(topology)) return;
      stop();
      resolve(topology);
    };
    const stopListening = driver.onTopology(take);
    // One node's refusal matters only while no other has let the client in.
    const stopMinding = driver.onRefused((error) => {
      if (driver.topology !== null) return;
      stop();
      reject(error);
    });
    const poll = (): void => {
      const left = deadline - driver.clock.now();
      timer = driver.clock.setTimer(Math.min(POLL_MS, Math.max(0, left)), () => {
        if (left <= 0) {
          stop();
          reject(new KvorumError(otherwise));
          return;
        }
        driver.refresh();
        poll();
      });
    };
    poll();
    if (driver.topology !== null) take(driver.topology);
  });
}

/** Tried until it is done, refused, or the deadline has passed. That it exists already is as good. */
function create(
  transport: ClientTransport,
  { clock }: ClientDriver,
  definition: KeyspaceDefinition,
  deadline: Millis,
): Promise<void> {
  return new Promise((resolve, reject) => {
    // A transport may never answer: what was sent and not answered is unknown.
    let last = new KvorumError(
      "timeout",
      `It is not known whether the keyspace "${definition.name}" was created.`,
    );
    const timer = clock.setTimer(deadline - clock.now(), () => reject(last));
    const attempt = (): void => {
      if (clock.now() >= deadline) return;
      transport.createKeyspace(definition, (result) => {
        if (result.ok || result.code === "exists") {
          timer.cancel();
          resolve();
          return;
        }
        const code: ErrorCode = Object.hasOwn(ERRORS, result.code) ? (result.code as ErrorCode) : "internal";
        const error = new KvorumError(
          code,
          `The keyspace "${definition.name}" was not created: ${result.message}`,
        );
        if (isWorthAnother(error)) {
          if (!error.definite) last = error;
          clock.setTimer(POLL_MS, attempt);
          return;
        }
        timer.cancel();
        reject(error);
      });
    };
    attempt();
  });
}

const PASSING: ReadonlySet<ErrorCode> = new Set([
  "not-leader",
  "no-leader",
  "overwritten",
  "overloaded",
  "closing",
  "unreachable",
]);

const isWorthAnother = ({ code, definite }: KvorumError): boolean => !definite || PASSING.has(code);
