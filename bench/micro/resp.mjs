/**
 * What it costs to read requests of Redis clients and to write replies. Build first: npm run build.
 *
 *   node bench/micro/resp.mjs [--json]          KVORUM_DIST=FOLDER: another build
 *
 * Microseconds of processor time for a command, with values of 100 bytes. P is how many commands come in one piece from the
 * socket, or how many replies go out in one: at P=1 all that is done once for a piece is in it.
 */
import { measure, part, pool, report } from "../lib/micro.mjs";

const { RequestParser } = await part("server/resp/parser.js");
const { ReplyWriter } = await part("server/resp/writer.js");
const { OK } = await part("core/reply.js");

const value = "x".repeat(100);
const set = (i) => `*3\r\n$3\r\nSET\r\n$7\r\nk${String(i % 1000).padStart(6, "0")}\r\n$100\r\n${value}\r\n`;
const get = (i) => `*2\r\n$3\r\nGET\r\n$7\r\nk${String(i % 1000).padStart(6, "0")}\r\n`;

let commands = 0;
let bytes = 0;

function parsing(name, request, depth) {
  const handler = {
    onCommand(_source, _start, _end, args) {
      commands += args.length;
    },
    onOversized(reason) {
      throw new Error(reason);
    },
  };
  const parser = new RequestParser({ maxBulkBytes: 1 << 29, maxCommandBytes: 1 << 29 }, handler);
  const next = pool(1000, (i) =>
    Buffer.from(Array.from({ length: depth }, (_, j) => request(i * depth + j)).join("")),
  );
  return { name: `read ${name}, P=${depth}`, each: depth, work: () => parser.feed(next()) };
}

function writing(name, reply, depth) {
  const writer = new ReplyWriter();
  const work = () => {
    for (let i = 0; i < depth; i++) writer.write(reply, 2);
    bytes += writer.take().length;
  };
  return { name: `write ${name}, P=${depth}`, each: depth, work };
}

const bulk = new Uint8Array(100).fill(120);
const cases = [1, 16].flatMap((depth) => [
  parsing("SET", set, depth),
  parsing("GET", get, depth),
  writing("OK", OK, depth),
  writing("a number", 7, depth),
  writing("100 bytes", bulk, depth),
]);
report("a command", measure(cases));
if (commands === 0 || bytes === 0) throw new Error("nothing was done");
