import { describe, expect, test } from "vitest";
import { FAIR } from "../merging/cluster.testkit.ts";
import { fuzz } from "../merging/fuzz.testkit.ts";
import { bytes } from "../merging/toy.testkit.ts";
import { quorums, sentTo, SMALL } from "./quorum.testkit.ts";

const keys = (group: ReturnType<typeof quorums>, id: number) => [...group.host(id).state.elements.keys()];

describe("writes", () => {
  test("are acknowledged once W replicas have them, this one included", () => {
    const group = quorums([1, 2, 3], []);
    const [one, two, three] = [1, 2, 3].map((w) => group.write(1, "add", `w${w}`, w));
    group.run(20);
    for (const request of [one, two, three]) expect(group.outcome(request!)).toEqual({ ok: true });
    for (const id of [2, 3]) expect(keys(group, id).sort()).toEqual(["w1", "w2", "w3"]);
  });

  test("are refused at once, for good, when too few replicas can be reached", () => {
    const group = quorums([1, 2, 3], [4]);
    group.cut(1, 2, 3, 4);
    group.run(5);
    const request = group.write(1, "add", "x", 2);
    expect(group.outcome(request)).toEqual({ ok: false, error: "no-quorum" });
    const alone = group.write(1, "add", "y", 1);
    group.run(20_000);
    expect(group.outcome(alone)).toEqual({ ok: true });
    expect(keys(group, 1)).toEqual(["y"]);
  });

  test("that too few have taken in time may still come to be, and the answer says so", () => {
    const group = quorums([1, 2, 3], [], {}, { ...FAIR, notices: 0 });
    group.cut(1, 2, 3);
    const request = group.write(1, "add", "x", 2);
    group.run(1900);
    expect(group.outcome(request)).toBe(null);
    group.run(200);
    expect(group.outcome(request)).toEqual({ ok: false, error: "timeout" });
    group.mend();
    group.run(10_000);
    expect(keys(group, 3)).toEqual(["x"]);
  });

  test("one holder that answers twice counts once", () => {
    const group = quorums([1, 2, 3], [], {}, { ...FAIR, duplicate: 1, notices: 0 });
    group.cut(3, 1, 2);
    const request = group.write(1, "add", "x", 3);
    group.run(1000);
    expect(sentTo(group, "stored").length).toBeGreaterThan(0);
    expect(group.outcome(request)).toBe(null);
  });

  test("are not acknowledged before they are durable at the other replica", () => {
    const group = quorums([1, 2], [], {}, { ...FAIR, maxSync: 400 });
    const request = group.write(1, "add", "x", 2);
    while (sentTo(group, "store").length === 0) group.run(1);
    group.run(5);
    expect(group.host(2).writesUnderWay).toBe(1);
    expect(group.outcome(request)).toBe(null);
    group.run(410);
    expect(group.outcome(request)).toEqual({ ok: true });
  });
});

describe("times", () => {
  const latest = (group: ReturnType<typeof quorums>) => group.host(1).machine!.times!;

  test("are from the sending of a write or a question to each answer, and those of the coordinator's own disk", () => {
    const group = quorums([1, 2, 3], [], {}, { ...FAIR, maxDelay: 10, maxSync: 0, maxApply: 0 });
    group.write(1, "add", "x", 1);
    // Until all are ready to be asked.
    group.run(5000);
    group.read(1, "x", 2);
    group.run(100);
    const { durable, writes, reads } = latest(group);
    expect(durable).toHaveLength(1);
    expect(durable[0]).toBeLessThan(1);
    for (const trips of [writes, reads]) {
      expect(trips.map(({ peer }) => peer).sort()).toEqual([2, 3]);
      for (const { milliseconds } of trips) {
        expect(milliseconds).toBeGreaterThan(0.1);
        expect(milliseconds).toBeLessThan(21);
      }
    }
  });

  test("count what had to be sent again from the first time on, and answers that come twice once", () => {
    const group = quorums([1, 2], [], {}, { ...FAIR, duplicate: 1, notices: 0 });
    group.cut(1, 2);
    group.write(1, "add", "x", 1);
    group.run(1000);
    expect(latest(group).writes).toEqual([]);
    group.mend();
    group.run(600);
    const { writes } = latest(group);
    expect(writes).toHaveLength(1);
    expect(writes[0]!.milliseconds).toBeGreaterThan(1000);
  });

  test("are forgotten, but for the latest", () => {
    const group = quorums([1, 2, 3], []);
    for (let i = 0; i < 600; i++) {
      group.write(1, "add", "x", 1);
      group.run(2);
    }
    group.run(100);
    expect(latest(group).durable).toHaveLength(512);
    expect(latest(group).writes).toHaveLength(512);
  });
});

describe("sloppy quorums", () => {
  test("a fallback takes a hint for a holder that is cut off, counts, hands over and retires", () => {
    const group = quorums([1, 2, 3], [4, 5]);
    group.cut(3, 1, 2, 4, 5);
    group.run(5);
    const request = group.write(1, "add", "x", 3);
    group.run(50);
    expect(group.outcome(request)).toEqual({ ok: true });
    expect(sentTo(group, "hint")).toEqual([4]);
    expect(keys(group, 4)).toEqual(["x"]);
    group.run(60_000);
    expect(group.retirements).toBe(0);
    group.cut(3, 1, 2);
    group.mend();
    group.cut(3, 1, 2);
    group.run(60_000);
    expect(keys(group, 3)).toEqual(["x"]);
    expect(group.retirements).toBe(1);
    expect(group.site(4).host).toBe(null);
  });

  test("a holder that is silent for hintAfter gets a hint as well", () => {
    const group = quorums([1, 2, 3], [4], {}, { ...FAIR, notices: 0 });
    group.cut(2, 1, 3);
    group.cut(3, 1, 2);
    const request = group.write(1, "add", "x", 2);
    group.run(190);
    expect(group.outcome(request)).toBe(null);
    group.run(100);
    expect(group.outcome(request)).toEqual({ ok: true });
    // One fallback keeps it once, though it is missing at two.
    expect(new Set(sentTo(group, "hint"))).toEqual(new Set([4]));
  });

  test("a node that holds nothing takes a write when no holder can be reached", () => {
    const group = quorums([1, 2, 3], [4, 5]);
    for (const id of [4, 5]) group.cut(id, 1, 2, 3);
    const request = group.write(4, "add", "x", 2);
    group.run(5);
    const later = group.write(4, "add", "y", 2);
    group.run(1000);
    expect(group.outcome(request)).toEqual({ ok: true });
    expect(group.outcome(later)).toEqual({ ok: true });
    group.mend();
    group.run(60_000);
    for (const id of [1, 2, 3]) expect(keys(group, id).sort()).toEqual(["x", "y"]);
    expect(group.retirements).toBe(2);
  });

  test("a fallback that keeps too much refuses, and the next one is asked", () => {
    const group = quorums([1, 2, 3], [4, 5], { maxHintBytes: 100 });
    group.cut(3, 1, 2, 4, 5);
    group.run(5);
    for (let at = 0; at < 6; at++) {
      group.write(1, "add", `e${at}`, 3);
      group.run(50);
    }
    expect(sentTo(group, "refused").length).toBeGreaterThan(0);
    expect(keys(group, 4).length).toBeLessThan(3);
    expect(keys(group, 5).length).toBeLessThan(3);
    group.run(3000);
    const outcomes = [...group.writes.values()].map(({ outcome }) => outcome);
    expect(outcomes[0]).toEqual({ ok: true });
    expect(outcomes[5]).toEqual({ ok: false, error: "timeout" });
  });

  test("a holder that is away for too long is left to anti-entropy, once another has everything", () => {
    const group = quorums([1, 2, 3], [4], { hintTtl: 10_000 });
    group.cut(3, 1, 2, 4);
    group.run(5);
    group.write(1, "add", "x", 3);
    group.run(8000);
    expect(group.retirements).toBe(0);
    group.run(10_000);
    expect(group.retirements).toBe(1);
    group.mend();
    group.run(10_000);
    expect(keys(group, 3)).toEqual(["x"]);
  });

  test("a page that is lost is sent again; nothing is forgotten before it was taken", () => {
    const group = quorums([1, 2, 3], [4], { maxMessageBytes: 30 });
    group.cut(3, 1, 2, 4);
    group.run(5);
    for (let at = 0; at < 12; at++) group.write(1, "add", `e${at}`, 3);
    group.run(500);
    group.weather = { ...FAIR, drop: 0.4 };
    group.cut(3, 1, 2);
    group.mend();
    group.cut(3, 1, 2);
    group.run(120_000);
    expect(group.retirements).toBe(1);
    expect(keys(group, 3).length).toBe(12);
  });

  test("what a stand-in overwrote does not come back with a message that was under way", () => {
    const group = quorums([1, 2, 3], [4, 5]);
    for (const id of [4, 5]) group.cut(id, 1, 2, 3);
    group.write(4, "add", "x", 1);
    group.run(100);
    const first = group.sent.find(({ message }) => message.type === "hint" || message.type === "store");
    group.write(4, "add", "x", 1);
    group.run(100);
    group.mend();
    group.run(60_000);
    expect(group.retirements).toBeGreaterThan(0);
    group.host(1).step(group.now, { type: "message", from: first!.from, message: first!.message });
    group.run(10_000);
    expect([...group.host(1).state.elements.get("x")!].length).toBe(1);
  });
});

describe("reads", () => {
  test("that ask one replica are served at once", () => {
    const group = quorums([1, 2, 3], []);
    const read = group.read(1, "x", 1);
    expect(group.reads.get(read)!.outcome).toBe("ready");
    expect(group.sent).toEqual([]);
  });

  test("merge what the asked ones have before they are served, and repair those that lack it", () => {
    const group = quorums([1, 2, 3], [], { sloppy: false, interval: 60_000, maxInterval: 60_000 });
    group.cut(3, 1, 2);
    group.run(5);
    group.write(1, "add", "x", 2);
    group.run(3000);
    group.mend();
    group.run(10);
    const read = group.read(3, "x", 2);
    expect(group.reads.get(read)!.outcome).toBe(null);
    group.run(50);
    expect(group.reads.get(read)!.outcome).toBe("ready");
    expect(keys(group, 3)).toEqual(["x"]);
    group.cut(2, 1, 3);
    group.run(5);
    group.write(1, "add", "y", 1);
    group.run(3000);
    group.mend();
    group.run(5);
    group.read(1, "y", 2);
    group.run(50);
    expect(keys(group, 2)).toContain("y");
  });

  test("of too many replicas are refused, at once or when they become too few", () => {
    const group = quorums([1, 2, 3], [4]);
    group.cut(1, 2);
    group.run(5);
    const late = group.read(1, "x", 2);
    group.cut(1, 3);
    group.run(5);
    expect(group.reads.get(late)!.outcome).toEqual({ ok: false, error: "no-quorum" });
    const read = group.read(1, "x", 2);
    expect(group.reads.get(read)!.outcome).toEqual({ ok: false, error: "no-quorum" });
  });

  test("of three wait for two others", () => {
    const group = quorums([1, 2, 3], [], { sloppy: false }, { ...FAIR, notices: 0 });
    group.cut(1, 3);
    const read = group.read(1, "x", 3);
    group.run(1000);
    expect(group.reads.get(read)!.outcome).toBe(null);
    group.mend();
    group.run(300);
    expect(group.reads.get(read)!.outcome).toBe("ready");
    group.cut(1, 3);
    const late = group.read(1, "x", 3);
    group.run(3000);
    expect(group.reads.get(late)!.outcome).toEqual({ ok: false, error: "timeout" });
  });

  test("are not answered by a replica that has not had everything yet, and it needs R others itself", () => {
    const group = quorums([1, 2, 3], [], { sloppy: false });
    group.write(1, "add", "x", 3);
    group.run(100);
    group.weather = { ...FAIR, drop: 1 };
    group.change([1, 2, 4]);
    group.run(100);
    expect(group.host(4).machine!.isReady).toBe(false);
    const message = { type: "examine", id: 1, reading: bytes("x"), digest: { high: 0, low: 0 } } as const;
    for (const id of [2, 4])
      group.host(id).step(group.now, { type: "message", from: group.site(1).id, message });
    group.run(10);
    expect(group.sent.filter((sent) => sent.message.type === "examined").map(({ from }) => from)).toEqual([
      2,
    ]);
    const read = group.read(4, "x", 1);
    expect(group.reads.get(read)!.outcome).toBe(null);
    group.weather = FAIR;
    group.run(400);
    expect(group.reads.get(read)!.outcome).toBe("ready");
    expect(keys(group, 4)).toEqual(["x"]);
  });
});

test.each(Array.from({ length: 12 }, (_, at) => at + 1))(
  "under faults nothing acknowledged is lost, nothing removed comes back: seed %i",
  (seed) => {
    const antiEntropy = (["pull", "push", "push-pull"] as const)[seed % 3]!;
    const report = fuzz(
      seed,
      (weather, { holders, fallbacks }) =>
        quorums(holders, fallbacks, { ...SMALL, antiEntropy }, weather, seed),
      { standIns: true, quorum: 2, strict: false },
    );
    expect(report.problems).toEqual([]);
    expect(report.acknowledged).toBeGreaterThan(20);
    expect(report.retirements).toBeGreaterThan(0);
  },
);

test.each(Array.from({ length: 8 }, (_, at) => 2 * at + 101))(
  "with R + W > N, without fallbacks, a read sees every write acknowledged before it: seed %i",
  (seed) => {
    const report = fuzz(
      seed,
      (weather, { holders }) => quorums(holders, [], { ...SMALL, sloppy: false }, weather, seed),
      { standIns: false, quorum: 2, strict: true },
    );
    expect(report.problems).toEqual([]);
    expect(report.reads).toBeGreaterThan(10);
  },
);
