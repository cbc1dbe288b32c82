/** Requests find their leader while it moves. */
import { expect, test } from "vitest";
import { Story } from "../sim/stories.testkit.ts";
import { commandCall } from "../sim/workloads/workload.ts";

test("given writes of one client on their way, when the leadership is handed over again and again, then they are done in the order in which they were sent", () => {
  const problems: string[] = [];
  for (let seed = 3; seed <= 4; seed++) {
    const story = new Story({
      seed,
      defaultShards: 1,
      placement: { leadersFollowWrites: false },
      network: { delayMin: 0.1, delayMax: 10 },
    });
    story.pass(5000);
    const node = story.host("n2").node!;
    const [shard] = node.shards();
    const replies: unknown[] = [];
    let sent = 0;
    const write = (): void => {
      const place = sent++;
      node.execute(commandCall("incr", "a"), {}, (reply) => (replies[place] = reply));
      story.cluster.scheduler.after(0.5, write);
    };
    write();
    for (let moves = 0; moves < 60; moves++) {
      const to = ["n2", "n1", "n2", "n3"][moves % 4]!;
      story.pass(10);
      expect(story.admin("n1", { type: "transfer-leader", group: shard!.group, to })).toMatchObject({
        ok: true,
      });
    }
    story.pass(50);
    for (let i = 0; i < sent - 200; i++)
      if (replies[i] !== i + 1) problems.push(`seed ${seed}: ${i + 1} was answered ${String(replies[i])}`);
  }
  expect(problems.slice(0, 3)).toEqual([]);
});
