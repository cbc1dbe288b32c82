/** `identity.json`: whose data directory this is. Written once a directory is first used, and when it joins a cluster. */
import { nodeId } from "../core/ids.ts";
import type { NodeId } from "../core/ids.ts";
import { DiskError } from "../core/world.ts";
import type { Disk, Done } from "../core/world.ts";

export interface DirectoryIdentity {
  /** The node's name. */
  readonly name: string;
  /** 32 hex digits, drawn at the first start: tells this directory from every other one. */
  readonly instance: string;
  /** 32 hex digits; null while the node belongs to no cluster. */
  readonly cluster: string | null;
  readonly node: NodeId | null;
}

/** What else was written is handed back as it is, for its owner to check. */
export type StoredIdentity = DirectoryIdentity & { readonly [field: string]: unknown };

const PATH = "identity.json";
const FORMAT = 1;
const WHAT_TO_DO =
  "Restore the file from a backup, or move the data directory away and let the node join again.";

/** Null when the directory has none: it was never used. */
export function readIdentity(disk: Disk, done: Done<StoredIdentity | null>): void {
  disk.readAll(PATH, (error, bytes) => {
    if (error?.kind === "missing") done(null, null);
    else if (error !== null) done(error);
    else {
      const identity = parse(bytes!);
      if (identity instanceof DiskError) done(identity);
      else done(null, identity);
    }
  });
}

/** Durable when done. All fields of `identity` are written; they are plain data. */
export function writeIdentity(disk: Disk, identity: DirectoryIdentity, done: Done): void {
  const text = `${JSON.stringify({ format: FORMAT, ...identity }, null, 2)}\n`;
  disk.replace(PATH, new TextEncoder().encode(text), done);
}

/** Why a node of that name, in that cluster if it is known, must not use this directory; null when it may. */
export function checkIdentity(
  identity: DirectoryIdentity,
  expected: { readonly name: string; readonly cluster?: string },
): DiskError | null {
  if (identity.name !== expected.name) {
    return refusal(
      `the data directory belongs to node "${identity.name}", not to "${expected.name}". ` +
        "Start the node under that name, or give it a directory of its own.",
    );
  }
  const { cluster } = expected;
  if (cluster !== undefined && identity.cluster !== null && identity.cluster !== cluster) {
    return refusal(
      `the data directory belongs to cluster ${identity.cluster}, not to ${cluster}. ` +
        "A node cannot change its cluster: give it a new directory.",
    );
  }
  return null;
}

const refusal = (detail: string): DiskError => new DiskError("corrupt", PATH, detail);

function parse(bytes: Uint8Array): StoredIdentity | DiskError {
  const object = parseObject(bytes);
  if (object === null) return refusal(`is not a JSON object. ${WHAT_TO_DO}`);
  const { format, name, instance, cluster, node } = object;
  if (typeof format === "number" && format > FORMAT) {
    return refusal(
      `written by a newer Kvorum (format ${format}; this version knows ${FORMAT}). ` +
        "Start that version, or move the data directory away.",
    );
  }
  const wrong = (field: string, expected: string): DiskError =>
    refusal(`"${field}" is ${JSON.stringify(object[field])}, ${expected} is expected. ${WHAT_TO_DO}`);
  if (format !== FORMAT) return wrong("format", String(FORMAT));
  if (typeof name !== "string" || name === "") return wrong("name", "a name");
  if (!isHex(instance)) return wrong("instance", "a string of 32 hex digits");
  if (cluster !== null && !isHex(cluster)) return wrong("cluster", "a string of 32 hex digits, or null");
  if (node !== null && !isNodeId(node)) return wrong("node", "an id, or null");
  const { format: _, ...rest } = object;
  return { ...rest, name, instance, cluster, node: node === null ? null : nodeId(node) };
}

function parseObject(bytes: Uint8Array): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
    return value as Readonly<Record<string, unknown>>;
  } catch {
    // Not UTF-8 or not JSON: the caller says so.
    return null;
  }
}

const isHex = (value: unknown): value is string => typeof value === "string" && /^[0-9a-f]{32}$/.test(value);

const isNodeId = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) > 0 && (value as number) < 2 ** 32;
