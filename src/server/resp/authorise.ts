/** Whether a client may run a command, and what it is told otherwise: in the words of Redis 7.0. */
import type { GroupId } from "../../core/ids.ts";
import { Failure } from "../../core/reply.ts";
import type { Operation } from "../../data/batch.ts";
import type { Args } from "../../data/contract.ts";
import type { KvorumNode } from "../../node/api.ts";
import type { Role } from "../../node/catalog/users.ts";
import type { Access } from "../security/access.ts";
import { word } from "./values.ts";
import type { Command } from "./session.ts";

const NOAUTH = new Failure("NOAUTH Authentication required.", "unauthenticated");

const noCommand = (name: string): Failure =>
  new Failure(`NOPERM this user has no permissions to run the '${name}' command`, "forbidden");

const NO_KEY = new Failure(
  "NOPERM this user has no permissions to access one of the keys used as arguments",
  "forbidden",
);

/** Null: it may be run. `access` null: the client has not logged in. */
export function refusalOf(
  command: Command,
  args: Args,
  access: Access | null,
  node: KvorumNode,
): Failure | null {
  if (access === null) return isForStrangers(command) ? null : NOAUTH;
  if (access.everywhere("admin")) return null;
  switch (command.kind) {
    case "data":
      return keysRefusal(command.name, command.spec.access, command.spec.keys(args), args, access, node);
    case "ordered": {
      const { everywhere, key, name } = command;
      if (everywhere !== undefined && !inAll(node, everywhere, access)) return noCommand(name);
      const keys = key === undefined ? (command.keysRead?.(args) ?? []) : [key];
      return keysRefusal(name, "read", keys, args, access, node);
    }
    case "subscription":
      return mayListen(node, access) ? null : noCommand(command.name);
    case "transaction":
      return command.name === "watch" ? keysRefusal("watch", "read", args.keys(), args, access, node) : null;
    case "login":
    case "immediate": {
      const { admin, name } = command;
      if (admin === undefined) return null;
      if (admin === true) return noCommand(name);
      const subcommand = word(args[0]).toLowerCase();
      return admin.has(subcommand) ? noCommand(`${name}|${subcommand}`) : null;
    }
  }
}

/**
 * The same for an operation of the typed client. What has no key is judged by the keyspace of `group`; a session is for
 * writing. Every key of every command counts, whatever group the request names.
 */
export function operationRefusal(
  operation: Operation,
  group: GroupId,
  access: Access | null,
  node: KvorumNode,
): Failure | null {
  if (access === null) return NOAUTH;
  if (access.everywhere("admin")) return null;
  const calls = operation.kind === "transaction" ? operation.calls : [operation];
  for (const { spec, args } of calls) {
    const positions = [...spec.keys(args)];
    const refusal =
      positions.length === 0
        ? groupRefusal(spec.name, spec.access, group, access, node)
        : keysRefusal(spec.name, spec.access, positions, args, access, node);
    if (refusal !== null) return refusal;
  }
  if (operation.kind !== "transaction") return null;
  const watched = operation.watched.map(({ key }) => key);
  return keysRefusal("watch", "read", watched.keys(), watched, access, node);
}

const isForStrangers = (command: Command): boolean =>
  command.kind !== "data" && command.flags.includes("no_auth");

/** A command that writes needs that role in the keyspaces of all its keys. */
function keysRefusal(
  name: string,
  role: Role,
  positions: Iterable<number>,
  args: Args,
  access: Access,
  node: KvorumNode,
): Failure | null {
  if (access.everywhere(role)) return null;
  for (const position of positions) {
    const keyspace = node.keyspaceOfKey(args[position]!);
    if (keyspace !== null && access.in(keyspace, role)) continue;
    return keyspace !== null && access.in(keyspace, "read") ? noCommand(name) : NO_KEY;
  }
  return null;
}

function groupRefusal(
  name: string,
  role: Role,
  group: GroupId,
  access: Access,
  node: KvorumNode,
): Failure | null {
  if (access.everywhere(role)) return null;
  const shard = node.shards().find((other) => other.group === group);
  return shard !== undefined && access.in(shard.keyspace, role) ? null : noCommand(name);
}

/** Channels belong to no keyspace: who may read in all of them may listen, who may write in all of them may publish. */
export const mayListen = (node: KvorumNode, access: Access): boolean => inAll(node, "read", access);

const inAll = (node: KvorumNode, role: Role, access: Access): boolean =>
  node.keyspaces().every(({ name }) => access.in(name, role));
