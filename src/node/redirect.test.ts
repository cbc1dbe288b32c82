/** Whom nodes name in their own place, for callers that want to ask the right one. */
import { describe, expect, test } from "vitest";
import type { NodeId } from "../core/ids.ts";
import type { SimulatedHost } from "../sim/simulated-host.ts";
import { Story } from "../sim/stories.testkit.ts";
import { nextToAsk } from "./client-request.ts";
import { partitions } from "../transport/network-faults.ts";

const KEY = new TextEncoder().encode("a");

const redirectOf = (host: SimulatedHost): NodeId | null => {
  const { node } = host;
  return node === null ? null : node.redirect(node.groupOfKey(KEY)!);
};

const idOf = (host: SimulatedHost): NodeId => host.node!.status().id!;

const holds = (host: SimulatedHost): boolean => {
  const group = host.node!.groupOfKey(KEY);
  return host.node!.status().replicas.some((replica) => replica.group === group);
};

describe("a redirect", () => {
  test("leads from every other replica to the leader, and nowhere from the leader", () => {
    const story = new Story();
    const leader = story.leaderOf("a");
    for (const host of story.cluster.hosts)
      expect(redirectOf(host)).toBe(host === leader ? null : idOf(leader));
  });

  test("follows a change of the leader, and names nobody who cannot be reached", () => {
    const story = new Story();
    const before = story.leaderOf("a");
    const others = story.cluster.hosts.filter((host) => host !== before);
    before.crash();
    story.pass(50);
    for (const host of others) expect(redirectOf(host)).toBeNull();
    story.until("another leader", () => story.findLeader("a") !== undefined);
    const after = story.leaderOf("a");
    story.until("all to have heard of it", () =>
      others.every((host) => host === after || redirectOf(host) !== null),
    );
    for (const host of others) expect(redirectOf(host)).toBe(host === after ? null : idOf(after));
  });

  test("from a node without a replica: once for every request that another one has done for it", () => {
    const story = new Story({ nodes: 5 });
    const outsider = story.cluster.hosts.find((host) => !holds(host))!;
    const leader = story.leaderOf("a");
    expect(redirectOf(outsider)).toBeNull();
    expect(outsider.node!.leaderOf(outsider.node!.groupOfKey(KEY)!)).toBeNull();
    expect(story.do(outsider.name, "set a 1")).toBe("OK");
    expect(outsider.node!.leaderOf(outsider.node!.groupOfKey(KEY)!)).toBe(idOf(leader));
    expect(redirectOf(outsider)).toBe(idOf(leader));
    expect(redirectOf(outsider)).toBeNull();
    // Any replica does a read; that one then knows who leads.
    expect(story.do(outsider.name, "get a")).toBe("1");
    const asked = redirectOf(outsider);
    expect(holds(story.cluster.hosts.find((host) => idOf(host) === asked)!)).toBe(true);
  });

  test("typed clients are told by a node without a replica whom to ask next time", () => {
    const story = new Story({ nodes: 5 });
    const outsider = story.cluster.hosts.find((host) => !holds(host))!;
    const next = (): NodeId | null => nextToAsk(outsider.node!, outsider.node!.groupOfKey(KEY)!);
    expect(next()).toBeNull();
    story.do(outsider.name, "get a");
    const replica = next();
    expect(holds(story.cluster.hosts.find((host) => idOf(host) === replica)!)).toBe(true);
    story.do(outsider.name, "set a 1");
    expect(next()).toBe(idOf(story.leaderOf("a")));
    expect(next()).toBe(idOf(story.leaderOf("a")));
  });

  test("never leads in a circle, whatever happens to leaders and however old the news is", () => {
    const story = new Story({ nodes: 5, seed: 3 });
    const { hosts, network, random } = story.cluster;
    network.setFaults({ ...network.faults, delayMin: 1, delayMax: 40 });
    const names = hosts.map(({ name }) => name);
    const anyHost = (): SimulatedHost => hosts[random.integer(0, hosts.length - 1)]!;
    let redirects = 0;
    let changes = 0;
    let leader = story.findLeader("a");
    for (let step = 0; step < 300; step++) {
      if (step % 150 === 30) anyHost().crash();
      if (step % 150 === 120) for (const host of hosts) if (host.node === null) host.start();
      if (step % 100 === 60) network.block(partitions.isolate(names, anyHost().name));
      if (step % 100 === 90) network.heal();
      const running = new Map(
        hosts.flatMap((host) => (host.node?.status().ready === true ? [[idOf(host), host] as const] : [])),
      );
      for (const { name, node } of running.values()) {
        if (step % 3 === 0) story.ask(name, "incr a", { timeout: 1000 });
        const transfer = {
          type: "transfer-leader",
          group: node!.groupOfKey(KEY)!,
          to: anyHost().name,
        } as const;
        if (step % 20 === 0) node!.admin(transfer, () => undefined);
      }
      story.pass(7);
      const now = story.findLeader("a");
      if (now !== undefined && now !== leader) changes++;
      leader = now ?? leader;
      for (const start of running.values()) {
        const visited = new Set<SimulatedHost>();
        for (let at: SimulatedHost | undefined = start; at !== undefined; redirects++) {
          expect(visited.has(at) && `a circle at ${at.name}`).toBe(false);
          visited.add(at);
          const next = redirectOf(at);
          at = next === null ? undefined : running.get(next);
        }
      }
    }
    expect(redirects).toBeGreaterThan(500);
    expect(changes).toBeGreaterThan(5);
  });
});
