/** For tests that tell a story of a simulated cluster: commands as text, answers as values, time at will. */
import { type Reply, Failure, Status } from "../core/reply.ts";
import { indexOf } from "../core/seen.ts";
import type { AdminRequest, AdminResult, CallOptions } from "../node/api.ts";
import { type ClusterOptions, SimulatedCluster } from "./simulated-cluster.ts";
import type { SimulatedHost } from "./simulated-host.ts";
import { commandCall } from "./workloads/workload.ts";

const LIMIT_MS = 30_000;

export interface Asked {
  answer: unknown;
  /** The answer shows everything up to there of its group's log. */
  index: number | null;
  done: boolean;
}

export class Story {
  readonly cluster: SimulatedCluster;
  readonly logged: string[] = [];

  constructor(options: Partial<ClusterOptions> = {}) {
    this.cluster = new SimulatedCluster({
      seed: 1,
      nodes: 3,
      log: (level, fields, message) => this.logged.push(`${level} ${message} ${JSON.stringify(fields)}`),
      ...options,
    });
    this.cluster.start();
    this.ready();
  }

  host(name: string): SimulatedHost {
    return this.cluster.host(name);
  }

  ready(limit = LIMIT_MS): void {
    if (!this.cluster.untilReady(limit)) {
      const waiting = this.cluster.hosts.map(
        (host) => `${host.name}: ${host.refusal ?? JSON.stringify(host.node?.status().waiting)}`,
      );
      throw new Error(`not ready after ${limit} ms: ${waiting.join("; ")}`);
    }
  }

  pass(milliseconds: number): void {
    this.cluster.scheduler.run(this.cluster.scheduler.now() + milliseconds);
  }

  until(what: string, condition: () => boolean, limit = LIMIT_MS): void {
    if (!this.cluster.scheduler.runUntil(condition, this.cluster.scheduler.now() + limit)) {
      throw new Error(`waited ${limit} ms for ${what}`);
    }
  }

  /** Starts a command at a node; the answer is there once time has passed. */
  ask(host: string, text: string, options: CallOptions = {}): Asked {
    const [name, ...args] = text.split(" ");
    const asked: Asked = { answer: undefined, index: null, done: false };
    this.host(host).node!.execute(commandCall(name!, ...args), options, (reply, seen) => {
      asked.answer = plain(reply);
      asked.index = seen === null ? null : indexOf(seen);
      asked.done = true;
    });
    return asked;
  }

  /** Runs a command to its answer. */
  do(host: string, text: string, options: CallOptions = {}): unknown {
    const asked = this.ask(host, text, options);
    this.until(`the answer to ${text}`, () => asked.done);
    return asked.answer;
  }

  admin(host: string, request: AdminRequest): AdminResult {
    let result: AdminResult | null = null;
    this.host(host).node!.admin(request, (answer) => (result = answer));
    this.until(`the answer to ${request.type}`, () => result !== null);
    return result!;
  }

  /** The host that leads the shard of this key now. */
  findLeader(key: string): SimulatedHost | undefined {
    return this.cluster.hosts.find((host) => {
      const node = host.node;
      if (node === null) return false;
      const group = node.groupOfKey(new TextEncoder().encode(key));
      return node.status().replicas.some((replica) => replica.group === group && replica.role === "leader");
    });
  }

  leaderOf(key: string): SimulatedHost {
    const leader = this.findLeader(key);
    if (leader === undefined) throw new Error(`nobody leads the shard of ${key}`);
    return leader;
  }
}

/** Replies as values that tests can compare; errors as their text. */
export function plain(reply: Reply): unknown {
  if (reply instanceof Failure) return reply.message;
  if (reply instanceof Status) return reply.text;
  if (reply instanceof Uint8Array) return new TextDecoder().decode(reply);
  if (Array.isArray(reply)) return (reply as readonly Reply[]).map(plain);
  return reply;
}
