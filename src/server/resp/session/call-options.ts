import type { CallOptions, Consistency } from "../../../node/api.ts";
import type { CommandCall } from "../../../data/contract.ts";
import type { Session } from "../session.ts";

/** Linearizable is what a connection begins with, not what it asks of keyspaces that have no such reads. */
const CALL_OPTIONS: Readonly<Record<Consistency, CallOptions>> = {
  linearizable: {},
  sequential: { consistency: "sequential" },
  stale: { consistency: "stale" },
};

/** How a connection's calls are to be done. */
export const callOptionsOf = (session: { readonly consistency: Consistency }): CallOptions =>
  CALL_OPTIONS[session.consistency];

/** The same of a call with keys: R and W that the connection has chosen hold in quorum keyspaces, up to the number of their replicas. */
export function callOptionsFor(
  session: Pick<Session, "consistency" | "quorum" | "server">,
  { spec, args }: CommandCall,
): CallOptions {
  const options = callOptionsOf(session);
  const position = session.quorum === null ? undefined : spec.keys(args)[0];
  if (session.quorum === null || position === undefined) return options;
  const { node } = session.server;
  const name = node.keyspaceOfKey(args[position]!);
  const keyspace = node.keyspaces().find((other) => other.name === name);
  if (keyspace?.replication !== "quorum") return options;
  const { r, w } = session.quorum;
  return { ...options, quorum: Math.min(spec.access === "write" ? w : r, keyspace.replicas) };
}
