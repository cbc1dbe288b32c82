import * as fc from "fast-check";
import { expect, test } from "vitest";
import { call } from "../data.testkit.ts";
import { Replica } from "./merging.testkit.ts";
import { Hearsay, MAX_SAID, MAX_SCOPES } from "./hearsay.ts";
import { contextOf } from "../lattices/index.ts";
import { binaryString } from "../../core/bytes.ts";
import { replicaId } from "../../core/ids.ts";
import { SetReply } from "../../core/reply.ts";

/** What a read saw there differs: all that the other has in the scopes of the read comes here. */
function repair(to: Replica, from: Replica, name: string, ...args: string[]): void {
  const { reading } = to.read(call(name, ...args), true);
  const answer = from.query({ type: "reading", reading: reading!.what, digest: null });
  if (answer.type === "reading" && answer.delta !== null) to.merge(answer.delta);
}

function members(of: Replica, key: string): readonly string[] {
  const reply = of.read(call("SMEMBERS", key)).reply;
  if (!(reply instanceof SetReply)) throw new Error("SMEMBERS did not answer a set");
  return reply.members.map((member) => binaryString(member as Uint8Array));
}

test("an event that comes later than the news of its removal is never seen", () => {
  const [writer, remover, late] = [new Replica(1), new Replica(2), new Replica(3)];
  writer.run("SADD", "s", "gone", "stays");
  writer.run("SET", "k", "gone");
  for (const delta of writer.deltas) remover.merge(delta);
  remover.run("SREM", "s", "gone");
  remover.run("DEL", "k");

  repair(late, remover, "SMEMBERS", "s");
  repair(late, remover, "GET", "k");
  for (const delta of writer.deltas) late.reopened().merge(delta);
  for (const delta of writer.deltas) late.merge(delta);

  expect(members(late, "s")).toEqual(["stays"]);
  expect(late.run("GET", "k")).toBe(null);
  const after = late.reopened();
  for (const delta of writer.deltas) after.merge(delta);
  expect(after.run("GET", "k")).toBe(null);
});

test("outside of the scope the other's knowledge says nothing", () => {
  const [writer, other, late] = [new Replica(1), new Replica(2), new Replica(3)];
  writer.run("SADD", "s", "m");
  for (const delta of writer.deltas) other.merge(delta);
  repair(late, other, "SMEMBERS", "t");
  for (const delta of writer.deltas) late.merge(delta);
  expect(members(late, "s")).toEqual(["m"]);
});

const KEYS = ["a", "b"] as const;
const MEMBERS = ["x", "y"] as const;
const step = fc.record({
  do: fc.constantFrom("add", "add", "remove", "deliver", "deliver", "repair", "repair", "leaves", "restart"),
  key: fc.constantFrom(...KEYS),
  member: fc.constantFrom(...MEMBERS),
  from: fc.nat(2),
  to: fc.nat(2),
  nth: fc.nat(20),
});

/** Each member is added once, with a name of its own: so that it is known for sure who has removed it. */
test("however late events come: what was removed where a scope came from is never seen", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: "max" }), (script) => {
      let replicas = [new Replica(1), new Replica(2), new Replica(3)];
      const sent: Uint8Array[] = [];
      const removed = replicas.map(() => new Set<string>());
      const heard = replicas.map(() => new Set<string>());
      let made = 0;
      const note = (to: number, from: number, within: (name: string) => boolean): void => {
        for (const name of removed[from]!) if (within(name)) heard[to]!.add(name);
      };
      for (const { do: what, key, from, to, nth } of script) {
        const [one, other] = [replicas[to]!, replicas[from]!];
        if (what === "add") one.run("SADD", key, `${key}${made++}`);
        if (what === "remove") {
          const [member] = members(one, key);
          if (member !== undefined) {
            one.run("SREM", key, member);
            removed[to]!.add(member);
          }
        }
        sent.push(...one.deltas.splice(0));
        if (what === "deliver" && sent.length > 0) one.merge(sent[nth % sent.length]!);
        if (what === "repair" && from !== to) {
          repair(one, other, "SMEMBERS", key);
          note(to, from, (name) => name.startsWith(key));
        }
        if (what === "leaves" && from !== to) {
          one.merge(other.page());
          note(to, from, () => true);
        }
        if (what === "restart") replicas = replicas.map((each, i) => (i === to ? each.reopened() : each));
        for (const [at, each] of replicas.entries())
          for (const k of KEYS)
            for (const name of members(each, k))
              expect(removed[at]!.has(name) || heard[at]!.has(name)).toBe(false);
      }
    }),
    { numRuns: 100 },
  );
});

test("what is remembered is bounded: the oldest is forgotten", () => {
  const hearsay = new Hearsay();
  const about = (n: number) => [
    { space: "items" as const, from: `${n}`.padStart(4, "0"), to: `${n}`.padStart(4, "0") + "\0" },
  ];
  const known = (n: number) => contextOf([{ replica: replicaId(1), counter: 2 * n + 2 }]);
  for (let n = 0; n < 100; n++) hearsay.remember(about(n), [], known(n));
  expect(hearsay.size).toBe(MAX_SAID);
  expect(hearsay.knows("0099", { replica: replicaId(1), counter: 200 })).toBe(true);
  expect(hearsay.knows("0000", { replica: replicaId(1), counter: 2 })).toBe(false);
  for (let n = 0; n < 1000; n++) hearsay.remember(about(2 * n), [], known(n));
  expect(hearsay.scopes).toBeLessThanOrEqual(MAX_SCOPES);
  hearsay.settle(
    contextOf(Array.from({ length: 3000 }, (_, i) => ({ replica: replicaId(1), counter: i + 1 }))),
  );
  expect(hearsay.size).toBe(0);
});
