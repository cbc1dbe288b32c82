/** Running commands for a request, with the options that every request can carry; failures become problems of HTTP. */
import { invariant } from "../../../core/assert.ts";
import { binaryBytes } from "../../../core/bytes.ts";
import { ERRORS } from "../../../core/errors.ts";
import type { GroupId } from "../../../core/ids.ts";
import { Failure, NullArray, type Reply } from "../../../core/reply.ts";
import { findCommand } from "../../../data/commands.ts";
import type { Args, CommandCall, WatchedKey } from "../../../data/contract.ts";
import { type IdempotencyEnvelope, MAX_IDEMPOTENCY_LIFETIME_MS } from "../../../data/delivery.ts";
import type { CallOptions, Consistency } from "../../../node/api.ts";
import { refusal } from "../errors.ts";
import { HttpProblem, problem } from "../problems.ts";
import { parseDuration, timeout } from "./inputs.ts";
import type { Checked, Incoming } from "./route.ts";

type Request = Checked<{ readonly timeout?: number | undefined }, unknown>;
type ReadRequest = Checked<
  {
    readonly timeout?: number | undefined;
    readonly consistency?: Consistency | undefined;
    readonly maxStaleness?: number | undefined;
  },
  unknown
>;

const DEFAULT_REMEMBERED_MS = 3_600_000;
const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,128}$/;

export function commandCall(name: string, ...args: readonly (Uint8Array | string | number)[]): CommandCall {
  const spec = findCommand(name);
  invariant(spec !== undefined, `src/data has a command ${name}`);
  return { spec, args: args.map((arg) => (arg instanceof Uint8Array ? arg : Buffer.from(String(arg)))) };
}

export function read(request: ReadRequest, call: CommandCall): Promise<Reply> {
  const options = readOptions(request);
  return settle((done) => request.incoming.node.execute(call, options, done));
}

export function readShard(request: ReadRequest, group: GroupId, name: string, args: Args): Promise<Reply> {
  const options = readOptions(request);
  return settle((done) => request.incoming.node.executeOn(group, commandCall(name, ...args), options, done));
}

export function write(request: Request, call: CommandCall): Promise<Reply> {
  return settle((done) => request.incoming.node.execute(call, writeOptions(request), done));
}

/** Null: a watched key has another version by now, and nothing was done. Failures of single calls stand among the replies. */
export async function transact(
  request: Request,
  calls: readonly CommandCall[],
  watched: readonly WatchedKey[],
): Promise<readonly Reply[] | null> {
  const options = writeOptions(request);
  const reply = await settle((done) => request.incoming.node.transaction(calls, watched, options, done));
  if (reply instanceof NullArray) return null;
  invariant(Array.isArray(reply), "a transaction answers an array");
  return reply as readonly Reply[];
}

/** The reply of one call of a transaction. */
export function succeeded(reply: Reply | undefined): Reply {
  invariant(reply !== undefined, "a transaction answers every call");
  if (reply instanceof Failure) throw problemOf(reply);
  return reply;
}

async function settle(run: (done: (reply: Reply) => void) => void): Promise<Reply> {
  return succeeded(await new Promise<Reply>(run));
}

function readOptions(request: ReadRequest): CallOptions {
  const { consistency, maxStaleness } = request.query;
  if (maxStaleness !== undefined && consistency !== "stale")
    throw malformed("maxStaleness", "it goes with consistency=stale");
  return {
    ...timeoutOf(request),
    ...(consistency === undefined ? {} : { consistency }),
    ...(maxStaleness === undefined ? {} : { maxStaleness }),
  };
}

function writeOptions(request: Request): CallOptions {
  const envelope = idempotencyOf(request.incoming);
  return { ...timeoutOf(request), ...(envelope === null ? {} : { envelope }) };
}

/** The query parameter goes before the header. */
function timeoutOf({ incoming, query }: Request): { readonly timeout?: number } {
  if (query.timeout !== undefined) return { timeout: query.timeout };
  const header = incoming.headers["kvorum-timeout"];
  if (header === undefined) return {};
  const result = timeout.safeParse(header);
  if (result.success) return { timeout: result.data };
  throw malformed("Kvorum-Timeout", result.error.issues[0]!.message);
}

function idempotencyOf({ headers }: Incoming): IdempotencyEnvelope | null {
  const key = headers["idempotency-key"];
  const expires = headers["idempotency-expires"];
  if (key === undefined) {
    if (expires === undefined) return null;
    throw malformed("Idempotency-Expires", "it needs an Idempotency-Key");
  }
  if (typeof key !== "string" || !IDEMPOTENCY_KEY.test(key))
    throw malformed("Idempotency-Key", "expected 1 to 128 visible ASCII characters");
  const envelope = { kind: "idempotency", key: binaryBytes(key) } as const;
  if (expires === undefined) return { ...envelope, lifetime: DEFAULT_REMEMBERED_MS };
  const lifetime = typeof expires === "string" ? parseDuration(expires) : null;
  if (lifetime === null || lifetime === 0 || lifetime > MAX_IDEMPOTENCY_LIFETIME_MS)
    throw malformed("Idempotency-Expires", "expected a duration such as 10m or 24h, of at most 7d");
  return { ...envelope, lifetime };
}

export function malformed(where: string, message: string): HttpProblem {
  return problem("bad-request", `Malformed: ${where}: ${message}.`);
}

export function preconditionFailed(message: string): HttpProblem {
  const hint = "Read the key again, and decide anew with its present ETag.";
  return new HttpProblem(412, refusal("precondition-failed", message, hint));
}

export function noSuchKey(): HttpProblem {
  return new HttpProblem(404, refusal("no-such-key", "The key does not exist.", "Write it first."));
}

/** RESP's texts without what only RESP needs: the prefix, and the certainty and hint that have fields of their own here. */
export function problemOf({ message, code }: Failure): HttpProblem {
  const [prefix, ...words] = message.split(" ");
  const text = words.join(" ");
  if (code === null) return problem(prefix === "WRONGTYPE" ? "wrong-type" : "bad-request", `${text}.`);
  const { definite, hint } = ERRORS[code];
  const ending = ` ${definite ? "It was not done." : "It may have been done."} ${hint}`;
  return problem(code, text.endsWith(ending) ? text.slice(0, -ending.length) : text);
}
