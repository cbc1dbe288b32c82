/** How an example runs as a program. */

/** What `npm run example` says: the cluster to use, and the first port to listen on. */
export function settings(): { readonly url: string; readonly port: number } {
  return {
    url: process.env["KVORUM_URL"] ?? "kvorum://127.0.0.1:7410",
    port: Number(process.env["PORT"] ?? "8080"),
  };
}

/** Ctrl-C closes what is open. */
export function closeOnSignal(close: () => Promise<void>): void {
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void close());
}
