import { expect, test } from "vitest";
import { groupId, nodeId, type WriteId } from "../core/ids.ts";
import type { Clock } from "../core/world.ts";
import { OK } from "../core/reply.ts";
import { decodeBatch, type Operation } from "../data/batch.ts";
import { findCommand } from "../data/commands.ts";
import { configuration } from "../protocols/raft/configuration.ts";
import { DEFAULT_RAFT_OPTIONS } from "../protocols/raft/options.ts";
import { Raft } from "../protocols/raft/raft.ts";
import { bootstrap, recover } from "../protocols/raft/recovery.ts";
import type { Applier } from "./applier.ts";
import { OrderedReplica } from "./ordered-replica.ts";
import type { PersistSink } from "./persister.ts";
import { sharedPulses } from "./pulse.ts";
import { Request } from "./request.ts";

const ONE = nodeId(1);
const clock: Clock = {
  now: () => 1000,
  wall: () => 1e12,
  setTimer: () => ({ cancel: () => undefined }),
  defer: () => undefined,
};

/** A group of one, whose disk answers when it is told to. */
function alone(applied: (command: Uint8Array, known: readonly Operation[] | null) => void) {
  const writes: [PersistSink, WriteId][] = [];
  const applier: Applier = {
    apply: (_index, command, known) => {
      applied(command, known);
      return { next: () => ({ type: "done", replies: [OK, OK] }) };
    },
    read: () => ({ next: () => ({ type: "done", replies: [OK] }) }),
    meta: () => new Uint8Array(0),
    restore: () => undefined,
    close: () => undefined,
  };
  const machine = new Raft(
    { ...DEFAULT_RAFT_OPTIONS, id: ONE },
    { ...recover(bootstrap(configuration([ONE]))), applied: 0 },
  );
  const host = {
    clock,
    random: { next: () => 0, bytes: (length: number) => new Uint8Array(length) },
    pulses: sharedPulses(clock),
    persister: { add: (sink: PersistSink, id: WriteId) => writes.push([sink, id]) },
    schedule: () => undefined,
    onLeaderChange: () => undefined,
    proposalTime: () => 1e12,
    maxValueBytes: () => 1000,
  };
  const records = { appliedIndex: 0, installing: false, begin: () => undefined, applied: () => undefined };
  const replica = new OrderedReplica(
    groupId(1),
    host as never,
    machine,
    applier,
    records as never,
    {} as never,
  );
  const persist = (): void => {
    for (const [sink, id] of writes.splice(0)) sink.onPersisted(id);
  };
  replica.start();
  persist();
  persist();
  return { replica, persist };
}

const write = (key: string): Request => {
  const args = [key, "x"].map((text) => new TextEncoder().encode(text));
  const operation: Operation = { kind: "command", spec: findCommand("set")!, args };
  return new Request({ group: groupId(1), operation, write: true, deadline: 2000 }, null, () => undefined);
};

test("given a write whose time is up before its turn ends, when it is committed all the same, then the leader does what the others read in the log", () => {
  const seen: { readonly read: readonly Operation[]; readonly known: readonly Operation[] | null }[] = [];
  const { replica, persist } = alone((command, known) =>
    seen.push({ read: decodeBatch(command).operations, known }),
  );
  expect(replica.isReady).toBe(true);
  const [late, other] = [write("late"), write("other")];
  replica.propose(late);
  replica.propose(other);
  late.giveUp("timeout");
  replica.flushTurn();
  persist();
  expect(seen).toHaveLength(1);
  expect(seen[0]!.read).toHaveLength(2);
  expect(seen[0]!.known).toEqual(seen[0]!.read);
});
