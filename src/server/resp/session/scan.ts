/**
 * SCAN, HSCAN and SSCAN. What is there from the start of a scan to its end is returned exactly once: shards are walked one
 * after the other, and each in the order of its keys. Cursors are good at the node that gave them (see `cursors.ts`).
 */
import { binaryString } from "../../../core/bytes.ts";
import { Failure, type Reply } from "../../../core/reply.ts";
import type { Args } from "../../../data/contract.ts";
import { NOT_AN_INTEGER, SYNTAX_ERROR } from "../failures.ts";
import type { OrderedCommand, Session } from "../session.ts";
import { bulk, integer, word } from "../values.ts";
import { onlyMatching, pageOf, patternOf, readPage, type Page } from "./pages.ts";
import { callOptionsOf } from "./call-options.ts";
import { internalCommand, NO_SHARDS, readableShards } from "./shards.ts";

type Done = (reply: Reply) => void;

interface ScanOptions {
  readonly count: number;
  readonly match: Uint8Array | null;
  readonly type: Uint8Array;
}

const NOTHING = new Uint8Array(0);
const DEFAULT_COUNT = 10;
/** A shard looks at no more in one step anyway. */
const MAX_COUNT = 10_000;
const INVALID_CURSOR = new Failure("ERR invalid cursor");
const MAX_CURSOR = 2n ** 64n;

export const SCAN_COMMANDS: readonly OrderedCommand[] = [
  {
    kind: "ordered",
    name: "scan",
    arity: -2,
    group: "generic",
    since: "2.8.0",
    summary: "Incrementally iterate the keys of all keyspaces",
    flags: ["readonly"],
    run: scan,
  },
  elementScan("hscan", "hash", "Incrementally iterate hash fields and associated values"),
  elementScan("sscan", "set", "Incrementally iterate Set elements"),
];

function scan(session: Session, args: Args, done: Done): void {
  const { node, cursors } = session.server;
  const cursor = parseCursor(args[0]!);
  if (cursor === undefined) {
    done(INVALID_CURSOR);
    return;
  }
  const options = parseOptions(args.slice(1), true);
  if (options instanceof Failure) {
    done(options);
    return;
  }
  const position = cursor === 0 ? START : cursors.find(cursor, "SCAN");
  if (position === undefined) {
    done(unknownCursor(cursor));
    return;
  }
  // By the numbers of their groups, which are never reused: keyspaces may come and go while a scan goes on.
  const shards = readableShards(session).toSorted((a, b) => a.group - b.group);
  const shard = shards.find(({ group }) => group >= position.group);
  if (shard === undefined) {
    done(node.shards().length === 0 ? NO_SHARDS : [bulk("0"), []]);
    return;
  }
  const from = shard.group === position.group ? position.from : NOTHING;
  readPage(node, shard.group, { from, ...options }, callOptionsOf(session), (page) => {
    if (page instanceof Failure) {
      done(page);
      return;
    }
    const next = {
      scope: "SCAN",
      group: shard.group + (page.next === null ? 1 : 0),
      from: page.next ?? NOTHING,
    };
    const ended = !shards.some(({ group }) => group >= next.group);
    done(stepReply(ended ? 0 : cursors.save(next, cursor), page));
  });
}

const START = { scope: "SCAN", group: 0, from: NOTHING };

function elementScan(name: "hscan" | "sscan", group: string, summary: string): OrderedCommand {
  return {
    kind: "ordered",
    name,
    arity: -3,
    group,
    since: "2.8.0",
    summary,
    flags: ["readonly"],
    key: 0,
    run(session, args, done) {
      const { node, cursors } = session.server;
      const [key, cursorArg] = args as [Uint8Array, Uint8Array];
      const cursor = parseCursor(cursorArg);
      if (cursor === undefined) {
        done(INVALID_CURSOR);
        return;
      }
      const options = parseOptions(args.slice(2), false);
      if (options instanceof Failure) {
        done(options);
        return;
      }
      const scope = `${name} ${binaryString(key)}`;
      const position = cursor === 0 ? { from: NOTHING } : cursors.find(cursor, scope);
      if (position === undefined) {
        done(unknownCursor(cursor));
        return;
      }
      const call = {
        spec: internalCommand(`.${name}`),
        args: [key, position.from, bulk(String(options.count)), patternOf(options.match)],
      };
      node.execute(call, callOptionsOf(session), (reply) => {
        const page = pageOf(reply);
        if (page instanceof Failure) {
          done(page);
          return;
        }
        const next = page.next === null ? 0 : cursors.save({ scope, group: 0, from: page.next }, cursor);
        done(stepReply(next, onlyMatching(page, options.match, name === "hscan" ? 2 : 1)));
      });
    },
  };
}

const stepReply = (cursor: number, page: Page): Reply => [bulk(String(cursor)), page.elements];

const unknownCursor = (cursor: number): Failure =>
  new Failure(
    `ERR unknown cursor ${cursor}: it belongs to another node or another scan, or is forgotten. Start again with 0`,
  );

/** Any unsigned 64-bit number is well formed, as in Redis; ours are below 2^53. */
function parseCursor(arg: Uint8Array): number | undefined {
  const text = binaryString(arg.subarray(0, 32));
  if (!/^\d{1,20}$/.test(text) || BigInt(text) >= MAX_CURSOR) return undefined;
  return Number(text);
}

function parseOptions(args: Args, types: boolean): ScanOptions | Failure {
  let count = DEFAULT_COUNT;
  let match: Uint8Array | null = null;
  let type: Uint8Array = NOTHING;
  for (let at = 0; at < args.length; at += 2) {
    const value = args[at + 1];
    if (value === undefined) return SYNTAX_ERROR;
    switch (word(args[at])) {
      case "COUNT": {
        const wanted = integer(value);
        if (wanted === undefined) return NOT_AN_INTEGER;
        if (wanted < 1) return SYNTAX_ERROR;
        count = Math.min(wanted, MAX_COUNT);
        break;
      }
      case "MATCH":
        match = value;
        break;
      case "TYPE":
        if (!types) return SYNTAX_ERROR;
        type = value;
        break;
      default:
        return SYNTAX_ERROR;
    }
  }
  return { count, match, type };
}
