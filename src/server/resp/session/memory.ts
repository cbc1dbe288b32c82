/** MEMORY: an estimate of what a key takes, from its elements or a sample of them. */
import { Failure, Status, type Reply } from "../../../core/reply.ts";
import type { Args } from "../../../data/contract.ts";
import { NOT_AN_INTEGER, SYNTAX_ERROR, unknownSubcommand, wrongArity } from "../failures.ts";
import type { OrderedCommand, Session } from "../session.ts";
import { bulk, integer, word } from "../values.ts";
import { pageOf } from "./pages.ts";
import { callOptionsOf } from "./call-options.ts";
import { internalCommand } from "./shards.ts";

type Done = (reply: Reply) => void;

/** A record's key, version and place in the store; roughly. */
const RECORD_BYTES = 48;
const DEFAULT_SAMPLES = 5;
const NOTHING = new Uint8Array(0);

/** How a collection is counted and sampled; `parts`: a field and its value, or a member. */
const COLLECTIONS: ReadonlyMap<
  string,
  { readonly count: string; readonly scan: string; readonly parts: number }
> = new Map([
  ["hash", { count: "hlen", scan: ".hscan", parts: 2 }],
  ["set", { count: "scard", scan: ".sscan", parts: 1 }],
]);

export const MEMORY: OrderedCommand = {
  kind: "ordered",
  name: "memory",
  arity: -2,
  group: "server",
  since: "4.0.0",
  summary: "Estimate the memory that a key takes: MEMORY USAGE <key> [SAMPLES <count>]",
  flags: ["readonly"],
  keysRead: (args) => (args.length > 1 ? [1] : []),
  run(session, args, done) {
    const name = word(args[0]);
    if (name !== "USAGE") done(unknownSubcommand("memory", args[0]!));
    else if (args.length < 2) done(wrongArity("memory|usage"));
    else usage(session, args.slice(1), done);
  },
};

function usage(session: Session, args: Args, done: Done): void {
  const key = args[0]!;
  const samples = args.length === 1 ? DEFAULT_SAMPLES : integer(args[2]);
  if (args.length !== 1 && (args.length !== 3 || word(args[1]) !== "SAMPLES")) done(SYNTAX_ERROR);
  else if (samples === undefined || samples < 0) done(NOT_AN_INTEGER);
  else {
    ask(session, "type", [key], done, (reply) => {
      const type = reply instanceof Status ? reply.text : "";
      const collection = COLLECTIONS.get(type);
      if (type === "none") done(null);
      else if (collection === undefined) {
        ask(session, "strlen", [key], done, (length) => done(RECORD_BYTES + key.length + Number(length)));
      } else {
        ask(session, collection.count, [key], done, (count) => {
          const page = [key, NOTHING, bulk(String(samples === 0 ? Number(count) : samples)), NOTHING];
          ask(session, collection.scan, page, done, (found) => {
            done(
              RECORD_BYTES +
                key.length +
                Math.round(Number(count) * bytesPerElement(found, collection.parts)),
            );
          });
        });
      }
    });
  }
}

function bytesPerElement(reply: Reply, parts: number): number {
  const page = pageOf(reply);
  if (page instanceof Failure || page.elements.length === 0) return 0;
  const bytes = page.elements.reduce<number>((sum, part) => sum + (part as Uint8Array).length, 0);
  return (bytes * parts) / page.elements.length + RECORD_BYTES;
}

/** A read of the node; a failure is the answer to the whole command. */
function ask(session: Session, name: string, args: Args, done: Done, next: Done): void {
  const call = { spec: internalCommand(name), args };
  session.server.node.execute(call, callOptionsOf(session), (reply) => {
    if (reply instanceof Failure) done(reply);
    else next(reply);
  });
}
