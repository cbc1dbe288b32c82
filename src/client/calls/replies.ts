/** Replies as values. A reply of another kind than the command has is a defect, and says nothing about the outcome. */
import { binaryString } from "../../core/bytes.ts";
import { KvorumError } from "../../core/errors.ts";
import { Failure, type Reply, SetReply } from "../../core/reply.ts";
import { refusalError } from "../machine/outcome.ts";

const unexpected = (reply: Reply): KvorumError =>
  new KvorumError(
    "internal",
    `The node gave an answer of a kind that this command does not have: ${typeof reply}.`,
  );

/** Throws what a command in a transaction was refused with. */
export function accepted(reply: Reply): Reply {
  if (reply instanceof Failure) throw refusalError(reply);
  return reply;
}

/** Integers beyond 2^53 - 1 are rounded. */
export function numberOf(reply: Reply): number {
  if (typeof reply === "number") return reply;
  if (typeof reply === "bigint") return Number(reply);
  throw unexpected(reply);
}

export const isOne = (reply: Reply): boolean => numberOf(reply) === 1;

export function bytesOf(reply: Reply): Uint8Array {
  if (reply instanceof Uint8Array) return reply;
  throw unexpected(reply);
}

export const textOf = (reply: Reply): string => binaryString(bytesOf(reply));

export const bytesOrNull = (reply: Reply): Uint8Array | null => (reply === null ? null : bytesOf(reply));

export function arrayOf(reply: Reply): readonly Reply[] {
  if (reply instanceof SetReply) return reply.members;
  if (Array.isArray(reply)) return reply as readonly Reply[];
  throw unexpected(reply);
}
