import type { CallOptions, Consistency } from "../../../node/api.ts";

/** Linearizable is what a connection begins with, not what it asks of keyspaces that have no such reads. */
const CALL_OPTIONS: Readonly<Record<Consistency, CallOptions>> = {
  linearizable: {},
  sequential: { consistency: "sequential" },
  stale: { consistency: "stale" },
};

/** How a connection's calls are to be done. */
export const callOptionsOf = (session: { readonly consistency: Consistency }): CallOptions =>
  CALL_OPTIONS[session.consistency];
