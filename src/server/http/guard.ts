/**
 * Keeps web pages away from a node that listens on the visitor's own machine. There is no login on loopback, so a page
 * must be able neither to send a request across origins (CSRF) nor to pass itself off as the node by DNS rebinding.
 */
import { isIP } from "node:net";

/** The host of a `Host` header, without port and brackets, in lower case; null when it is malformed. */
export function hostOf(header: string | undefined): string | null {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]\s/@]+))(?::\d{1,5})?$/i.exec(header ?? "");
  return match === null ? null : (match[1] ?? match[2]!).toLowerCase();
}

/** Rebinding needs a name that an attacker's DNS answers for; addresses, localhost and names we were told of are safe. */
export function hostAllowed(header: string | undefined, allowed: ReadonlySet<string>): boolean {
  const host = hostOf(header);
  if (host === null) return false;
  return isIP(host) !== 0 || host === "localhost" || host.endsWith(".localhost") || allowed.has(host);
}

/** Programs send no `Origin`; browsers do with every request that could change something. */
export function originAllowed(origin: string | undefined, host: string | undefined): boolean {
  if (origin === undefined) return true;
  return host !== undefined && (origin === `http://${host}` || origin === `https://${host}`);
}
