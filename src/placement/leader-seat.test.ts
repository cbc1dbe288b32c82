/** When a leadership moves: never for noise, and ever more seldom for load that wanders. */
import { describe, expect, test } from "vitest";
import { type NodeId, nodeId } from "../core/ids.ts";
import { zoneDistance } from "./zone-distance.ts";
import { LeaderSeat, SEAT_RULES, type SeatDecision } from "./leader-seat.ts";

const [n1, n2, n3] = [nodeId(1), nodeId(2), nodeId(3)];
const LOOK_MS = 200;

/** Three nodes, each with its own seat for one shard; whoever leads looks five times a second. */
class World {
  now = 0;
  leader: NodeId = n1;
  readonly moves: { readonly at: number; readonly to: NodeId; readonly reason: string }[] = [];
  readonly unfit = new Set<NodeId>();
  readonly #seats = new Map([n1, n2, n3].map((node) => [node, new LeaderSeat()]));
  readonly #preferred: NodeId;
  /** Hand-overs that are asked for do not happen. */
  stuck = false;
  asked = 0;

  constructor(preferred = n1) {
    this.#preferred = preferred;
  }

  /** `rate(now)`: requests a second through n1, n2, n3. */
  pass(milliseconds: number, rate: (now: number) => readonly number[]): SeatDecision {
    let decision: SeatDecision | null = null;
    for (const end = this.now + milliseconds; this.now < end;) {
      this.now += LOOK_MS;
      const seat = this.#seats.get(this.leader)!;
      const counts = new Map(rate(this.now).map((each, i) => [nodeId(i + 1), (each * LOOK_MS) / 1000]));
      decision = seat.look(this.now, counts, {
        self: this.leader,
        preferred: this.#preferred,
        others: [n1, n2, n3]
          .filter((node) => node !== this.leader)
          .map((node) => ({ node, fit: !this.unfit.has(node), busy: false })),
        distance: zoneDistance(() => undefined),
      });
      if (decision.movesAt === null || this.now < decision.movesAt) continue;
      seat.tried(this.now);
      this.asked++;
      if (this.stuck) continue;
      this.moves.push({ at: this.now, to: decision.node, reason: decision.reason });
      if (decision.costs.size > 0) seat.gaveAway(this.now);
      seat.vacate();
      this.leader = decision.node;
    }
    return decision!;
  }
}

const idle = () => [0, 0, 0];

describe("requests", () => {
  test("draw the leadership to their node within seconds, where it has been for a while", () => {
    const world = new World();
    world.pass(60_000, idle);
    world.pass(6000, () => [0, 1000, 0]);
    expect(world.moves).toMatchObject([{ to: n2, reason: "requests" }]);
    expect(world.moves[0]!.at - 60_000).toBeGreaterThanOrEqual(SEAT_RULES.sustained);
    world.pass(600_000, () => [0, 1000, 0]);
    expect(world.moves).toHaveLength(1);
  });

  test("do not move what has only just moved", () => {
    const world = new World();
    world.pass(SEAT_RULES.coolDown - LOOK_MS, () => [0, 1000, 0]);
    expect(world.moves).toEqual([]);
    world.pass(1000, () => [0, 1000, 0]);
    expect(world.leader).toBe(n2);
  });

  test("draw the leadership also to a node that is behind now and then", () => {
    const world = new World();
    world.pass(20_000, idle);
    for (let i = 0; i < 4; i++) {
      world.unfit.add(n2);
      world.pass(LOOK_MS, () => [0, 1000, 0]);
      world.unfit.clear();
      world.pass(2 * LOOK_MS, () => [0, 1000, 0]);
    }
    expect(world.leader).toBe(n1);
    world.pass(1000, () => [0, 1000, 0]);
    expect(world.leader).toBe(n2);
  });

  test("that are gone again after two seconds move nothing", () => {
    const world = new World();
    world.pass(600_000, (now) => (now % 20_000 < 2000 ? [0, 1000, 0] : [500, 500, 0]));
    expect(world.moves).toEqual([]);
  });

  test("that hold a leadership hold it for half a minute more; then it goes where it is preferred", () => {
    const world = new World();
    world.pass(30_000, () => [0, 100, 0]);
    expect(world.leader).toBe(n2);
    expect(world.pass(20_000 + 25_000, idle)).toMatchObject({ reason: "lingering", node: n2, movesAt: null });
    world.pass(40_000, idle);
    expect(world.moves.map(({ to, reason }) => `n${to} ${reason}`)).toEqual(["n2 requests", "n1 preferred"]);
  });
});

describe("noise", () => {
  test("around equal shares never moves anything", () => {
    let state = 1;
    const random = () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
    const world = new World();
    world.pass(3_600_000, () => [400 + 300 * random(), 400 + 300 * random(), 400 * random()]);
    expect(world.moves).toEqual([]);
  });

  test("around the share that would be enough moves it once, and not back", () => {
    let state = 7;
    const random = () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
    const world = new World();
    world.pass(3_600_000, () => [300 + 200 * random(), 700 + 200 * random(), 0]);
    expect(world.moves.length).toBeLessThanOrEqual(1);
  });

  test("of few requests does not either", () => {
    const world = new World();
    world.pass(600_000, (now) => (now % 1000 < 500 ? [0, 8, 0] : [0, 0, 0]));
    expect(world.moves).toEqual([]);
  });
});

test("load that wanders between two nodes moves the leadership ever more seldom", () => {
  const world = new World();
  world.pass(3_600_000, (now) => (now % 40_000 < 20_000 ? [0, 1000, 0] : [1000, 0, 0]));
  const gaps = world.moves.slice(1).map(({ at }, i) => at - world.moves[i]!.at);
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(SEAT_RULES.coolDown);
  // Each node doubles its own cool-down: after eight moves they rest for longer than the load stays.
  expect(Math.min(...gaps.slice(10))).toBeGreaterThanOrEqual(SEAT_RULES.longestCoolDown);
  expect(world.moves.length).toBeLessThan(25);
});

test("long after, a cool-down is as short as the first", () => {
  const world = new World();
  world.pass(120_000, (now) => (now % 40_000 < 20_000 ? [0, 1000, 0] : [1000, 0, 0]));
  const before = world.moves.length;
  world.pass(SEAT_RULES.forgotten, idle);
  const { now } = world;
  const back = world.leader === n1 ? [0, 1000, 0] : [1000, 0, 0];
  world.pass(6000, () => back);
  expect(world.moves.length).toBeGreaterThan(before);
  expect(world.moves.at(-1)!.at).toBeGreaterThan(now);
});

describe("the preferred node", () => {
  test("gets an idle shard after two seconds of fitness without a break", () => {
    const world = new World(n2);
    world.unfit.add(n2);
    expect(world.pass(5000, idle)).toMatchObject({ reason: "unfit", ideal: n2, movesAt: null });
    world.unfit.clear();
    world.pass(1800, idle);
    world.unfit.add(n2);
    world.pass(200, idle);
    world.unfit.clear();
    world.pass(2000, idle);
    expect(world.moves).toEqual([]);
    world.pass(400, idle);
    expect(world.moves).toMatchObject([{ to: n2, reason: "preferred" }]);
  });

  test("gets a shard that is asked for everywhere alike, and does not lose it again", () => {
    const world = new World(n3);
    world.pass(600_000, () => [100, 100, 100]);
    expect(world.moves).toMatchObject([{ to: n3, reason: "preferred" }]);
  });

  test("is asked again every five seconds if it does not take over", () => {
    const world = new World(n2);
    world.stuck = true;
    world.pass(20_000, idle);
    expect(world.asked).toBe(4);
  });
});
