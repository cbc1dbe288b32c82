/** Stories of publish/subscribe in a simulated cluster. The machine's own: src/protocols/broadcast. */
import { expect, test } from "vitest";
import { agreement, causal, fifo, integrity, total, validity } from "../../protocols/broadcast/index.ts";
import { Story } from "../../sim/stories.testkit.ts";
import { partitions } from "../../transport/network-faults.ts";
import { nodeId } from "../../core/ids.ts";
import type { ChannelCommand } from "../catalog/channels.ts";
import { Channels } from "./channels.ts";
import { bytes, Recorder } from "./channels.testkit.ts";
import { type Guarantee, GUARANTEES, guaranteeOf } from "./guarantees.ts";

const HOSTS = ["n1", "n2", "n3"];

const frames = (story: Story, host: string) => story.host(host).node!.channels.describe();

const inGroup = (story: Story, host: string): number[] =>
  frames(story, host)
    .members.flatMap(({ node, reliable }) => (reliable ? node : []))
    .sort();

function listening(guarantee: Guarantee, story = new Story()): { story: Story; recorder: Recorder } {
  const recorder = new Recorder(story, guarantee);
  for (const host of HOSTS) recorder.listen(host);
  story.until("all to take part", () =>
    HOSTS.every((host) => inGroup(story, host).length === 3 && isJoined(story, host)),
  );
  return { story, recorder };
}

const isJoined = (story: Story, host: string): boolean =>
  frames(story, host).groups.every(({ joined }) => joined);

const restart = (story: Story, host: string): void => {
  story.host(host).crash("process");
  story.host(host).start();
  story.ready();
};

test("the name up to the first colon chooses the guarantee, if it is that of one", () => {
  const of = (name: string): string => guaranteeOf(bytes(name));
  expect(
    ["fifo:a", "causal:a:b", "total:", "a", "news:fifo", "fifo", "plain:a", "totally:a", "", ":"].map(of),
  ).toEqual(["fifo", "causal", "total", "plain", "plain", "plain", "plain", "plain", "plain", "plain"]);
});

test("before anybody publishes or subscribes nothing is ordered; then all nodes take part", () => {
  const story = new Story();
  story.pass(5000);
  expect(frames(story, "n1")).toMatchObject({ epoch: 0, members: [] });
  let outcome: unknown = null;
  story.host("n2").node!.channels.publish(bytes("a"), bytes("b"), (it) => (outcome = it));
  story.until("the first publication", () => outcome !== null);
  expect(outcome).toBe(0);
  story.until("all to take part", () => HOSTS.every((host) => inGroup(story, host).length === 3));
});

test.each(GUARANTEES)(
  "%s: what one node publishes, listeners at all nodes hear, the earlier first",
  (guarantee) => {
    const { story, recorder } = listening(guarantee);
    for (let i = 0; i < 5; i++) recorder.publish("n2");
    story.pass(1000);
    for (const host of HOSTS) expect(recorder.heard(host)).toEqual(["m1", "m2", "m3", "m4", "m5"]);
    expect(recorder.refusals).toEqual([]);
  },
);

test("a message that overtakes the news of its sender's membership waits for it", () => {
  const story = new Story();
  const recorder = new Recorder(story, "plain");
  recorder.listen("n1");
  story.until("n1 to take part", () => inGroup(story, "n1").includes(1));
  recorder.listen("n2");
  // It goes out in the very turn in which n2 learns that it is a member; n1 learns that later, or earlier.
  recorder.publish("n2");
  story.pass(1000);
  expect(recorder.heard("n1")).toEqual(["m1"]);
});

test("best effort never waits for a member that is dead, nor for an agreement about it", () => {
  const { story, recorder } = listening("plain");
  story.host("n3").crash();
  for (let i = 0; i < 3000; i++) recorder.publish("n1");
  story.pass(100);
  expect(recorder.refusals).toEqual([]);
  expect(recorder.heard("n1")).toHaveLength(3000);
  expect(recorder.heard("n2")).toHaveLength(3000);
});

test("a reliable publisher is stopped by a dead member, until the others have taken it out", () => {
  const { story, recorder } = listening("total");
  story.host("n3").crash();
  for (let i = 0; i < 1500; i++) recorder.publish("n1");
  expect(recorder.refusals).toHaveLength(1500 - 1024);
  expect(recorder.refusals[0]!.code).toBe("overloaded");
  story.until("n3 to be taken out", () => inGroup(story, "n1").length === 2);
  story.pass(2000);
  recorder.publish("n1");
  story.pass(1000);
  expect(recorder.refusals).toHaveLength(1500 - 1024);
  expect(recorder.heard("n2")).toHaveLength(1025);
  expect(total(recorder.logs(["n1", "n2"], "all"))).toBeNull();
});

test("a node that was cut off is told so, and takes part again as a new member", () => {
  const { story, recorder } = listening("causal");
  recorder.publish("n3");
  story.pass(100);
  story.cluster.network.block(partitions.isolate(HOSTS, "n3"));
  recorder.publish("n3");
  story.until("n3 to be taken out", () => inGroup(story, "n1").length === 2);
  recorder.publish("n1");
  story.pass(2000);
  expect(recorder.heard("n2")).toEqual(["m1", "m3"]);
  expect(recorder.interrupted).toEqual([]);
  story.cluster.network.heal();
  story.until("n3 to be back", () =>
    HOSTS.every((host) => inGroup(story, host).length === 3 && isJoined(story, host)),
  );
  expect(recorder.interrupted).toEqual(["n3"]);
  recorder.publish("n1");
  recorder.publish("n3");
  story.pass(2000);
  expect(recorder.heard("n3").slice().sort()).toEqual(["m4", "m5"]);
  expect(recorder.heard("n2")).toHaveLength(4);
});

test("a process that starts anew is another member: nothing of its former life is believed, and it hears what comes", () => {
  const { story, recorder } = listening("fifo");
  recorder.publish("n3");
  story.pass(100);
  restart(story, "n3");
  recorder.listen("n3", true);
  story.until("n3 to be back", () =>
    HOSTS.every((host) => inGroup(story, host).length === 3 && isJoined(story, host)),
  );
  recorder.publish("n3");
  recorder.publish("n1");
  story.pass(2000);
  expect(recorder.heard("n1").slice().sort()).toEqual(["m1", "m2", "m3"]);
  expect(recorder.heard("n3").slice().sort()).toEqual(["m2", "m3"]);
});

test("a node that has left the cluster is no member", () => {
  const { story } = listening("fifo");
  story.cluster.addHost("n4").start();
  story.ready();
  story.until("n4 to take part", () => inGroup(story, "n1").length === 4);
  expect(story.admin("n1", { type: "node-remove", node: "n4" })).toMatchObject({ ok: true });
  story.until("n4 to be gone", () => frames(story, "n1").members.length === 3);
});

test("a node that has missed a view gives its membership up, and takes part again as a new member", () => {
  const story = new Story({ nodes: 1 });
  const { clock } = story.host("n1");
  const silent = { debug() {}, info() {}, warn() {}, error() {} };
  const random = { next: () => 0.5, bytes: (length: number) => new Uint8Array(length) };
  const channels = new Channels({ clock: clock!, random, logger: silent, patience: 5000 });
  const ordered: ChannelCommand[] = [];
  const interrupted: string[] = [];
  channels.start({
    self: nodeId(1),
    life: 7,
    send() {},
    change(command, done) {
      ordered.push(command);
      done();
    },
    decides: () => false,
    isUp: () => true,
    isDead: () => false,
  });
  channels.subscribe(bytes("total:a"), {
    onMessage() {},
    onInterrupted: (guarantee) => interrupted.push(guarantee),
  });
  channels.join(bytes("total:a"), () => undefined);
  const own = { node: nodeId(1), life: 7, joined: 1 };
  const other = { node: nodeId(2), life: 9, joined: 2, since: 2 };
  channels.follow({ epoch: 1, members: [{ ...own, since: 1 }] });
  expect(interrupted).toEqual([]);
  channels.follow({ epoch: 3, members: [{ ...own, since: 1 }, other] });
  expect(interrupted).toEqual(["total"]);
  story.pass(1500);
  expect(ordered.at(-1)).toEqual({ type: "channel-leave", node: 1, since: 1 });
  channels.follow({ epoch: 4, members: [{ ...own, since: null }, other] });
  expect(ordered.at(-1)).toEqual({ type: "channel-join", node: 1, life: 7 });
  channels.close();
});

test.each([1, 2, 3])("crashes, a partition and a flaky network: the promises hold, seed %i", (seed) => {
  const story = new Story({ seed, nodes: 4, network: { delayMin: 1, delayMax: 40 } });
  const hosts = [...HOSTS, "n4"];
  const recorders = GUARANTEES.map((guarantee) => new Recorder(story, guarantee));
  for (const recorder of recorders) for (const host of hosts) recorder.listen(host);
  story.until("all to take part", () =>
    hosts.every((host) => inGroup(story, host).length === 4 && isJoined(story, host)),
  );
  const { random } = story.cluster;
  const talk = (milliseconds: number, among: readonly string[]): void => {
    for (let past = 0; past < milliseconds; past += 50) {
      for (const recorder of recorders)
        for (const host of among) if (random.next() < 0.4) recorder.publish(host);
      story.pass(50);
    }
  };
  talk(1500, hosts);
  story.cluster.network.block(partitions.isolate(hosts, "n4"));
  talk(3000, hosts);
  story.until("n4 to be taken out", () => inGroup(story, "n1").length === 3);
  talk(1000, hosts);
  story.host("n3").crash();
  talk(1000, ["n1", "n2", "n4"]);
  story.cluster.network.heal();
  story.host("n3").start();
  story.ready();
  for (const recorder of recorders) recorder.listen("n3", true);
  talk(2000, hosts);
  story.until("all to be back", () =>
    hosts.every((host) => inGroup(story, host).length === 4 && isJoined(story, host)),
  );
  talk(1000, hosts);
  story.pass(10_000);
  const verdicts = GUARANTEES.flatMap((guarantee, at) =>
    contradictions(recorders[at]!, guarantee, hosts).map((verdict) => `${guarantee}: ${verdict}`),
  );
  expect(verdicts).toEqual([]);
  const interrupted = ["n4"];
  expect(recorders.map((recorder) => recorder.interrupted)).toEqual([
    [],
    interrupted,
    interrupted,
    interrupted,
  ]);
  for (const host of hosts) for (const { heldBack } of frames(story, host).groups) expect(heldBack).toBe(0);
});

/** n1 and n2 were there all the time; of the others, the last membership counts. */
function contradictions(
  recorder: Recorder,
  guarantee: Guarantee,
  hosts: readonly string[],
): readonly string[] {
  const steady = recorder.logs(["n1", "n2"], "all");
  const present = [...steady, ...recorder.logs(["n3", "n4"], "present")];
  const verdicts = [integrity(recorder.logs(hosts, "all"))];
  if (guarantee !== "plain") verdicts.push(validity(steady), agreement(present), fifo(present));
  if (guarantee === "causal" || guarantee === "total") verdicts.push(causal(present));
  if (guarantee === "total") verdicts.push(total(present));
  return verdicts.flatMap((verdict) => verdict ?? []);
}
