/** Clients that write under failures and remember exactly what was acknowledged. */
import type { Redis } from "ioredis";
import { type TestCluster, type TestNode, sleep } from "./cluster.testkit.ts";

/** Each writer counts upwards under keys of its own: key `w<writer>:<n>` has the value `<n>`. */
export class Writers {
  readonly acknowledged: string[] = [];
  /** When each acknowledgement came, in milliseconds of `performance.now`. */
  readonly times: number[] = [];
  /** Errors by their first word; indefinite writes may be there or not. */
  readonly errors = new Map<string, number>();
  readonly #clients: Redis[] = [];
  readonly #loops: Promise<void>[] = [];
  /** Cleared by `stop`. */
  private running = true;

  constructor(cluster: TestCluster, count: number) {
    for (let writer = 0; writer < count; writer++) {
      const node = cluster.nodes[writer % cluster.nodes.length]!;
      this.#loops.push(this.#write(node, writer));
    }
  }

  async #write(node: TestNode, writer: number): Promise<void> {
    const client = node.client();
    this.#clients.push(client);
    for (let n = 0; this.running; n++) {
      const key = `w${writer}:${n}`;
      try {
        await client.set(key, String(n));
        this.acknowledged.push(key);
        this.times.push(performance.now());
      } catch (error) {
        const word = String((error as Error).message).split(" ", 1)[0]!;
        this.errors.set(word, (this.errors.get(word) ?? 0) + 1);
        await sleep(20);
      }
    }
  }

  async stop(): Promise<void> {
    this.running = false;
    await Promise.all(this.#loops);
    for (const client of this.#clients) client.disconnect();
  }

  /** Acknowledged keys that cannot be read back with their value. */
  async missing(node: TestNode): Promise<string[]> {
    const client = node.client();
    await new Promise<void>((done) =>
      client.status === "ready" ? done() : void client.once("ready", () => done()),
    );
    const missing: string[] = [];
    for (let at = 0; at < this.acknowledged.length; at += 500) {
      const keys = this.acknowledged.slice(at, at + 500);
      const values = await client.mget(keys);
      keys.forEach((key, i) => {
        if (values[i] !== key.split(":")[1]) missing.push(key);
      });
    }
    client.disconnect();
    return missing;
  }

  /** The longest time without any acknowledgement in the five seconds after each moment. */
  pausesAfter(moments: readonly number[]): number[] {
    return moments.map((moment) => {
      const inWindow = this.times.filter((time) => time >= moment && time <= moment + 5000);
      let longest = 0;
      let last = moment;
      for (const time of inWindow) {
        longest = Math.max(longest, time - last);
        last = time;
      }
      return inWindow.length === 0 ? Number.POSITIVE_INFINITY : longest;
    });
  }
}
