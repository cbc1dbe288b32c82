/** A history full of faults for one seed: what happens in it, and what was wrong at its end. */
import { InvariantError } from "../../core/assert.ts";
import type { NodeId } from "../../core/ids.ts";
import { ERRORS } from "../../core/errors.ts";
import { FAIR, ROUGH } from "./cluster.testkit.ts";
import type { Cluster, Weather } from "./cluster.testkit.ts";

export interface FuzzPlan {
  /** Nodes beside the holders may stand in for them. */
  readonly standIns: boolean;
  /** W and R. */
  readonly quorum: number;
  /** Quorums overlap and the members stay the same: reads have to see what was acknowledged. */
  readonly strict: boolean;
}

export interface FuzzReport {
  readonly problems: readonly string[];
  readonly acknowledged: number;
  readonly reads: number;
  readonly retirements: number;
  readonly steps: number;
}

const DURATION = 6000;

export function fuzz<M extends { readonly type: string }, T extends string>(
  seed: number,
  make: (
    weather: Weather,
    members: { readonly holders: number[]; readonly fallbacks: number[] },
  ) => Cluster<M, T>,
  plan: FuzzPlan,
): FuzzReport {
  const holders = [1, 2, 3];
  const fallbacks = plan.standIns ? [4, 5] : [];
  const group = make(ROUGH, { holders, fallbacks });
  const { chance } = group;
  const pick = <X>(items: readonly X[]): X => items[Math.floor(chance() * items.length)]!;
  const nodes = (): readonly number[] => [...group.sites.keys()];
  const elements = Array.from({ length: 8 }, (_, at) => `e${at}`);
  let isRough = true;
  const every = (mean: number, run: () => void): void => {
    const again = (): void => {
      if (!isRough) return;
      run();
      group.at(mean * (0.2 + 1.6 * chance()), again);
    };
    group.at(mean * chance(), again);
  };
  const writers = (): readonly NodeId[] =>
    [...group.sites.values()]
      .filter(({ id, host }) =>
        host === null ? plan.standIns && group.members.fallbacks.includes(id) && chance() < 0.2 : host.alive,
      )
      .map(({ id }) => id);
  let problem: string | null = null;
  try {
    every(40, () => {
      const writer = pick(writers());
      if (writer === undefined) return;
      group.write(writer, chance() < 0.7 ? "add" : "remove", pick(elements), plan.quorum);
    });
    every(60, () => {
      const { holders } = group.members;
      const reader = pick(holders.filter((id) => group.sites.get(id)?.host?.machine?.isReady === true));
      if (reader !== undefined) group.read(reader, pick(elements), plan.quorum);
    });
    every(500, () => {
      const id = pick(nodes());
      group.crash(id);
      group.at(chance() * 600, () => group.restart(id));
    });
    every(900, () => {
      const one = nodes().filter(() => chance() < 0.4);
      const other = nodes().filter((id) => !one.includes(id));
      for (const id of one) group.cut(id, ...other);
      group.at(chance() * 900, () => group.mend());
    });
    every(300, () => {
      const { host } = group.site(pick(nodes()));
      host?.compact(group.now);
    });
    if (seed % 2 === 0 && !plan.strict)
      every(2500, () => {
        // One holder at a time, and never one that the others do not know yet.
        const { holders, fallbacks } = group.members;
        if (!holders.every((id) => group.sites.get(id)?.host?.machine?.isReady === true)) return;
        const gone = pick(holders);
        const next = Math.max(...nodes()) + 1;
        const kept = holders.filter((id) => id !== gone);
        if (chance() < 0.5 || fallbacks.length === 0) group.change([...kept, next], fallbacks);
        else group.change([...kept, fallbacks[0]!], [...fallbacks.slice(1), next]);
      });
    group.run(DURATION);
    isRough = false;
    group.weather = FAIR;
    group.mend();
    for (const id of nodes()) group.restart(id);
    group.run(25_000);
  } catch (error) {
    if (!(error instanceof InvariantError)) throw error;
    problem = `${String(error)}\n${group.trace.slice(-60).join("\n")}`;
  }
  const problems: string[] = problem === null ? [] : [problem];
  const difference = group.difference();
  if (difference !== null) problems.push(difference);
  problems.push(...group.losses());
  for (const [id, write] of group.writes) {
    const { outcome } = write;
    if (outcome !== null && !outcome.ok && ERRORS[outcome.error].definite && write.applied)
      problems.push(`write ${id} was refused for good (${outcome.error}) and done`);
  }
  for (const site of group.sites.values())
    if (site.host !== null && !group.members.holders.includes(site.id))
      problems.push(`${site.id} has not handed over: ${JSON.stringify(site.host.machine?.status())}`);
  if (plan.strict)
    for (const [id, { element, node, missed }] of group.reads)
      if (missed.length > 0) problems.push(`read ${id} of ${element} at ${node} missed ${missed.join(" ")}`);
  return {
    problems,
    acknowledged: [...group.writes.values()].filter(({ outcome }) => outcome?.ok === true).length,
    reads: [...group.reads.values()].filter(({ outcome }) => outcome === "ready").length,
    retirements: group.retirements,
    steps: group.steps,
  };
}
