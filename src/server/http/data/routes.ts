/** Everything under /v1/keyspaces/{keyspace}. */
import { batchRoutes } from "./batch.ts";
import { counterRoutes } from "./counters.ts";
import { explainRoutes } from "./explain.ts";
import { keyRoutes } from "./keys.ts";
import { mapRoutes } from "./maps.ts";
import { registerRoutes } from "./registers.ts";
import type { DataRoute } from "./route.ts";
import { setRoutes } from "./sets.ts";

export const DATA_ROUTES: readonly DataRoute[] = [
  ...keyRoutes,
  ...registerRoutes,
  ...counterRoutes,
  ...setRoutes,
  ...mapRoutes,
  ...batchRoutes,
  ...explainRoutes,
];
