/**
 * Trials of membership from peer to peer in simulated clusters of five, each with one trouble: what every node holds of every
 * other is looked at four times a second. The bounds follow from SWIM's arithmetic; with five members a pass is four periods.
 */
import type { MemberInfo } from "../node/api.ts";
import { DEFAULT_MEMBERSHIP } from "../node/options.ts";
import { link } from "../transport/network-faults.ts";
import { SimulatedCluster } from "./simulated-cluster.ts";
import type { SimulatedHost } from "./simulated-host.ts";

const NODES = 5;
const { period: PERIOD, suspicionFactor: SUSPICION } = DEFAULT_MEMBERSHIP;
const PASS = (NODES - 1) * PERIOD;
const LOOK_EVERY = 250;

/**
 * A crash is noticed by every other node within two passes, and the period in which its probe fails; as each of them confirms
 * the suspicion then, it ends after its least time. What is said reaches all within a few periods.
 */
const DETECTED_WITHIN = 2 * PASS + (1 + SUSPICION + 3) * PERIOD;
/** A suspicion is told to the suspected by the next message to it, and its answer to all within a few periods. */
const REFUTED_WITHIN = PASS + 3 * PERIOD;
/** Long enough to be suspected by all who happen to probe it, shorter than any suspicion. */
const PAUSE = (SUSPICION - 1) * PERIOD;
const CUT_FOR = 12 * PASS;

export type MembershipTrial = keyof typeof TRIALS;

export const TRIALS = {
  crash: {
    meaning: "one of five nodes dies: all others hold it dead in time",
    run: runCrash,
  },
  "one-way": {
    meaning: "the link from one node to another is cut one way: as others reach both, nobody is held dead",
    run: runOneWay,
  },
  pause: {
    meaning: "a node stands still and is suspected: it refutes that under a higher incarnation",
    run: runPause,
  },
} as const satisfies Record<string, { readonly meaning: string; run(trial: Trial): void }>;

/** What went wrong, in sentences. */
export function tryMembership(name: MembershipTrial, seed: number): readonly string[] {
  const trial = new Trial(seed);
  if (trial.begins()) TRIALS[name].run(trial);
  return trial.problems;
}

class Trial {
  readonly cluster: SimulatedCluster;
  readonly problems: string[] = [];

  constructor(seed: number) {
    this.cluster = new SimulatedCluster({ seed, nodes: NODES });
  }

  begins(): boolean {
    const { cluster } = this;
    cluster.start();
    const ready = cluster.untilReady(30_000);
    this.demand(ready, "the cluster was not ready after 30000 ms");
    if (!ready) return false;
    this.pass(PASS);
    return this.demand(
      this.views().every(({ state }) => state === "alive"),
      "before anything happened, somebody was not held alive",
    );
  }

  demand(holds: boolean, problem: string): boolean {
    if (!holds) this.problems.push(`membership: ${problem}`);
    return holds;
  }

  pass(milliseconds: number): void {
    const { scheduler } = this.cluster;
    scheduler.run(scheduler.now() + milliseconds);
  }

  /** Milliseconds until it held; null: not within the limit. `meanwhile` is called before each look. */
  until(condition: () => boolean, limit: number, meanwhile: () => void = () => undefined): number | null {
    for (let waited = 0; waited <= limit; waited += LOOK_EVERY) {
      meanwhile();
      if (condition()) return waited;
      this.pass(LOOK_EVERY);
    }
    return null;
  }

  /** What all running nodes hold, of one host or of all. */
  views(of?: string): (MemberInfo & { readonly by: string })[] {
    return this.cluster.hosts.flatMap(({ name: by, node }) =>
      (node?.members().members ?? [])
        .filter(({ name }) => of === undefined || name === of)
        .map((member) => Object.assign({ by }, member)),
    );
  }

  /** That nobody holds anybody else dead at this moment. */
  noDeath(): void {
    for (const { by, name, state } of this.views()) {
      const problem = `${by} held ${name} dead, who lived`;
      if (state === "dead" && !this.problems.includes(`membership: ${problem}`)) this.demand(false, problem);
    }
  }

  sum(counter: "falseSuspicions" | "indirectProbes"): number {
    return this.cluster.hosts.reduce((sum, { node }) => sum + (node?.members().counters[counter] ?? 0), 0);
  }

  host(index: number): SimulatedHost {
    return this.cluster.hosts[index]!;
  }
}

function runCrash(trial: Trial): void {
  const { name } = trial.host(2);
  trial.host(2).crash();
  const isDead = (): boolean => trial.views(name).every(({ state }) => state === "dead");
  const took = trial.until(isDead, DETECTED_WITHIN);
  trial.demand(took !== null, `${name} died, and not all knew it after ${DETECTED_WITHIN} ms`);
  const others = trial.views().filter((member) => member.name !== name);
  trial.demand(
    others.every(({ state }) => state === "alive"),
    "another node than the dead one was not held alive",
  );
  trial.host(2).start();
  const isBack = (): boolean => trial.views(name).every(({ state }) => state === "alive");
  const returned = trial.until(isBack, 10 * PERIOD + REFUTED_WITHIN);
  trial.demand(returned !== null, `${name} came back, and not all held it alive`);
}

function runOneWay(trial: Trial): void {
  const [from, to] = [trial.host(0).name, trial.host(1).name];
  const before = trial.sum("indirectProbes");
  trial.cluster.network.block([link(from, to)]);
  trial.until(
    () => false,
    CUT_FOR,
    () => trial.noDeath(),
  );
  trial.demand(trial.sum("indirectProbes") > before, `${from} and ${to} did not probe through others`);
}

function runPause(trial: Trial): void {
  const host = trial.host(3);
  const { name } = host;
  const incarnation = (): number =>
    host.node!.members().members.find((member) => member.name === name)!.incarnation;
  const before = incarnation();
  host.clock!.pause();
  const suspected = (): boolean => trial.views(name).some(({ state }) => state === "suspect");
  const took = trial.until(suspected, PAUSE, () => trial.noDeath());
  if (!trial.demand(took !== null, `${name} stood still, and nobody suspected it`)) return;
  trial.pass(PAUSE - took!);
  host.clock!.resume();
  const refuted = (): boolean =>
    trial.views(name).every((member) => member.state === "alive" && member.incarnation > before);
  const answered = trial.until(refuted, REFUTED_WITHIN, () => trial.noDeath());
  trial.demand(answered !== null, `${name} was suspected, and did not refute it under a higher incarnation`);
  trial.demand(trial.sum("falseSuspicions") > 0, "nobody counted the false suspicion");
  trial.until(
    () => false,
    2 * SUSPICION * PERIOD,
    () => trial.noDeath(),
  );
}
