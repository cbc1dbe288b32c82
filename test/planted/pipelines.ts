/**
 * Histories of clients that pipeline through the RESP door of simulated nodes, its connections unchanged: several requests
 * at once on one connection, and as many replies, which belong to the requests by their order alone.
 */
import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { ReplyParser } from "../../src/cli/resp/reply-parser.ts";
import { Failure } from "../../src/core/reply.ts";
import type { Logger } from "../../src/core/world.ts";
import { findCommand } from "../../src/data/commands.ts";
import type { KvorumNode } from "../../src/node/api.ts";
import { CommandTable } from "../../src/server/resp/command-table.ts";
import { Connection, type ConnectionHost } from "../../src/server/resp/connection.ts";
import { Security } from "../../src/server/security/security.ts";
import { CursorTable } from "../../src/server/resp/cursors.ts";
import { DEFAULT_OPTIONS, newStats } from "../../src/server/resp/options.ts";
import type { DataCommand } from "../../src/server/resp/session.ts";
import { ReplyWriter } from "../../src/server/resp/writer.ts";
import { checkLinearizability } from "../../src/sim/checkers/linearizability.ts";
import { MODELS } from "../../src/sim/checkers/models.ts";
import { formatVerdict } from "../../src/sim/checkers/verdict.ts";
import type { HistoryEvent } from "../../src/sim/history/event.ts";
import { pairOperations } from "../../src/sim/history/pair.ts";
import { SimulatedCluster } from "../../src/sim/simulated-cluster.ts";
import type { SimulatedHost } from "../../src/sim/simulated-host.ts";
import { textOf } from "../../src/sim/workloads/workload.ts";

const KEYS = ["k0", "k1", "k2", "k3"];
const CLIENTS = 3;
const BURSTS = 30;
const LONGEST_PIPELINE = 6;
const LOG: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** As much of a socket as a connection uses. */
class FakeSocket extends EventEmitter {
  readonly writableLength = 0;
  readonly #received: (bytes: Uint8Array) => void;

  constructor(received: (bytes: Uint8Array) => void) {
    super();
    this.#received = received;
  }

  write(bytes: Uint8Array): boolean {
    this.#received(bytes);
    return true;
  }

  cork(): void {}
  uncork(): void {}
  pause(): void {}
  resume(): void {}
  destroy(): void {}
  destroySoon(): void {}
}

function dataCommand(name: string): DataCommand {
  const spec = findCommand(name)!;
  return { kind: "data", name, arity: spec.arity, spec, pairs: false, container: false };
}

const COMMANDS = new CommandTable(["get", "set"].map(dataCommand));

function doorOf(node: KvorumNode, defer: (work: () => void) => void): ConnectionHost {
  return {
    node,
    door: { keyspace: null, encrypted: false },
    log: LOG,
    options: DEFAULT_OPTIONS,
    stats: newStats(),
    clients: new Map(),
    cursors: new CursorTable(1),
    commands: COMMANDS,
    security: new Security({ node, log: LOG, trustNetwork: true }),
    probe: dataCommand(".version"),
    writer: new ReplyWriter(),
    startedAt: 0,
    port: 0,
    commandsPerSecond: 0,
    scheduleFlush: (connection) => defer(() => connection.flush()),
    relieve: () => undefined,
    attach: () => undefined,
    closed: () => undefined,
  };
}

interface Asked {
  readonly process: number;
  readonly f: string;
  readonly key: string;
  readonly value: string | null;
}

/** Links are slow and uneven, so that the answers of one pipeline become ready in any order. */
export function runPipelines(seed: number): readonly string[] {
  const cluster = new SimulatedCluster({ seed, nodes: 3, network: { delayMin: 0.5, delayMax: 20 } });
  const { scheduler, hosts } = cluster;
  const random = cluster.random.fork("pipelines");
  const events: HistoryEvent[] = [];
  let processes = 0;
  let open = 0;

  const client = (host: SimulatedHost): void => {
    const { node, clock } = host;
    const waiting: Asked[] = [];
    const replies = new ReplyParser();
    const note = (asked: Asked, type: HistoryEvent["type"], value: HistoryEvent["value"]): void => {
      events.push({ ...asked, type, value, time: scheduler.now(), node: host.name });
    };
    const receive = (bytes: Uint8Array): void => {
      replies.push(bytes);
      for (let reply = replies.next(); reply !== undefined; reply = replies.next()) {
        const asked = waiting.shift()!;
        if (reply instanceof Failure) note(asked, "info", asked.value);
        else note(asked, "ok", asked.f === "write" ? null : textOf(reply));
      }
      if (waiting.length === 0) next();
    };
    const socket = new FakeSocket((bytes) => scheduler.after(0, () => receive(bytes)));
    const connection = new Connection(
      1,
      socket as unknown as Socket,
      doorOf(node!, (work) => clock!.defer(work)),
    );
    let bursts = 0;
    const next = (): void => {
      if (bursts++ === BURSTS) {
        open--;
        connection.kill("done");
        return;
      }
      scheduler.after(20 * random.next(), burst);
    };
    const burst = (): void => {
      const lines: string[] = [];
      const length = 1 + Math.floor(random.next() * LONGEST_PIPELINE);
      for (let i = 0; i < length; i++) {
        const key = KEYS[Math.floor(random.next() * KEYS.length)]!;
        const process = processes++;
        const value = random.next() < 0.5 ? `v${process}` : null;
        const asked = { process, f: value === null ? "read" : "write", key, value };
        waiting.push(asked);
        note(asked, "invoke", value);
        lines.push(value === null ? `GET ${key}` : `SET ${key} ${value}`);
      }
      socket.emit("data", Buffer.from(lines.map((line) => `${line}\r\n`).join("")));
    };
    open++;
    next();
  };

  cluster.start();
  if (!cluster.untilReady(30_000)) return ["the cluster was not ready after 30000 ms"];
  for (let i = 0; i < CLIENTS; i++) client(hosts[i % hosts.length]!);
  if (!scheduler.runUntil(() => open === 0, scheduler.now() + 60_000)) return ["some requests got no answer"];
  const verdict = checkLinearizability(pairOperations(events), MODELS.register);
  return verdict.ok === true ? [] : [formatVerdict(verdict)];
}
