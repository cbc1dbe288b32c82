/**
 * What commands cost on their way through the log's payload and into the state: encoded into a batch, decoded, applied.
 * Build first: npm run build.
 *
 *   node bench/micro/apply.mjs [--json]          KVORUM_DIST=FOLDER: another build
 *
 * Microseconds of processor time for a command, in batches of 30 over 1,000 keys, values of 100 bytes:
 *   encode           what the leader does to make the log entry
 *   decode           what a follower does to read it
 *   decode + apply   what a follower does in all
 *   apply            what the leader does, which still has what it encoded
 * SADD adds what is a member already, HSET overwrites a field. GET does not go through the log: `read` is the state's answer alone. The state is a map in memory, without the store below.
 */
import { measure, part, pool, report } from "../lib/micro.mjs";

const { ShardMachine } = await part("data/apply.js");
const { BatchBuilder, decodeBatch } = await part("data/batch.js");
const { findCommand } = await part("data/commands.js");
const { Layer } = await part("storage/state/layer.js");

const BATCH = 30;
const KEYS = 1000;
const BATCHES = 200;
const encoder = new TextEncoder();
const value = new Uint8Array(100).fill(120);
const header = { time: 1e12, seed: 5, maxValueBytes: 1 << 20 };

/** What the overlay of a shard does, without the store below it. */
class Records {
  #layer = new Layer();
  get(space, id) {
    return this.#layer.get(space, id) ?? undefined;
  }
  put(space, id, bytes) {
    this.#layer.set(space, id, bytes);
  }
  delete(space, id) {
    this.#layer.set(space, id, null);
  }
  drop(space) {
    this.#layer.drop(space);
  }
}

// Not in order, and the same in every run.
const number = (i) => (i * 617) % KEYS;
const name = (prefix, i) => encoder.encode(prefix + String(number(i)).padStart(6, "0"));

const COMMANDS = {
  set: (i) => [name("k", i), value],
  incr: (i) => [name("n", i)],
  hset: (i) => [name("h", i), encoder.encode(`field${i % 10}`), value],
  sadd: (i) => [name("s", i), encoder.encode(`member${i % 10}`)],
};

function operation(command, i) {
  return { kind: "command", spec: findCommand(command), args: COMMANDS[command](i) };
}

function encode(builder, operations) {
  for (const each of operations) builder.add(each);
  return builder.finish(header);
}

let done = 0;

function applied(machine, batch) {
  const step = machine.start(batch).next();
  if (step.type !== "done") throw new Error("a range was asked for");
  done += step.replies.length;
}

function casesOf(command) {
  const builder = new BatchBuilder();
  const made = Array.from({ length: BATCHES }, (_, batch) => {
    const operations = Array.from({ length: BATCH }, (_each, i) => operation(command, batch * BATCH + i));
    return { operations, bytes: encode(builder, operations) };
  });
  const follower = new ShardMachine(new Records());
  const leader = new ShardMachine(new Records());
  const next = pool(BATCHES, (i) => made[i]);
  const label = command.toUpperCase();
  return [
    { name: `${label} encode`, each: BATCH, work: () => encode(builder, next().operations) },
    { name: `${label} decode`, each: BATCH, work: () => decodeBatch(next().bytes) },
    {
      name: `${label} decode + apply`,
      each: BATCH,
      work: () => applied(follower, decodeBatch(next().bytes)),
    },
    {
      name: `${label} apply`,
      each: BATCH,
      work: () => {
        const { bytes, operations } = next();
        applied(leader, decodeBatch(bytes, operations));
      },
    },
  ];
}

function reading() {
  const machine = new ShardMachine(new Records());
  const builder = new BatchBuilder();
  for (let i = 0; i < KEYS; i++) builder.add(operation("set", i));
  applied(machine, decodeBatch(builder.finish(header)));
  const spec = findCommand("get");
  const next = pool(KEYS, (i) => ({ spec, args: [name("k", i)] }));
  const work = () => {
    for (let i = 0; i < BATCH; i++)
      if (machine.read(next()).reply?.length !== 100) throw new Error("no value");
  };
  return { name: "GET read", each: BATCH, work };
}

report("a command", measure([...Object.keys(COMMANDS).flatMap(casesOf), reading()]));
if (done === 0) throw new Error("nothing was applied");
