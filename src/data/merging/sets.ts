/** Sets: every member is an item. An addition is an event also where the member is there, so that it wins over a concurrent removal. */
import { binaryBytes, binaryString } from "../../core/bytes.ts";
import { Failure, type Reply, SetReply } from "../../core/reply.ts";
import { keyArg } from "../arguments.ts";
import type { Args } from "../contract.ts";
import { VALUE_TOO_LARGE } from "../failures.ts";
import type { Mutation } from "../lattices/index.ts";
import type { DotFun } from "../lattices/index.ts";
import { MEMBER, splitAddress } from "./address.ts";
import type { Entries, Look, MergingCommand, Writing } from "./look.ts";

const adding: Mutation<DotFun<null>> = (store, dot) => ({
  store: [{ dot, value: null }],
  replaced: store.map((written) => written.dot),
});

export const membersOf = (entries: Entries): string[] => entries.map(({ id }) => splitAddress(id).part);

function sadd(work: Writing, args: Args): Reply {
  const key = keyArg(args, 0);
  const size = work.size(key, MEMBER);
  if (size instanceof Failure) return size;
  for (const arg of args) if (arg.length > work.maxValueBytes) return VALUE_TOO_LARGE;
  let added = 0;
  for (const arg of args.slice(1)) {
    const member = binaryString(arg);
    if (!work.hasMember(key, member)) added++;
    work.changeMember(key, member, adding);
  }
  return added;
}

function srem(work: Writing, args: Args): Reply {
  const key = keyArg(args, 0);
  const size = work.size(key, MEMBER);
  if (size instanceof Failure) return size;
  let removed = 0;
  for (const arg of args.slice(1)) {
    const member = binaryString(arg);
    if (!work.hasMember(key, member)) continue;
    work.remove(key, MEMBER, member);
    removed++;
  }
  return removed;
}

function has(look: Look, args: Args): Failure | number[] {
  const key = keyArg(args, 0);
  const size = look.size(key, MEMBER);
  if (size instanceof Failure) return size;
  return args.slice(1).map((arg) => (look.hasMember(key, binaryString(arg)) ? 1 : 0));
}

export const setCommands: Readonly<Record<string, MergingCommand>> = {
  sadd: { access: "write", run: sadd },
  srem: { access: "write", run: srem },
  sismember: {
    access: "read",
    run(look, args) {
      const found = has(look, args);
      return found instanceof Failure ? found : found[0]!;
    },
  },
  smismember: { access: "read", run: has },
  scard: {
    access: "read",
    run(look, args) {
      look.traceKey(keyArg(args, 0));
      return look.size(keyArg(args, 0), MEMBER);
    },
  },
  smembers: {
    access: "read",
    ranges: (look, args) => look.whole(keyArg(args, 0), MEMBER),
    run(look, args) {
      const entries = look.wholeEntries(keyArg(args, 0), MEMBER);
      return entries instanceof Failure ? entries : new SetReply(membersOf(entries).map(binaryBytes));
    },
  },
};
