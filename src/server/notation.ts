/** How addresses and sizes are written, in options, on the command line and in messages. */
import { isIP } from "node:net";
import type { Address } from "../core/world.ts";

/** `host:port`, with an IPv6 host in brackets; null when it is not that. Port 0 is refused: nobody can call it. */
export function parseAddress(text: string): Address | null {
  const match = /^(?:\[([^\]]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(text.trim());
  if (match === null) return null;
  const host = match[1] ?? match[2]!;
  const port = Number(match[3]);
  if (port < 1 || port > 65_535 || (match[1] !== undefined && isIP(host) !== 6)) return null;
  return { host, port };
}

/** The inverse of `parseAddress`. */
export function formatAddress(address: Address): string {
  return `${isIP(address.host) === 6 ? `[${address.host}]` : address.host}:${address.port}`;
}

/** Only this machine can reach a loopback host. A name other than localhost may resolve to anything, so it counts as foreign. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

/** `1048576`, `1MiB`, `1mb` (binary either way); null when it is no whole number of bytes above zero. */
export function parseBytes(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)\s*(?:(k|m|g)?i?b?)$/i.exec(text.trim());
  if (match === null) return null;
  const scale = { "": 1, k: 1_024, m: 1_048_576, g: 1_073_741_824 }[(match[2] ?? "").toLowerCase()]!;
  const value = Number(match[1]) * scale;
  return Number.isSafeInteger(value) && value > 0 ? value : null;
}
