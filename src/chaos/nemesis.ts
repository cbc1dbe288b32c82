/** Carries out a schedule of faults on a real cluster, and never hurts more than a minority. */
import type { ChaosCluster } from "./cluster.ts";
import type { ChaosFault } from "./faults.ts";
import type { NodeNetwork } from "./network.ts";
import { minorityOf, type ChaosStrike } from "./schedule.ts";

export interface NemesisSettings {
  readonly cluster: ChaosCluster;
  /** Null: all nodes are on loopback, and the schedule holds no fault of the network. */
  readonly network: NodeNetwork | null;
  readonly schedule: readonly ChaosStrike[];
  /** Milliseconds since clients have begun. */
  readonly now: () => number;
  readonly tell: (what: string, node: string, text: string) => void;
  readonly onProblem: (sentence: string) => void;
}

/** So long a strike waits for others to be well again before it is left out. */
const PATIENCE_MS = 10_000;
const READY_LIMIT_MS = 60_000;
const POLL_MS = 50;

export class ChaosNemesis {
  /** How often each fault struck. */
  readonly struck = new Map<ChaosFault, number>();
  readonly #settings: NemesisSettings;
  /** Nodes at which a fault is at work, or that are not yet back after one. */
  readonly #hurt = new Set<number>();
  readonly #abort = new AbortController();

  constructor(settings: NemesisSettings) {
    this.#settings = settings;
  }

  /** Resolves when the schedule is over, or `heal` was called, and every strike has ended. */
  async run(): Promise<void> {
    const { schedule, now, tell, cluster } = this.#settings;
    const strikes: Promise<void>[] = [];
    for (const strike of schedule) {
      await this.#sleep(strike.at - now());
      const name = cluster.names[strike.node - 1]!;
      const obstacle = await this.#untilAllowed(strike);
      if (this.#abort.signal.aborted) break;
      if (obstacle === null) strikes.push(this.#strike(strike, name));
      else tell(strike.fault, name, `left out: ${obstacle}`);
    }
    await Promise.all(strikes);
  }

  /** Ends every fault at once; `run` resolves when every node has been started again. */
  heal(): void {
    this.#abort.abort();
  }

  /** Null: it may strike. */
  async #untilAllowed(strike: ChaosStrike): Promise<string | null> {
    const { cluster } = this.#settings;
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      const hurt = this.#hurt.size;
      let obstacle: string | null = null;
      if (this.#hurt.has(strike.node)) obstacle = "it is not back yet";
      else if (hurt >= minorityOf(cluster.nodes.length)) obstacle = "as many as may be are hurt";
      // Nobody's copy may be the last one.
      else if (strike.fault === "wipe") obstacle = hurt > 0 ? "another is hurt" : await cluster.missing();
      if (obstacle === null || performance.now() > deadline || this.#abort.signal.aborted) return obstacle;
      await this.#sleep(POLL_MS);
    }
  }

  async #strike(strike: ChaosStrike, name: string): Promise<void> {
    const { fault, node, lasts } = strike;
    const { tell, onProblem, cluster, now } = this.#settings;
    this.#hurt.add(node);
    this.struck.set(fault, (this.struck.get(fault) ?? 0) + 1);
    try {
      const { text, end } = await this.#begin(strike);
      tell(fault, name, `${text}for ${(lasts / 1000).toFixed(1)} s`);
      await this.#sleep(lasts);
      const endedAt = now();
      await end();
      const how = await this.#untilBack(strike);
      const took = `${((now() - endedAt) / 1000).toFixed(1)} s`;
      if (how === null) tell("", name, `${fault === "wipe" ? "whole" : "ready"} again ${took} later`);
      else if (!this.#abort.signal.aborted) onProblem(`${name} after ${fault}: ${how}, ${took} later`);
    } catch (error) {
      onProblem(`${fault} of ${name}: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      if (cluster.isAlive(node)) this.#hurt.delete(node);
    }
  }

  async #begin(strike: ChaosStrike): Promise<{ text: string; end: () => Promise<void> | void }> {
    const { cluster, network, onProblem } = this.#settings;
    const { fault, node } = strike;
    switch (fault) {
      case "kill":
        await cluster.kill(node);
        return { text: "kill -9, down ", end: () => cluster.start(node) };
      case "wipe":
        await cluster.kill(node);
        cluster.wipe(node);
        return { text: "kill -9, directory deleted, down ", end: () => cluster.start(node) };
      case "restart": {
        const name = cluster.names[node - 1]!;
        if (!(await cluster.stop(node))) onProblem(`${name} did not end after SIGTERM and had to be killed`);
        return { text: "SIGTERM, ended, down ", end: () => cluster.start(node) };
      }
      case "pause":
        cluster.pause(node);
        return { text: "SIGSTOP ", end: () => cluster.resume(node) };
      case "partition":
      case "delay": {
        if (network === null) throw new Error("there are no network namespaces");
        const text =
          fault === "delay" ? network.delay(node, strike.variant) : network.partition(node, strike.variant);
        return { text: `${text} `, end: () => network.heal(node) };
      }
    }
  }

  /**
   * Null: it works again, after a wipe with everything it held. Once everything is to be healed nobody waits here: then
   * the whole cluster is waited for.
   */
  async #untilBack({ fault, node }: ChaosStrike): Promise<string | null> {
    const { cluster } = this.#settings;
    const deadline = performance.now() + READY_LIMIT_MS;
    for (;;) {
      const isReady = await cluster.isReady(node);
      const missing = fault === "wipe" ? await cluster.missing() : isReady ? null : "it is not ready";
      if (missing === null || this.#abort.signal.aborted) return missing;
      if (!cluster.isAlive(node)) return "it does not run";
      if (performance.now() > deadline) return missing;
      await this.#sleep(POLL_MS);
    }
  }

  /** Ends early when everything is to be healed. */
  async #sleep(milliseconds: number): Promise<void> {
    const { signal } = this.#abort;
    if (milliseconds <= 0 || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      const timer = setTimeout(wake, milliseconds);
      signal.addEventListener("abort", wake);
    });
  }
}
