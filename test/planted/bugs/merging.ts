/** Bugs of keyspaces that merge: their state, gossip and quorum, their sessions. */
import type { PlantedBug } from "../bug.ts";

export const MERGING_BUGS: readonly PlantedBug[] = [
  {
    name: "stamp-from-the-clock",
    breaks: "A write is stamped by the machine's clock alone: after a jump it stands below what was seen.",
    file: "src/data/merging/meta.ts",
    find: `this.clock = tick(this.clock, now);`,
    replace: `this.clock = tick(clockOf(this.clock.node), now);`,
    scenarios: ["story: jumped-clock"],
  },
  {
    name: "adopted-too-early",
    breaks: "A replica takes over what another one knows before it has got what the other has.",
    file: "src/protocols/merging/anti-entropy.ts",
    find: `      session.context = message.context;
`,
    replace: `      session.context = message.context;
      this.#adopt(message.context);
`,
    scenarios: ["gossip-sets", "gossip-counters"],
  },
  {
    name: "leaf-keeps-the-removed",
    breaks: "The leaf of the tree does not change when an item is removed.",
    file: "src/data/merging/items.ts",
    find: `      this.#noteInTree(held, NO_ENTRY);
`,
    replace: "",
    scenarios: ["gossip-sets"],
  },
  {
    name: "sibling-lost",
    breaks: "Of two concurrent writes only one is kept.",
    file: "src/data/merging/cells.ts",
    find: `writes: newestOfEach(register), counts`,
    replace: `writes: newestOfEach(register).slice(-1), counts`,
    scenarios: ["story: partition"],
  },
  {
    name: "stored-before-durable",
    breaks: "A replica says that it has a write before that is durable and part of its state.",
    file: "src/protocols/quorum/quorum.ts",
    find: `    this.#storing.add(call);
`,
    replace: `    this.#storing.add(call);
    r.send(from, { type: "stored", id });
`,
    scenarios: ["strict-quorums"],
  },
  {
    name: "life-reused",
    breaks: "A replica that is made anew gets the same name as the one that was there before.",
    file: "src/node/open-merging.ts",
    find: `const life = Math.floor(host.random.next() * 2 ** 31);`,
    replace: `const life = Math.floor(host.random.next() * 1);`,
    scenarios: ["story: stand-in"],
  },
  {
    name: "read-drops-the-answer",
    breaks: "A read that asked others is served without what they had besides.",
    file: "src/protocols/quorum/reads.ts",
    find: `.filter((delta) => delta !== null);`,
    replace: `.filter((delta) => delta !== null && delta.length < 0) as Uint8Array[];`,
    scenarios: ["strict-quorums"],
  },
  {
    name: "acknowledged-one-short",
    breaks: "A write is acknowledged when one replica fewer has it than was asked for.",
    file: "src/protocols/quorum/writes.ts",
    find: `write.stored.size >= write.w) {`,
    replace: `write.stored.size + 1 >= write.w) {`,
    scenarios: ["strict-quorums"],
  },
  {
    name: "session-not-waited-for",
    breaks: "A replica serves a session that has seen more than it has.",
    file: "src/node/merging-replica.ts",
    find: `events.length === 0 || this.#state.summary.covers(events)) return false;`,
    replace: `events.length >= 0 || this.#state.summary.covers(events)) return false;`,
    scenarios: ["story: session"],
  },
  {
    name: "subtotal-not-superseded",
    breaks: "A replica's older subtotal stays beside its newer one when it comes later, and counts again.",
    file: "src/data/merging/cells.ts",
    find: `counts: newestOfEach(subtotals) };`,
    replace: `counts: subtotals };`,
    scenarios: ["gossip-counters", "strict-quorums"],
  },
  {
    name: "index-reused",
    breaks:
      "After a restart a replica numbers its entries from what its state has, not from what its log has.",
    file: "src/protocols/merging/records.ts",
    find: `const lastIndex = Math.max(applied, entries.at(-1)?.index ?? 0);`,
    replace: `const lastIndex = applied;`,
    scenarios: ["gossip-counters"],
  },
  {
    name: "dot-before-durable",
    breaks:
      "What was done here is told to others before it is durable here: after a crash the same event means another thing.",
    file: "src/protocols/merging/replica.ts",
    find: `        effects.push({ type: "apply", entries: this.#handedOut, after: this.#lastWrite });`,
    replace: `        effects.push({ type: "apply", entries: this.#handedOut });`,
    scenarios: ["gossip-counters"],
  },
  {
    name: "no-anti-entropy",
    breaks: "Replicas never compare what they have.",
    file: "src/protocols/merging/anti-entropy.ts",
    find: `    if (!host.isHolder || peers.length === 0 || host.isFull) return;`,
    replace: `    if (peers.length >= 0) return;`,
    scenarios: ["story: lost-disk"],
  },
];
