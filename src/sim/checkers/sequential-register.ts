/**
 * Refutes sequential consistency of registers in which no value is written twice to one key, without a search: by what
 * must come before what.
 *
 * A process's operations come in its order, and a write before those that saw its value. When a write w' must come before
 * a read of w's value, it must come before w too; when it must come after w, it must come after the read. These rules are
 * applied until nothing new follows. A cycle refutes the history; without one nothing is known (the general problem is
 * NP-complete: Gibbons and Korach, "Testing shared memories", 1997).
 */
import type { Operation, ProcessId } from "../history/event.ts";
import { token } from "./models/arguments.ts";
import { compileRegisterOp, type RegisterOp } from "./models/register.ts";

interface Node {
  readonly operation: Operation;
  readonly op: RegisterOp;
  readonly key: string;
  /** A chain is a process, or one operation of unknown outcome, as the next one of its process does not wait for it. */
  readonly chain: number;
  /** From 1, in its chain. */
  readonly place: number;
  readonly after: Set<Node>;
  /** For each chain, how many of its operations must come before this one, which counts too. */
  before: Int32Array;
}

interface Registers {
  readonly nodes: readonly Node[];
  readonly chains: number;
  /** By key and value. */
  readonly writers: ReadonlyMap<string, Node>;
  /** By key, then by chain, in its order. */
  readonly writes: ReadonlyMap<string, ReadonlyMap<number, readonly Node[]>>;
}

const INITIAL = token(null);
/** What is wrong shows in the first few. */
const MOST_ROUNDS = 20;
/** Operations times chains. */
const MOST_MEMORY = 20_000_000;

/** True: no order of these operations exists. False: there may be one, or these rules do not apply. */
export function refuteSequentialRegisters(operations: readonly Operation[]): boolean {
  const registers = registersOf(operations);
  if (registers === null || registers === "impossible") return registers === "impossible";
  if (registers.nodes.length * registers.chains > MOST_MEMORY) return false;
  for (let round = 0; round < MOST_ROUNDS; round++) {
    if (!close(registers)) return true;
    if (!derive(registers)) return false;
  }
  return false;
}

/** Null: a value has two writers. */
function registersOf(operations: readonly Operation[]): Registers | "impossible" | null {
  const entries = operations
    .filter((operation) => operation.outcome !== "fail")
    .sort((a, b) => a.call - b.call)
    .map((operation) => ({ operation, op: compileRegisterOp(operation), key: token(operation.key) }));
  const producers = new Map<string, (typeof entries)[number]>();
  for (const entry of entries) {
    const value = entry.op.gives?.[0];
    if (value === undefined) continue;
    if (value === INITIAL || producers.has(`${entry.key} ${value}`)) return null;
    producers.set(`${entry.key} ${value}`, entry);
  }
  // Those of unknown outcome count only if somebody saw their value.
  const happened = new Set<(typeof entries)[number]>();
  const todo = entries.filter(({ operation }) => operation.outcome === "ok");
  for (let entry = todo.pop(); entry !== undefined; entry = todo.pop()) {
    if (happened.has(entry)) continue;
    happened.add(entry);
    const value = entry.op.needs?.[0];
    if (value === undefined || value === INITIAL) continue;
    const producer = producers.get(`${entry.key} ${value}`);
    if (producer === undefined) return "impossible";
    todo.push(producer);
  }

  const programs = new Map<ProcessId, { readonly chain: number; last: Node | null; length: number }>();
  let chains = 0;
  const nodes: Node[] = [];
  const writers = new Map<string, Node>();
  const writes = new Map<string, Map<number, Node[]>>();
  for (const entry of entries) {
    if (!happened.has(entry)) continue;
    const { operation, op, key } = entry;
    let program = programs.get(operation.process);
    if (program === undefined) {
      programs.set(operation.process, (program = { chain: chains++, last: null, length: 0 }));
    }
    const isKnown = operation.outcome === "ok";
    const node: Node = {
      ...entry,
      chain: isKnown ? program.chain : chains++,
      place: isKnown ? ++program.length : 1,
      after: new Set(program.last === null ? [] : [program.last]),
      before: new Int32Array(0),
    };
    nodes.push(node);
    if (isKnown) program.last = node;
    const value = op.gives?.[0];
    if (value === undefined) continue;
    writers.set(`${key} ${value}`, node);
    let ofKey = writes.get(key);
    if (ofKey === undefined) writes.set(key, (ofKey = new Map<number, Node[]>()));
    const ofChain = ofKey.get(node.chain);
    if (ofChain === undefined) ofKey.set(node.chain, [node]);
    else ofChain.push(node);
  }
  for (const node of nodes) {
    const value = node.op.needs?.[0];
    const writer = value === undefined ? undefined : writers.get(`${node.key} ${value}`);
    if (writer !== undefined) node.after.add(writer);
  }
  return { nodes, chains, writers, writes };
}

/** Computes `before` of every operation. False: there is a cycle. */
function close({ nodes, chains }: Registers): boolean {
  const followers = new Map<Node, Node[]>();
  const missing = new Map<Node, number>();
  const ready: Node[] = [];
  for (const node of nodes) {
    node.before = new Int32Array(chains);
    missing.set(node, node.after.size);
    if (node.after.size === 0) ready.push(node);
    for (const earlier of node.after) {
      const list = followers.get(earlier);
      if (list === undefined) followers.set(earlier, [node]);
      else list.push(node);
    }
  }
  let done = 0;
  for (let node = ready.pop(); node !== undefined; node = ready.pop()) {
    done++;
    node.before[node.chain] = node.place;
    for (const later of followers.get(node) ?? []) {
      for (let chain = 0; chain < chains; chain++) {
        if (node.before[chain]! > later.before[chain]!) later.before[chain] = node.before[chain]!;
      }
      const left = missing.get(later)! - 1;
      missing.set(later, left);
      if (left === 0) ready.push(later);
    }
  }
  return done === nodes.length;
}

/** Adds what follows from the present order. False: nothing new. */
function derive({ nodes, writers, writes }: Registers): boolean {
  let isNew = false;
  const order = (earlier: Node, later: Node): void => {
    if (precedes(earlier, later) || later.after.has(earlier)) return;
    later.after.add(earlier);
    isNew = true;
  };
  for (const reader of nodes) {
    const value = reader.op.needs?.[0];
    if (value === undefined) continue;
    const source = writers.get(`${reader.key} ${value}`);
    for (const [chain, ofChain] of writes.get(reader.key) ?? []) {
      // The last write of the chain before the reader, and the first after the source, stand for the others.
      const isOther = (write: Node | undefined): boolean => write !== source && write !== reader;
      let last = countWhile(ofChain, (write) => write.place <= reader.before[chain]!) - 1;
      if (!isOther(ofChain[last])) last--;
      if (ofChain[last] !== undefined) {
        if (source === undefined) order(reader, ofChain[last]!);
        else order(ofChain[last]!, source);
      }
      let first = source === undefined ? 0 : countWhile(ofChain, (write) => !precedes(source, write));
      while (first < ofChain.length && !isOther(ofChain[first])) first++;
      if (ofChain[first] !== undefined) order(reader, ofChain[first]!);
    }
  }
  return isNew;
}

function precedes(earlier: Node, later: Node): boolean {
  return later.before[earlier.chain]! >= earlier.place;
}

/** How many of the first nodes pass the test, given that those which pass come first. */
function countWhile(nodes: readonly Node[], test: (node: Node) => boolean): number {
  let low = 0;
  let high = nodes.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (test(nodes[middle]!)) low = middle + 1;
    else high = middle;
  }
  return low;
}
