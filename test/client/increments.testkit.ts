/** Many increments through rough proxies, while leaders are killed; then what the counters hold. */
import { connect, counter, type Database, type Delivery } from "../../src/client/index.ts";
import { SimulatedRandom } from "../../src/sim/simulated-random.ts";
import { sleep, TestCluster, until } from "../cluster/cluster.testkit.ts";
import { RoughProxy } from "./rough-proxy.testkit.ts";

export interface IncrementOptions {
  readonly delivery: Delivery;
  readonly increments: number;
  /** Spread evenly over the increments. */
  readonly kills: number;
  /** Before the colon of every key: counters of their own. */
  readonly name: string;
}

export interface IncrementReport {
  /** What the increments answered, for each key. */
  readonly answers: ReadonlyMap<string, readonly number[]>;
  /** What the counters hold in the end. */
  readonly values: ReadonlyMap<string, number>;
  /** Codes of calls that did not succeed. */
  readonly errors: readonly string[];
  readonly kills: number;
  readonly cuts: number;
  /** Of them: cut after replies had been swallowed for a while. */
  readonly swallowed: number;
  readonly seconds: number;
}

const PAGES = ["home", "about", "news", "likes", "visits", "search", "help"];
/** Calls under way at a time. */
const USERS = 200;
/** Longer than any failure here lasts. */
const TIMEOUT_MS = 60_000;
const LONGEST_ABSENCE_MS = 1_000;

const keyspaces = { hits: counter({ shards: 4 }) };

export const sum = (values: ReadonlyMap<string, number>): number =>
  [...values.values()].reduce((total, value) => total + value, 0);

/** Three nodes as processes, each behind a proxy. */
export class RoughCluster {
  readonly #cluster: TestCluster;
  readonly #proxies: readonly RoughProxy[];
  readonly #random: SimulatedRandom;

  private constructor(cluster: TestCluster, proxies: readonly RoughProxy[], random: SimulatedRandom) {
    this.#cluster = cluster;
    this.#proxies = proxies;
    this.#random = random;
  }

  static async start(seed: number): Promise<RoughCluster> {
    const random = new SimulatedRandom(seed);
    const cluster = await TestCluster.create(3);
    cluster.start();
    await cluster.untilReady();
    // Not before: they might take the ports that were found for the nodes.
    const proxies = await Promise.all(
      cluster.nodes.map(({ name, ports }) => RoughProxy.start(ports.resp, random.fork(name))),
    );
    return new RoughCluster(cluster, proxies, random);
  }

  async end(): Promise<void> {
    await Promise.all(this.#proxies.map((proxy) => proxy.close()));
    await this.#cluster.end();
  }

  async increment({ delivery, increments, kills, name }: IncrementOptions): Promise<IncrementReport> {
    const direct = await connect(this.#url, { keyspaces, ensure: true, openTimeout: TIMEOUT_MS });
    const proxyOf = new Map(
      this.#cluster.nodes.map(({ ports }, i) => [ports.resp, this.#proxies[i]!.port] as const),
    );
    const db = await connect(this.#url, {
      keyspaces,
      delivery,
      timeout: TIMEOUT_MS,
      openTimeout: TIMEOUT_MS,
      route: ({ host, port }) => ({ host, port: proxyOf.get(port)! }),
    });
    const keys = PAGES.map((page) => `${name}:${page}`);
    const answers = new Map<string, number[]>(keys.map((key) => [key, []]));
    const errors: string[] = [];
    const before = this.#blows();
    const began = performance.now();
    const progress = new Progress(increments);
    const user = async (): Promise<void> => {
      for (let number = progress.next(); number !== null; number = progress.next()) {
        const key = keys[number % keys.length]!;
        await db.hits.increment(key).then(
          (value) => void answers.get(key)!.push(value),
          (error: { readonly code?: string; readonly message: string }) =>
            void errors.push(error.code ?? error.message),
        );
        progress.done++;
      }
    };
    const users = Array.from({ length: USERS }, user);
    await Promise.all([...users, this.#kill(kills, progress)]);
    const seconds = (performance.now() - began) / 1000;
    const { cuts, swallowed } = this.#blows();
    db.close();
    const values = await valuesOf(direct, keys);
    direct.close();
    return {
      answers,
      values,
      errors,
      kills,
      cuts: cuts - before.cuts,
      swallowed: swallowed - before.swallowed,
      seconds,
    };
  }

  get #url(): string {
    return `kvorum://${this.#cluster.nodes.map(({ ports }) => `127.0.0.1:${ports.resp}`).join(",")}`;
  }

  async #kill(kills: number, progress: Progress): Promise<void> {
    for (let kill = 0; kill < kills; kill++) {
      const due = (progress.of * (kill + 0.5)) / kills;
      await until(async () => progress.done >= due, TIMEOUT_MS * kills, `increment ${due}`);
      const victim = await this.#cluster.busiestLeader();
      await victim.signal("SIGKILL");
      await sleep(this.#random.between(0, LONGEST_ABSENCE_MS));
      victim.start();
      await this.#cluster.untilReady();
    }
  }

  #blows(): { readonly cuts: number; readonly swallowed: number } {
    const total = { cuts: 0, swallowed: 0 };
    for (const { blows } of this.#proxies) {
      total.cuts += blows.cuts;
      total.swallowed += blows.swallowed;
    }
    return total;
  }
}

class Progress {
  readonly of: number;
  done = 0;
  #begun = 0;

  constructor(of: number) {
    this.of = of;
  }

  /** Null: all have been begun. */
  next(): number | null {
    return this.#begun < this.of ? this.#begun++ : null;
  }
}

async function valuesOf(
  db: Database<typeof keyspaces>,
  keys: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const values = new Map<string, number>();
  for (const key of keys) values.set(key, await db.hits.get(key, { timeout: TIMEOUT_MS }));
  return values;
}
