/** What a supervisor and its processes say to each other, over the channel that Node opens between parent and child. */
import type { ServerOptions } from "../options.ts";
import type { RunningServer } from "../start-server.ts";

export type ToProcess =
  /** The first message: what to run. */
  | { readonly type: "start"; readonly options: ServerOptions }
  /** Comes with the socket of a client. */
  | { readonly type: "client" };

export type FromProcess =
  /** Its doors are open: it takes clients. */
  | { readonly type: "open" }
  | { readonly type: "ready"; readonly addresses: RunningServer["addresses"] }
  /** Not ready yet, and why. */
  | { readonly type: "waiting"; readonly reason: string };
