/**
 * What Raft itself costs: three machines that hand each other messages as objects, without hosts, log and sockets. Build
 * first: npm run build. With hosts around the machines: replica.mjs.
 *
 *   node bench/micro/raft.mjs [--json]          KVORUM_DIST=FOLDER: another build
 *
 * Microseconds of processor time for all three machines together:
 *   entry of N bytes      from the proposal until all three have it committed, and applied at the leader
 *   … and codec           the same with every message and record encoded and every message decoded, as hosts do
 *   read by lease         a linearizable read at the leader
 *   read by read index    a linearizable read that asks a majority
 */
import { measure, part, report } from "../lib/micro.mjs";

const { Raft } = await part("protocols/raft/raft.js");
const { raftCodec } = await part("protocols/raft/codec.js");
const { configuration } = await part("protocols/raft/configuration.js");
const { DEFAULT_RAFT_OPTIONS } = await part("protocols/raft/options.js");
const { bootstrap, recover } = await part("protocols/raft/recovery.js");

const COMPACT_EVERY = 256;

/** Machine 1 leads. What they persist is durable at once; their clock stands still but for a little time with each turn. */
class Group {
  #now = 0;
  #codec;
  #mail = [];
  #machines = new Map();
  applied = 0;
  readable = 0;

  constructor({ codec }) {
    this.#codec = codec;
    for (const id of [1, 2, 3]) {
      const recovered = { ...recover(bootstrap(configuration([1, 2, 3]))), applied: 0 };
      const machine = new Raft({ ...DEFAULT_RAFT_OPTIONS, id }, recovered);
      this.#machines.set(id, machine);
      this.#step(id, { type: "start" });
    }
    // Long after the promises that a machine makes at its start. A timeout has a fixed and a random part; then it stands.
    this.#now = 60_000;
    for (let i = 0; i < 3; i++) this.turn({ type: "timer", timer: "election" });
    if (!this.#machines.get(1).isReady) throw new Error("nobody leads");
  }

  /** Until nothing is under way any more. */
  turn(input) {
    this.#now += 0.01;
    this.#step(1, input);
    while (this.#mail.length > 0) {
      for (const { from, to, message } of this.#mail.splice(0)) {
        this.#step(to, { type: "message", from, message });
      }
    }
  }

  compact() {
    for (const [id, machine] of this.#machines) {
      this.#step(id, { type: "compact", upTo: machine.appliedIndex });
    }
  }

  #step(id, input) {
    const effects = this.#machines.get(id).step(this.#now, input);
    let written;
    for (const effect of effects) {
      switch (effect.type) {
        case "persist":
          if (this.#codec) for (const record of effect.records) raftCodec.encodeRecord(record);
          written = effect.id;
          break;
        case "send":
          this.#mail.push({ from: id, to: effect.to, message: this.#sent(effect.message) });
          break;
        case "apply":
          if (id === 1) this.applied += effect.entries.length;
          break;
        case "read-ready":
          this.readable += effect.ids.length;
          break;
        case "reply":
          throw new Error("a request was refused");
      }
    }
    // It comes back before a message does that waited for it.
    if (written !== undefined) this.#step(id, { type: "persisted", upTo: written });
  }

  #sent(message) {
    return this.#codec ? raftCodec.decodeMessage(raftCodec.encodeMessage(message)) : message;
  }
}

function entries(bytes, codec) {
  const group = new Group({ codec });
  const command = new Uint8Array(bytes).fill(7);
  let id = 0;
  const work = () => {
    const before = group.applied;
    group.turn({ type: "propose", id: ++id, command });
    if (group.applied !== before + 1) throw new Error("it was not committed");
    if (id % COMPACT_EVERY === 0) group.compact();
  };
  return { name: `entry of ${bytes} bytes${codec ? " and codec" : ""}`, work };
}

function reads(lease) {
  const group = new Group({ codec: false });
  let id = 0;
  const work = () => {
    const before = group.readable;
    // Renews the lease, whose cost is small beside a hundred reads.
    if (id % 100 === 0) group.turn({ type: "timer", timer: "heartbeat" });
    group.turn({ type: "read", id: ++id, lease });
    if (group.readable !== before + 1) throw new Error("it may not be read");
  };
  return { name: `read by ${lease ? "lease" : "read index"}`, work };
}

const cases = [
  ...[130, 4000].flatMap((bytes) => [entries(bytes, false), entries(bytes, true)]),
  reads(true),
  reads(false),
];
report("for three machines", measure(cases));
