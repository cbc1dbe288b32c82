import { describe, expect, it } from "vitest";
import { nodeId } from "../core/ids.ts";
import { Scheduler } from "../sim/scheduler.ts";
import { NETWORK_FAULTS, NO_NETWORK_FAULTS, partitions } from "./network-faults.ts";
import { SimulatedConnection, type EndOwner, type Wire } from "./simulated-connection.ts";
import { SimulatedWorld, type SimulatedEndpoint } from "./simulated.testkit.ts";
import { bytes, CLUSTER, identifyAll, N1, N2, N3 } from "./transport.testkit.ts";

type Setup = ConstructorParameters<typeof SimulatedWorld>[0];

function connected(count: number, setup: Setup = {}): { world: SimulatedWorld; nodes: SimulatedEndpoint[] } {
  const world = new SimulatedWorld(setup);
  const nodes = Array.from({ length: count }, () => world.start());
  identifyAll(nodes);
  world.run(3000);
  for (const { seen } of nodes) expect(seen.events).toHaveLength(count - 1);
  return { world, nodes };
}

function three(setup: Setup = {}): {
  world: SimulatedWorld;
  a: SimulatedEndpoint;
  b: SimulatedEndpoint;
  c: SimulatedEndpoint;
} {
  const { world, nodes } = connected(3, setup);
  return { world, a: nodes[0]!, b: nodes[1]!, c: nodes[2]! };
}

/** Sends numbered frames, one a flush, `gap` milliseconds apart. */
function stream(world: SimulatedWorld, from: SimulatedEndpoint, to: typeof N1, count: number, gap = 1): void {
  for (let i = 0; i < count; i++) {
    from.transport.send(to, bytes(`${i}`));
    from.transport.flush();
    world.run(gap);
  }
}

const numbers = (endpoint: SimulatedEndpoint): number[] =>
  endpoint.seen.texts().map((line) => Number(line.split(":")[1]));

describe("a partition", () => {
  it("holds frames back and lets them through when it heals soon, as TCP repeats them", () => {
    const { world, a, b, c } = three();
    world.network.partition(partitions.isolate(["a", "b", "c"], "b"));
    stream(world, a, N2, 10);
    stream(world, a, N3, 10);
    world.run(1000);
    expect(numbers(b)).toEqual([]);
    expect(numbers(c)).toHaveLength(10);
    world.network.heal();
    world.run(10);
    expect(numbers(b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(a.seen.events).toHaveLength(2);
  });

  it("ends the connections when it lasts, on both sides; what was held back is lost", () => {
    const { world, a, b, c } = three();
    const split = world.scheduler.now();
    world.network.partition(partitions.halves(["a", "c"], ["b"]));
    stream(world, a, N2, 3);
    world.scheduler.runUntil(() => !a.transport.isUp(N2), split + 10_000);
    const noticed = world.scheduler.now() - split;
    expect(noticed).toBeGreaterThan(1700);
    expect(noticed).toBeLessThan(2750);
    world.run(5000);
    expect(a.seen.events.slice(2)).toEqual(["down 2"]);
    expect(b.seen.events.slice(2).sort()).toEqual(["down 1", "down 3"]);
    expect(c.seen.events.slice(2)).toEqual(["down 2"]);
    expect(a.transport.send(N2, bytes("x"))).toBe(false);
    world.network.heal();
    world.run(3000);
    expect(a.seen.events.slice(2)).toEqual(["down 2", "up 2"]);
    expect(b.seen.events).toHaveLength(6);
    expect(numbers(b)).toEqual([]);
  });

  it("in one direction ends both directions, because heartbeats of one are missing", () => {
    const { world, a, b } = three();
    world.network.partition(partitions.oneWay(["a"], ["b"]));
    world.run(5000);
    expect(a.transport.isUp(N2)).toBe(false);
    expect(b.transport.isUp(N1)).toBe(false);
  });

  it("in one direction lets the other one through for ever, where connections are made not to notice", () => {
    const { world, a, b } = three({ faults: { silenceCloses: false, blocked: "lose" } });
    world.network.partition(partitions.oneWay(["a"], ["b"]));
    world.run(60_000);
    stream(world, a, N2, 3);
    stream(world, b, N1, 3);
    world.run(10);
    expect(numbers(b)).toEqual([]);
    expect(numbers(a)).toEqual([0, 1, 2]);
    world.network.heal();
    world.run(100);
    expect(numbers(b)).toEqual([]);
  });

  it("does not let new connections through, and they come when it heals", () => {
    const world = new SimulatedWorld();
    const nodes = [world.start(), world.start()];
    world.network.block(partitions.oneWay(["b"], ["a"]));
    identifyAll(nodes);
    world.run(10_000);
    expect(nodes.flatMap(({ seen }) => seen.events)).toEqual([]);
    world.network.unblock(partitions.oneWay(["b"], ["a"]));
    world.run(3000);
    expect(nodes.flatMap(({ seen }) => seen.events).sort()).toEqual(["up 1", "up 2"]);
  });

  it("bounds what it holds back", () => {
    const { world, a } = three({ options: { maxQueueBytes: 1000 } });
    world.network.partition(partitions.oneWay(["a"], ["b"]));
    let accepted = 0;
    for (let i = 0; i < 50; i++) {
      if (a.transport.send(N2, new Uint8Array(100))) accepted++;
      a.transport.flush();
    }
    expect(accepted).toBe(10);
  });

  it("loses calls, which then time out", () => {
    const { world, a, b } = three();
    b.seen.answer = (_request, answer) => answer(bytes("yes"));
    world.network.partition(partitions.oneWay(["b"], ["a"]));
    const outcomes: string[] = [];
    a.transport.call(b.address, bytes("?"), 100, (error) => outcomes.push(error?.message ?? "answered"));
    world.run(1000);
    expect(outcomes).toEqual(["b:7412: it did not answer within 100 ms"]);
  });
});

describe("shapes of partitions", () => {
  const reach = (hosts: readonly string[], blocked: readonly string[]): Record<string, string> =>
    Object.fromEntries(
      hosts.map((to) => [
        to,
        hosts.filter((from) => from !== to && !blocked.includes(`${from}>${to}`)).join(""),
      ]),
    );

  it("are what their names say", () => {
    const five = ["a", "b", "c", "d", "e"];
    expect(reach(five, partitions.isolate(five, "c"))).toEqual({
      a: "bde",
      b: "ade",
      c: "",
      d: "abe",
      e: "abd",
    });
    expect(reach(five, partitions.halves(["a", "b"], ["c", "d", "e"]))).toEqual({
      a: "b",
      b: "a",
      c: "de",
      d: "ce",
      e: "cd",
    });
    expect(reach(["a", "b"], partitions.oneWay(["a"], ["b"]))).toEqual({ a: "b", b: "" });
    expect(reach(five, partitions.bridge(five, "c"))).toEqual({
      a: "bc",
      b: "ac",
      c: "abde",
      d: "ce",
      e: "cd",
    });
    expect(reach(five, partitions.ring(five))).toEqual({ a: "be", b: "ac", c: "bd", d: "ce", e: "ad" });
    expect(reach(["a", "b", "c"], partitions.ring(["a", "b", "c"]))).toEqual({ a: "c", b: "a", c: "b" });
  });

  it("on a ring leave every host a majority of its own", () => {
    for (const count of [4, 5, 6, 7, 9]) {
      const hosts = Array.from({ length: count }, (_, i) => String.fromCharCode(97 + i));
      const seen = Object.entries(reach(hosts, partitions.ring(hosts))).map(([host, others]) =>
        [host, ...others].sort().join(""),
      );
      for (const group of seen) expect(group.length).toBeGreaterThan(count / 2);
    }
  });
});

describe("a host", () => {
  it("that crashes sends nothing more, but what it sent still arrives", () => {
    const { world, a, b } = three({ faults: { delayMin: 10, delayMax: 10 } });
    b.transport.send(N1, bytes("under way"));
    b.transport.flush();
    b.transport.send(N1, bytes("never flushed"));
    b.clock.kill();
    world.network.crashHost("b");
    world.run(100);
    expect(a.seen.texts()).toEqual(["2:under way"]);
    expect(a.seen.events.slice(2)).toEqual(["down 2"]);
    a.transport.send(N2, bytes("x"));
    world.run(5000);
    expect(b.seen.events).toHaveLength(2);
    expect(b.seen.frames).toEqual([]);
  });

  it("that crashes hears nothing more, whatever becomes of its clock", () => {
    const { world, a, b } = three();
    a.transport.send(N2, bytes("under way"));
    a.transport.flush();
    b.transport.call(a.address, bytes("?"), 50, () => b.seen.events.push("call ended"));
    world.network.crashHost("b");
    world.run(10_000);
    expect(b.seen.frames).toEqual([]);
    expect(b.seen.events).toHaveLength(2);
  });

  it("that is back is connected at once, however long its peer would wait before the next attempt", () => {
    const { world, a, b } = three({ options: { backoffMin: 20_000, backoffMax: 30_000 } });
    world.network.crashHost("b");
    world.run(100);
    expect(a.transport.isUp(N2)).toBe(false);
    const again = world.start(b.address);
    again.transport.identify({ cluster: CLUSTER, node: N2 }, new Map([[N1, a.address]]));
    world.run(100);
    expect(a.transport.isUp(N2)).toBe(true);
  });

  it("that is too far away is never up, and is when it comes nearer", () => {
    const { world, a, b } = three();
    world.network.setFaults({ silenceMin: 60_000, silenceMax: 60_000 });
    for (const [from, to] of [
      ["a", "b"],
      ["b", "a"],
    ] as const) {
      world.network.setDelay(from, to, { min: 1500, max: 1500 });
    }
    world.network.resetConnections("a", "b");
    world.run(30_000);
    expect(a.seen.events.slice(2)).toEqual(["down 2"]);
    expect(b.seen.events.slice(2)).toEqual(["down 1"]);
    world.network.setDelay("a", "b", null);
    world.network.setDelay("b", "a", null);
    world.run(10_000);
    expect(a.transport.isUp(N2) && b.transport.isUp(N1)).toBe(true);
  });

  it("that loses its power is missed only after silence, and known as restarted when it is back before that", () => {
    const { world, a, b } = three();
    b.clock.kill();
    world.network.crashHost("b", true);
    world.run(1000);
    expect(a.transport.isUp(N2)).toBe(true);
    const again = world.start(b.address);
    again.transport.identify(
      { cluster: CLUSTER, node: N2 },
      new Map([
        [N1, a.address],
        [N2, b.address],
      ]),
    );
    world.run(100);
    expect(a.seen.events.slice(2)).toEqual(["down 2", "up 2"]);
    expect(again.seen.events).toEqual(["up 1"]);
  });

  it("that is paused gets its frames when it resumes, in order, and has been given up meanwhile", () => {
    const { world, a, b } = three();
    b.clock.pause();
    stream(world, a, N2, 5);
    world.run(10_000);
    expect(b.seen.frames).toEqual([]);
    expect(a.transport.isUp(N2)).toBe(false);
    expect(b.transport.isUp(N1)).toBe(true);
    b.clock.resume();
    world.run(5000);
    expect(numbers(b)).toEqual([0, 1, 2, 3, 4]);
    expect(a.seen.events.slice(2)).toEqual(["down 2", "up 2"]);
    expect(b.seen.events.filter((event) => event.endsWith("1"))).toEqual(["up 1", "down 1", "up 1"]);
  });

  it("that is paused for less than the silence limit loses nothing", () => {
    const { world, a, b } = three();
    b.clock.pause();
    stream(world, a, N2, 5);
    world.run(1000);
    b.clock.resume();
    world.run(5000);
    expect(numbers(b)).toEqual([0, 1, 2, 3, 4]);
    expect(a.seen.events).toHaveLength(2);
    expect(b.seen.events).toHaveLength(2);
  });

  it("fails the calls that it was about to answer", () => {
    const { world, a, b } = three();
    const outcomes: string[] = [];
    a.transport.call(b.address, bytes("?"), 5000, (error) => outcomes.push(error?.message ?? "answered"));
    world.run(10);
    world.network.crashHost("b");
    world.run(10);
    expect(outcomes).toEqual(["b:7412: the connection was reset"]);
  });

  it("cannot run twice, nor listen at an address that is not its own", async () => {
    const { world } = three();
    expect(() => world.network.forHost("a")).toThrow("crash it first");
    const error = await world.tryListen({ host: "a", port: 7412 });
    expect(error?.message).toContain("in use");
    const network = world.network.forHost("stranger");
    const problems: string[] = [];
    network.listen(
      { host: "a", port: 1 },
      { ...world.start().seen, onFrames() {}, onUp() {}, onDown() {}, onCall() {} },
      (e) => problems.push(e?.message ?? "none"),
    );
    world.run(0);
    expect(problems[0]).toContain("no such address");
  });
});

describe("connections that are reset", () => {
  it("lose what is under way, and come back", () => {
    const { world, a, b } = three({ faults: { delayMin: 5, delayMax: 5 } });
    a.transport.send(N2, bytes("lost"));
    a.transport.flush();
    world.network.resetConnections("a", "b");
    world.run(1000);
    expect(b.seen.frames).toEqual([]);
    expect(a.seen.events.slice(2)).toEqual(["down 2", "up 2"]);
    expect(b.seen.events.slice(2)).toEqual(["down 1", "up 1"]);
    stream(world, a, N2, 3);
    world.run(100);
    expect(numbers(b)).toEqual([0, 1, 2]);
  });

  it("happen by chance, and never reorder or repeat what arrives", () => {
    const { world, a, b } = three({ faults: { resetProbability: 0.02, delayMin: 1, delayMax: 20 } });
    stream(world, a, N2, 2000, 2);
    world.run(1000);
    const arrived = numbers(b);
    expect(a.seen.events.length).toBeGreaterThan(6);
    expect(arrived.length).toBeLessThan(2000);
    expect(arrived.length).toBeGreaterThan(500);
    expect(arrived).toEqual([...new Set(arrived)].sort((x, y) => x - y));
    a.seen.events
      .filter((event) => event.endsWith("2"))
      .forEach((event, i) => expect(event).toBe(i % 2 === 0 ? "up 2" : "down 2"));
  });
});

describe("the network's own memory", () => {
  it("keeps no connection that is over", () => {
    const { world, a } = three();
    expect(world.network.connections).toBe(6);
    for (let i = 0; i < 50; i++) {
      world.network.resetConnections("a", "b");
      world.run(2000);
    }
    world.network.crashHost("c");
    world.run(10_000);
    // Two of the living, and one attempt of each of them to reach the dead one.
    expect(world.network.connections).toBeLessThanOrEqual(4);
    expect(a.transport.isUp(N2)).toBe(true);
  });

  it("forgets an attempt to connect that was given up before it arrived", () => {
    const scheduler = new Scheduler();
    let blocked = true;
    const wire: Wire = {
      time: scheduler,
      faults: NO_NETWORK_FAULTS,
      isBlocked: () => blocked,
      latency: () => 1,
    };
    const owner = (host: string): EndOwner => ({
      process: { host, gate: { paused: false, deliver: (task) => task() }, alive: true },
      connectionLost: () => undefined,
    });
    const connection = new SimulatedConnection(wire, owner("a"), "b");
    let arrived = false;
    connection.forward.put(0, () => (arrived = true));
    connection.close("dialler");
    blocked = false;
    connection.release();
    scheduler.run(10);
    expect(arrived).toBe(false);
    expect(connection.accept(owner("b"), 1000)).toBe(false);
    expect(connection.isOver).toBe(true);
  });
});

describe("delays", () => {
  it("lie in their range, may differ for each link and direction, and never reorder", () => {
    const { world, a, b, c } = three({ faults: { delayMin: 10, delayMax: 40 } });
    world.network.setDelay("a", "c", { min: 100, max: 100 });
    stream(world, a, N2, 300);
    stream(world, a, N3, 1);
    world.run(500);
    expect(numbers(b)).toEqual(Array.from({ length: 300 }, (_, i) => i));
    expect(c.seen.frames).toHaveLength(1);
    const delays = world.events.flatMap((event) =>
      event.type === "delivered" ? [{ to: event.to, took: event.at - event.sentAt }] : [],
    );
    for (const { to, took } of delays) {
      expect(took).toBeGreaterThanOrEqual(to === "c" ? 99.999 : 10);
      expect(took).toBeLessThan(to === "c" ? 100.001 : 40.001);
    }
    expect(Math.max(...delays.filter(({ to }) => to === "b").map(({ took }) => took))).toBeGreaterThan(35);
  });

  it("are sometimes much longer, if wanted", () => {
    const { world, a, b } = three({ faults: { slowProbability: 0.2, slowMax: 500 } });
    stream(world, a, N2, 100, 600);
    const took = world.events.flatMap((event) =>
      event.type === "delivered" ? [event.at - event.sentAt] : [],
    );
    expect(took.filter((each) => each > 1).length).toBeGreaterThan(5);
    expect(numbers(b)).toHaveLength(100);
  });
});

describe("faults beyond what TCP does", () => {
  it("drop frames", () => {
    const { world, a, b } = three({ faults: { dropProbability: 0.3 } });
    stream(world, a, N2, 1000);
    world.run(100);
    const arrived = numbers(b);
    expect(arrived.length).toBeGreaterThan(600);
    expect(arrived.length).toBeLessThan(800);
    expect(arrived).toEqual([...arrived].sort((x, y) => x - y));
  });

  it("repeat frames", () => {
    const { world, a, b } = three({ faults: { duplicateProbability: 0.3 } });
    stream(world, a, N2, 1000);
    world.run(100);
    expect(numbers(b).length).toBeGreaterThan(1200);
    expect(new Set(numbers(b)).size).toBe(1000);
  });

  it("reorder frames, also those of one flush", () => {
    const { world, a, b } = three({ faults: { reorderProbability: 0.1 } });
    for (let i = 0; i < 1000; i++) a.transport.send(N2, bytes(`${i}`));
    a.transport.flush();
    world.run(100);
    const arrived = numbers(b);
    expect(arrived).not.toEqual([...arrived].sort((x, y) => x - y));
    expect([...arrived].sort((x, y) => x - y)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
  });

  it("can be turned off again", () => {
    const { world, a, b } = three({ faults: { dropProbability: 1 } });
    stream(world, a, N2, 10);
    world.network.setFaults({ dropProbability: 0 });
    stream(world, a, N2, 10);
    world.run(10);
    expect(numbers(b)).toHaveLength(10);
  });

  it("have a range that simulations draw from", () => {
    for (const row of Object.values(NETWORK_FAULTS)) {
      expect(row.from).toBeLessThanOrEqual(row.to);
      expect(row.to).toBeLessThanOrEqual(row.unit === "probability" ? 1 : 10_000);
    }
  });
});

describe("a frame", () => {
  it("that is changed after it was sent is found out", () => {
    const { world, a } = three();
    const frame = bytes("immutable");
    a.transport.send(N2, frame);
    a.transport.flush();
    frame[0] = 0;
    expect(() => world.run(100)).toThrow("a frame was changed after it had been sent");
  });
});

describe("a history", () => {
  function history(seed: number): { hash: string; events: string } {
    const { world, nodes } = connected(5, {
      seed,
      faults: {
        delayMin: 1,
        delayMax: 30,
        dropProbability: 0.05,
        duplicateProbability: 0.05,
        reorderProbability: 0.1,
        resetProbability: 0.01,
      },
    });
    const hosts = ["a", "b", "c", "d", "e"];
    const shapes = [
      partitions.ring(hosts),
      partitions.bridge(hosts, "b"),
      [],
      partitions.isolate(hosts, "d"),
    ];
    for (let i = 0; i < 400; i++) {
      if (i % 50 === 0) world.network.partition(shapes[(i / 50) % shapes.length]!);
      if (i === 120) nodes[2]!.clock.pause();
      if (i === 220) nodes[2]!.clock.resume();
      if (i === 250) world.network.crashHost("e");
      for (const node of nodes) {
        for (let to = 1; to <= 5; to++) node.transport.send(nodeId(to), bytes(`${i}`));
        node.transport.flush();
      }
      world.run(50);
    }
    return { hash: world.scheduler.hash, events: JSON.stringify(world.events) };
  }

  it("is the same for the same seed, byte for byte, and another one for another", () => {
    const one = history(7);
    expect(one.events.length).toBeGreaterThan(100_000);
    expect(history(7)).toEqual(one);
    expect(history(8).hash).not.toBe(one.hash);
  });
});
