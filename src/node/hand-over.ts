/** A node that closes gives its leaderships away first, so that clients see no gap. */
import type { NodeId } from "../core/ids.ts";
import type { Millis } from "../core/machine.ts";
import type { Clock } from "../core/world.ts";
import { fittestHeir } from "./heir.ts";
import type { Replica } from "./replica.ts";

/** It closes without them being taken then. */
const PATIENCE: Millis = 1000;

/** Leaderships go to whoever can take them. `done` comes when all are taken, or after a second. */
export function handOverLeaderships(
  replicas: Iterable<Replica>,
  isUp: (node: NodeId) => boolean,
  clock: Clock,
  done: () => void,
): void {
  let open = 1;
  let over = false;
  const finish = (): void => {
    if (over) return;
    over = true;
    timer.cancel();
    done();
  };
  const timer = clock.setTimer(PATIENCE, finish);
  const settle = (): void => {
    if (--open === 0) finish();
  };
  for (const replica of replicas) {
    if (replica.kind !== "ordered") continue;
    const heir = replica.isReady ? fittestHeir(replica, isUp) : null;
    if (heir === null) continue;
    open++;
    replica.administer({ type: "transfer", to: heir }, settle);
  }
  clock.defer(settle);
}
