import { expect, test } from "vitest";
import { FAIR, Group, STORM } from "./broadcast.testkit.ts";
import type { GroupOptions } from "./broadcast.testkit.ts";
import { agreement, causal, fifo, integrity, total, validity } from "./checkers.ts";
import type { DeliveryLog } from "./checkers.ts";
import type { Order, Reliability } from "./options.ts";

const SEEDS = 20;

type Checker = (logs: readonly DeliveryLog[], reliability: Reliability) => string | null;

/** What an order promises also of those that crashed; total order is promised of the others only. */
const ORDERS: Readonly<Record<Order, readonly Checker[]>> = {
  none: [],
  fifo: [fifo],
  causal: [fifo, causal],
  total: [fifo, causal],
};

/** Two minutes in the life of a group, by chance: everything that may happen to it. */
function live(group: Group): void {
  const { chance } = group;
  let next = 8;
  const running = () =>
    group.view.members.map(({ node }) => node as number).filter((n) => group.isRunning(n));
  const anyOf = (nodes: readonly number[]) => nodes[Math.floor(chance() * nodes.length)]!;
  for (let act = 0; act < 60; act++) {
    const drawn = chance();
    const nodes = running();
    if (drawn < 0.62) group.publish(anyOf(nodes));
    else if (drawn < 0.66) group.crash(nodes.length > 2 ? anyOf(nodes) : 0);
    else if (drawn < 0.72) {
      const left = nodes.filter(() => chance() < 0.5);
      group.partition(
        left,
        nodes.filter((node) => !left.includes(node)),
      );
    } else if (drawn < 0.78) group.heal();
    else if (drawn < 0.83)
      group.change({ leave: group.view.members.map(({ node }) => node).filter((n) => !group.isRunning(n)) });
    else if (drawn < 0.86) group.change({ join: [next++] });
    else if (drawn < 0.88 && nodes.length > 2) {
      const away = anyOf(nodes);
      group.change({ leave: [away] });
      if (chance() < 0.5) group.change({ join: [away] });
    } else group.run(chance() * 300);
    group.run(chance() * 40);
  }
  group.heal();
  group.weather = FAIR;
  const gone = group.view.members.map(({ node }) => node).filter((node) => !group.isRunning(node));
  group.change({ leave: gone });
  group.run(60_000);
}

function lived(seed: number, options: GroupOptions): Group {
  const group = new Group(3 + (seed % 5), options, seed);
  group.weather = STORM;
  live(group);
  return group;
}

const kinds = (["reliable", "best-effort"] as const).flatMap((reliability: Reliability) =>
  (["none", "fifo", "causal", "total"] as const).map((order: Order) => [reliability, order] as const),
);

test.each(kinds)(
  "%s, %s: whatever happens, the promise is kept, and then it is quiet",
  (reliability, order) => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const group = lived(seed, { reliability, order, maxUnstable: 16, maxHeldBack: 16, maxRemembered: 16 });
      const verdicts = [integrity, ...ORDERS[order]].map((checker) => checker(group.logs, reliability));
      verdicts.push(...(order === "total" ? [total(group.correct)] : []));
      if (reliability === "reliable") verdicts.push(validity(group.correct), agreement(group.correct));
      expect({ seed, broken: verdicts.filter((it) => it !== null) }).toEqual({ seed, broken: [] });
      expect({ seed, quiet: group.isQuiet }).toEqual({ seed, quiet: true });
      for (const { node } of group.view.members)
        expect({ seed, ...(group.machine(node).status() as object) }).toMatchObject({
          seed,
          kept: 0,
          heldBack: [],
        });
    }
  },
);
