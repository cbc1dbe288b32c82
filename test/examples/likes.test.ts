/** The like button of examples/likes under what it is about: double clicks, lost answers, a node that dies. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster } from "../../examples/likes/cluster.ts";
import { FrontEnd } from "../../examples/likes/front-end.ts";
import type { Replication } from "../../examples/likes/likes.ts";
import { SimulatedRandom } from "../../src/sim/simulated-random.ts";
import { TestCluster, until } from "../cluster/cluster.testkit.ts";
import { ask, insist } from "./browser.testkit.ts";

const FRONT_ENDS = 3;
const USERS = 50;
const CLICKS = 500;
const AT_ONCE = 20;

describe("the like button", () => {
  let cluster: TestCluster;
  const frontEnds: FrontEnd[] = [];
  const addresses = (): string[] => frontEnds.map(({ address }) => address);
  const state = async (page: string, user: string) =>
    (await ask("GET", `${addresses()[0]}/api/pages/${page}?user=${user}`)).body;
  const loseAnswers = (cluster: number, browser: number) =>
    Promise.all(addresses().map((address) => ask("PUT", `${address}/api/faults`, { cluster, browser })));

  beforeAll(async () => {
    cluster = await TestCluster.create(3);
    cluster.start();
    await cluster.untilReady();
    const url = `kvorum://${cluster.nodes.map(({ ports }) => `127.0.0.1:${ports.resp}`).join(",")}`;
    for (let number = 1; number <= FRONT_ENDS; number++) {
      const random = new SimulatedRandom(number);
      const chance = () => random.next();
      frontEnds.push(
        await FrontEnd.start({
          cluster: url,
          replication: "raft",
          port: 0,
          number,
          frontEnds: addresses,
          chance,
        }),
      );
    }
  });

  afterAll(async () => {
    await Promise.all(frontEnds.map((frontEnd) => frontEnd.close()));
    await cluster.end();
  });

  test("given double clicks, lost answers and a killed node, then the set has each user once and the exactly-once counter each click once", async () => {
    await loseAnswers(0.05, 0.1);
    const urls = addresses().map((address) => `${address}/api/pages/storm/likes`);
    let next = 0;
    let sent = 0;
    const clicking = Array.from({ length: AT_ONCE }, async () => {
      while (next < CLICKS) {
        const press = next;
        next += 2;
        const first = press % FRONT_ENDS;
        const from = [...urls.slice(first), ...urls.slice(0, first)];
        const user = `user ${(press / 2) % USERS}`;
        const double = [press, press + 1].map((click) =>
          insist(from, { user }, `click-${click}-of-the-storm`),
        );
        for (const attempts of await Promise.all(double)) sent += attempts;
        if (press === CLICKS / 2) await (await cluster.busiestLeader()).signal("SIGKILL");
      }
    });
    await Promise.all(clicking);
    await loseAnswers(0, 0);

    expect(sent).toBeGreaterThan(CLICKS);
    const { counts } = await state("storm", "tara");
    expect(counts).toMatchObject({ users: USERS, counted: CLICKS, clicks: CLICKS });
    // The lecture's first design, under the very same clicks.
    expect((counts as { repeated: number }).repeated).toBeGreaterThan(CLICKS);
  });

  test("given a like that was taken back, when the like is repeated late at another front end, then it does not come back", async () => {
    const [first, second] = addresses();
    const tara = { user: "tara" };
    const like = (at: string, key: string) => ask("POST", `${at}/api/pages/late/likes`, tara, key);
    await like(first!, "the-like");
    expect(await state("late", "tara")).toMatchObject({ liked: true, counts: { users: 1 } });
    await ask("POST", `${first}/api/pages/late/taken-back`, tara, "the-taking-back");
    expect((await like(second!, "the-like")).status).toBe(200);
    expect(await state("late", "tara")).toMatchObject({ liked: false, counts: { users: 0, counted: 1 } });
    // She changes her mind: that is another click.
    await like(second!, "another-like");
    expect(await state("late", "tara")).toMatchObject({ liked: true, counts: { users: 1, counted: 2 } });
  });

  test("whoever watches hears of new counts, also of clicks at another front end", async () => {
    const [first, second] = addresses();
    const events = await fetch(`${first}/api/pages/watched/events`);
    const text = events.body!.pipeThrough(new TextDecoderStream()).getReader();
    expect((await text.read()).value).toContain('"users":0');
    await ask("POST", `${second}/api/pages/watched/likes`, { user: "tahir" }, "one-click");
    let heard = "";
    while (!heard.includes('"users":1')) heard += (await text.read()).value ?? "";
    await text.cancel();
  });

  test("refuses what is no click, and says why", async () => {
    const url = `${addresses()[0]}/api/pages/home/likes`;
    const bad = [
      ask("POST", url, { user: "tara" }),
      ask("POST", url, { user: "<b>tara</b>" }, "some-click"),
      ask("POST", url, {}, "some-click"),
      ask("PUT", `${addresses()[0]}/api/faults`, { cluster: 2, browser: 0 }),
    ];
    for (const answer of await Promise.all(bad))
      expect(answer).toMatchObject({ status: 400, body: { error: { code: "bad-request", definite: true } } });
  });

  test("serves its page, which runs no script but its own", async () => {
    const page = await fetch(addresses()[0]!);
    expect(await page.text()).toContain("<h1>The like button</h1>");
    expect(page.headers.get("content-security-policy")).toMatch(/^default-src 'self'/);
    expect((await fetch(`${addresses()[0]}/page.js`)).headers.get("content-type")).toMatch("javascript");
    expect((await fetch(`${addresses()[0]}/../front-end.ts`)).status).toBe(404);
  });
});

describe.each<Replication>(["raft", "gossip"])(
  "the like button on %s, with a cable pulled",
  (replication) => {
    let cluster: Cluster;
    const frontEnds: FrontEnd[] = [];
    const at = (number: number): string => frontEnds[number - 1]!.address;
    const like = async (number: number, user: string) =>
      (await ask("POST", `${at(number)}/api/pages/home/likes`, { user }, `a-like-of-${user}`)).status;
    const users = async (number: number) =>
      ((await ask("GET", `${at(number)}/api/pages/home`)).body as { counts?: { users: number } }).counts
        ?.users;
    const cutOff = async (isCut: boolean) =>
      (await ask("PUT", `${at(2)}/api/cut-off`, { cutOff: isCut })).body;

    beforeAll(async () => {
      cluster = await Cluster.start();
      for (let number = 1; number <= FRONT_ENDS; number++)
        frontEnds.push(await FrontEnd.start({ cluster, replication, port: 0, number, frontEnds: () => [] }));
    });

    afterAll(async () => {
      await Promise.all(frontEnds.map((frontEnd) => frontEnd.close()));
      frontEnds.length = 0;
      await cluster.close();
    });

    test("the cut-off front end takes likes on gossip only; when the cable is back, all front ends agree", async () => {
      expect(await like(1, "ann")).toBe(200);
      await until(async () => (await users(2)) === 1, 10_000, "the like at the other front end");
      expect(await cutOff(true)).toEqual({ cutOff: [2] });

      const takesLikes = replication === "gossip";
      expect(await like(2, "bob")).toBe(takesLikes ? 200 : 503);
      expect(await users(2)).toBe(takesLikes ? 2 : undefined);
      // The larger side finds a leader, if it has lost one, and goes on either way.
      for (const user of ["cat", "dan"])
        await until(async () => (await like(1, user)) === 200, 10_000, "the larger side");
      await until(async () => (await users(3)) === 3, 10_000, "the likes of the larger side");

      expect(await cutOff(false)).toEqual({ cutOff: [] });
      // What was refused, or left open, is clicked again under its own id.
      await until(async () => (await like(2, "bob")) === 200, 10_000, "the healed side");
      for (const number of [1, 2, 3])
        await until(async () => (await users(number)) === 4, 10_000, `all likes at front end ${number}`);
    });
  },
);
