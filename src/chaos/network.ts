/**
 * A network of this machine's own: every node in a network namespace, joined by a bridge to which this process belongs
 * too, so that clients reach a node that other nodes cannot. Linux, root and the `ip` program. Names carry our process
 * id: what an earlier run left behind because it was killed is found and removed.
 *
 * A packet is lost by a wrong neighbour entry: it goes to a hardware address that nobody has. Neither end is told, as
 * when a cable is cut.
 */
import { spawnSync } from "node:child_process";
import type { Place } from "./place.ts";

const NAMESPACE = /^kvorum-chaos-(\d+)-n\d+$/;
const BRIDGE = /^kvc(\d+)$/;
const NOBODY = "02:00:00:00:00:01";
const INTERFACE = "eth0";
const PORTS = { resp: 7410, http: 7411, peer: 7412 };
const PARTITIONS = [
  { name: "cut off from the others", out: true, in: true },
  { name: "what it sends to the others is lost", out: true, in: false },
  { name: "what the others send to it is lost", out: false, in: true },
] as const;
const LEAST_DELAY_MS = 20;
const MOST_DELAY_MS = 400;

export class NodeNetwork implements Place {
  readonly #nodes: number;
  readonly #prefix: string;

  /** Throws, with nothing left behind, when this machine cannot do it. */
  constructor(nodes: number) {
    this.#nodes = nodes;
    // 198.18.0.0/15 is set aside for tests of networks (RFC 2544), so no real neighbour can be there.
    this.#prefix = `198.18.${process.pid % 256}`;
    removeLeftovers();
    try {
      const bridge = bridgeOf(process.pid);
      run("ip", "link", "add", bridge, "type", "bridge");
      run("ip", "addr", "add", `${this.#prefix}.254/24`, "dev", bridge);
      run("ip", "link", "set", bridge, "up");
      for (let node = 1; node <= nodes; node++) this.#addNode(node, bridge);
    } catch (error) {
      this.remove();
      throw error;
    }
  }

  #addNode(node: number, bridge: string): void {
    const namespace = namespaceOf(process.pid, node);
    const outside = outsideOf(process.pid, node);
    run("ip", "netns", "add", namespace);
    run("ip", "link", "add", outside, "type", "veth", "peer", "name", INTERFACE, "netns", namespace);
    run("ip", "link", "set", outside, "master", bridge, "up");
    run("ip", "-n", namespace, "addr", "add", `${this.host(node)}/24`, "dev", INTERFACE);
    run("ip", "-n", namespace, "link", "set", INTERFACE, "up");
    run("ip", "-n", namespace, "link", "set", "lo", "up");
  }

  host(node: number): string {
    return `${this.#prefix}.${node}`;
  }

  async ports(nodes: number): Promise<readonly (typeof PORTS)[]> {
    return Array.from({ length: nodes }, () => PORTS);
  }

  command(node: number, program: readonly [string, ...string[]]): readonly [string, ...string[]] {
    return ["ip", "netns", "exec", namespaceOf(process.pid, node), ...program];
  }

  /** Cuts packets between this node and all the others; says which. `variant` in [0, 1) chooses. */
  partition(node: number, variant: number): string {
    const kind = PARTITIONS[Math.floor(variant * PARTITIONS.length)]!;
    for (const other of this.#others(node)) {
      if (kind.out) this.#lose(node, other);
      if (kind.in) this.#lose(other, node);
    }
    return kind.name;
  }

  /** Everything that this node sends comes late. */
  delay(node: number, variant: number): string {
    const late = Math.round(LEAST_DELAY_MS + (MOST_DELAY_MS - LEAST_DELAY_MS) * variant);
    const namespace = namespaceOf(process.pid, node);
    const netem = ["netem", "delay", `${late}ms`, `${Math.round(late / 4)}ms`];
    run("tc", "-n", namespace, "qdisc", "replace", "dev", INTERFACE, "root", ...netem);
    return `what it sends comes ${late} ms late`;
  }

  /** Ends whatever was done to this node's packets. */
  heal(node: number): void {
    for (const other of this.#others(node)) {
      this.#keep(node, other);
      this.#keep(other, node);
    }
    // There is nothing to delete unless it was delayed.
    tryToRun("tc", "-n", namespaceOf(process.pid, node), "qdisc", "del", "dev", INTERFACE, "root");
  }

  /** Takes everything away that was made here. Never throws. */
  remove(): void {
    for (let node = 1; node <= this.#nodes; node++) {
      // By itself it would go with the namespace, but some time later, and the next network may have the same names.
      tryToRun("ip", "link", "del", outsideOf(process.pid, node));
      tryToRun("ip", "netns", "del", namespaceOf(process.pid, node));
    }
    tryToRun("ip", "link", "del", bridgeOf(process.pid));
  }

  #others(node: number): readonly number[] {
    return Array.from({ length: this.#nodes }, (_, i) => i + 1).filter((other) => other !== node);
  }

  #lose(from: number, to: number): void {
    const where = ["neigh", "replace", this.host(to), "lladdr", NOBODY, "dev", INTERFACE, "nud", "permanent"];
    run("ip", "-n", namespaceOf(process.pid, from), ...where);
  }

  #keep(from: number, to: number): void {
    // There is no entry unless it was cut, or the two have talked; then it is found anew.
    tryToRun("ip", "-n", namespaceOf(process.pid, from), "neigh", "del", this.host(to), "dev", INTERFACE);
  }
}

/** Why there can be no network namespaces here; null: there can. */
export function whyNoNamespaces(): string | null {
  if (process.platform !== "linux") return "network namespaces are a thing of Linux";
  if (process.getuid?.() !== 0) return "it takes root to make network namespaces";
  if (tryToRun("ip", "-V") !== null) return 'the program "ip" is missing (Debian: iproute2)';
  return withProbe(() => null);
}

/** Why packets cannot be delayed here; null: they can. Asked only where namespaces can be made. */
export function whyNoNetem(): string | null {
  if (tryToRun("tc", "-V") !== null) return 'the program "tc" is missing (Debian: iproute2)';
  return withProbe((namespace) => {
    const netem = ["netem", "delay", "1ms"];
    const failure = tryToRun("tc", "-n", namespace, "qdisc", "add", "dev", "lo", "root", ...netem);
    return failure === null ? null : `this kernel has no netem (${failure})`;
  });
}

function withProbe(ask: (namespace: string) => string | null): string | null {
  const namespace = namespaceOf(process.pid, 0);
  const failure = tryToRun("ip", "netns", "add", namespace);
  if (failure !== null) return `a network namespace cannot be made (${failure})`;
  try {
    return ask(namespace);
  } finally {
    tryToRun("ip", "netns", "del", namespace);
  }
}

/** Of runs whose process is gone: their nodes are killed, their namespaces and bridges deleted. */
function removeLeftovers(): void {
  for (const namespace of namesOf(["netns", "list"])) {
    if (!isLeftover(NAMESPACE, namespace)) continue;
    const pids = spawnSync("ip", ["netns", "pids", namespace], { encoding: "utf8" }).stdout;
    for (const pid of pids.split("\n").filter((line) => line !== "")) endProcess(Number(pid));
    tryToRun("ip", "netns", "del", namespace);
  }
  for (const link of namesOf(["-br", "link", "show", "type", "bridge"]))
    if (isLeftover(BRIDGE, link)) tryToRun("ip", "link", "del", link);
}

const namesOf = (command: readonly string[]): readonly string[] =>
  spawnSync("ip", command, { encoding: "utf8" })
    .stdout.split("\n")
    .map((line) => line.split(" ", 1)[0]!)
    .filter((name) => name !== "");

function isLeftover(pattern: RegExp, name: string): boolean {
  const pid = pattern.exec(name)?.[1];
  return pid !== undefined && Number(pid) !== process.pid && !isRunning(Number(pid));
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    // It may have ended by itself just now.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

const namespaceOf = (pid: number, node: number): string => `kvorum-chaos-${pid}-n${node}`;
const bridgeOf = (pid: number): string => `kvc${pid}`;
/** The end of a node's cable that is plugged into the bridge. */
const outsideOf = (pid: number, node: number): string => `${bridgeOf(pid)}n${node}`;

function run(program: string, ...args: readonly string[]): void {
  const failure = tryToRun(program, ...args);
  if (failure !== null) throw new Error(`${program} ${args.join(" ")}: ${failure}`);
}

/** Null: it succeeded; else what it said. */
function tryToRun(program: string, ...args: readonly string[]): string | null {
  const { status, stderr, error } = spawnSync(program, args, { encoding: "utf8" });
  if (error !== undefined) return error.message;
  return status === 0 ? null : stderr.trim().split("\n")[0]!;
}
